//! The demo's parts: the stack that is shown, the questions asked of it, and what must be found.

pub mod questions;
pub mod report;
pub mod script;
pub mod stack;
pub mod teller;
pub mod verdict;
pub mod watch;

/// Why the demo did not go as it should.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The stack's programs are not where they should be.
    #[error(
        "cannot find the demo stack: there is no {wanted}. Next: run this from a checkout of \
         Forebay, or name its demo folder with --stack DIR"
    )]
    NoStack {
        /// The file that was looked for.
        wanted: String,
    },
    /// Python can't be started.
    #[error(
        "cannot start python3, which runs the demo stack: {source}. Next: install Python 3.11 or \
         newer with its venv module (Debian, Ubuntu: python3-venv)"
    )]
    NoPython {
        /// What the system said.
        source: std::io::Error,
    },
    /// A command of the stack failed; its own lines say why.
    #[error("`{command}` failed ({status}). Next: see the lines above; {log}")]
    Stack {
        /// What was run.
        command: String,
        /// How it ended.
        status: String,
        /// Where to look.
        log: String,
    },
    /// A command of the stack said something unexpected.
    #[error("`{command}` gave no readable result: {reason}. Next: run it by hand in {folder}")]
    Unreadable {
        /// What was run.
        command: String,
        /// What does not fit.
        reason: String,
        /// Where.
        folder: String,
    },
    /// Nobody got an answer.
    #[error("none of {asked} questions was answered: {reason}. Next: {next}")]
    Unanswered {
        /// How many were asked.
        asked: u64,
        /// What the first one failed with.
        reason: String,
        /// What to do.
        next: String,
    },
    /// Questions were answered, and no request of theirs was seen.
    #[error(
        "the questions were answered, but not seen ({0}). Next: `sudo forebay doctor` says what \
         this kernel can't do"
    )]
    Unseen(String),
    /// `explain` did not name a fault.
    #[error(
        "not named: {0}; what was seen instead stands above. Next: run it alone with --faults {0}, \
         on a machine with nothing else to do"
    )]
    NotNamed(String),
    /// The stack and this program are not of one version.
    #[error(
        "the stack has no fault {0}. Next: build forebay from the checkout that holds the stack"
    )]
    NoFault(String),
}
