//! The verdict: errors per phase, counts, blame, and which bounds are broken.

use super::{Joined, RecordFile};
use serde::Serialize;
use std::collections::BTreeMap;

/// Examples kept of what is wrong.
const EXAMPLES_MAX: usize = 20;
/// Phases that are shown but not judged: `network` is the sum of two judged ones, the gap split
/// says how a gap is shared where design.md only says who made it.
const UNJUDGED: [&str; 4] = ["network", "gap_engine", "gap_wire", "gap_reader"];

/// What is allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// A phase's error may be this large, in nanoseconds …
    pub phase_ns: u64,
    /// … or this share of the true phase, whichever is larger, in 99 of 100 requests.
    pub phase_share: f64,
    /// Error of the time to the first chunk in 99 of 100 streams, in nanoseconds.
    pub first_chunk_ns: u64,
    /// A stream's chunk count may be off by this.
    pub chunks: u64,
    /// So many stalls may be blamed on another cause.
    pub wrong_blame: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            phase_ns: 100_000,
            phase_share: 0.02,
            first_chunk_ns: 50_000,
            chunks: 0,
            wrong_blame: 0,
        }
    }
}

/// Errors of one phase. Absolute values, nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Errors {
    /// Requests compared.
    pub n: usize,
    /// Median error.
    pub p50_ns: u64,
    /// 99th percentile (nearest rank).
    pub p99_ns: u64,
    /// Largest error.
    pub max_ns: u64,
    /// Median of recorded − true: the systematic part.
    pub bias_ns: i64,
    /// Median of the true phase.
    pub true_p50_ns: u64,
    /// Requests over the bound.
    pub over: usize,
    #[serde(skip)]
    all: Vec<(u64, i64, u64)>,
}

/// Everything that was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Requests with a record.
    pub matched: usize,
    /// Requests without one.
    pub missing: usize,
    /// Records without a request.
    pub extra: usize,
    /// Matched requests of which the logs lack a point (reset, cut short).
    pub without_points: usize,
    /// Losses the observer admitted, by reason.
    pub lost: BTreeMap<String, u64>,
    /// Records whose byte counts are not the true ones.
    pub bytes_wrong: usize,
    /// Records whose phases do not add up to their duration.
    pub sums_wrong: usize,
    /// Streams with another chunk count.
    pub chunks_wrong: usize,
    /// Stalls a test meant to put in and that did not happen: the test's fault, not Forebay's.
    pub injections_failed: usize,
    /// Errors per phase, `time_to_first_chunk` included.
    pub phases: BTreeMap<String, Errors>,
    /// True cause → recorded cause → stalls.
    pub confusion: BTreeMap<String, BTreeMap<String, u64>>,
    /// Some of what is wrong.
    pub examples: Vec<String>,
    /// Bounds that do not hold.
    pub broken: Vec<String>,
}

impl Report {
    pub(super) fn new(joined: &Joined<'_>, records: &RecordFile) -> Self {
        let mut report = Self {
            matched: joined.pairs.len(),
            missing: joined.missing.len(),
            extra: joined.extra.len(),
            ..Self::default()
        };
        for loss in &records.losses {
            *report.lost.entry(loss.why.clone()).or_default() += loss.records;
        }
        for id in joined.missing.iter().take(5) {
            report.example(format!("{id}: no record"));
        }
        for op in joined.extra.iter().take(5) {
            report.example(format!("record without a request: {op}"));
        }
        report
    }

