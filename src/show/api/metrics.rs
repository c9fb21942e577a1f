//! `GET /metrics`: for Prometheus.

use super::{Shared, refuse};
use crate::show::metrics::{CONTENT_TYPE, SelfStats};
use crate::show::status::Status;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// The exposition.
pub async fn get(agent: Shared) -> Response {
    let status = Status::of(&agent);
    let stats = SelfStats {
        cpu_ns: status.cpu_ns.unwrap_or(0),
        resident_bytes: status.memory_bytes.unwrap_or(0),
        lost: agent.hub.counts().lost.into_iter().collect(),
        ..SelfStats::default()
    };
    match agent.tables.metrics.render(stats) {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}
