//! HTTP requests, seen from the client's and from the server's end.

use super::State;
use super::buckets::{Buckets, HTTP};
use super::definition::{Kind, Metric, Series, Unit};
use super::edges::Edge;
use super::variants::{OTHER, Variants};
use forebay_core::exchange::record::{Record, Side};
use std::fmt;

const LABELS: &[&str] = &[
    "client",
    "server",
    "protocol",
    "role",
    "http_request_method",
    "http_response_status_code",
    "error_type",
];

pub const METRICS: &[Metric] = &[
    Metric {
        name: "http.server.request.duration",
        kind: Kind::Histogram,
        unit: Unit::Seconds,
        help: "Duration of HTTP requests at the server: from their arrival to the last byte of the \
               response, travelling left out",
        labels: LABELS,
        bounds: HTTP,
        convention: true,
        write: |state, series| write(state, series, |figures| figures.server.as_ref()),
    },
    Metric {
        name: "http.client.request.duration",
        kind: Kind::Histogram,
        unit: Unit::Seconds,
        help: "Duration of HTTP requests at the client: from its first write to its last read",
        labels: LABELS,
        bounds: HTTP,
        convention: true,
        write: |state, series| write(state, series, |figures| figures.client.as_ref()),
    },
];

/// Durations by end; only ends on this host have some.
#[derive(Debug, Default)]
pub struct Figures {
    server: Option<Buckets>,
    client: Option<Buckets>,
}

/// Methods that semantic conventions know.
const METHODS: [&str; 9] = [
    "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE",
];

pub fn observe(variants: &mut Variants<Figures>, record: &Record) {
    if !matches!(&*record.protocol, "http" | "http2") {
        return;
    }
    let first = record.op.split(' ').next().unwrap_or_default();
    let method = METHODS
        .into_iter()
        .find(|known| *known == first)
        .unwrap_or(OTHER);
    let status = record.status.as_deref().unwrap_or_default();
    let error = record.error.as_deref().unwrap_or_default();
    let figures = variants.entry([method, status, error], Figures::default);
    if record.side != Side::Server {
        let client = figures.client.get_or_insert_with(|| Buckets::new(HTTP));
        client.add_ns(record.duration_ns);
    }
    if record.side != Side::Client {
        let server = figures.server.get_or_insert_with(|| Buckets::new(HTTP));
        server.add_ns(at_server_ns(record));
    }
}

/// The part of a request that its server sees.
fn at_server_ns(record: &Record) -> u64 {
    let phases = &record.phases_ns;
    let unread = match (record.directions_ns, record.side) {
        (Some(ways), _) => ways.request.recv_queue,
        (None, Side::Server) => phases.recv_queue,
        (None, _) => 0,
    };
    unread + phases.server + phases.stream
}

fn write(
    state: &State,
    series: &mut Series<'_>,
    pick: fn(&Figures) -> Option<&Buckets>,
) -> fmt::Result {
    for edge in state.edges.iter() {
        for ([method, status, error], figures) in edge.http.iter() {
            let Some(buckets) = pick(figures) else {
                continue;
            };
            let own = [
                ("http_request_method", method),
                ("http_response_status_code", status),
                ("error_type", error),
            ];
            series.histogram(&with(edge, &own), buckets)?;
        }
    }
    Ok(())
}

/// An edge's labels and those of `own` that have a value.
pub fn with<'a>(edge: &'a Edge, own: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let own = own.iter().copied().filter(|(_, value)| !value.is_empty());
    edge.labels().into_iter().chain(own).collect()
}
