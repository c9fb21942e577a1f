//! TCP under the requests.

use super::buckets::seconds;
use super::definition::{Kind, Metric, Unit};

const LABELS: &[&str] = &["client", "server", "protocol", "role"];

pub const METRICS: &[Metric] = &[
    Metric {
        name: "forebay.tcp.retransmits",
        kind: Kind::Counter,
        unit: Unit::Count("segment"),
        help: "Segments sent again during requests",
        labels: LABELS,
        bounds: &[],
        convention: false,
        write: |state, series| {
            let mut edges = state.edges.iter();
            edges.try_for_each(|edge| series.counter(&edge.labels(), edge.retransmits as f64))
        },
    },
    Metric {
        name: "forebay.tcp.min_rtt",
        kind: Kind::Gauge,
        unit: Unit::Seconds,
        help: "Smallest round trip time of the kernel's window, of the newest request",
        labels: LABELS,
        bounds: &[],
        convention: false,
        write: |state, series| {
            let mut known = state.edges.iter().filter(|edge| edge.min_rtt_ns > 0);
            known.try_for_each(|edge| series.gauge(&edge.labels(), seconds(edge.min_rtt_ns)))
        },
    },
];
