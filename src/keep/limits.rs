//! Bounds of what a hub keeps and hands out.

/// Bounds of a hub.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of the ring of recent records.
    pub recent_bytes: usize,
    /// Of the lines waiting for all subscribers; one alone may use all of it.
    pub queue_bytes: usize,
    /// Of the entries of a recording that wait for its client.
    pub recording_bytes: usize,
    /// Subscribers at the same time.
    pub subscribers: usize,
}

impl Limits {
    /// Parts of an agent's whole memory: of 64 MiB at most 4 are history, 8 waiting lines and 4 a
    /// recording.
    pub fn of(memory_max_bytes: u64) -> Limits {
        let part = |parts: u64, most: u64| {
            let bytes = (memory_max_bytes / parts).min(most << 20);
            usize::try_from(bytes).unwrap_or(usize::MAX)
        };
        Limits {
            recent_bytes: part(16, 4),
            queue_bytes: part(8, 8),
            recording_bytes: part(16, 4),
            subscribers: 16,
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::of(64 << 20)
    }
}
