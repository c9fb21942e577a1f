//! The client: sends requests on keep-alive connections and stamps every point of their journey.

mod exchange;
mod request;

pub use exchange::Session;
pub use request::Request;

use crate::clock::{now_ns, sleep_until};
use crate::sock::{ReadWith, WriteWith};
use crate::stamp::ClientLine;
use crate::{Result, RigError};
use std::net::SocketAddr;

/// What one request of a run looks like.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// Instructions for the server (`x-rig`), see [`crate::plan`].
    pub plan: String,
    /// Body bytes; 0 with a token stream still sends its small JSON body.
    pub body_bytes: usize,
    /// Pause between the request's head and its body. Without a body: in the middle of the head.
    pub send_late_ns: u64,
    /// Readable → first read of the response.
    pub read_late_ns: u64,
    /// After this many content events, wait this long between readable and the next read.
    pub read_stall: Option<(usize, u64)>,
    /// Cause of the stall the plan or the test puts in, for the truth's log.
    pub injected: Option<String>,
    /// Shut the sending direction down after the request.
    pub half_close: bool,
}

/// A run: which requests, on how many connections, how fast.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The server.
    pub addr: SocketAddr,
    /// Connections, each on a thread of its own.
    pub connections: usize,
    /// Requests of all connections together.
    pub requests: usize,
    /// Requests per second of all connections together, sent on schedule whatever the answers do;
    /// `None`: each connection sends the next when the last is answered.
    pub rate: Option<f64>,
    /// Requests sent before the first answer is read, per connection.
    pub pipeline: usize,
    /// Connect anew for every request.
    pub short: bool,
    /// What to ask, in turn.
    pub asks: Vec<Ask>,
    /// Target with `{id}`; must contain `/rig/{id}`.
    pub path: String,
    /// Prefix of the ids, to keep runs apart.
    pub prefix: String,
    /// Family of writes.
    pub write_with: WriteWith,
    /// Family of reads.
    pub read_with: ReadWith,
    /// Size of one read.
    pub read_bytes: usize,
    /// Ask the kernel for packet times.
    pub kernel_stamps: bool,
}

impl ClientConfig {
    /// One connection, one plain request.
    pub fn new(addr: SocketAddr) -> Self {
        Self {
            addr,
            connections: 1,
            requests: 1,
            rate: None,
            pipeline: 1,
            short: false,
            asks: vec![Ask::default()],
            path: "/rig/{id}".into(),
            prefix: "r".into(),
            write_with: WriteWith::default(),
            read_with: ReadWith::default(),
            read_bytes: 65_536,
            kernel_stamps: true,
        }
    }
}

/// Runs and returns every request's line, ordered by connection.
///
/// # Errors
/// When a connection cannot be opened; a failure later on stands in the lines.
pub fn run(config: &ClientConfig) -> Result<Vec<ClientLine>> {
    if config.asks.is_empty() || config.connections == 0 || config.pipeline == 0 {
        return Err(RigError::Plan(
            "asks, connections and pipeline must not be zero".into(),
        ));
    }
    // Time for every thread to be there before the schedule begins.
    let start_ns = now_ns() + 20_000_000;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..config.connections)
            .map(|connection| scope.spawn(move || one_connection(config, connection, start_ns)))
            .collect();
        let mut all = Vec::with_capacity(config.requests);
        for thread in threads {
            all.extend(
                thread
                    .join()
                    .map_err(|_| RigError::Http("a client thread panicked".into()))??,
            );
        }
        Ok(all)
    })
}

fn one_connection(
    config: &ClientConfig,
    connection: usize,
    start_ns: u64,
) -> Result<Vec<ClientLine>> {
    let mut session = Session::connect(config)?;
    let mine: Vec<usize> = (connection..config.requests)
        .step_by(config.connections)
        .collect();
    let mut lines = Vec::with_capacity(mine.len());
    for group in mine.chunks(config.pipeline) {
        if session.ended() || (config.short && !lines.is_empty()) {
            session = Session::connect(config)?;
        }
        let due_ns = config
            .rate
            .map_or(0, |rate| start_ns + (group[0] as f64 * 1e9 / rate) as u64);
        if due_ns > 0 {
            sleep_until(due_ns);
        }
        let requests: Vec<Request> = group
            .iter()
            .map(|n| {
                Request::new(
                    &format!("{}{n}", config.prefix),
                    &config.path,
                    config.addr,
                    &config.asks[n % config.asks.len()],
                )
            })
            .collect();
        lines.extend(session.exchange(&requests, due_ns));
    }
    Ok(lines)
}
