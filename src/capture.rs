//! Where records come from: the contract between a source of requests and the agent.
//!
//! [`live`] opens the kernel half; [`records`] reads records that were saved before.

pub mod records;

use crate::keep::hub::Hub;
use serde::{Deserialize, Serialize};
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

/// One kernel program and what became of it on this host: a row of `forebay doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// Name of the kernel program.
    pub program: String,
    /// What it makes visible.
    pub gives: String,
    /// What it needs of the kernel.
    pub needs: String,
    /// Whether it is attached (with an agent) or could be (without).
    pub active: bool,
    /// Why it is, or is not.
    pub reason: String,
    /// What takes its place when it is not active.
    pub fallback: String,
}

/// Why capturing failed.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// This build cannot observe the kernel.
    #[error(
        "the kernel half is not part of this build, so nothing can be captured. \
         Next: serve saved requests with `forebay run --records FILE`"
    )]
    NoKernelHalf,
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

/// Opens the kernel half: the source, and what each of its programs became.
///
/// # Errors
/// When no program can be loaded.
pub fn live() -> Result<(Box<dyn Source>, Vec<Feature>), CaptureError> {
    Err(CaptureError::NoKernelHalf)
}

/// What the kernel half could do here, without attaching anything.
///
/// # Errors
/// When the kernel can't be asked.
pub fn probe() -> Result<Vec<Feature>, CaptureError> {
    Err(CaptureError::NoKernelHalf)
}
