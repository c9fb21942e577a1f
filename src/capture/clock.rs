//! The kernel's monotonic clock and the wall clock beside it.

use crate::keep::time::{self, monotonic_ns};
use forebay_core::exchange::join::WallClock;

/// Wall clock = monotonic clock + a constant, as it was when this was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Unix time of monotonic 0, in nanoseconds.
    pub epoch_ns: u64,
}

impl Clock {
    /// Reads both clocks; the tightest of a few tries.
    pub fn read() -> Self {
        let tries = (0..5).map(|_| {
            let before = monotonic_ns();
            let wall = time::now_ns();
            let after = monotonic_ns();
            (
                after - before,
                wall.saturating_sub(before + (after - before) / 2),
            )
        });
        let epoch_ns = tries.min().map_or(0, |(_, epoch)| epoch);
        Self { epoch_ns }
    }
}

impl WallClock for Clock {
    fn unix_ns(&self, monotonic_ns: u64) -> u64 {
        self.epoch_ns.saturating_add(monotonic_ns)
    }
}
