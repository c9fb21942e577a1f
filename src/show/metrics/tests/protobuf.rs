//! The messages, read back as a scraper reads them.

use super::*;
use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{
    Histogram, MetricFamily, MetricType,
};
use prost::Message;

/// The exposition of these records.
fn families(records: &[Record]) -> Vec<MetricFamily> {
    let metrics = Metrics::default();
    for record in records {
        metrics.observe([record], 0);
    }
    let body = metrics.render(SelfStats::default(), Format::Protobuf);
    let (body, mut families) = (body.unwrap(), Vec::new());
    let mut rest = body.as_slice();
    while !rest.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut rest).unwrap());
    }
    families
}

/// What the native buckets of a message hold: each upper bound, and the count.
fn native(histogram: &Histogram) -> Vec<(f64, i64)> {
    let (mut out, mut place, mut count) = (Vec::new(), 0, 0);
    let mut deltas = histogram.positive_delta.iter();
    for span in &histogram.positive_span {
        place += span.offset;
        for _ in 0..span.length {
            count += deltas.next().unwrap();
            let bound = f64::from(place) / f64::from(1 << histogram.schema);
            out.push((bound.exp2(), count));
            place += 1;
        }
    }
    assert_eq!(deltas.next(), None);
    out
}

#[test]
fn protobuf_has_native_buckets_that_give_the_observations_back() {
    let took_ms: Vec<u64> = (1..=1000).collect();
    let records: Vec<_> = took_ms
        .iter()
        .map(|ms| record(|r| r.phases_ns.stream = ms * MS))
        .collect();
    let families = families(&records);
    let client = families
        .iter()
        .find(|family| family.name == "http_client_request_duration_seconds")
        .unwrap();
    let [metric] = client.metric.as_slice() else {
        panic!("{} series", client.metric.len())
    };
    let histogram = metric.histogram.as_ref().unwrap();
    assert_eq!((histogram.schema, histogram.sample_count), (3, 1000));
    assert_eq!(histogram.zero_threshold, 2f64.powi(-128));
    let all: Vec<f64> = records.iter().map(|r| r.duration_ns as f64 / 1e9).collect();
    assert!((histogram.sample_sum - all.iter().sum::<f64>()).abs() < 1e-6);
    let buckets = native(histogram);
    assert!(buckets.len() > 30, "{} buckets", buckets.len());
    let mut below = 0.0;
    for (bound, count) in buckets {
        let inside = all.iter().filter(|at| **at > below && **at <= bound);
        assert_eq!(inside.count() as i64, count, "up to {bound}");
        below = bound;
    }
    assert!(all.iter().all(|at| *at <= below), "some lie beyond all");
    // The classic buckets stand beside them, and count the same.
    let classic = histogram.bucket.iter().find(|b| b.upper_bound == 0.5);
    let under = all.iter().filter(|at| **at <= 0.5).count() as u64;
    assert_eq!(classic.unwrap().cumulative_count, under);
}

#[test]
fn both_formats_tell_of_the_same_series() {
    let records = [chat(), record(|r| r.error = Some("500".into()))];
    let text = text(&records, SelfStats::default());
    let mut seen = 0;
    for family in families(&records) {
        let histogram = family.r#type() == MetricType::Histogram;
        let suffix = if histogram { "_count{" } else { "{" };
        let line = format!("{}{suffix}", family.name);
        let lines = text.lines().filter(|l| l.starts_with(&line)).count();
        let bare = text
            .lines()
            .filter(|l| l.starts_with(&format!("{} ", family.name)));
        assert_eq!(lines + bare.count(), family.metric.len(), "{}", family.name);
        seen += family.metric.len();
    }
    assert!(seen > 20, "{seen} series");
}
