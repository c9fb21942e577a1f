//! Finished requests: each half is timed, joined with the other end's and let go.

use super::{Output, Pipeline};
use crate::decode::Speaker;
use crate::enrich::party;
use crate::event::{Cookie, LossReason};
use crate::exchange::connection::HalfExchange;
use crate::exchange::join::{self, WireKey};
use crate::exchange::pair::Pending;
use crate::halves::Held;

impl Pipeline {
    pub(super) fn finish(&mut self, cookie: Cookie, pending: Pending) {
        let Some(entry) = self.entries.get(&cookie) else {
            return;
        };
        let connection = &entry.connection;
        let now_ns = connection.last_ns;
        let (Some(half), Some((client_base, server_base))) =
            (connection.half(pending), connection.bases())
        else {
            self.losses.add(1, LossReason::Unfinished, now_ns);
            return;
        };
        let key = WireKey {
            client_base,
            server_base,
            at: half.at as u32,
        };
        let process = entry
            .owner
            .as_ref()
            .map(|(pid, comm)| self.processes.process(*pid, comm));
        let open = &connection.open;
        let held = Held {
            half,
            process,
            local: open.local,
            peer: open.peer,
            since_ns: now_ns,
        };
        match self.halves.take(&key) {
            Some(other) => self.emit(&key, held, Some(other)),
            None if self.other_end_works_on(&key, &held.half) => {
                if let Some((key, oldest)) = self.halves.hold(key, held) {
                    self.emit(&key, oldest, None);
                }
            }
            None => self.emit(&key, held, None),
        }
    }

    pub(super) fn other_end_works_on(&self, key: &WireKey, half: &HalfExchange) -> bool {
        let ends = self.ends.get(&(key.client_base, key.server_base));
        let other = ends.and_then(|ends| ends[half.end.other() as usize]);
        let other = other.and_then(|cookie| self.entries.get(&cookie));
        other.is_some_and(|entry| entry.connection.is_at_work_on(half.at))
    }

    pub(super) fn emit(&mut self, key: &WireKey, one: Held, other: Option<Held>) {
        let (client, server) = match one.half.end {
            Speaker::Client => (Some(one), other),
            Speaker::Server => (other, Some(one)),
        };
        let parties = (
            match (&client, &server) {
                (Some(c), _) => party(c.process.as_ref(), c.local, false),
                (None, Some(s)) => party(None, s.peer, false),
                (None, None) => return,
            },
            match (&server, &client) {
                (Some(s), _) => party(s.process.as_ref(), s.local, true),
                (None, Some(c)) => party(None, c.peer, true),
                (None, None) => return,
            },
        );
        let halves = (
            client.as_ref().map(|h| &h.half),
            server.as_ref().map(|h| &h.half),
        );
        if let Some(record) = join::record(key, halves.0, halves.1, parties, &*self.clock) {
            self.out.push(Output::Record(Box::new(record)));
        }
    }
}
