//! A cause with its evidence, and what people call the parts of an edge.

use super::edge::EdgeKey;
use crate::decode::Role;
use crate::exchange::record::Evidence;
use serde::{Deserialize, Serialize};

/// How much a finding hurts, by the time lost in each request that shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Below [`WARNING_NS`].
    Notice,
    /// From [`WARNING_NS`].
    Warning,
    /// From [`CRITICAL_NS`].
    Critical,
}

/// A query of ten such hops gets noticeably slower.
pub const WARNING_NS: u64 = 10_000_000;
/// A person notices a single such hop.
pub const CRITICAL_NS: u64 = 100_000_000;

/// A cause with its evidence. The JSON of `explain --json`: fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Name of the rule that found it.
    pub rule: Box<str>,
    /// How much it hurts.
    pub severity: Severity,
    /// The finding as one sentence.
    pub title: String,
    /// Where.
    pub edge: EdgeKey,
    /// Time lost to it over the window, all requests together. Exclusive: no other finding counts
    /// the same time.
    pub lost_ns: u64,
    /// Part of the edge's time, 0 to 1.
    pub share: f64,
    /// How it is known: the evidence most of the edge's requests have.
    pub evidence: Evidence,
    /// Requests that show it.
    pub seen: u64,
    /// Requests of the edge in the window.
    pub requests: u64,
    /// What to check next.
    pub advice: String,
    /// Record ids of the edge's slowest requests, slowest first.
    pub exemplars: Vec<Box<str>>,
}

/// Puts the most lost time first; equal ones by name, so that output is stable.
pub fn rank(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let by_loss = b.lost_ns.cmp(&a.lost_ns);
        by_loss.then_with(|| (&a.edge, &a.rule).cmp(&(&b.edge, &b.rule)))
    });
}

/// What an edge does, as the subject of a sentence.
pub fn subject(edge: &EdgeKey) -> String {
    match edge.role {
        Role::Model => "generation".into(),
        Role::Embedding => "embedding".into(),
        Role::Rerank => "reranking".into(),
        Role::VectorSearch => "retrieval".into(),
        Role::Cache => "caching".into(),
        Role::Database => "database work".into(),
        Role::Queue => "queueing".into(),
        Role::Web => "web traffic".into(),
        Role::Other => format!("{} traffic", edge.protocol),
    }
}

/// A share as text: `41 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 1.0 {
        "<1 %".into()
    } else {
        format!("{percent:.0} %")
    }
}

/// A duration as text with three digits at most: `850 µs`, `12 ms`, `1.9 s`.
pub fn duration(ns: u64) -> String {
    let (value, unit) = match ns {
        0..1_000 => (ns as f64, "ns"),
        1_000..1_000_000 => (ns as f64 / 1e3, "µs"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        _ => (ns as f64 / 1e9, "s"),
    };
    if value < 9.95 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

/// The word of an [`Evidence`] in sentences and JSON.
pub fn evidence_word(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Exact => "exact",
        Evidence::Rtt => "rtt",
        Evidence::None => "none",
    }
}
