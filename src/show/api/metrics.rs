//! `GET /metrics`: for Prometheus.

use super::{Shared, refuse};
use axum::http::StatusCode;
use axum::response::Response;

/// Answers 501 until the agent aggregates.
pub async fn get(_agent: Shared) -> Response {
    let sentence = "this build does not aggregate requests, so it has no metrics; use /v1/observe";
    refuse(StatusCode::NOT_IMPLEMENTED, sentence)
}
