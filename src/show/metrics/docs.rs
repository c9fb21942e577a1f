//! `docs/metrics.md`, made from the definitions.

use super::definition::Metric;
use super::variants::VARIANTS_MAX;
use super::{EDGES_MAX, all};
use std::fmt::Write;

/// Version of OpenTelemetry's semantic conventions that the names follow. Conventions for model
/// calls are developed apart from it and are not stable.
pub const SEMCONV_VERSION: &str = "1.44";

/// The page.
pub fn markdown() -> String {
    let mut out = String::from(INTRO.trim_start());
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "\nNames follow OpenTelemetry's semantic conventions {SEMCONV_VERSION} (`gen_ai.*`: the \
         GenAI conventions of the same time, in development) and become Prometheus names by \
         OpenTelemetry's rules: dots become underscores, the unit and `_total` are appended. Names \
         without a convention begin with `forebay`.\n\n\
         Labels name workloads, never addresses: a peer on another host of which only the address \
         is known is `external`. At most {EDGES_MAX} edges (client, server, protocol, role) are \
         told apart; requests of further ones count under `other`, and \
         `forebay_requests_in_other_total` says how many. Within an edge, at most {VARIANTS_MAX} \
         sets of further label values are told apart; the rest counts under `_OTHER`. An edge without requests \
         for an hour gives its place to a new one when places run out.\n"
    );
    for metric in all() {
        section(&mut out, metric);
    }
    out
}

const INTRO: &str = "
# Metrics

`GET /metrics` answers in OpenMetrics text. This page is generated from the definitions in
`src/show/metrics/`; `UPDATE=1 cargo test metrics` writes it anew.
";

fn section(out: &mut String, metric: &Metric) {
    let code = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let origin = if metric.convention {
        "OpenTelemetry"
    } else {
        "Forebay"
    };
    let _ = writeln!(
        out,
        "## `{}`\n\n{}.\n\n- {} in `{}`, {origin} name `{}`",
        metric.prometheus_name(),
        metric.help,
        metric.kind.word(),
        metric.unit.ucum(),
        metric.name
    );
    if !metric.labels.is_empty() {
        let _ = writeln!(out, "- labels {}", code(metric.labels));
    }
    if !metric.bounds.is_empty() {
        let bounds: Vec<String> = metric.bounds.iter().map(f64::to_string).collect();
        let _ = writeln!(out, "- buckets {}", bounds.join(", "));
    }
    out.push('\n');
}
