//! How a command ends badly: one sentence and an exit code.

use crate::agent::AgentError;
use crate::agent::instance::InstanceError;
use crate::agent::privilege::Missing;
use crate::capture::CaptureError;
use crate::keep::fbcap::FbcapError;
use std::io;

/// Exit codes and their meaning; the table in docs/cli.md is made from it.
pub const EXIT_CODES: [(u8, &str); 5] = [
    (0, "done, or ended by Ctrl-C or a closed pipe"),
    (
        1,
        "failed; the line on standard error says why and what to do next. `policy`: something is wrong or does not hold, as printed",
    ),
    (2, "wrong usage"),
    (3, "another agent is running on this socket"),
    (4, "not permitted: rights are missing"),
];

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// An agent did not start, or broke.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The kernel can't be asked.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// A capture file can't be used.
    #[error(transparent)]
    Fbcap(#[from] FbcapError),
    /// Rights are missing.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The screen can't be shown.
    #[error(transparent)]
    Top(#[from] crate::show::top::TopError),
    /// The demo did not go as it should.
    #[error(transparent)]
    Demo(#[from] crate::show::demo::DemoError),
    /// There is an agent, but not for this user.
    #[error(
        "not permitted: {socket} belongs to root and its group, and this process (uid {uid}) may not use it. \
         Next: `sudo forebay {line}`"
    )]
    Forbidden {
        /// The agent's socket.
        socket: String,
        /// Who asked.
        uid: u32,
        /// The command line.
        line: String,
    },
    /// A policy can't be judged.
    #[error(transparent)]
    Policy(#[from] crate::show::policy::PolicyError),
    /// What is wrong stands on standard output already.
    #[error("it does not hold")]
    Said,
    /// A flag's value makes no sense here.
    #[error("{0}")]
    Usage(String),
    /// The agent can't be talked to.
    #[error(
        "cannot talk to the agent at {socket}: {reason}. Next: `forebay status`, or start one with `sudo forebay run`"
    )]
    Api {
        /// Its socket.
        socket: String,
        /// What happened.
        reason: String,
    },
    /// The agent said no.
    #[error("the agent refused {path}: {sentence}")]
    Refused {
        /// What was asked.
        path: String,
        /// The answer's status.
        status: u16,
        /// Its text.
        sentence: String,
    },
    /// The stream ended though nobody asked for it.
    #[error("the agent ended the stream. Next: `forebay status` says whether it still runs")]
    Ended,
    /// Output can't be written.
    #[error("cannot write {what}: {source}. Next: check the space and permissions there")]
    Write {
        /// Where to.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Failure {
    /// Standard output can't be written.
    pub fn stdout(source: io::Error) -> Failure {
        Failure::Write {
            what: "standard output".to_owned(),
            source,
        }
    }

    /// See [`EXIT_CODES`].
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Agent(AgentError::Instance(InstanceError::Running { .. })) => 3,
            Failure::Agent(AgentError::Privilege(_))
            | Failure::Missing(_)
            | Failure::Forbidden { .. } => 4,
            Failure::Usage(_) => 2,
            Failure::Refused { status: 400, .. } => 2,
            Failure::Write { source, .. } if source.kind() == io::ErrorKind::BrokenPipe => 0,
            _ => 1,
        }
    }

    /// Whether nobody is there to read about it, or everything was said.
    pub fn is_quiet(&self) -> bool {
        self.exit_code() == 0 || matches!(self, Failure::Said)
    }
}
