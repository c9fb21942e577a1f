//! `GET /v1/doctor`: what each kernel program became on this host, JSON.

use super::Shared;
use crate::capture::Feature;
use axum::Json;

/// The table of `forebay doctor`.
pub async fn get(agent: Shared) -> Json<Vec<Feature>> {
    Json(agent.features.clone())
}
