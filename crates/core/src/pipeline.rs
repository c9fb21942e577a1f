//! The whole way from events to records, for all connections of a host.
//!
//! A pure function of its inputs: the same calls in the same order give the same outputs.

use crate::decode::Frame;
use crate::enrich::{Processes, Workload};
use crate::event::{Close, Cookie, Event, LossReason, Open, Owner, Segment};
use crate::exchange::connection::{Connection, Order};
use crate::exchange::join::{WallClock, WireKey};
use crate::exchange::pair::{Outcome, Pending};
use crate::exchange::record::Record;
use crate::halves::{Halves, Held};
use crate::losses::Losses;
use crate::tape::{Entry, Passage, Told};
use rustc_hash::{FxHashMap, FxHashSet};
use std::mem::take;
use std::sync::Arc;

mod finish;
mod room;
mod sizes;
mod taping;
mod time;

pub use sizes::Sizes;

/// Connection ends kept; beyond it those silent longest go (counted).
pub const CONNECTIONS_MAX: usize = 40_000;

/// Names of processes remembered for the next socket; beyond it all are made anew.
const NAMES_MAX: usize = 1024;

/// What comes out. A record is not boxed: batches are vectors that are used again and again, a box
/// for each record is not.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant)]
pub enum Output {
    /// A finished request.
    Record(Record),
    /// Something was lost.
    Lost {
        /// How many (see [`LossReason`] of what).
        count: u64,
        /// Why.
        why: LossReason,
        /// Monotonic time from which on.
        since_ns: u64,
    },
}

struct Socket {
    connection: Connection,
    owner: Option<(u32, Arc<str>)>,
    /// The part of a recording in which it was announced last; 0: in none.
    taped: u32,
}

/// All connections of a host.
pub struct Pipeline {
    /// Boxed: a growing table then moves pointers, and its free places cost little.
    entries: FxHashMap<Cookie, Box<Socket>>,
    connections_max: usize,
    /// Both ends by first sequence numbers: (client's socket, server's socket).
    ends: FxHashMap<(u32, u32), [Option<Cookie>; 2]>,
    halves: Halves,
    processes: Processes,
    /// Names of processes, one for all the sockets of each.
    names: FxHashSet<Arc<str>>,
    answering: FxHashSet<Cookie>,
    losses: Losses,
    clock: Box<dyn WallClock + Send>,
    frames: Vec<Frame>,
    out: Vec<Output>,
    orders: Vec<Order>,
    /// Scratch of [`Pipeline::settle`]: no allocation for each request.
    ready: Vec<(WireKey, Option<Held>)>,
    /// Scratch of [`Pipeline::step`].
    outcome: Outcome,
    tape: Option<Tape>,
    /// Parts of recordings so far.
    parts: u32,
}

/// What goes into a recording.
struct Tape {
    entries: Vec<Entry>,
    payload: bool,
    /// Counts its beginning and every hole in it: connections are announced anew behind each.
    part: u32,
}

impl Pipeline {
    /// An empty pipeline.
    pub fn new(clock: Box<dyn WallClock + Send>) -> Self {
        Self {
            entries: FxHashMap::default(),
            connections_max: CONNECTIONS_MAX,
            ends: FxHashMap::default(),
            halves: Halves::default(),
            processes: Processes::default(),
            names: FxHashSet::default(),
            answering: FxHashSet::default(),
            losses: Losses::default(),
            clock,
            frames: Vec::new(),
            out: Vec::new(),
            orders: Vec::new(),
            ready: Vec::new(),
            outcome: Outcome::default(),
            tape: None,
            parts: 0,
        }
    }

    fn record(&mut self, entry: impl FnOnce() -> Entry) {
        if let Some(tape) = &mut self.tape {
            tape.entries.push(entry());
        }
    }

    /// Outputs that wait to be taken.
    pub fn waiting_outputs(&self) -> usize {
        self.out.len()
    }

    /// What has come out since the last call.
    pub fn take_outputs(&mut self, into: &mut Vec<Output>) {
        if into.is_empty() {
            std::mem::swap(into, &mut self.out);
        } else {
            into.append(&mut self.out);
        }
    }

