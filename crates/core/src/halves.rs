//! Halves of requests that wait for their other half, and owners that wait for their connection.

use crate::exchange::connection::HalfExchange;
use crate::exchange::join::WireKey;
use crate::exchange::record::Who;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

/// Halves that may wait; beyond it the oldest becomes a one-ended record.
const HALVES_MAX: usize = 4096;
/// How often a waiting half looks whether the other end is still at it.
const LOOK_NS: u64 = 250_000_000;
/// Owners that may wait for their connection to be established.
const OWNERS_MAX: usize = 4096;
/// Slots that stay when none is used.
const SLOTS_KEPT: usize = 64;

/// One half with all that its record needs.
#[derive(Debug)]
pub struct Held {
    /// The half.
    pub half: HalfExchange,
    /// Who owns the socket.
    pub who: Option<Arc<Who>>,
    /// Its address.
    pub local: SocketAddr,
    /// Its peer's address.
    pub peer: SocketAddr,
    /// Since when it waits.
    pub since_ns: u64,
}

/// A place for one half. Those in use are a chain from the oldest to the newest.
#[derive(Debug)]
struct Slot {
    key: WireKey,
    held: Option<Held>,
    older: u32,
    newer: u32,
}

/// No slot has this number.
const NONE: u32 = u32::MAX;

/// The waiting rooms.
#[derive(Debug)]
pub struct Halves {
    /// Slot numbers by name.
    held: FxHashMap<WireKey, u32>,
    slots: Vec<Slot>,
    /// Free slots; the one used last is taken first, for it is still in the cache.
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
    owners: FxHashMap<u64, (u32, Box<str>)>,
    owner_order: VecDeque<u64>,
}

impl Default for Halves {
    fn default() -> Self {
        Self {
            held: FxHashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            oldest: NONE,
            newest: NONE,
            owners: FxHashMap::default(),
            owner_order: VecDeque::new(),
        }
    }
}

impl Halves {
    /// Halves that wait.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Owners that wait.
    pub fn owners(&self) -> usize {
        self.owners.len()
    }

    /// The owners that wait, by socket.
    pub fn waiting_owners(&self) -> Vec<(u64, u32, Box<str>)> {
        let each = self.owners.iter();
        let mut all: Vec<_> = each
            .map(|(cookie, (pid, comm))| (*cookie, *pid, comm.clone()))
            .collect();
        all.sort_unstable();
        all
    }

    /// Takes the half that waits under this name.
    pub fn take(&mut self, key: &WireKey) -> Option<Held> {
        let place = self.held.remove(key)?;
        self.empty(place)
    }

    /// Lets a half wait. Returns the oldest if there is no more room.
    pub fn hold(&mut self, key: WireKey, held: Held) -> Option<(WireKey, Held)> {
        if let Some(place) = self.held.get(&key) {
            // The same request from the same end again: what is newer counts.
            self.slots[*place as usize].held = Some(held);
            return None;
        }
        let pushed_out = (self.len() >= HALVES_MAX)
            .then(|| self.take_oldest())
            .flatten();
        let place = self.fill(key, held);
        self.held.insert(key, place);
        pushed_out
    }

    /// Takes out the halves that have waited for a look.
    pub fn overdue(&mut self, now_ns: u64) -> Vec<(WireKey, Held)> {
        let mut due = Vec::new();
        while self
            .since_ns()
            .is_some_and(|since_ns| since_ns + LOOK_NS <= now_ns)
        {
            let Some((key, mut held)) = self.take_oldest() else {
                break;
            };
            held.since_ns = now_ns;
            due.push((key, held));
        }
        if self.held.is_empty() && self.slots.len() > SLOTS_KEPT {
            (self.slots, self.free) = (Vec::new(), Vec::new());
        }
        due
    }

    /// Takes out everything, oldest first.
    pub fn drain(&mut self) -> Vec<(WireKey, Held)> {
        std::iter::from_fn(|| self.take_oldest()).collect()
    }

    /// Since when the oldest waits.
    fn since_ns(&self) -> Option<u64> {
        let slot = self.slots.get(self.oldest as usize)?;
        slot.held.as_ref().map(|held| held.since_ns)
    }

    fn take_oldest(&mut self) -> Option<(WireKey, Held)> {
        let key = self.slots.get(self.oldest as usize)?.key;
        Some((key, self.take(&key)?))
    }

