//! Aggregates every finished request: the tables behind `top`, `explain` and `/metrics`.

use super::hub::Listener;
use super::{lock, time};
use crate::show::metrics::Metrics;
use forebay_core::explain::{
    EdgeTable, EdgeView, Finding, Overflow, ProcessSample, ProcessTable, Sizes, explain,
};
use forebay_core::pipeline::Output;
use std::sync::Mutex;
use std::time::Duration;

/// What is aggregated; bounded by [`Sizes`] and the bounds of [`Metrics`].
pub struct Tables {
    edges: Mutex<EdgeTable>,
    processes: Mutex<ProcessTable>,
    /// For `/metrics`.
    pub metrics: Metrics,
}

/// The service edges of a window.
pub struct Window {
    /// Edges with requests in it.
    pub edges: Vec<EdgeView>,
    /// The time it covers.
    pub span_ns: u64,
    /// What the table's bounds cost so far.
    pub overflow: Overflow,
}

impl Default for Tables {
    fn default() -> Tables {
        Tables {
            edges: Mutex::new(EdgeTable::new(Sizes::default())),
            processes: Mutex::default(),
            metrics: Metrics::default(),
        }
    }
}

impl Listener for Tables {
    fn batch(&self, outputs: &[Output]) {
        let now_ns = time::monotonic_ns();
        let records = outputs.iter().filter_map(|output| match output {
            Output::Record(record) => Some(record),
            Output::Lost { .. } => None,
        });
        let mut edges = lock(&self.edges);
        for record in records.clone() {
            edges.add(record, now_ns);
        }
        drop(edges);
        self.metrics.observe(records, now_ns);
    }

    fn process(&self, sample: &ProcessSample) {
        lock(&self.processes).add(sample.clone());
    }
}

impl Tables {
    /// The edges of the last `span`.
    pub fn window(&self, span: Duration) -> Window {
        let (now_ns, span_ns) = (time::monotonic_ns(), ns(span));
        let edges = lock(&self.edges);
        Window {
            edges: edges.window(now_ns, span_ns),
            span_ns: edges.covered_ns(now_ns, span_ns),
            overflow: edges.overflow(),
        }
    }

    /// The edges of the last `span` and what is wrong with them.
    pub fn explain(&self, span: Duration) -> (Window, Vec<Finding>) {
        let window = self.window(span);
        let processes = lock(&self.processes);
        let now_ns = time::monotonic_ns();
        let findings = explain(&window.edges, &processes, now_ns, window.span_ns);
        (window, findings)
    }
}

fn ns(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
