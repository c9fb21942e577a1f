//! What Forebay costs: the loads, the meters and the experiments behind docs/benchmarks.md.

#![forbid(unsafe_code)]

pub mod clock;
pub mod compare;
pub mod load;
pub mod memory;
pub mod meter;
pub mod protocol;
pub mod quantile;
pub mod servers;
pub mod toggle;
pub mod tools;
pub mod verifier;

/// Why an experiment did not run.
#[derive(Debug, thiserror::Error)]
pub enum CostError {
    /// The system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried, on which object.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The kernel half did not start.
    #[error(transparent)]
    Kernel(#[from] forebay_kernel::LoadError),
    /// A program answered something else than expected.
    #[error("{0}")]
    Unexpected(String),
}

/// Result of everything here.
pub type Result<T> = std::result::Result<T, CostError>;

/// Names what was tried.
pub trait Tried<T> {
    /// Turns the system's word into ours.
    ///
    /// # Errors
    /// When there is one.
    fn tried(self, what: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<std::io::Error>> Tried<T> for std::result::Result<T, E> {
    fn tried(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|source| CostError::Io {
            what: what.into(),
            source: source.into(),
        })
    }
}
