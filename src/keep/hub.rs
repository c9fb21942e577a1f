//! Where capture meets its readers: one publisher, a ring of recent records, any subscribers.
//!
//! Publishing never waits for a reader. With nobody listening a record is only encoded into the
//! ring; JSON is made once per record, and only if somebody's filter asks for it.

use super::deck::Deck;
use super::filter::Filter;
pub use super::limits::Limits;
use super::line::{Line, Loss, write_loss, write_record};
use super::queue::{Budget, Queue};
use super::recent::{Part, Recent, Snapshot};
use super::vitals::Vitals;
use super::{lock, time};
use bytes::Bytes;
use forebay_core::event::LossReason;
use forebay_core::exchange::record::{Id, Record, Time};
use forebay_core::explain::ProcessSample;
use forebay_core::pipeline::Output;
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Sees every batch before it is kept: the place for tables that aggregate.
pub trait Listener: Send + Sync {
    /// Called on the capture thread; must be quick.
    fn batch(&self, outputs: &[Output]);
    /// What a process that answers used and waited for.
    fn process(&self, _sample: &ProcessSample) {}
}

/// The meeting place.
pub struct Hub {
    limits: Limits,
    listeners: Vec<Arc<dyn Listener>>,
    /// Where a recording is asked for.
    pub deck: Deck,
    /// What the agent costs and holds.
    vitals: Mutex<Vitals>,
    budget: Arc<Budget>,
    state: Mutex<State>,
}

struct State {
    recent: Recent,
    subscribers: Vec<Subscriber>,
    /// Scratch for one line.
    line: Vec<u8>,
    records: u64,
    lost: HashMap<LossReason, u64>,
    closed: bool,
}

struct Subscriber {
    filter: Filter,
    queue: Arc<Queue>,
    touched: bool,
}

/// What a hub has done so far.
#[derive(Clone, Debug, Serialize)]
pub struct Counts {
    /// Records published.
    pub records: u64,
    /// Losses by reason.
    pub lost: HashMap<LossReason, u64>,
    /// Records in the ring.
    pub recent_records: u64,
    /// Bytes of the ring.
    pub recent_bytes: usize,
    /// Begin of the oldest record in the ring.
    pub recent_oldest: Option<Time>,
    /// Subscribers now.
    pub subscribers: usize,
}

/// Why nobody more can subscribe.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The bound is reached.
    #[error(
        "{limit} readers are connected already, which is the bound. Next: end one of them (`ss -xp` lists who is connected)"
    )]
    TooMany {
        /// The bound.
        limit: usize,
    },
    /// The agent is on its way out.
    #[error("the agent is stopping. Next: start it again with `forebay run`")]
    Closed,
}

impl Hub {
    /// A hub that shows every batch to `listeners` first.
    pub fn new(limits: Limits, listeners: Vec<Arc<dyn Listener>>) -> Hub {
        Hub {
            limits,
            listeners,
            deck: Deck::new(limits.recording_bytes),
            vitals: Mutex::default(),
            budget: Budget::new(limits.queue_bytes),
            state: Mutex::new(State {
                recent: Recent::new(limits.recent_bytes),
                subscribers: Vec::new(),
                line: Vec::new(),
                records: 0,
                lost: HashMap::new(),
                closed: false,
            }),
        }
    }

    /// Takes a batch, in order, and empties it.
    pub fn publish(&self, batch: &mut Vec<Output>) {
        if batch.is_empty() {
            return;
        }
        for listener in &self.listeners {
            listener.batch(batch);
        }
        let mut state = lock(&self.state);
        for output in &*batch {
            state.take(output, self.limits.queue_bytes);
        }
        batch.clear();
        state.wake();
    }

    /// Takes what a process used and waited for.
    pub fn process(&self, sample: &ProcessSample) {
        for listener in &self.listeners {
            listener.process(sample);
        }
    }

