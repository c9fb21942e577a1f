//! The agent's HTTP API: one route = one line in [`routes`].
//!
//! It is served on a unix socket; over TCP only `/metrics` is, and only where asked for.

mod connection;
mod doctor;
mod explain;
mod metrics;
mod observe;
mod record;
mod status;
mod top;

use crate::agent::Agent;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use connection::{Bounds, accept};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

/// State of every handler.
pub type Shared = axum::extract::State<Arc<Agent>>;

/// The whole API.
fn routes(agent: Arc<Agent>) -> Router {
    Router::new()
        .route("/v1/status", get(status::get))
        .route("/v1/observe", get(observe::get))
        .route("/v1/record", get(record::get))
        .route("/v1/top", get(top::get))
        .route("/v1/explain", get(explain::get))
        .route("/v1/doctor", get(doctor::get))
        .route("/metrics", get(metrics::get))
        .fallback(unknown)
        .with_state(agent)
}

async fn unknown(uri: axum::http::Uri) -> Response {
    let text = format!(
        "{} is not part of this API; docs/cli.md lists its routes\n",
        uri.path()
    );
    (StatusCode::NOT_FOUND, text).into_response()
}

/// Serves everything on the agent's own socket until `ended`.
pub async fn serve_unix(listener: UnixListener, agent: Arc<Agent>, ended: watch::Receiver<bool>) {
    let bounds = Bounds {
        connections: 32,
        lifetime: None,
    };
    accept(listener, routes(agent), bounds, ended).await;
}

/// Serves `/metrics` over TCP until `ended`. Everybody on this host can connect, so a connection
/// that is held does not keep its place for ever.
pub async fn serve_metrics(listener: TcpListener, agent: Arc<Agent>, ended: watch::Receiver<bool>) {
    let router = Router::new()
        .route("/metrics", get(metrics::get))
        .with_state(agent);
    let bounds = Bounds {
        connections: 16,
        lifetime: Some(Duration::from_secs(60)),
    };
    accept(listener, router, bounds, ended).await;
}

/// Refuses with a sentence.
fn refuse(status: StatusCode, sentence: impl std::fmt::Display) -> Response {
    (status, format!("{sentence}\n")).into_response()
}
