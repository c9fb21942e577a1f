//! Requests of every protocol and where their time went.

use super::buckets::PHASE;
use super::definition::{Kind, Metric, Unit};
use super::http::with;
use forebay_core::exchange::record::Phases;

pub const METRICS: &[Metric] = &[
    Metric {
        name: "forebay.requests",
        kind: Kind::Counter,
        unit: Unit::Count("request"),
        help: "Requests that ended, by outcome",
        labels: &["client", "server", "protocol", "role", "outcome"],
        bounds: &[],
        convention: false,
        write: |state, series| {
            for edge in state.edges.iter() {
                let ok = edge.requests - edge.errors;
                series.counter(&with(edge, &[("outcome", "ok")]), ok as f64)?;
                series.counter(&with(edge, &[("outcome", "error")]), edge.errors as f64)?;
            }
            Ok(())
        },
    },
    Metric {
        name: "forebay.request.phase",
        kind: Kind::Histogram,
        unit: Unit::Seconds,
        help: "Time of requests by phase; the phases of a request add up to its duration",
        labels: &["phase", "client", "server", "protocol", "role"],
        bounds: PHASE,
        convention: false,
        write: |state, series| {
            let names = Phases::default().named();
            for edge in state.edges.iter() {
                for ((name, _), buckets) in names.iter().zip(&edge.phases) {
                    // A phase that an edge never has is no series.
                    if buckets.sum() > 0.0 {
                        series.histogram(&with(edge, &[("phase", name)]), buckets)?;
                    }
                }
            }
            Ok(())
        },
    },
    Metric {
        name: "forebay.requests.in_other",
        kind: Kind::Counter,
        unit: Unit::Count("request"),
        help: "Requests counted under the edge other because too many edges were busy",
        labels: &[],
        bounds: &[],
        convention: false,
        write: |state, series| series.counter(&[], state.edges.in_other as f64),
    },
];