    /// Puts a half into a free slot, at the new end of the chain.
    fn fill(&mut self, key: WireKey, held: Held) -> u32 {
        let slot = Slot {
            key,
            held: Some(held),
            older: self.newest,
            newer: NONE,
        };
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place as usize] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                self.slots.len() as u32 - 1
            }
        };
        match self.slots.get_mut(self.newest as usize) {
            Some(before) => before.newer = place,
            None => self.oldest = place,
        }
        self.newest = place;
        place
    }

    /// Takes a slot out of the chain.
    fn empty(&mut self, place: u32) -> Option<Held> {
        let slot = &mut self.slots[place as usize];
        let (older, newer) = (slot.older, slot.newer);
        let held = slot.held.take();
        match self.slots.get_mut(older as usize) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
        match self.slots.get_mut(newer as usize) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
        self.free.push(place);
        held
    }

    /// Remembers an owner whose connection is not announced yet.
    pub fn hold_owner(&mut self, cookie: u64, pid: u32, comm: Box<str>) {
        if self.owners.insert(cookie, (pid, comm)).is_none() {
            self.owner_order.push_back(cookie);
        }
        while self.owner_order.len() > OWNERS_MAX {
            if let Some(oldest) = self.owner_order.pop_front() {
                self.owners.remove(&oldest);
            }
        }
    }

    /// The owner that waited for this connection.
    pub fn early_owner(&mut self, cookie: u64) -> Option<(u32, Box<str>)> {
        self.owners.remove(&cookie)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Facts, Speaker};
    use crate::exchange::points::Seen;

    fn key(at: u32) -> WireKey {
        WireKey {
            client_base: 1,
            server_base: 2,
            at,
        }
    }

    fn held(at: u64, since_ns: u64) -> Held {
        let half = HalfExchange {
            end: Speaker::Server,
            cookie: 1,
            at,
            request_bytes: 1,
            response_bytes: 1,
            facts: Facts::default(),
            protocol: "tcp",
            seen: Seen::Server {
                first: 1,
                s0: 1,
                s1: 1,
                s2: 1,
                s3: 1,
                last: 1,
            },
            tcp: Default::default(),
            run_delay_ns: None,
            chunks: Vec::new(),
            chunks_omitted: 0,
            stream: None,
        };
        let nowhere = ([0, 0, 0, 0], 0).into();
        Held {
            half,
            who: None,
            local: nowhere,
            peer: nowhere,
            since_ns,
        }
    }

    fn places(all: Vec<(WireKey, Held)>) -> Vec<u32> {
        all.into_iter().map(|(key, _)| key.at).collect()
    }

    #[test]
    fn what_is_left_stays_in_order() {
        let mut halves = Halves::default();
        for at in 0..6 {
            halves.hold(key(at), held(u64::from(at), 0));
        }
        // From the middle and both ends, then into the places that got free.
        for at in [2, 0, 5] {
            assert_eq!(halves.take(&key(at)).unwrap().half.at, u64::from(at));
            assert!(halves.take(&key(at)).is_none());
        }
        for at in [7, 8] {
            halves.hold(key(at), held(u64::from(at), 0));
        }
        assert_eq!(places(halves.drain()), [1, 3, 4, 7, 8]);
        assert_eq!((halves.len(), halves.slots.len()), (0, 6));
    }

    #[test]
    fn beyond_the_bound_the_oldest_comes_out() {
        let mut halves = Halves::default();
        for at in 0..HALVES_MAX as u32 {
            assert!(halves.hold(key(at), held(0, 0)).is_none());
        }
        let (out, _) = halves.hold(key(9999), held(0, 0)).unwrap();
        assert_eq!((out, halves.len()), (key(0), HALVES_MAX));
        assert!(halves.hold(key(9999), held(5, 0)).is_none(), "the same");
        assert_eq!(halves.take(&key(9999)).unwrap().half.at, 5);
    }

    #[test]
    fn those_that_waited_for_a_look_come_out_and_the_slots_go() {
        let mut halves = Halves::default();
        for at in 0..100 {
            halves.hold(key(at), held(0, u64::from(at)));
        }
        let due = halves.overdue(LOOK_NS + 59);
        assert!(due.iter().all(|(_, held)| held.since_ns == LOOK_NS + 59));
        assert_eq!(places(due), (0..60).collect::<Vec<_>>());
        assert_eq!(places(halves.overdue(2 * LOOK_NS)).len(), 40);
        assert_eq!(halves.slots.len(), 0);
        halves.hold(key(1), held(1, 1));
        assert_eq!(places(halves.drain()), [1]);
    }
}
