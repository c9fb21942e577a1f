//! What the order of segments tells of those that were never reported.

use super::Connection;
use crate::event::{Direction, Segment};

/// Silence after which nothing is in flight any more on a connection that pipelines.
const QUIET_NS: u64 = 1_000_000_000;

impl Connection {
    /// Whether nothing happened here for a while before a segment.
    pub(super) fn is_quiet_before(&self, segment: &Segment<'_>) -> bool {
        let times = [segment.app_ns, segment.net_ns];
        let first_ns = times.into_iter().filter(|ns| *ns != 0).min();
        first_ns.is_some_and(|ns| ns >= self.last_ns.saturating_add(QUIET_NS))
    }

    /// Whether turns between the last segment and this one were never reported: turns of both
    /// directions alternate, and each is counted.
    pub(super) fn missed_before(&mut self, segment: &Segment<'_>) -> bool {
        let side = segment.direction as usize;
        let ahead = segment.turns.wrapping_sub(self.kernel_turns[side]);
        self.kernel_turns[side] = segment.turns;
        let again = self.moved.replace(segment.direction) == Some(segment.direction);
        if ahead as i16 > 0 {
            // The other direction's turns in between are known to be over.
            let other = &mut self.kernel_turns[1 - side];
            *other = other.wrapping_add(ahead - u16::from(!again));
        }
        let outgoing = segment.direction == Direction::Out;
        // The first that is seen of this direction is not the first of its turn.
        let joins = !segment.turn && self.decoder.taken(outgoing).is_none();
        // A counter that goes back is none of ours.
        match ahead as i16 {
            ..=0 => false,
            1 => again || joins,
            _ => true,
        }
    }
}
