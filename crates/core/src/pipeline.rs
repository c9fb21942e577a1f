//! The whole way from events to records, for all connections of a host.
//!
//! A pure function of its inputs: the same calls in the same order give the same outputs.

use crate::decode::{Frame, Speaker};
use crate::enrich::{Processes, Workload, party};
use crate::event::{Close, Cookie, Event, LossReason, Open, Owner, Segment};
use crate::exchange::connection::{Connection, HalfExchange, Order};
use crate::exchange::join::{self, WallClock, WireKey};
use crate::exchange::pair::{Outcome, Pending};
use crate::exchange::record::Record;
use crate::halves::{Halves, Held};
use crate::losses::Losses;
use crate::tape::{Entry, Passage, Told};
use rustc_hash::{FxHashMap, FxHashSet};

mod room;
mod sizes;
mod taping;

pub use sizes::Sizes;

/// Connection ends kept; beyond it those silent longest go (counted).
pub const CONNECTIONS_MAX: usize = 40_000;
/// A response nobody understands ends after this much silence.
const SILENCE_NS: u64 = 1_000_000_000;
/// How long a response may be silent before the kernel is asked for what it holds back.
const FLUSH_AFTER_NS: u64 = 50_000_000;

/// What comes out.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A finished request.
    Record(Box<Record>),
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
    owner: Option<(u32, Box<str>)>,
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
    answering: FxHashSet<Cookie>,
    losses: Losses,
    clock: Box<dyn WallClock + Send>,
    frames: Vec<Frame>,
    out: Vec<Output>,
    orders: Vec<Order>,
    /// Scratch of [`Pipeline::settle`]: no allocation for each request.
    ready: Vec<Pending>,
    tape: Option<Tape>,
}

/// What goes into a recording.
struct Tape {
    entries: Vec<Entry>,
    payload: bool,
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
            answering: FxHashSet::default(),
            losses: Losses::default(),
            clock,
            frames: Vec::new(),
            out: Vec::new(),
            orders: Vec::new(),
            ready: Vec::new(),
            tape: None,
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
        into.append(&mut self.out);
    }

    /// How sockets should report from now on since the last call.
    pub fn take_orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }

    /// Connection ends tracked.
    pub fn connections(&self) -> usize {
        self.entries.len()
    }

    /// Bounds the connection ends tracked from now on; beyond it new ones are counted as lost.
    pub fn bound(&mut self, connections: usize) {
        self.connections_max = connections.min(CONNECTIONS_MAX);
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
        self.entries.insert(
            open.cookie,
            Box::new(Socket {
                connection: Connection::new(open),
                owner,
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
        self.record(|| Entry::Owner(owner.clone()));
        match self.entries.get_mut(&owner.cookie) {
            Some(entry) => entry.owner = Some((owner.pid, owner.comm)),
            // A client's process is seen before its connection is established.
            None => self.halves.hold_owner(owner.cookie, owner.pid, owner.comm),
        }
    }

    fn segment(&mut self, segment: &Segment<'_>) {
        if segment.len == 0 {
            return;
        }
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
        let outcome = entry.connection.pair(&mut self.frames);
        if !known && entry.connection.speaker().is_some() {
            self.meet(cookie);
        }
        self.settle(cookie, outcome);
    }

    /// Deals with what a step did to a connection's requests.
    fn settle(&mut self, cookie: Cookie, outcome: Outcome) {
        let Some(entry) = self.entries.get_mut(&cookie) else {
            return;
        };
        let connection = &mut entry.connection;
        let now_ns = connection.last_ns;
        self.losses
            .add(outcome.unfinished, LossReason::Unfinished, now_ns);
        self.losses.add(outcome.cut, LossReason::PayloadCut, now_ns);
        self.losses.add(outcome.resync, LossReason::Resync, now_ns);
        if let Some(order) = connection.order() {
            self.orders.push(order);
        }
        let mut ready = std::mem::take(&mut self.ready);
        ready.append(&mut connection.timed());
        for pending in outcome.done {
            if connection.is_timed(&pending) {
                ready.push(pending);
            } else {
                connection.wait(pending);
            }
        }
        if connection.is_answering() {
            self.answering.insert(cookie);
        } else {
            self.answering.remove(&cookie);
        }
        for pending in ready.drain(..) {
            self.finish(cookie, &pending);
        }
        self.ready = ready;
        if let Some(entry) = self.entries.get_mut(&cookie) {
            entry.connection.forget();
        }
    }

    fn finish(&mut self, cookie: Cookie, pending: &Pending) {
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

    fn other_end_works_on(&self, key: &WireKey, half: &HalfExchange) -> bool {
        let ends = self.ends.get(&(key.client_base, key.server_base));
        let other = ends.and_then(|ends| ends[half.end.other() as usize]);
        let other = other.and_then(|cookie| self.entries.get(&cookie));
        other.is_some_and(|entry| entry.connection.is_at_work_on(half.at))
    }

    fn emit(&mut self, key: &WireKey, one: Held, other: Option<Held>) {
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

    fn close(&mut self, close: &Close, told: Option<Told>) {
        let Some(entry) = self.entries.get_mut(&close.cookie) else {
            return;
        };
        entry.connection.last_ns = close.at_ns;
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

    /// Does what time alone brings about. Call every 100 ms or so. `true`: the kernel should be
    /// asked for what it holds back (a response has been silent, its end may be there).
    pub fn tick(&mut self, now_ns: u64) -> bool {
        self.end_silent(now_ns);
        self.record(|| Entry::Tick(now_ns));
        self.pass(now_ns);
        let entries = &self.entries;
        self.answering.iter().any(|cookie| {
            entries
                .get(cookie)
                .is_some_and(|e| now_ns.saturating_sub(e.connection.last_ns) > FLUSH_AFTER_NS)
        })
    }

    /// Lets go of halves that wait in vain, and reports losses.
    fn pass(&mut self, now_ns: u64) {
        for (key, held) in self.halves.overdue(now_ns) {
            if self.other_end_works_on(&key, &held.half) {
                self.halves.hold(key, held);
            } else {
                self.emit(&key, held, None);
            }
        }
        self.losses.report(now_ns, &*self.clock, &mut self.out);
    }

    fn end_silent(&mut self, now_ns: u64) {
        let mut silent: Vec<Cookie> = self
            .answering
            .iter()
            .filter(|cookie| {
                self.entries.get(cookie).is_some_and(|e| {
                    e.connection.protocol() == Some(crate::decode::raw::NAME)
                        && now_ns.saturating_sub(e.connection.last_ns) > SILENCE_NS
                })
            })
            .copied()
            .collect();
        silent.sort_unstable();
        for cookie in silent {
            self.silent(cookie, None);
        }
    }

    fn silent(&mut self, cookie: Cookie, told: Option<Told>) {
        let Some(entry) = self.entries.get_mut(&cookie) else {
            return;
        };
        entry.connection.silent(&mut self.frames);
        if let Some(told) = told.filter(|_| self.frames.is_empty()) {
            self.frames = told.frames;
        }
        if let Some(tape) = &mut self.tape {
            tape.entries
                .push(Entry::Silent(cookie, entry.connection.tell(&self.frames)));
        }
        self.step(cookie, true);
    }

    /// Emits everything that still waits for its other half: the end of a run or a recording.
    pub fn finish_all(&mut self, now_ns: u64) {
        self.record(|| Entry::End(now_ns));
        for (key, held) in self.halves.drain() {
            self.emit(&key, held, None);
        }
        self.losses
            .report(now_ns + 1_000_000_000, &*self.clock, &mut self.out);
    }
}
