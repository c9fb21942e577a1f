//! Finished requests: each half is timed, joined with the other end's and let go.

use super::{Output, Pipeline, Socket};
use crate::decode::Speaker;
use crate::enrich::Processes;
use crate::event::{Close, LossReason};
use crate::exchange::connection::HalfExchange;
use crate::exchange::join::{self, WireKey};
use crate::exchange::pair::Pending;
use crate::exchange::record::Party;
use crate::halves::Held;
use std::mem::take;
use std::sync::Arc;

impl Socket {
    /// What this end saw of a finished request; `None` if its times are not complete.
    #[inline]
    pub(super) fn held(
        &self,
        pending: &mut Pending,
        processes: &Processes,
    ) -> Option<(WireKey, Option<Held>)> {
        let connection = &self.connection;
        let half = connection.half(pending)?;
        let (client_base, server_base) = connection.bases()?;
        let key = WireKey {
            client_base,
            server_base,
            at: half.at as u32,
        };
        let owner = self.owner.as_ref();
        let held = Held {
            half,
            who: owner.map(|(pid, comm)| processes.process(*pid, comm)),
            local: connection.open.local,
            peer: connection.open.peer,
            since_ns: connection.last_ns,
        };
        Some((key, Some(held)))
    }
}

impl Pipeline {
    /// Joins and lets go what became ready.
    pub(super) fn finish_ready(&mut self) {
        let mut ready = take(&mut self.ready);
        for (key, held) in &mut ready {
            self.finish(*key, held);
        }
        ready.clear();
        self.ready = ready;
    }

    /// Requests that end with their connection.
    pub(super) fn give_up_unanswered(&mut self, close: &Close) {
        let Some(entry) = self.entries.get_mut(&close.cookie) else {
            return;
        };
        for mut pending in entry.connection.unanswered(close) {
            match entry.held(&mut pending, &self.processes) {
                Some(held) => self.ready.push(held),
                None => self.losses.add(1, LossReason::Unfinished, close.at_ns),
            }
        }
        self.finish_ready();
    }

    pub(super) fn finish(&mut self, key: WireKey, held: &mut Option<Held>) {
        let Some(here) = held else { return };
        if let Some(mut other) = self.halves.take(&key) {
            return self.emit(&key, here, Some(&mut other));
        }
        if !self.other_end_works_on(&key, &here.half) {
            return self.emit(&key, here, None);
        }
        let pushed_out = held.take().and_then(|held| self.halves.hold(key, held));
        if let Some((key, mut oldest)) = pushed_out {
            self.emit(&key, &mut oldest, None);
        }
    }

    pub(super) fn other_end_works_on(&self, key: &WireKey, half: &HalfExchange) -> bool {
        let ends = self.ends.get(&(key.client_base, key.server_base));
        let other = ends.and_then(|ends| ends[half.end.other() as usize]);
        let other = other.and_then(|cookie| self.entries.get(&cookie));
        other.is_some_and(|entry| entry.connection.is_at_work_on(half.at))
    }

    /// Makes the record of a request; takes the halves' facts.
    pub(super) fn emit(&mut self, key: &WireKey, one: &mut Held, other: Option<&mut Held>) {
        let is_client = one.half.end == Speaker::Client;
        let mine = self.party(one, is_client);
        let others = match &other {
            Some(held) => self.party(held, !is_client),
            None => self.processes.far(one.peer, is_client),
        };
        let (one, other) = (Some(&mut one.half), other.map(|held| &mut held.half));
        let (client, server, parties) = if is_client {
            (one, other, (mine, others))
        } else {
            (other, one, (others, mine))
        };
        if let Some(record) = join::record(key, client, server, parties, &*self.clock) {
            self.out.push(Output::Record(record));
        }
    }

    /// The end that a half was seen at.
    fn party(&mut self, held: &Held, is_client: bool) -> Party {
        match &held.who {
            Some(who) => Party {
                who: Arc::clone(who),
                addr: held.local,
            },
            None => self.processes.far(held.local, !is_client),
        }
    }
}
