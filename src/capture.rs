//! Where records come from: the contract between a source of requests and the agent.
//!
//! [`mod@live`] opens the kernel half; [`records`] reads records that were saved before.

pub mod clock;
mod live;
mod meter;
mod priority;
mod processes;
pub mod records;
mod sched;

pub use forebay_kernel::{Feature, optional};

use crate::keep::hub::Hub;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tells a source to end. Clones share the same state.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Asks for the end; a source returns within 200 ms.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
    /// Whether the end was asked for.
    pub fn stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Anything that publishes requests until it is told to stop or has no more.
pub trait Source: Send {
    /// Publishes to `hub` from the calling thread. Returns when `stop` is set, or at the end of a
    /// source that has one.
    ///
    /// # Errors
    /// When the source breaks; the agent then ends too.
    fn run(self: Box<Self>, hub: Arc<Hub>, stop: StopFlag) -> Result<(), CaptureError>;
}

/// Why capturing failed.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The kernel half did not start.
    #[error(transparent)]
    Kernel(#[from] forebay_kernel::LoadError),
    /// A file of records can't be opened or read.
    #[error("cannot read records from {path}: {source}. Next: check the path and its permissions")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line is neither a record nor a loss.
    #[error(
        "{path}, line {line}: not a record of `forebay observe --json`: {source}. \
         Next: remove or repair the line"
    )]
    Line {
        /// The file.
        path: String,
        /// Counted from 1.
        line: u64,
        /// What does not fit.
        source: serde_json::Error,
    },
}

/// How the kernel half is run.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// Switch the kernel's run-time statistics of BPF programs on: 60–100 ns a run.
    pub bpf_stats: bool,
    /// Resident memory at which no further connection is taken on.
    pub memory_max_bytes: u64,
    /// Kernel programs to leave out.
    pub without: Vec<&'static str>,
}

impl Default for LiveOptions {
    /// 64 MiB, no statistics.
    fn default() -> Self {
        Self {
            bpf_stats: false,
            memory_max_bytes: 64 << 20,
            without: Vec::new(),
        }
    }
}

/// Opens the kernel half: the source, and what each of its programs became.
///
/// # Errors
/// When a program that everything rests on can't be loaded.
pub fn live(options: &LiveOptions) -> Result<(Box<dyn Source>, Vec<Feature>), CaptureError> {
    let source = live::Live::start(options)?;
    let features = source.features();
    Ok((Box::new(source), features))
}

/// What policies could be enforced with here. No verb does yet.
pub fn probe_enforce() -> Vec<Feature> {
    forebay_kernel::Enforce::features()
}

/// What the kernel half could do here, without attaching anything.
pub fn probe() -> Vec<Feature> {
    forebay_kernel::Observe::features()
}