    pub(super) fn example(&mut self, text: String) {
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(text);
        }
    }

    pub(super) fn note(
        &mut self,
        name: &'static str,
        id: &str,
        truth: u64,
        seen: u64,
        bounds: &Bounds,
    ) {
        let bound = bounds
            .phase_ns
            .max((truth as f64 * bounds.phase_share) as u64);
        self.error(name, id, truth, seen, bound);
    }

    pub(super) fn note_first_chunk(&mut self, id: &str, truth: u64, seen: u64, bounds: &Bounds) {
        self.error(
            "time_to_first_chunk",
            id,
            truth,
            seen,
            bounds.first_chunk_ns,
        );
    }

    fn error(&mut self, name: &'static str, id: &str, truth: u64, seen: u64, bound: u64) {
        let error = seen.abs_diff(truth);
        if error > bound && !UNJUDGED.contains(&name) {
            self.example(format!("{id}: {name} is {truth} ns, recorded {seen}"));
        }
        let errors = self.phases.entry(name.to_owned()).or_default();
        errors.over += usize::from(error > bound);
        errors.all.push((error, seen as i64 - truth as i64, truth));
    }

    pub(super) fn blame(&mut self, id: &str, truth: &str, seen: &str) {
        if truth != seen {
            self.example(format!(
                "{id}: a stall made by {truth} is recorded as {seen}"
            ));
        }
        *self
            .confusion
            .entry(truth.to_owned())
            .or_default()
            .entry(seen.to_owned())
            .or_default() += 1;
    }

    pub(super) fn finish(&mut self, bounds: &Bounds) {
        for (name, errors) in &mut self.phases {
            errors.finish();
            // p99 within the bound = at most 1 in 100 beyond it.
            if errors.over > errors.n / 100 && !UNJUDGED.contains(&name.as_str()) {
                self.broken.push(format!(
                    "{name}: {} of {} beyond the bound, p99 error {} ns ({bounds:?})",
                    errors.over, errors.n, errors.p99_ns
                ));
            }
        }
        let wrong_blame: u64 = self
            .confusion
            .iter()
            .flat_map(|(truth, row)| {
                row.iter()
                    .filter(move |(seen, _)| *seen != truth)
                    .map(|(_, n)| n)
            })
            .sum();
        for (what, n) in [
            ("requests without a record", self.missing),
            ("records without a request", self.extra),
            ("records with wrong byte counts", self.bytes_wrong),
            ("records whose phases do not add up", self.sums_wrong),
            ("streams with a wrong chunk count", self.chunks_wrong),
            (
                "injected stalls that did not happen",
                self.injections_failed,
            ),
            (
                "stalls blamed wrongly",
                wrong_blame.saturating_sub(bounds.wrong_blame) as usize,
            ),
        ] {
            if n > 0 {
                self.broken.push(format!("{n} {what}"));
            }
        }
        if self.matched == 0 {
            self.broken.push("nothing was compared".into());
        }
    }

    /// A table for people.
    pub fn table(&self) -> String {
        let mut text = format!(
            "matched {} · missing {} · extra {} · without points {} · lost {:?}\n{:<20} {:>6} {:>12} {:>10} {:>10} {:>10} {:>10} {:>5}\n",
            self.matched,
            self.missing,
            self.extra,
            self.without_points,
            self.lost,
            "phase",
            "n",
            "true p50 µs",
            "p50 err",
            "p99 err",
            "max err",
            "bias",
            "over"
        );
        for (name, e) in &self.phases {
            let us = |ns: u64| format!("{:.1}", ns as f64 / 1e3);
            let bias = format!("{:.1}", e.bias_ns as f64 / 1e3);
            text += &format!(
                "{name:<20} {:>6} {:>12} {:>10} {:>10} {:>10} {bias:>10} {:>5}\n",
                e.n,
                us(e.true_p50_ns),
                us(e.p50_ns),
                us(e.p99_ns),
                us(e.max_ns),
                e.over
            );
        }
        for (truth, row) in &self.confusion {
            text += &format!("stalls made by {truth}: recorded as {row:?}\n");
        }
        for example in &self.examples {
            text += &format!("  {example}\n");
        }
        for broken in &self.broken {
            text += &format!("BROKEN {broken}\n");
        }
        text
    }
}

impl Errors {
    fn finish(&mut self) {
        self.n = self.all.len();
        let mut errors: Vec<u64> = self.all.iter().map(|(error, _, _)| *error).collect();
        let mut bias: Vec<i64> = self.all.iter().map(|(_, bias, _)| *bias).collect();
        let mut truth: Vec<u64> = self.all.iter().map(|(_, _, truth)| *truth).collect();
        errors.sort_unstable();
        bias.sort_unstable();
        truth.sort_unstable();
        let rank = (self.n * 99).div_ceil(100).saturating_sub(1);
        self.p50_ns = errors.get(self.n / 2).copied().unwrap_or(0);
        self.p99_ns = errors.get(rank).copied().unwrap_or(0);
        self.max_ns = errors.last().copied().unwrap_or(0);
        self.bias_ns = bias.get(self.n / 2).copied().unwrap_or(0);
        self.true_p50_ns = truth.get(self.n / 2).copied().unwrap_or(0);
    }
}
