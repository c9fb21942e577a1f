//! A small histogram of durations: 12.5 % wide buckets from 1 µs to 4.6 minutes in 832 bytes.

use histogram::{Config, Histogram32};

/// Histograms count units of 2^10 ns, so that no bucket is spent below one microsecond.
const UNIT_SHIFT: u32 = 10;
/// 2^3 buckets per power of two: each is 12.5 % of its value wide.
const GROUPING_POWER: u8 = 3;
/// Values end at 2^28 units (275 s); what is longer counts as that long.
const MAX_VALUE_POWER: u8 = 28;
const CONFIG: Config = match Config::new(GROUPING_POWER, MAX_VALUE_POWER) {
    Ok(config) => config,
    Err(_) => panic!("the histogram's powers must fit each other"),
};

/// Distribution of durations.
#[derive(Clone, Debug)]
pub struct Durations(Histogram32);

impl Default for Durations {
    fn default() -> Self {
        Self(Histogram32::with_config(&CONFIG))
    }
}

impl Durations {
    /// Heap bytes of one histogram.
    pub const HEAP_BYTES: usize = CONFIG.total_buckets() * size_of::<u32>();

    /// Counts one duration.
    pub fn add(&mut self, ns: u64) {
        let units = (ns >> UNIT_SHIFT).min((1 << MAX_VALUE_POWER) - 1);
        // In range by the line above.
        let _ = self.0.increment(units);
    }

    /// Counts everything that `other` counted.
    pub fn merge(&mut self, other: &Durations) {
        for (sum, count) in self.0.as_mut_slice().iter_mut().zip(other.0.as_slice()) {
            *sum = sum.saturating_add(*count);
        }
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// The duration that `quantile` (0 to 1) of all do not exceed, in nanoseconds, as the middle of
    /// its bucket: at most 6.3 % off. `None` when nothing was counted.
    pub fn quantile_ns(&self, quantile: f64) -> Option<u64> {
        let bucket = self.0.quantile_bucket(quantile).ok()??;
        let (start, end) = (
            bucket.start() << UNIT_SHIFT,
            (bucket.end() + 1) << UNIT_SHIFT,
        );
        Some(start.midpoint(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_bucket() {
        let mut durations = Durations::default();
        assert_eq!(durations.quantile_ns(0.5), None);
        for ms in 1..=1000u64 {
            durations.add(ms * 1_000_000);
        }
        for (quantile, want_ms) in [(0.5, 500.0), (0.99, 990.0)] {
            let got = durations.quantile_ns(quantile).unwrap() as f64 / 1e6;
            assert!((got / want_ms - 1.0).abs() < 0.07, "{quantile}: {got} ms");
        }
    }

    #[test]
    fn the_longest_and_the_shortest_are_kept() {
        let mut durations = Durations::default();
        durations.add(u64::MAX);
        assert!(durations.quantile_ns(1.0).unwrap() > 250_000_000_000);
        durations.clear();
        durations.add(0);
        assert_eq!(durations.quantile_ns(1.0), Some(512));
    }
}
