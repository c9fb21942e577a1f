//! Bounds of what a hub keeps and hands out.

/// Bounds of a hub.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of the ring of recent records.
    pub recent_bytes: usize,
    /// Of the lines waiting for all subscribers; one alone may use all of it.
    pub queue_bytes: usize,
    /// Subscribers at the same time.
    pub subscribers: usize,
}

impl Default for Limits {
    /// At most 4 MB of history and 8 MB of waiting lines: a fifth of the agent's 64 MB.
    fn default() -> Limits {
        Limits {
            recent_bytes: 4 << 20,
            queue_bytes: 8 << 20,
            subscribers: 16,
        }
    }
}
