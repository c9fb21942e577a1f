//! The node agent: wires capture → hub → API, and ends cleanly.

pub mod instance;
pub mod privilege;

use crate::capture::{
    self, CaptureError, Feature, LiveOptions, Source, StopFlag, records::RecordFile,
};
use crate::keep::hub::{Hub, Limits};
use crate::keep::tables::Tables;
use crate::show::api;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long open streams may take to end after a stop.
const DRAIN: Duration = Duration::from_secs(2);
/// How long capture may take to work off a full ring, on a host without a CPU to spare.
const END: Duration = Duration::from_secs(10);

/// What an agent is asked to be.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where its API listens.
    pub socket: PathBuf,
    /// Where metrics are served over TCP as well; a loopback address.
    pub metrics: Option<SocketAddr>,
    /// Saved requests to serve instead of capturing.
    pub records: Option<PathBuf>,
    /// Observe although another agent does.
    pub beside: bool,
    /// How the kernel half is run.
    pub live: LiveOptions,
}

/// What the API knows of its agent.
pub struct Agent {
    /// Where records are.
    pub hub: Arc<Hub>,
    /// What they add up to.
    pub tables: Arc<Tables>,
    /// What each kernel program became.
    pub features: Vec<Feature>,
    /// Where its API listens.
    pub socket: PathBuf,
    /// When it started, for people.
    pub started: String,
    /// When it started, for arithmetic.
    pub since: Instant,
    /// `kernel`, or the file of records it serves.
    pub source: String,
}

/// Why an agent did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Not alone.
    #[error(transparent)]
    Instance(#[from] instance::InstanceError),
    /// No source.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// Rights are missing.
    #[error(transparent)]
    Privilege(#[from] privilege::Missing),
    /// An address can't be listened on.
    #[error("cannot listen on {address}: {source}. Next: {next}")]
    Listen {
        /// Path or address.
        address: String,
        /// What the system said.
        source: std::io::Error,
        /// What to do.
        next: &'static str,
    },
    /// The system refused something the runtime needs.
    #[error(
        "cannot start the agent's {what}: {source}. Next: check the limits of this user (`ulimit -a`)"
    )]
    Start {
        /// What was to be started.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The capture thread did not end.
    #[error("capture did not end within 10 s of being asked to. Next: report it as a defect")]
    Stuck,
    /// The capture thread panicked.
    #[error("capture stopped by a defect. Next: report it with the lines above")]
    Defect,
}

/// Runs an agent until `stop`, a signal when `signals` is set, or the end of its source.
///
/// # Errors
/// When it can't start, or its source breaks.
pub fn run(
    config: &Config,
    stop: &StopFlag,
    signals: bool,
    ready: impl FnOnce(&Agent),
) -> Result<(), AgentError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| AgentError::Start {
            what: "event loop",
            source,
        })?;
    runtime.block_on(async {
        let observes = config.records.is_none();
        if observes {
            privilege::check("run")?;
        }
        let _instance = instance::claim(&config.socket)?;
        let _host = (observes && !config.beside)
            .then(|| instance::claim_host(&config.socket))
            .transpose()?;
        let (source, features) = open_source(config)?;
        let listeners = listen(config).await?;
        let tables = Arc::new(Tables::default());
        let agent = Arc::new(Agent {
            hub: Arc::new(Hub::new(
                Limits::of(config.live.memory_max_bytes),
                vec![tables.clone()],
            )),
            tables,
            features,
            socket: config.socket.clone(),
            started: crate::keep::time::text(jiff::Timestamp::now()),
            since: Instant::now(),
            source: config
                .records
                .as_ref()
                .map_or_else(|| "kernel".to_owned(), |path| path.display().to_string()),
        });
        ready(&agent);
        serve(agent, listeners, source, stop, signals).await
    })
}

fn open_source(config: &Config) -> Result<(Box<dyn Source>, Vec<Feature>), AgentError> {
    if let Some(path) = &config.records {
        return Ok((Box::new(RecordFile::open(path)?), Vec::new()));
    }
    Ok(capture::live(&config.live)?)
}

