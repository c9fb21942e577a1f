//! Stalls of token streams and who made them.

use super::buckets::seconds;
use super::definition::{Kind, Metric, Unit};
use super::http::with;

pub const METRICS: &[Metric] = &[Metric {
    name: "forebay.stall",
    kind: Kind::Counter,
    unit: Unit::Seconds,
    help: "Time that token streams stalled, by cause: engine wrote late, wire carried late, reader \
           read late",
    labels: &["cause", "client", "server", "protocol", "role"],
    bounds: &[],
    convention: false,
    write: |state, series| {
        for edge in state
            .edges
            .iter()
            .filter(|edge| edge.gen_ai.iter().next().is_some())
        {
            for (cause, ns) in ["engine", "wire", "reader"].into_iter().zip(edge.stalls_ns) {
                series.counter(&with(edge, &[("cause", cause)]), seconds(ns))?;
            }
        }
        Ok(())
    },
}];
