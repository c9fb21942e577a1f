//! `GET /v1/explain?since=5m`: findings of the last minutes, JSON.

use super::{Shared, refuse};
use crate::keep::time::parse_duration;
use crate::show::explain::ExplainView;
use crate::show::status::lost_by_name;
use axum::Json;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

/// Query parameters.
#[derive(Deserialize)]
pub struct Asked {
    /// How far back; the table keeps five minutes.
    #[serde(default = "Asked::since")]
    since: String,
}

impl Asked {
    fn since() -> String {
        "5m".to_owned()
    }
}

/// What costs the most time.
pub async fn get(agent: Shared, Query(asked): Query<Asked>) -> Response {
    let span = match parse_duration(&asked.since) {
        Ok(span) => span,
        Err(sentence) => return refuse(StatusCode::BAD_REQUEST, sentence),
    };
    let (window, findings) = agent.tables.explain(span);
    let lost = lost_by_name(&agent.hub.counts());
    Json(ExplainView::of(
        &window.edges,
        findings,
        window.span_ns,
        lost,
    ))
    .into_response()
}
