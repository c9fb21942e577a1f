//! What leaves the core: finished requests, and what was lost on the way.

use crate::event::LossReason;
use crate::exchange::record::Record;

/// One thing the core has to say.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A finished request.
    Record(Box<Record>),
    /// Something that will be missing.
    Lost {
        /// How many (see [`LossReason`] for of what).
        count: u64,
        /// Why.
        why: LossReason,
        /// Monotonic time from which on.
        since_ns: u64,
    },
}
