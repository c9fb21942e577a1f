//! What `/v1/top` answers.

use forebay_core::exchange::record::{Evidence, Id, Phases, Record};
use forebay_core::explain::{EdgeKey, EdgeView};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The service edges of the last seconds and the agent that saw them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TopView {
    /// The time summed up.
    pub span_ns: u64,
    /// The agent.
    pub agent: AgentLine,
    /// Edges with requests, the busiest first.
    pub edges: Vec<EdgeRow>,
}

/// The agent's state, its losses and its cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentLine {
    /// Its version.
    pub version: String,
    /// `kernel`, or the file of records it serves.
    pub source: String,
    /// For how long it has run.
    pub uptime_ns: u64,
    /// Losses by reason since its start.
    pub lost: BTreeMap<String, u64>,
    /// Requests counted under the edge `other`.
    pub requests_in_other: u64,
    /// CPUs it uses now: 0.01 is 1 % of one CPU.
    pub cpus: Option<f64>,
    /// CPUs its kernel programs use now, where the kernel counts it.
    pub kernel_cpus: Option<f64>,
    /// Its resident memory.
    pub resident_bytes: Option<u64>,
}

/// One service edge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeRow {
    /// Which.
    pub edge: EdgeKey,
    /// Requests in the span.
    pub requests: u64,
    /// Requests a second.
    pub rate: f64,
    /// Median duration.
    pub p50_ns: u64,
    /// 99th percentile of durations.
    pub p99_ns: u64,
    /// Sum of durations: what it is sorted by at first.
    pub duration_ns: u64,
    /// Sum of phases.
    pub phases_ns: Phases,
    /// How most phases are known.
    pub evidence: Evidence,
    /// Stalls of token streams.
    pub stalls: Stalls,
    /// Median time to first chunk of token streams.
    pub first_chunk_p50_ns: Option<u64>,
    /// Requests that failed.
    pub errors: u64,
    /// Segments sent again.
    pub retransmits: u64,
    /// Slowest requests that are still kept, slowest first.
    pub slowest: Vec<SlowRequest>,
}

/// Stalls by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stalls {
    /// The server wrote late.
    pub engine: u64,
    /// Travelled late.
    pub wire: u64,
    /// The client read late.
    pub reader: u64,
}

impl Stalls {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.engine + self.wire + self.reader
    }
}

/// A slow request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlowRequest {
    /// Record id.
    pub id: Box<str>,
    /// When it began, UTC.
    pub ts: Box<str>,
    /// What was asked.
    pub op: Box<str>,
    /// Status or error.
    pub status: Option<Box<str>>,
    /// How long it took.
    pub duration_ns: u64,
    /// Where its time went.
    pub phases_ns: Phases,
    /// How that is known.
    pub evidence: Evidence,
}

impl TopView {
    /// The edges of a window that covers `span_ns`. `find` looks a record up by its id; records that are no longer kept
    /// are left out.
    pub fn of(
        views: &[EdgeView],
        span_ns: u64,
        agent: AgentLine,
        mut find: impl FnMut(Id) -> Option<Record>,
    ) -> Self {
        let edges = views
            .iter()
            .map(|view| row(view, span_ns, &mut find))
            .collect();
        Self {
            span_ns,
            agent,
            edges,
        }
    }
}

fn row(view: &EdgeView, span_ns: u64, find: &mut impl FnMut(Id) -> Option<Record>) -> EdgeRow {
    let sums = view.sums();
    let [engine, wire, reader] = sums.stalls.map(u64::from);
    let slowest = view.exemplars();
    EdgeRow {
        edge: view.key.clone(),
        requests: sums.requests,
        rate: sums.requests as f64 * 1e9 / span_ns.max(1) as f64,
        p50_ns: view.duration_quantile_ns(0.5).unwrap_or(0),
        p99_ns: view.duration_quantile_ns(0.99).unwrap_or(0),
        duration_ns: sums.duration_ns,
        phases_ns: sums.phases_ns,
        evidence: view.evidence(),
        stalls: Stalls {
            engine,
            wire,
            reader,
        },
        first_chunk_p50_ns: view.first_chunk_quantile_ns(0.5),
        errors: sums.errors,
        retransmits: sums.retransmits,
        slowest: slowest
            .iter()
            .filter_map(|id| find(*id))
            .map(slow)
            .collect(),
    }
}

fn slow(record: Record) -> SlowRequest {
    SlowRequest {
        id: record.id.to_string().into(),
        ts: record.ts.to_string().into(),
        op: record.op.into(),
        status: record.error.or(record.status).map(Into::into),
        duration_ns: record.duration_ns,
        phases_ns: record.phases_ns,
        evidence: record.evidence,
    }
}
