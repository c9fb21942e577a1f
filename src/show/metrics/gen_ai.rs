//! Model calls, as their client sees them.

use super::State;
use super::buckets::{Buckets, GEN_AI, TOKENS, seconds};
use super::definition::{Kind, Metric, Series, Unit};
use super::edges::Edge;
use super::http::with;
use super::variants::{Values, Variants};
use forebay_core::exchange::record::{ModelCall, Record};
use std::fmt;

const LABELS: &[&str] = &[
    "client",
    "server",
    "protocol",
    "role",
    "gen_ai_operation_name",
    "gen_ai_request_model",
    "error_type",
];

pub const METRICS: &[Metric] = &[
    Metric {
        name: "gen_ai.client.operation.duration",
        kind: Kind::Histogram,
        unit: Unit::Seconds,
        help: "Duration of model calls, streams to their last chunk",
        labels: LABELS,
        bounds: GEN_AI,
        convention: true,
        write: |state, series| write(state, series, |figures| &figures.duration),
    },
    Metric {
        name: "gen_ai.client.operation.time_to_first_chunk",
        kind: Kind::Histogram,
        unit: Unit::Seconds,
        help: "Time from the first byte of a model call to its first chunk with content",
        labels: LABELS,
        bounds: GEN_AI,
        convention: true,
        write: |state, series| write(state, series, |figures| &figures.first_chunk),
    },
    Metric {
        name: "gen_ai.client.operation.time_per_output_chunk",
        kind: Kind::Histogram,
        unit: Unit::Seconds,
        help: "Time between chunks after the first, each gap by itself; the tail of a very long stream is left out",
        labels: LABELS,
        bounds: GEN_AI,
        convention: true,
        write: |state, series| write(state, series, |figures| &figures.per_chunk),
    },
    Metric {
        name: "gen_ai.client.token.usage",
        kind: Kind::Histogram,
        unit: Unit::Count("token"),
        help: "Tokens of model calls, where the wire tells",
        labels: &[
            "client",
            "server",
            "protocol",
            "role",
            "gen_ai_operation_name",
            "gen_ai_request_model",
            "error_type",
            "gen_ai_token_type",
        ],
        bounds: TOKENS,
        convention: true,
        write: write_tokens,
    },
];

/// Figures of one operation and model.
#[derive(Debug)]
pub struct Figures {
    duration: Buckets,
    first_chunk: Buckets,
    per_chunk: Buckets,
    input_tokens: Buckets,
    output_tokens: Buckets,
}

impl Figures {
    fn new() -> Self {
        Self {
            duration: Buckets::new(GEN_AI),
            first_chunk: Buckets::new(GEN_AI),
            per_chunk: Buckets::new(GEN_AI),
            input_tokens: Buckets::new(TOKENS),
            output_tokens: Buckets::new(TOKENS),
        }
    }
}

pub fn observe(variants: &mut Variants<Figures>, record: &Record) {
    let Some(call) = record.gen_ai.as_deref() else {
        return;
    };
    let operation = call.operation.as_deref().unwrap_or_default();
    let model = call.model.as_deref().unwrap_or_default();
    let error = record.error.as_deref().unwrap_or_default();
    let figures = variants.entry([operation, model, error], Figures::new);
    figures.duration.add_ns(record.duration_ns);
    if let Some(ns) = call.time_to_first_chunk_ns {
        figures.first_chunk.add_ns(ns);
    }
    count_gaps(&mut figures.per_chunk, call);
    for (tokens, buckets) in [
        (call.input_tokens, &mut figures.input_tokens),
        (call.output_tokens, &mut figures.output_tokens),
    ] {
        if let Some(tokens) = tokens {
            buckets.add(tokens as f64, 1);
        }
    }
}

/// Counts each gap; of a record that was read back, whose gaps are not kept, their mean as often.
fn count_gaps(per_chunk: &mut Buckets, call: &ModelCall) {
    for ns in &call.gaps_sorted_ns {
        per_chunk.add_ns(*ns);
    }
    let Some(split) = call.gap_split_ns.filter(|_| call.chunks > 1) else {
        return;
    };
    if call.gaps_sorted_ns.is_empty() {
        let gaps = call.chunks - 1;
        let mean = seconds(split.engine + split.wire + split.reader) / gaps as f64;
        per_chunk.add(mean, gaps);
    }
}

fn labels<'a>(edge: &'a Edge, values: Values<'a>, kind: &'a str) -> Vec<(&'a str, &'a str)> {
    let [operation, model, error] = values;
    let own = [
        ("gen_ai_operation_name", operation),
        ("gen_ai_request_model", model),
        ("error_type", error),
        ("gen_ai_token_type", kind),
    ];
    with(edge, &own)
}

fn write(state: &State, series: &mut Series<'_>, pick: fn(&Figures) -> &Buckets) -> fmt::Result {
    for edge in state.edges.iter() {
        for (values, figures) in edge.gen_ai.iter() {
            let buckets = pick(figures);
            if buckets.count() > 0 {
                series.histogram(&labels(edge, values, ""), buckets)?;
            }
        }
    }
    Ok(())
}

fn write_tokens(state: &State, series: &mut Series<'_>) -> fmt::Result {
    for edge in state.edges.iter() {
        for (values, figures) in edge.gen_ai.iter() {
            let kinds = [
                ("input", &figures.input_tokens),
                ("output", &figures.output_tokens),
            ];
            for (kind, buckets) in kinds.into_iter().filter(|(_, buckets)| buckets.count() > 0) {
                series.histogram(&labels(edge, values, kind), buckets)?;
            }
        }
    }
    Ok(())
}