    /// Takes what the agent costs and holds now.
    pub fn set_vitals(&self, vitals: Vitals) {
        *lock(&self.vitals) = vitals;
    }

    /// Counts what a recording lacks; its own readers are told in it.
    pub fn lost_to_recording(&self, steps: u64) {
        let mut state = lock(&self.state);
        *state.lost.entry(LossReason::SlowRecording).or_default() += steps;
    }

    /// Says how much memory is left for what waits: lines of readers, and a recording.
    pub fn bound_waiting(&self, spare_bytes: u64) {
        // Half of it: the other half is for what grows until the next look.
        let spare = usize::try_from(spare_bytes / 2).unwrap_or(usize::MAX);
        self.budget.bound(spare, self.limits.queue_bytes);
        self.deck.bound(spare / 2);
    }

    /// What the agent cost and held a moment ago; empty before the first second is over, and
    /// where nothing is captured.
    pub fn vitals(&self) -> Vitals {
        lock(&self.vitals).clone()
    }

    /// Takes a loss that another agent stated, with that agent's own time.
    pub fn publish_loss(&self, loss: &Loss) {
        let output = Output::Lost {
            count: loss.records,
            why: loss.why,
            since_ns: time::now_ns(),
        };
        for listener in &self.listeners {
            listener.batch(std::slice::from_ref(&output));
        }
        let mut state = lock(&self.state);
        state.take_loss(loss);
        state.wake();
    }

    /// Starts a stream of what `filter` lets through. With `since`, records that began within that
    /// time and are still kept come first; nothing is missed or doubled between them and the live
    /// ones.
    ///
    /// # Errors
    /// When there are too many subscribers, or the hub was closed.
    pub fn subscribe(
        self: &Arc<Hub>,
        filter: Filter,
        since: Option<Duration>,
    ) -> Result<Subscription, SubscribeError> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(SubscribeError::Closed);
        }
        if state.subscribers.len() >= self.limits.subscribers {
            return Err(SubscribeError::TooMany {
                limit: self.limits.subscribers,
            });
        }
        let queue = Arc::new(Queue::new(&self.budget));
        state.subscribers.push(Subscriber {
            filter: filter.clone(),
            queue: Arc::clone(&queue),
            touched: false,
        });
        Ok(Subscription {
            hub: Arc::clone(self),
            queue,
            filter,
            since: since.map(time::before_now).unwrap_or_default(),
            replay: since.map(|_| state.recent.snapshot()).unwrap_or_default(),
        })
    }

    /// Ends all streams once they are read to their end.
    pub fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        for subscriber in &state.subscribers {
            subscriber.queue.close();
        }
    }

    /// Records by id, of those that are still kept. Reads the whole ring, outside the lock.
    pub fn records(&self, ids: &HashSet<Id>) -> HashMap<Id, Record> {
        if ids.is_empty() {
            return HashMap::new();
        }
        let mut snapshot = lock(&self.state).recent.snapshot();
        let mut found = HashMap::new();
        while let Some(part) = snapshot.next() {
            let Part::Kept(block) = part else { continue };
            for line in block.since(Time(0)) {
                if let Line::Record(record) = line
                    && ids.contains(&record.id)
                {
                    found.insert(record.id, *record);
                }
            }
        }
        found
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        let state = lock(&self.state);
        Counts {
            records: state.records,
            lost: state.lost.clone(),
            recent_records: state.recent.records(),
            recent_bytes: state.recent.bytes(),
            recent_oldest: state.recent.oldest(),
            subscribers: state.subscribers.len(),
        }
    }
}

