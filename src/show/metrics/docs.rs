//! `docs/metrics.md`, made from the definitions.

use super::definition::Metric;
use super::exponential::BUCKETS_MAX;
use super::variants::VARIANTS_MAX;
use super::{EDGES_MAX, all};
use std::fmt::Write;

/// Version of OpenTelemetry's semantic conventions that the names follow. Conventions for model
/// calls are developed apart from it and are not stable.
const SEMCONV_VERSION: &str = "1.44";

/// The page.
pub fn markdown() -> String {
    let buckets = BUCKETS_MAX.to_string();
    let mut out = INTRO.trim_start().replace("BUCKETS", &buckets);
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

`GET /metrics` answers in OpenMetrics text, or in Prometheus' protobuf messages where the scraper's
`Accept` prefers them. This page is generated from the definitions in `src/show/metrics/`;
`cargo run -p xtask -- docs` writes it anew.

## Native histograms

Each histogram has native (exponential) buckets beside the classic ones of this page, in protobuf
alone: eight for each doubling and at most BUCKETS in all; values that spread further than that
(10 µs to 10 s fits) halve the resolution. A quantile of them is off by at most 9 %, however well
the classic bounds fit. Prometheus asks for them where they are switched on:

- 2.40 to 3.8: start it with `--enable-feature=native-histograms`; from 3.9 on (3.8 knows it too):
  `scrape_native_histograms: true` in the scrape configuration. They then take the place of the
  classic ones, unless `always_scrape_classic_histograms: true` (2.45 to 2.x:
  `scrape_classic_histograms: true`) keeps both.
- Queries name the histogram itself, without `_bucket` and `le`:
  `histogram_quantile(0.99, sum by (server) (rate(http_client_request_duration_seconds[5m])))`

## Names and labels
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