    /// How sockets should report from now on since the last call.
    pub fn take_orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }

    /// Connection ends tracked.
    pub fn connections(&self) -> usize {
        self.entries.len()
    }

    /// Bounds the connection ends tracked; those silent longest beyond it go (counted).
    pub fn bound(&mut self, connections: usize, now_ns: u64) {
        self.connections_max = connections.min(CONNECTIONS_MAX);
        self.let_go(self.entries.len().saturating_sub(connections), now_ns);
    }

    /// Says what is known of a process.
    pub fn workload(&mut self, pid: u32, workload: Workload) {
        self.record(|| Entry::Workload(pid, workload.clone()));
        self.processes.learn(pid, workload);
    }

    /// Something was lost before it came here.
    pub fn lost(&mut self, count: u64, why: LossReason, now_ns: u64) {
        if count > 0 {
            self.record(|| Entry::Lost(count, why, now_ns));
        }
        self.losses.add(count, why, now_ns);
    }

    /// Takes the next event.
    pub fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Segment(segment) => self.segment(&segment),
            Event::Mark(mark) => {
                self.announce(mark.cookie);
                self.record(|| Entry::Mark(mark));
                if let Some(entry) = self.entries.get_mut(&mark.cookie) {
                    entry.connection.mark(&mark);
                }
            }
            Event::Open(open) => self.open(open),
            Event::Owner(owner) => self.owner(owner),
            Event::Close(close) => self.close(&close, None),
        }
    }

    fn open(&mut self, open: Open) {
        self.record(|| Entry::Open(open));
        self.make_room(open.at_ns);
        let owner = self.halves.early_owner(open.cookie);
        let owner = owner.map(|(pid, comm)| (pid, self.name(&comm)));
        self.entries.insert(
            open.cookie,
            Box::new(Socket {
                connection: Connection::new(open),
                owner,
                taped: self.tape.as_ref().map_or(0, |tape| tape.part),
            }),
        );
        self.meet(open.cookie);
    }

    /// Registers an end so that its other end on this host finds it.
    fn meet(&mut self, cookie: Cookie) {
        let Some(entry) = self.entries.get(&cookie) else {
            return;
        };
        let connection = &entry.connection;
        if let (Some(bases), Some(speaker)) = (connection.bases(), connection.speaker()) {
            self.ends.entry(bases).or_default()[speaker as usize] = Some(cookie);
        }
    }

    fn owner(&mut self, owner: Owner) {
        self.tape_owner(owner.cookie, owner.pid, &owner.comm);
        let name = self.name(&owner.comm);
        match self.entries.get_mut(&owner.cookie) {
            Some(entry) => entry.owner = Some((owner.pid, name)),
            // A client's process is seen before its connection is established.
            None => self.halves.hold_owner(owner.cookie, owner.pid, owner.comm),
        }
    }

    fn name(&mut self, comm: &str) -> Arc<str> {
        if let Some(name) = self.names.get(comm) {
            return Arc::clone(name);
        }
        if self.names.len() >= NAMES_MAX {
            self.names.clear();
        }
        let name: Arc<str> = comm.into();
        self.names.insert(Arc::clone(&name));
        name
    }

    fn segment(&mut self, segment: &Segment<'_>) {
        if segment.len == 0 {
            return;
        }
        self.announce(segment.cookie);
        let Some(entry) = self.entries.get_mut(&segment.cookie) else {
            return;
        };
        let connection = &mut entry.connection;
        let known = connection.speaker().is_some();
        connection.decode(segment, &mut self.frames);
        if let Some(tape) = &mut self.tape {
            let passage = Passage::of(segment);
            let told = connection.tell(&self.frames);
            let bytes = || (segment.head.to_vec(), segment.tail.to_vec());
            tape.entries.push(match (tape.payload, connection.resumed) {
                (false, _) => Entry::Told(passage, told),
                (true, false) => {
                    let (head, tail) = bytes();
                    Entry::Bytes(passage, head, tail)
                }
                (true, true) => {
                    let (head, tail) = bytes();
                    Entry::Both(passage, head, tail, told)
                }
            });
        }
        self.step(segment.cookie, known);
    }

    fn told(&mut self, segment: &Segment<'_>, told: Told) {
        let Some(entry) = self.entries.get_mut(&segment.cookie) else {
            return;
        };
        let known = entry.connection.speaker().is_some();
        entry.connection.told(segment, &told);
        self.frames = told.frames;
        self.step(segment.cookie, known);
    }

    /// Applies the frames of a step. `known`: it was known before who speaks.
    fn step(&mut self, cookie: Cookie, known: bool) {
        let Some(entry) = self.entries.get_mut(&cookie) else {
            return;
        };
        entry.connection.pair(&mut self.frames, &mut self.outcome);
        let meets = !known && entry.connection.speaker().is_some();
        self.settle(cookie);
        if meets {
            self.meet(cookie);
        }
        self.finish_ready();
    }

    /// Deals with what a step did to a connection's requests; those that ended become `ready`.
    fn settle(&mut self, cookie: Cookie) {
        let outcome = &mut self.outcome;
        let Some(entry) = self.entries.get_mut(&cookie) else {
            return;
        };
        let now_ns = entry.connection.last_ns;
        for (count, why) in [
            (take(&mut outcome.unfinished), LossReason::Unfinished),
            (take(&mut outcome.cut), LossReason::PayloadCut),
            (take(&mut outcome.resync), LossReason::Resync),
        ] {
            self.losses.add(count, why, now_ns);
        }
        if let Some(order) = entry.connection.order() {
            self.orders.push(order);
        }
        let (ready, losses, processes) = (&mut self.ready, &mut self.losses, &self.processes);
        let mut settled = None;
        let mut make_ready = |entry: &Socket, pending: &mut Pending| {
            settled = Some((
                pending.end.unwrap_or(pending.at),
                pending.response_end.unwrap_or(0),
            ));
            match entry.held(pending, processes) {
                Some(held) => ready.push(held),
                None => losses.add(1, LossReason::Unfinished, now_ns),
            }
        };
        for mut pending in entry.connection.timed() {
            make_ready(entry, &mut pending);
        }
        for pending in &mut outcome.done {
            if entry.connection.is_timed(pending) {
                make_ready(entry, pending);
            } else {
                entry.connection.wait(take(pending));
            }
        }
        outcome.done.clear();
        if entry.connection.is_answering() {
            self.answering.insert(cookie);
        } else {
            self.answering.remove(&cookie);
        }
        entry.connection.forget(settled);
    }

    fn close(&mut self, close: &Close, told: Option<Told>) {
        self.announce(close.cookie);
        let Some(entry) = self.entries.get_mut(&close.cookie) else {
            return;
        };
        entry.connection.last_ns = close.at_ns;
        entry.connection.note(close);
        entry.connection.close(close, &mut self.frames);
        // A tape with bytes has parsers of its own; one without tells what they found.
        if let Some(told) = told.filter(|_| self.frames.is_empty()) {
            self.frames = told.frames;
        }
        if let Some(tape) = &mut self.tape {
            tape.entries
                .push(Entry::Close(*close, entry.connection.tell(&self.frames)));
        }
        self.step(close.cookie, true);
        self.give_up_unanswered(close);
        if !close.half {
            self.forget(close.cookie);
        }
    }

    fn forget(&mut self, cookie: Cookie) {
        self.answering.remove(&cookie);
        let Some(entry) = self.entries.remove(&cookie) else {
            return;
        };
        let connection = &entry.connection;
        let left = connection.in_flight() as u64;
        self.losses
            .add(left, LossReason::Unfinished, connection.last_ns);
        let (Some(bases), Some(speaker)) = (connection.bases(), connection.speaker()) else {
            return;
        };
        if let Some(ends) = self.ends.get_mut(&bases) {
            ends[speaker as usize] = None;
            if ends.iter().all(Option::is_none) {
                self.ends.remove(&bases);
            }
        }
    }
}
