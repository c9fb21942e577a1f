//! Database and cache operations, as their client sees them.

use super::State;
use super::buckets::{Buckets, DATABASE};
use super::definition::{Kind, Metric, Series, Unit};
use super::edges::is_database;
use super::http::with;
use super::variants::{OTHER, Variants};
use forebay_core::exchange::record::Record;
use std::fmt;

pub const METRICS: &[Metric] = &[Metric {
    name: "db.client.operation.duration",
    kind: Kind::Histogram,
    unit: Unit::Seconds,
    help: "Duration of database operations, from the client's first write to its last read",
    labels: &[
        "client",
        "server",
        "protocol",
        "role",
        "db_system_name",
        "db_operation_name",
        "db_response_status_code",
        "error_type",
    ],
    bounds: DATABASE,
    convention: true,
    write,
}];

/// Operation names are one word of at most this many bytes; more is no name.
const OPERATION_BYTES_MAX: usize = 24;

pub fn observe(variants: &mut Variants<Buckets>, record: &Record) {
    if !is_database(record.role) {
        return;
    }
    let first = record.op.split(' ').next().unwrap_or_default();
    let is_word = first
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte));
    let fits = !first.is_empty() && first.len() <= OPERATION_BYTES_MAX && is_word;
    let operation = if fits { first } else { OTHER };
    let error = record.error.as_deref().unwrap_or_default();
    // Only failed operations have a code worth a series.
    let code = record
        .status
        .as_deref()
        .filter(|_| record.error.is_some())
        .unwrap_or_default();
    let buckets = variants.entry([operation, code, error], || Buckets::new(DATABASE));
    buckets.add_ns(record.duration_ns);
}

fn write(state: &State, series: &mut Series<'_>) -> fmt::Result {
    for edge in state.edges.iter() {
        for ([operation, code, error], buckets) in edge.database.iter() {
            let own = [
                ("db_system_name", &*edge.key.protocol),
                ("db_operation_name", operation),
                ("db_response_status_code", code),
                ("error_type", error),
            ];
            series.histogram(&with(edge, &own), buckets)?;
        }
    }
    Ok(())
}
