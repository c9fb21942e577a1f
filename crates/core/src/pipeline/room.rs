//! Makes room for new connections: those silent longest go.

use super::Pipeline;
use crate::decode::Report;
use crate::event::{Cookie, LossReason};
use crate::exchange::connection::Order;

/// Part of the table let go at once, so that a full one is not searched for each new connection.
const ROOM_PART: usize = 64;

impl Pipeline {
    /// Connections whose end was not reported would stay for ever: when the table is full the
    /// longest silent are let go and counted.
    pub(super) fn make_room(&mut self, now_ns: u64) {
        if self.entries.len() < self.connections_max || self.entries.is_empty() {
            return;
        }
        self.let_go((self.entries.len() / ROOM_PART).max(1), now_ns);
    }

    /// Lets go of the so many that are silent longest. Their sockets need not report any more.
    pub(super) fn let_go(&mut self, count: usize, now_ns: u64) {
        if count == 0 {
            return;
        }
        let mut all: Vec<(u64, Cookie)> = self
            .entries
            .iter()
            .map(|(cookie, entry)| (entry.connection.last_ns, *cookie))
            .collect();
        all.sort_unstable();
        all.truncate(count);
        for (_, cookie) in all {
            self.orders.push(Order {
                cookie,
                incoming: Report::Quiet,
                outgoing: Report::Quiet,
                turns: [0; 2],
            });
            self.losses.add(1, LossReason::FlowTableFull, now_ns);
            self.forget(cookie);
        }
    }
}