/// The agent's open doors.
struct Listeners {
    unix: UnixListener,
    metrics: Option<TcpListener>,
}

async fn listen(config: &Config) -> Result<Listeners, AgentError> {
    let unix = instance::bind(&config.socket).map_err(|source| AgentError::Listen {
        address: config.socket.display().to_string(),
        source,
        next: "check the directory's permissions, or choose another place with --socket",
    })?;
    let metrics = match config.metrics {
        None => None,
        Some(address) => {
            let bound = TcpListener::bind(address).await;
            Some(bound.map_err(|source| AgentError::Listen {
                address: address.to_string(),
                source,
                next: "choose another port with --listen-metrics",
            })?)
        }
    };
    Ok(Listeners { unix, metrics })
}

/// A source at work on its own thread.
struct Capturing {
    outcome: oneshot::Receiver<Result<(), CaptureError>>,
    stop: StopFlag,
}

impl Capturing {
    fn start(source: Box<dyn Source>, hub: Arc<Hub>) -> Result<Capturing, AgentError> {
        let stop = StopFlag::default();
        let flag = stop.clone();
        let (done, outcome) = oneshot::channel();
        let body = move || {
            // The receiver is gone only when the agent no longer waits.
            let _ = done.send(source.run(hub, flag));
        };
        let thread = std::thread::Builder::new().name("capture".into());
        let spawned = thread.spawn(body);
        spawned.map_err(|source| AgentError::Start {
            what: "capture thread",
            source,
        })?;
        Ok(Capturing { outcome, stop })
    }

    /// Waits for the source's own end; a sender that is gone means that it panicked.
    async fn ended(&mut self) -> Result<(), AgentError> {
        let outcome = (&mut self.outcome).await;
        Ok(outcome.map_err(|_| AgentError::Defect)??)
    }

    /// Ends the source. One that does not end in time is left to the end of the process.
    async fn end(&mut self) -> Result<(), AgentError> {
        self.stop.stop();
        let ended = timeout(END, self.ended()).await;
        ended.unwrap_or(Err(AgentError::Stuck))
    }
}

/// Serves until something asks for the end; then ends every part in order: source, streams, API.
async fn serve(
    agent: Arc<Agent>,
    listeners: Listeners,
    source: Box<dyn Source>,
    stop: &StopFlag,
    signals: bool,
) -> Result<(), AgentError> {
    let hub = Arc::clone(&agent.hub);
    let mut capturing = Capturing::start(source, Arc::clone(&hub))?;
    let (end, ended) = watch::channel(false);
    let mut servers = JoinSet::new();
    servers.spawn(api::serve_unix(
        listeners.unix,
        Arc::clone(&agent),
        ended.clone(),
    ));
    if let Some(tcp) = listeners.metrics {
        servers.spawn(api::serve_metrics(tcp, agent, ended));
    }
    let result = tokio::select! {
        outcome = capturing.ended() => Some(outcome),
        () = asked_to_stop(stop, signals) => None,
    };
    let result = match result {
        Some(outcome) => outcome,
        None => capturing.end().await,
    };
    hub.close();
    // A failed send means that no server listens any more, which is what is wanted.
    let _ = end.send(true);
    // Readers that don't take their last lines in time lose them.
    let _ = timeout(DRAIN, async {
        while servers.join_next().await.is_some() {}
    })
    .await;
    result
}

/// Returns when the flag is set or, with `signals`, on SIGINT or SIGTERM. Without, it leaves them
/// alone: a handler here would take them from the verb that this agent belongs to.
async fn asked_to_stop(stop: &StopFlag, signals: bool) {
    use tokio::signal::unix::{SignalKind, signal};
    let flagged = async {
        while !stop.stopped() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let on = |kind| async move {
        match signals.then(|| signal(kind)) {
            Some(Ok(mut signal)) => signal.recv().await,
            // Without a handler the default action ends the process.
            _ => std::future::pending().await,
        }
    };
    tokio::select! {
        () = flagged => {}
        _ = on(SignalKind::interrupt()) => {}
        _ = on(SignalKind::terminate()) => {}
    }
}
