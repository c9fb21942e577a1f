//! Halves of requests that wait for their other half, and owners that wait for their connection.

use crate::enrich::Process;
use crate::exchange::connection::HalfExchange;
use crate::exchange::join::WireKey;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Halves that may wait; beyond it the oldest becomes a one-ended record.
const HALVES_MAX: usize = 4096;
/// How often a waiting half looks whether the other end is still at it.
const LOOK_NS: u64 = 250_000_000;
/// Owners that may wait for their connection to be established.
const OWNERS_MAX: usize = 4096;

/// One half with all that its record needs.
#[derive(Debug)]
pub struct Held {
    /// The half.
    pub half: HalfExchange,
    /// Who owns the socket.
    pub process: Option<Process>,
    /// Its address.
    pub local: SocketAddr,
    /// Its peer's address.
    pub peer: SocketAddr,
    /// Since when it waits.
    pub since_ns: u64,
}

/// The waiting rooms.
#[derive(Debug, Default)]
pub struct Halves {
    /// Boxed: the table's free places then cost little.
    held: FxHashMap<WireKey, Box<Held>>,
    order: VecDeque<(WireKey, u64)>,
    owners: FxHashMap<u64, (u32, Box<str>)>,
    owner_order: VecDeque<u64>,
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
        self.held.remove(key).map(|held| *held)
    }

    /// Lets a half wait. Returns the oldest if there is no more room.
    pub fn hold(&mut self, key: WireKey, held: Held) -> Option<(WireKey, Held)> {
        let mut pushed_out = None;
        while self.held.len() >= HALVES_MAX {
            let Some((oldest, _)) = self.order.pop_front() else {
                break;
            };
            if let Some(held) = self.held.remove(&oldest) {
                pushed_out = Some((oldest, *held));
                break;
            }
        }
        self.order.push_back((key, held.since_ns));
        self.held.insert(key, Box::new(held));
        pushed_out
    }

    /// Takes out the halves that have waited for a look.
    pub fn overdue(&mut self, now_ns: u64) -> Vec<(WireKey, Held)> {
        let mut due = Vec::new();
        while let Some((key, since_ns)) = self.order.front().copied() {
            if since_ns + LOOK_NS > now_ns {
                break;
            }
            self.order.pop_front();
            if let Some(mut held) = self.held.remove(&key) {
                held.since_ns = now_ns;
                due.push((key, *held));
            }
        }
        due
    }

    /// Takes out everything, oldest first.
    pub fn drain(&mut self) -> Vec<(WireKey, Held)> {
        let order = std::mem::take(&mut self.order);
        order
            .into_iter()
            .filter_map(|(key, _)| Some((key, *self.held.remove(&key)?)))
            .collect()
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