impl State {
    fn take(&mut self, output: &Output, budget_bytes: usize) {
        self.line.clear();
        match output {
            Output::Record(record) => {
                self.records += 1;
                self.recent.push_record(record);
                let fair_bytes = budget_bytes / self.subscribers.len().max(1);
                for at in 0..self.subscribers.len() {
                    if !self.subscribers[at].filter.matches(record) {
                        continue;
                    }
                    // Serialising plain data to memory cannot fail.
                    if self.line.is_empty() && write_record(&mut self.line, record).is_err() {
                        return;
                    }
                    self.subscribers[at].touched = true;
                    let missed = self.give(at, fair_bytes);
                    if missed > 0 {
                        *self.lost.entry(LossReason::SlowReader).or_default() += missed;
                    }
                }
            }
            Output::Lost {
                count,
                why,
                since_ns,
            } => {
                self.take_loss(&Loss::since_unix(*count, *why, *since_ns));
            }
        }
    }

    /// Gives the line to a subscriber. One that holds less than its fair part of the budget gets
    /// room from those that hold more. Returns the records that were lost, its own or theirs.
    fn give(&self, at: usize, fair_bytes: usize) -> u64 {
        let queue = &self.subscribers[at].queue;
        let mut missed = 0;
        while !queue.push(&self.line, true) {
            let others = self.subscribers.iter().map(|other| &other.queue);
            let largest = others.max_by_key(|other| other.bytes());
            let due = !queue.behind() && queue.bytes() + self.line.len() <= fair_bytes;
            match largest.filter(|other| due && other.bytes() > fair_bytes) {
                Some(other) => missed += other.shed(),
                None => {
                    queue.miss();
                    return missed + 1;
                }
            }
        }
        missed
    }

    fn take_loss(&mut self, loss: &Loss) {
        *self.lost.entry(loss.why).or_default() += loss.records;
        self.recent.push_loss(loss);
        self.line.clear();
        // Serialising plain data to memory cannot fail.
        if write_loss(&mut self.line, loss).is_err() {
            return;
        }
        for subscriber in &mut self.subscribers {
            subscriber.touched = true;
            // A loss that does not fit is part of the slow reader's own count.
            subscriber.queue.push(&self.line, false);
        }
    }

    fn wake(&mut self) {
        for subscriber in &mut self.subscribers {
            if std::mem::take(&mut subscriber.touched) {
                subscriber.queue.wake();
            }
        }
    }
}

/// One reader's stream of lines. Dropping it ends the subscription.
pub struct Subscription {
    hub: Arc<Hub>,
    queue: Arc<Queue>,
    filter: Filter,
    since: Time,
    replay: Snapshot,
}

impl Subscription {
    /// The next lines, whole ones; `None` when the hub was closed.
    pub async fn next(&mut self) -> Option<Bytes> {
        while let Some(part) = self.replay.next() {
            let lines = self.replayed(&part);
            if !lines.is_empty() {
                return Some(lines.into());
            }
        }
        self.queue.take().await
    }

    /// How many times [`Subscription::next`] gives what waits now, the past aside.
    pub fn ready(&self) -> usize {
        self.queue.ready()
    }

    /// Whether records of the past are still to come.
    pub fn replaying(&self) -> bool {
        !self.replay.is_empty()
    }

    fn replayed(&self, part: &Part) -> Vec<u8> {
        let mut lines = Vec::new();
        let block = match part {
            Part::Kept(block) => block,
            Part::Gone(records) => {
                let loss = Loss {
                    records: *records,
                    why: LossReason::SlowReader,
                    since: self.since,
                };
                // Writing to memory cannot fail.
                let _ = write_loss(&mut lines, &loss);
                return lines;
            }
        };
        for line in block.since(self.since) {
            // Writing to memory cannot fail.
            let _ = match line {
                Line::Record(record) if !self.filter.matches(&record) => Ok(()),
                Line::Record(record) => write_record(&mut lines, &record),
                Line::Lost(loss) => write_loss(&mut lines, &loss),
            };
        }
        lines
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut state = lock(&self.hub.state);
        state
            .subscribers
            .retain(|other| !Arc::ptr_eq(&other.queue, &self.queue));
    }
}

#[cfg(test)]
#[path = "hub_tests.rs"]
pub mod tests;
