//! Verbs as clients: finds the agent, or becomes one for as long as the verb runs.

use super::cli::Global;
use super::failure::Failure;
use crate::agent::{self, AgentError, Config, privilege};
use crate::capture::{LiveOptions, StopFlag};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Most of a refusal that is read.
const REFUSAL_BYTES_MAX: usize = 8 << 10;

/// An agent to talk to.
#[derive(Debug)]
pub struct Api {
    socket: PathBuf,
    own: Option<OwnAgent>,
}

/// Whether somebody answers on the socket.
///
/// # Errors
/// When somebody might, but this user may not ask.
pub fn answers(global: &Global) -> Result<bool, Failure> {
    match StdUnixStream::connect(&global.socket) {
        Ok(_) => Ok(true),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => Ok(false),
            ErrorKind::PermissionDenied => Err(Failure::Forbidden {
                socket: global.socket.display().to_string(),
                uid: rustix::process::geteuid().as_raw(),
                line: global.line.clone(),
            }),
            _ => Err(Failure::Api {
                socket: global.socket.display().to_string(),
                reason: error.to_string(),
            }),
        },
    }
}

impl Api {
    /// The running agent.
    ///
    /// # Errors
    /// When there is none that answers this user.
    pub fn running(global: &Global) -> Result<Api, Failure> {
        if answers(global)? {
            let socket = global.socket.clone();
            return Ok(Api { socket, own: None });
        }
        Err(Failure::Api {
            socket: global.socket.display().to_string(),
            reason: "nobody answers there".to_owned(),
        })
    }

    /// The running agent or, with enough rights, one of our own.
    ///
    /// # Errors
    /// When there is none and none can be started.
    pub fn reach(global: &Global) -> Result<Api, Failure> {
        if answers(global)? {
            return Api::running(global);
        }
        privilege::check(&global.line)?;
        let own = OwnAgent::start()?;
        Ok(Api {
            socket: own.socket(),
            own: Some(own),
        })
    }

    /// Says that an agent of our own observes, if it is one. Call once the agent's answer has begun:
    /// everything from here on is seen.
    pub fn announce(&self) {
        if self.own.is_some() {
            eprintln!("no agent is running: observing with one of our own until this command ends");
        }
    }

    /// Asks for a path; refusals become failures.
    ///
    /// # Errors
    /// When the agent can't be reached, or refuses.
    pub async fn get(&self, path: &str) -> Result<Response<Incoming>, Failure> {
        let stream = UnixStream::connect(&self.socket).await;
        let io = TokioIo::new(stream.map_err(|e| self.broken(&e))?);
        let shaken = hyper::client::conn::http1::handshake(io).await;
        let (mut sender, connection) = shaken.map_err(|e| self.broken(&e))?;
        tokio::spawn(connection);
        let request = Request::get(path)
            .header(header::HOST, "forebay")
            .body(Empty::<Bytes>::new())
            .map_err(|e| self.broken(&e))?;
        let sent = sender.send_request(request).await;
        let response = sent.map_err(|e| self.broken(&e))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let body = http_body_util::Limited::new(response.into_body(), REFUSAL_BYTES_MAX);
        let text = body
            .collect()
            .await
            .map(|all| all.to_bytes())
            .unwrap_or_default();
        Err(Failure::Refused {
            path: path.to_owned(),
            status,
            sentence: String::from_utf8_lossy(&text).trim().to_owned(),
        })
    }

