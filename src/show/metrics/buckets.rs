//! A histogram with the fixed bounds that conventions recommend, and its exponential twin.

use super::exponential::Exponential;

/// `http.*.request.duration`, in seconds.
pub const HTTP: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
/// `db.client.operation.duration`, in seconds.
pub const DATABASE: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
/// `gen_ai.client.*` times, in seconds: 10 ms, doubling.
pub const GEN_AI: &[f64] = &[
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
/// `gen_ai.client.token.usage`: powers of four.
pub const TOKENS: &[f64] = &[
    1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0,
    16777216.0, 67108864.0,
];
/// Phases of a request, in seconds: from a wake-up on one host to a stuck model call.
pub const PHASE: &[f64] = &[
    0.00001, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0,
];

/// Counts of values by size.
#[derive(Clone, Debug)]
pub struct Buckets {
    bounds: &'static [f64],
    /// One count more than bounds: the last is beyond all.
    counts: Box<[u64]>,
    sum: f64,
    exponential: Exponential,
}

impl Buckets {
    /// Empty, with these upper bounds.
    pub fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: vec![0; bounds.len() + 1].into(),
            sum: 0.0,
            exponential: Exponential::default(),
        }
    }
    /// Counts a value `times` times.
    pub fn add(&mut self, value: f64, times: u64) {
        // Most phases of most requests are zero, most others small: one by one from below.
        let place = self.bounds.iter().position(|bound| value <= *bound);
        self.counts[place.unwrap_or(self.bounds.len())] += times;
        self.sum += value * times as f64;
        self.exponential.add(value, times);
    }
    /// Counts a duration.
    pub fn add_ns(&mut self, ns: u64) {
        self.add(seconds(ns), 1);
    }
    /// Values counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
    /// Their sum.
    pub fn sum(&self) -> f64 {
        self.sum
    }
    /// Upper bounds and counts, the last without bound.
    pub fn counts(&self) -> Vec<(f64, u64)> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        bounds.zip(self.counts.iter().copied()).collect()
    }
    /// The same values in buckets that grow by a constant factor.
    pub fn exponential(&self) -> &Exponential {
        &self.exponential
    }
}

/// Nanoseconds in seconds.
pub fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}
