//! How much a pipeline holds: every bound of it can be watched.

use super::{Pipeline, Socket};

/// What a pipeline holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Connection ends (at most [`super::CONNECTIONS_MAX`]).
    pub connections: usize,
    /// Connections by their first sequence numbers.
    pub pairs: usize,
    /// Requests without their response, over all connections.
    pub in_flight: usize,
    /// Finished requests that wait for what their other end saw.
    pub halves: usize,
    /// Owners that wait for their connection.
    pub owners: usize,
    /// Connections on which a response is passing.
    pub answering: usize,
    /// Heap bytes of the connections, roughly.
    pub connection_bytes: usize,
}

impl Pipeline {
    /// Counts what is held. Walks all connections.
    pub fn sizes(&self) -> Sizes {
        Sizes {
            connections: self.entries.len(),
            pairs: self.ends.len(),
            in_flight: self
                .entries
                .values()
                .map(|e| e.connection.in_flight())
                .sum(),
            halves: self.halves.len(),
            owners: self.halves.owners(),
            answering: self.answering.len(),
            connection_bytes: self
                .entries
                .values()
                .map(|e| size_of::<Socket>() + e.connection.memory_bytes())
                .sum(),
        }
    }
}
