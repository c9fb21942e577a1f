//! Makes room for new connections: those silent longest go.

use super::{CONNECTIONS_MAX, Pipeline};
use crate::event::{Cookie, LossReason};

/// Connections let go at once, so that a full table is not searched for each new one.
const ROOM: usize = CONNECTIONS_MAX / 64;

impl Pipeline {
    /// Connections whose end was not reported would stay for ever: when the table is full the
    /// longest silent are let go and counted.
    pub(super) fn make_room(&mut self, now_ns: u64) {
        if self.entries.len() < CONNECTIONS_MAX {
            return;
        }
        let mut all: Vec<(u64, Cookie)> = self
            .entries
            .iter()
            .map(|(cookie, entry)| (entry.connection.last_ns, *cookie))
            .collect();
        let (silent, ..) = all.select_nth_unstable(ROOM);
        silent.sort_unstable();
        for (_, cookie) in silent {
            self.losses.add(1, LossReason::FlowTableFull, now_ns);
            self.forget(*cookie);
        }
    }
}
