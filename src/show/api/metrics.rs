//! `GET /metrics`: for Prometheus, in the format it prefers.

use super::{Shared, refuse};
use crate::show::metrics::agent::ProgramStats;
use crate::show::metrics::{Format, SelfStats};
use crate::show::status::Status;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// The exposition.
pub async fn get(agent: Shared, headers: HeaderMap) -> Response {
    let status = Status::of(&agent);
    let vitals = agent.hub.vitals();
    let programs = vitals.programs.into_iter().map(|program| ProgramStats {
        name: program.program.into(),
        run_ns: program.run_time_ns,
        runs: program.runs,
        misses: program.misses,
    });
    let stats = SelfStats {
        cpu_ns: status.cpu_ns.unwrap_or(0),
        resident_bytes: status.memory_bytes.unwrap_or(0),
        kernel_memory_bytes: vitals.kernel_bytes,
        memory_max_bytes: vitals.memory_max_bytes,
        lost: agent.hub.counts().lost.into_iter().collect(),
        programs: programs.collect(),
        connections: vitals.connections,
        connections_max: vitals.connections_max,
        ring_bytes: vitals.ring_waiting_bytes,
        ring_max_bytes: vitals.ring_bytes,
    };
    let accept = headers.get_all(header::ACCEPT).iter();
    let format = Format::asked_for(accept.filter_map(|value| value.to_str().ok()));
    match agent.tables.metrics.render(stats, format) {
        Ok(body) => {
            let kind = (header::CONTENT_TYPE, format.content_type());
            ([kind, (header::VARY, "Accept")], body).into_response()
        }
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}
