//! `GET /v1/top`: the service edges of the last minute, JSON.

use super::Shared;
use crate::agent::Agent;
use crate::show::status::{Status, lost_by_name};
use crate::show::top::{AgentLine, TopView};
use axum::Json;
use std::time::Duration;

/// What `top` sums up: long enough for calm figures, short enough to follow.
const SPAN: Duration = Duration::from_secs(60);

/// The edges now.
pub async fn get(agent: Shared) -> Json<TopView> {
    let window = agent.tables.window(SPAN);
    let line = agent_line(&agent, window.overflow.requests_in_other);
    let wanted = window
        .edges
        .iter()
        .flat_map(|edge| edge.exemplars())
        .collect();
    let mut kept = agent.hub.records(&wanted);
    let find = |id| kept.remove(&id);
    Json(TopView::of(&window.edges, window.span_ns, line, find))
}

fn agent_line(agent: &Agent, requests_in_other: u64) -> AgentLine {
    let status = Status::of(agent);
    let vitals = agent.hub.vitals();
    // Without a capture that measures each second: since its start.
    let since_start = status
        .cpu_ns
        .map(|ns| ns as f64 / status.uptime_ns.max(1) as f64);
    AgentLine {
        version: status.version,
        source: status.source,
        uptime_ns: status.uptime_ns,
        lost: lost_by_name(&agent.hub.counts()),
        requests_in_other,
        cpus: vitals.agent_cpus.or(since_start),
        kernel_cpus: vitals.kernel_cpus,
        resident_bytes: status.memory_bytes,
    }
}
