//! `GET /v1/status`: who the agent is and what it has done, JSON.

use super::Shared;
use crate::show::status::Status;
use axum::Json;

/// The agent's state now.
pub async fn get(agent: Shared) -> Json<Status> {
    Json(Status::of(&agent))
}
