//! Counts of values in buckets that grow by a constant factor: Prometheus' native histogram.
//!
//! At schema `s`, bucket `i` holds the values in (2^((i-1)/2^s), 2^(i/2^s)]. One schema less joins
//! buckets by twos, so that a wide spread of values costs resolution, never memory.

/// Eight buckets for each doubling: a quantile is off by at most 9 %.
const SCHEMA_MAX: i32 = 3;
/// Buckets from the lowest to the highest value; at [`SCHEMA_MAX`] from 10 µs to 10 s.
pub const BUCKETS_MAX: usize = 160;
/// Room grows by this many buckets, for most histograms stay narrow.
const BUCKETS_STEP: usize = 16;
/// Values up to this one count as zero: 2^-128, what Prometheus recommends to everyone, since
/// histograms add up best where it is the same.
pub const ZERO_THRESHOLD: f64 = f64::from_bits((1023 - 128) << MANTISSA_BITS);
/// Empty buckets that are cheaper to write than a new span.
const EMPTY_MAX: usize = 2;

const MANTISSA_BITS: u32 = 52;
const MANTISSA: u64 = (1 << MANTISSA_BITS) - 1;
/// 2^(j/8) for j from 0 to 7: where the buckets of one doubling begin.
const BEGINS: [f64; 8] = [
    1.0,
    1.090_507_732_665_257_7,
    1.189_207_115_002_721,
    1.296_839_554_651_009_6,
    std::f64::consts::SQRT_2,
    1.542_210_825_407_940_7,
    1.681_792_830_507_429,
    1.834_008_086_409_342_4,
];

/// Counts by size; at most [`BUCKETS_MAX`] of them, which is 1,280 bytes.
#[derive(Clone, Debug)]
pub struct Exponential {
    schema: i32,
    zeros: u64,
    /// Place of the first count.
    first: i32,
    counts: Vec<u64>,
}

/// Runs of buckets as Prometheus writes them.
#[derive(Debug, PartialEq, Eq)]
pub struct Spans {
    /// Distance from the end of the run before (the first: the place itself), and length.
    pub spans: Vec<(i32, u32)>,
    /// Each bucket's count less that of the bucket before.
    pub deltas: Vec<i64>,
}

impl Default for Exponential {
    fn default() -> Self {
        Self {
            schema: SCHEMA_MAX,
            zeros: 0,
            first: 0,
            counts: Vec::new(),
        }
    }
}

impl Exponential {
    /// Counts a value `times` times. Values are never negative.
    pub fn add(&mut self, value: f64, times: u64) {
        if value <= ZERO_THRESHOLD {
            self.zeros += times;
            return;
        }
        let finest = finest(value);
        let at = self.place(finest);
        match self.counts.get_mut(at) {
            Some(count) => *count += times,
            None => self.widen(finest, times),
        }
    }

    /// Where a bucket stands in `counts`; beyond its end for places before the first.
    fn place(&self, finest: i32) -> usize {
        (coarser(finest, SCHEMA_MAX - self.schema) - self.first) as usize
    }

    /// Makes room for a bucket outside of the known ones, at a lower resolution where needed.
    #[cold]
    fn widen(&mut self, finest: i32, times: u64) {
        loop {
            let place = coarser(finest, SCHEMA_MAX - self.schema);
            if self.counts.is_empty() {
                self.first = place;
            }
            let end = self.first + self.counts.len() as i32;
            let (first, end) = (self.first.min(place), end.max(place + 1));
            let width = (end - first) as usize;
            if width > BUCKETS_MAX {
                self.halve();
                continue;
            }
            let room = width.next_multiple_of(BUCKETS_STEP);
            self.counts.reserve_exact(room - self.counts.len());
            let before = (self.first - first) as usize;
            self.counts.splice(0..0, std::iter::repeat_n(0, before));
            self.counts.resize(width, 0);
            self.first = first;
            self.counts[(place - first) as usize] += times;
            return;
        }
    }

    /// Joins buckets by twos.
    fn halve(&mut self) {
        self.schema -= 1;
        let old_first = self.first;
        self.first = coarser(old_first, 1);
        let mut joined = 0;
        for at in 0..self.counts.len() {
            let to = (coarser(old_first + at as i32, 1) - self.first) as usize;
            let count = std::mem::take(&mut self.counts[at]);
            self.counts[to] += count;
            joined = to + 1;
        }
        self.counts.truncate(joined);
    }

    /// The resolution.
    pub fn schema(&self) -> i32 {
        self.schema
    }
    /// Values of zero.
    pub fn zeros(&self) -> u64 {
        self.zeros
    }

    /// The buckets, for the wire.
    pub fn spans(&self) -> Spans {
        let (mut spans, mut deltas) = (Vec::<(i32, u32)>::new(), Vec::new());
        let (mut last, mut empty) = (0, 0);
        for (at, count) in self.counts.iter().enumerate() {
            if *count == 0 {
                empty += 1;
                continue;
            }
            match spans.last_mut() {
                Some((_, length)) if empty <= EMPTY_MAX => {
                    for _ in 0..empty {
                        deltas.push(-last);
                        last = 0;
                    }
                    *length += empty as u32 + 1;
                }
                Some(_) => spans.push((empty as i32, 1)),
                None => spans.push((self.first + at as i32, 1)),
            }
            empty = 0;
            deltas.push(*count as i64 - last);
            last = *count as i64;
        }
        Spans { spans, deltas }
    }
}

/// The bucket of a value at [`SCHEMA_MAX`]: its exponent gives the doubling, its mantissa the part.
fn finest(value: f64) -> i32 {
    let bits = value.to_bits();
    let doubling = (bits >> MANTISSA_BITS) as i32 - 1023;
    let part = bits & MANTISSA;
    let begun = |begin: &&f64| begin.to_bits() & MANTISSA < part;
    let parts = BEGINS.iter().filter(begun).count() as i32;
    (doubling << SCHEMA_MAX) + parts
}

/// The same bucket, `steps` schemas lower.
fn coarser(place: i32, steps: i32) -> i32 {
    ((place - 1) >> steps) + 1
}

#[cfg(test)]
#[path = "exponential_tests.rs"]
mod tests;
