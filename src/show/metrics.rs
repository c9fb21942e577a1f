//! `/metrics`: requests of this host as Prometheus metrics, named by OpenTelemetry's conventions.
//!
//! A metric is one [`Metric`] in the file of its family; a family is one file and one line in
//! [`FAMILIES`]. Names, help, labels and `docs/metrics.md` are made from it.

pub mod agent;
mod buckets;
mod database;
mod definition;
mod docs;
mod edges;
mod exponential;
mod format;
mod gen_ai;
mod http;
mod lost;
mod requests;
mod stalls;
mod tcp;
mod variants;

pub use agent::SelfStats;
pub use docs::markdown;
pub use format::Format;

use definition::{Metric, Series};
use edges::Edges;
use forebay_core::exchange::record::Record;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_protobuf, text};
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Edges with metrics of their own; requests of further ones count as `other`.
pub const EDGES_MAX: usize = 200;

/// Every family of metrics, in the order of the exposition.
static FAMILIES: &[&[Metric]] = &[
    http::METRICS,
    database::METRICS,
    gen_ai::METRICS,
    requests::METRICS,
    tcp::METRICS,
    stalls::METRICS,
    lost::METRICS,
    agent::METRICS,
];

/// Every metric.
fn all() -> impl Iterator<Item = &'static Metric> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// What the metrics are made from.
#[derive(Debug)]
struct State {
    edges: Edges,
    agent: SelfStats,
}

/// The metrics of an agent. Cheap to clone; clones are the same metrics.
#[derive(Clone, Debug)]
pub struct Metrics {
    state: Arc<Mutex<State>>,
    registry: Arc<Registry>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(EDGES_MAX)
    }
}

impl Metrics {
    /// Empty metrics that tell `edges_max` edges apart.
    pub fn new(edges_max: usize) -> Self {
        let state = State {
            edges: Edges::new(edges_max),
            agent: SelfStats::default(),
        };
        let state = Arc::new(Mutex::new(state));
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Scrape(state.clone())));
        Self {
            state,
            registry: Arc::new(registry),
        }
    }

    /// Counts finished requests. `now_ns` is the monotonic clock's.
    pub fn observe<'a>(&self, records: impl IntoIterator<Item = &'a Record>, now_ns: u64) {
        let edges = &mut lock(&self.state).edges;
        for record in records {
            edges.observe(record, now_ns);
        }
    }

    /// The exposition, with the agent's own figures as given.
    ///
    /// # Errors
    /// None in practice: writing to memory cannot fail.
    pub fn render(
        &self,
        agent: SelfStats,
        format: Format,
    ) -> Result<Vec<u8>, prometheus_protobuf::EncodeError> {
        lock(&self.state).agent = agent;
        match format {
            Format::Text => {
                let mut out = String::new();
                text::encode(&mut out, &self.registry)?;
                Ok(out.into_bytes())
            }
            Format::Protobuf => prometheus_protobuf::encode_to_vec(&self.registry),
        }
    }
}

/// A panic while counting leaves figures that are at worst one request off.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct Scrape(Arc<Mutex<State>>);

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let state = lock(&self.0);
        for metric in all() {
            let unit = metric.unit.prometheus();
            let name = metric.base_name();
            let kind = metric.kind.prometheus();
            let inner = encoder.encode_descriptor(&name, metric.help, unit.as_ref(), kind)?;
            (metric.write)(&state, &mut Series::new(inner))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