    /// The whole answer as text.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn text(&self, path: &str) -> Result<String, Failure> {
        let body = self.get(path).await?.into_body();
        let all = body.collect().await.map_err(|e| self.broken(&e))?;
        Ok(String::from_utf8_lossy(&all.to_bytes()).into_owned())
    }

    /// The whole answer, read as JSON.
    ///
    /// # Errors
    /// As [`Api::get`], and when it is something else.
    pub async fn json<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let text = self.text(path).await?;
        serde_json::from_str(&text).map_err(|e| self.broken(&e))
    }

    /// Ends an agent of our own, if it is one; its failure is then known.
    ///
    /// # Errors
    /// What ended that agent.
    pub fn end(self) -> Result<(), Failure> {
        match self.own {
            None => Ok(()),
            Some(mut own) => own.end(),
        }
    }

    /// A failure of the connection.
    pub fn broken(&self, error: &dyn std::error::Error) -> Failure {
        Failure::Api {
            socket: self.socket.display().to_string(),
            reason: error.to_string(),
        }
    }
}

/// An agent of this process, on a socket that nobody else can reach.
#[derive(Debug)]
struct OwnAgent {
    directory: TempDir,
    stop: StopFlag,
    thread: Option<JoinHandle<Result<(), AgentError>>>,
}

impl OwnAgent {
    fn start() -> Result<OwnAgent, Failure> {
        let mut place = tempfile::Builder::new();
        let place = place.prefix("forebay-");
        let directory = place
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir()
            .map_err(|source| Failure::Write {
                what: "a temporary directory".to_owned(),
                source,
            })?;
        let config = Config {
            socket: socket_in(directory.path()),
            metrics: None,
            records: None,
            beside: true,
            live: LiveOptions::default(),
        };
        let (told, ready) = mpsc::channel();
        let stop = StopFlag::default();
        let flag = stop.clone();
        // Without a message the channel closes when the agent is over, and its thread knows why.
        let body = move || {
            // Nobody waits any more once the verb is on its way out.
            let tell = |_: &agent::Agent| told.send(()).unwrap_or_default();
            agent::run(&config, &flag, false, tell)
        };
        let thread = std::thread::Builder::new().name("agent".into()).spawn(body);
        let thread = thread.map_err(|source| AgentError::Start {
            what: "thread",
            source,
        })?;
        let mut own = OwnAgent {
            directory,
            stop,
            thread: Some(thread),
        };
        match ready.recv() {
            Ok(()) => Ok(own),
            Err(_) => Err(own.end().err().unwrap_or(AgentError::Defect.into())),
        }
    }

    /// Ends it, or learns why it ended.
    fn end(&mut self) -> Result<(), Failure> {
        self.stop.stop();
        let outcome = self.thread.take().map(JoinHandle::join);
        Ok(outcome
            .unwrap_or(Ok(Ok(())))
            .map_err(|_| AgentError::Defect)??)
    }

    fn socket(&self) -> PathBuf {
        socket_in(self.directory.path())
    }
}

fn socket_in(directory: &Path) -> PathBuf {
    directory.join("api.sock")
}

impl Drop for OwnAgent {
    fn drop(&mut self) {
        // Whoever wanted to know its outcome has asked.
        let _ = self.end();
    }
}

/// A verb at work: Ctrl-C and SIGTERM are a good end for it from here on, even before it runs.
#[derive(Debug)]
pub struct Session {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
}

impl Session {
    /// Takes over the signals.
    ///
    /// # Errors
    /// When the system refuses what an event loop needs.
    pub fn start() -> Result<Session, Failure> {
        let refused = |source| AgentError::Start {
            what: "event loop",
            source,
        };
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().map_err(refused)?;
        let inside = runtime.enter();
        let interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
        let terminate = signal(SignalKind::terminate()).map_err(refused)?;
        drop(inside);
        Ok(Session {
            runtime,
            interrupt,
            terminate,
        })
    }

    /// Runs the verb's body to its end, or to a signal.
    ///
    /// # Errors
    /// The body's own.
    pub fn run(mut self, body: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
        let result = self.runtime.block_on(async {
            tokio::select! {
                result = body => result,
                _ = self.interrupt.recv() => Ok(()),
                _ = self.terminate.recv() => Ok(()),
            }
        });
        // A write to a reader that takes nothing must not hold up the end.
        self.runtime.shutdown_background();
        result
    }
}
