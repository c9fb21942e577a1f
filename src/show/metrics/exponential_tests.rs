//! Buckets hold what they say, at every resolution.

use super::*;

/// Bounds by the definition, not by the code under test.
fn upper(schema: i32, place: i32) -> f64 {
    (f64::from(place) / 2f64.powi(schema)).exp2()
}

/// Places and counts, read from the spans as a scraper does.
pub fn unpacked(spans: &Spans) -> Vec<(i32, u64)> {
    let (mut out, mut place, mut count) = (Vec::new(), 0, 0);
    let mut deltas = spans.deltas.iter();
    for (offset, length) in &spans.spans {
        place += offset;
        for _ in 0..*length {
            count += deltas.next().unwrap();
            out.push((place, u64::try_from(count).unwrap()));
            place += 1;
        }
    }
    assert_eq!(deltas.next(), None);
    out
}

fn of(values: &[f64]) -> Exponential {
    let mut all = Exponential::default();
    values.iter().for_each(|value| all.add(*value, 1));
    all
}

/// What the buckets must hold, counted the slow way.
fn expected(values: &[f64], schema: i32) -> Vec<(i32, u64)> {
    let mut counts = std::collections::BTreeMap::new();
    for value in values.iter().filter(|value| **value > 0.0) {
        let mut place = (value.log2() * 2f64.powi(schema)).ceil() as i32 - 2;
        while upper(schema, place) < *value {
            place += 1;
        }
        *counts.entry(place).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

/// Spread over six powers of ten, in an order that widens to both sides.
fn spread(n: u64, decades: f64) -> Vec<f64> {
    let part = |i: u64| (i * 7919 % n) as f64 / n as f64 - 0.5;
    (0..n).map(|i| 10f64.powf(part(i) * decades)).collect()
}

#[test]
fn every_value_lies_in_its_bucket_at_every_resolution() {
    for (decades, schema) in [(5.0, 3), (7.0, 2), (20.0, 1), (40.0, 0), (70.0, -1)] {
        let values = spread(5_000, decades);
        let all = of(&values);
        assert_eq!(all.schema(), schema, "{decades} decades");
        assert!(all.counts.len() <= BUCKETS_MAX && all.counts.capacity() <= BUCKETS_MAX);
        let found = unpacked(&all.spans());
        let found: Vec<_> = found.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(found, expected(&values, schema), "{decades} decades");
    }
}

#[test]
fn a_bound_belongs_to_the_bucket_below_it() {
    for doubling in [-20, -1, 0, 3] {
        let whole = 2f64.powi(doubling);
        assert_eq!(finest(whole), doubling * 8);
        assert_eq!(finest(whole.next_up()), doubling * 8 + 1);
        assert_eq!(finest(whole * BEGINS[4]), doubling * 8 + 4);
        assert_eq!(finest((whole * BEGINS[4]).next_up()), doubling * 8 + 5);
    }
}

#[test]
fn zero_is_counted_apart() {
    let all = of(&[0.0, 0.0, 1.0]);
    assert_eq!(all.zeros(), 2);
    assert_eq!(unpacked(&all.spans()), [(0, 1)]);
    assert_eq!(ZERO_THRESHOLD, 2f64.powi(-128));
}

#[test]
fn short_gaps_are_filled_and_long_ones_begin_a_span() {
    // Buckets 0, 2 and 8.
    let all = of(&[1.0, 1.18, 1.18, 2.0]);
    let spans = all.spans();
    assert_eq!(spans.spans, [(0, 3), (5, 1)]);
    assert_eq!(spans.deltas, [1, -1, 2, -1]);
}

#[test]
fn the_widest_possible_spread_still_fits() {
    let all = of(&[f64::MAX, ZERO_THRESHOLD.next_up(), f64::MAX]);
    assert!(all.counts.capacity() <= BUCKETS_MAX);
    let total: u64 = unpacked(&all.spans()).iter().map(|(_, count)| count).sum();
    assert_eq!(total, 3);
}
