//! Connections to the API: bounded in number, in waiting and, where asked, in life.

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long a connection may take to ask its next question.
const HEADER_WAIT: Duration = Duration::from_secs(5);

/// Bounds of a listener.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections at the same time; the next ones wait in the kernel's queue.
    pub connections: usize,
    /// Longest life of a connection.
    pub lifetime: Option<Duration>,
}

/// Accepts until `ended`, then waits for the open connections to finish their answers.
pub async fn accept<L: Listener>(
    mut listener: L,
    router: Router,
    bounds: Bounds,
    mut ended: watch::Receiver<bool>,
) {
    let end = ended.clone();
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            () = over(&mut ended) => break,
            Some(_) = open.join_next() => {}
            (io, _) = listener.accept(), if open.len() < bounds.connections => {
                open.spawn(serve(io, router.clone(), bounds, end.clone()));
            }
        }
    }
    while open.join_next().await.is_some() {}
}

/// Serves one connection. Its errors are the peer's: it went away or spoke no HTTP.
async fn serve<I>(io: I, router: Router, bounds: Bounds, mut ended: watch::Receiver<bool>)
where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WAIT)
        .serve_connection(TokioIo::new(io), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let life = async {
        match bounds.lifetime {
            Some(lifetime) => tokio::time::sleep(lifetime).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = connection.as_mut() => return,
        () = life => return,
        () = over(&mut ended) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Returns at the end; a sender that is gone means the same.
async fn over(ended: &mut watch::Receiver<bool>) {
    let _ = ended.wait_for(|end| *end).await;
}
