//! What a metric is, and how OpenTelemetry's names become Prometheus'.

use super::State;
use super::buckets::Buckets;
use super::exponential::ZERO_THRESHOLD;
use prometheus_client::encoding::{MetricEncoder, NativeHistogram, NativeHistogramBuckets};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Unit as PrometheusUnit;
use std::fmt;

/// Kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values by size.
    Histogram,
}

impl Kind {
    pub fn prometheus(self) -> MetricType {
        match self {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
        }
    }
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// Unit of a metric, as OpenTelemetry writes it (UCUM).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// `s`.
    Seconds,
    /// `By`.
    Bytes,
    /// `{what}`: a count of things, which has no suffix in Prometheus.
    Count(&'static str),
}

impl Unit {
    pub fn prometheus(self) -> Option<PrometheusUnit> {
        match self {
            Unit::Seconds => Some(PrometheusUnit::Seconds),
            Unit::Bytes => Some(PrometheusUnit::Bytes),
            Unit::Count(_) => None,
        }
    }
    /// The unit in UCUM.
    pub fn ucum(self) -> String {
        match self {
            Unit::Seconds => "s".into(),
            Unit::Bytes => "By".into(),
            Unit::Count(what) => format!("{{{what}}}"),
        }
    }
}

/// The one definition of a metric.
pub struct Metric {
    /// OpenTelemetry name, or in its style where there is none.
    pub name: &'static str,
    /// Kind.
    pub kind: Kind,
    /// Unit.
    pub unit: Unit,
    /// What it says, one sentence without a full stop (OpenMetrics help).
    pub help: &'static str,
    /// Label names.
    pub labels: &'static [&'static str],
    /// Upper bounds of a histogram's buckets, in the metric's unit.
    pub bounds: &'static [f64],
    /// The name stands in OpenTelemetry's semantic conventions.
    pub convention: bool,
    /// Writes its series.
    pub write: fn(&State, &mut Series<'_>) -> fmt::Result,
}

impl Metric {
    /// Name in Prometheus, without unit and type suffix: dots become underscores.
    pub fn base_name(&self) -> String {
        self.name.replace('.', "_")
    }
    /// Name in Prometheus, by OpenTelemetry's rules for it: unit, then `_total` for counters.
    pub fn prometheus_name(&self) -> String {
        let mut name = self.base_name();
        if let Some(unit) = self.unit.prometheus() {
            name = format!("{name}_{}", unit.as_str());
        }
        if self.kind == Kind::Counter {
            format!("{name}_total")
        } else {
            name
        }
    }
}

/// Label names and values of a series.
pub type Labels<'a> = [(&'a str, &'a str)];

/// Where a metric writes its series.
pub struct Series<'a>(MetricEncoder<'a>);

impl<'a> Series<'a> {
    pub fn new(encoder: MetricEncoder<'a>) -> Self {
        Self(encoder)
    }
    /// A counter's value.
    pub fn counter(&mut self, labels: &Labels<'_>, value: f64) -> fmt::Result {
        let none: Option<&Exemplar<&Labels<'_>, f64>> = None;
        if labels.is_empty() {
            return self.0.encode_counter(&value, none);
        }
        self.0.encode_family(&labels)?.encode_counter(&value, none)
    }
    /// A gauge's value.
    pub fn gauge(&mut self, labels: &Labels<'_>, value: f64) -> fmt::Result {
        if labels.is_empty() {
            return self.0.encode_gauge(&value);
        }
        self.0.encode_family(&labels)?.encode_gauge(&value)
    }
    /// A histogram's values, in both kinds of buckets; text has the classic ones alone.
    pub fn histogram(&mut self, labels: &Labels<'_>, buckets: &Buckets) -> fmt::Result {
        let counts = buckets.counts();
        let (sum, count) = (buckets.sum(), buckets.count());
        let spans = buckets.exponential().spans();
        let native = NativeHistogram {
            schema: buckets.exponential().schema(),
            zero_threshold: ZERO_THRESHOLD,
            zero_count: buckets.exponential().zeros(),
            negative: NativeHistogramBuckets {
                spans: &[],
                deltas: &[],
            },
            positive: NativeHistogramBuckets {
                spans: &spans.spans,
                deltas: &spans.deltas,
            },
            created: None,
        };
        let mut family = self.0.encode_family(&labels)?;
        family.encode_histogram_with_native::<&Labels<'_>>(sum, count, &counts, None, native)
    }
}
