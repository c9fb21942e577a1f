//! Programs with known delays: their own clocks are the truth for Forebay's phases.
//!
//! `server` and `client` speak HTTP/1.1 with delays at every point of a request's journey and stamp
//! each point; `truth` compares Forebay's records with those stamps; `net` builds the network
//! namespaces they run in; `observer` runs the program under test beside them.

#![forbid(unsafe_code)]

pub mod client;
pub mod clock;
pub mod http;
pub mod net;
pub mod noise;
pub mod observer;
pub mod plan;
pub mod server;
pub mod sock;
pub mod stamp;
pub mod tools;
pub mod truth;

/// What can go wrong in the rig.
#[derive(Debug, thiserror::Error)]
pub enum RigError {
    /// A socket or file operation failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried, on which object.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// An instruction in `x-rig` or on the command line is not understood.
    #[error("instruction {0:?} is not understood: see `rig server --help` for the grammar")]
    Plan(String),
    /// The peer sent something that is not the HTTP/1.1 the rig speaks.
    #[error("{0}")]
    Http(String),
    /// A command of the harness failed.
    #[error("{place}: `{command}` failed: {output}")]
    Command {
        /// Network namespace or directory.
        place: String,
        /// The command line.
        command: String,
        /// Its standard error, or why it did not start.
        output: String,
    },
    /// The observed program did not do what a test needs.
    #[error("observer: {0}")]
    Observer(String),
}

impl RigError {
    /// Names what was tried when an I/O error came back.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

impl From<nix::Error> for RigError {
    fn from(error: nix::Error) -> Self {
        Self::Io {
            what: "system call".into(),
            source: error.into(),
        }
    }
}

/// Result of the rig.
pub type Result<T> = std::result::Result<T, RigError>;
