//! The one recording an agent can make at a time: asked for by the API, filled by capture.

use super::fbcap::encode;
use super::lock;
use bytes::Bytes;
use forebay_core::event::LossReason;
use forebay_core::tape::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Batches (one per drain) that may wait for the client, whatever their size.
const BATCHES_MAX: usize = 1024;

/// Where a recording is asked for.
pub struct Deck {
    job: Mutex<State>,
    room: Arc<Room>,
    most_bytes: usize,
}

/// Bytes of batches that wait for the client, those being sent included.
#[derive(Debug)]
struct Room {
    limit_bytes: AtomicUsize,
    used_bytes: AtomicUsize,
}

#[derive(Default)]
enum State {
    #[default]
    Free,
    Asked(Job),
    Running,
}

/// A recording that was asked for.
pub struct Job {
    /// Keep the bytes of messages.
    pub payload: bool,
    until: Option<Instant>,
    to: Sender<Bytes>,
    room: Arc<Room>,
    /// Entries that found no room, and since when.
    missed: u64,
    missed_since_ns: u64,
}

/// What became of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// They are on their way.
    Going,
    /// So many found no room; what comes next must stand alone.
    Missed(u64),
    /// The recording is over: its time is up, or nobody takes it.
    Over,
}

/// Encoded entries; gives their room back when it is dropped, that is, sent.
struct Batch {
    bytes: Vec<u8>,
    room: Arc<Room>,
}

impl AsRef<[u8]> for Batch {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let given_back = self.bytes.capacity();
        self.room
            .used_bytes
            .fetch_sub(given_back, Ordering::Relaxed);
    }
}

impl Deck {
    /// A deck whose recording may hold `most_bytes` that wait for its client.
    pub fn new(most_bytes: usize) -> Deck {
        Deck {
            job: Mutex::default(),
            room: Arc::new(Room {
                limit_bytes: AtomicUsize::new(most_bytes),
                used_bytes: AtomicUsize::new(0),
            }),
            most_bytes,
        }
    }

    /// Lets `spare_bytes` more wait than now, within the deck's own bound.
    pub fn bound(&self, spare_bytes: usize) {
        let used = self.room.used_bytes.load(Ordering::Relaxed);
        let limit = used.saturating_add(spare_bytes).min(self.most_bytes);
        self.room.limit_bytes.store(limit, Ordering::Relaxed);
    }

    /// Asks for a recording; `None` while another is being made.
    pub fn ask(&self, payload: bool, duration: Option<Duration>) -> Option<Receiver<Bytes>> {
        let mut state = lock(&self.job);
        if !matches!(*state, State::Free) {
            return None;
        }
        let (to, from) = channel(BATCHES_MAX);
        *state = State::Asked(Job {
            payload,
            until: duration.and_then(|d| Instant::now().checked_add(d)),
            to,
            room: Arc::clone(&self.room),
            missed: 0,
            missed_since_ns: 0,
        });
        Some(from)
    }

    /// Takes what was asked for.
    pub fn take(&self) -> Option<Job> {
        let mut state = lock(&self.job);
        match std::mem::replace(&mut *state, State::Running) {
            State::Asked(job) => Some(job),
            other => {
                *state = other;
                None
            }
        }
    }

    /// The recording is over.
    pub fn free(&self) {
        *lock(&self.job) = State::Free;
    }
}

impl Job {
    /// Sends entries on. What finds no room is counted, and told of in the recording at its place.
    pub fn put(&mut self, entries: &[Entry], now_ns: u64) -> Put {
        let over = self.until.is_some_and(|until| Instant::now() >= until);
        if self.to.is_closed() {
            return Put::Over;
        }
        let missed = if self.has_room() {
            self.send(entries, over.then_some(now_ns), now_ns)
        } else {
            self.miss(entries.len() as u64, now_ns)
        };
        match missed {
            0 if !over => Put::Going,
            _ if !over => Put::Missed(missed),
            0 => Put::Over,
            _ => {
                // However full it is, how it ended must be told.
                self.send(&[], Some(now_ns), now_ns);
                Put::Over
            }
        }
    }

    /// After a loss the client first takes half of what waits: one hole then stands for many.
    fn has_room(&self) -> bool {
        let used = self.room.used_bytes.load(Ordering::Relaxed);
        let limit = self.room.limit_bytes.load(Ordering::Relaxed);
        used < if self.missed > 0 { limit / 2 } else { limit }
    }

    /// Returns how many entries were lost.
    fn send(&mut self, entries: &[Entry], end_ns: Option<u64>, now_ns: u64) -> u64 {
        let mut bytes = Vec::new();
        if self.missed > 0 {
            let lost = Entry::Lost(self.missed, LossReason::SlowRecording, self.missed_since_ns);
            encode(&lost, &mut bytes);
        }
        for entry in entries {
            encode(entry, &mut bytes);
        }
        if let Some(end_ns) = end_ns {
            encode(&Entry::End(end_ns), &mut bytes);
        }
        if bytes.is_empty() {
            return 0;
        }
        bytes.shrink_to_fit();
        let held = bytes.capacity();
        self.room.used_bytes.fetch_add(held, Ordering::Relaxed);
        let room = Arc::clone(&self.room);
        let batch = Bytes::from_owner(Batch { bytes, room });
        match self.to.try_send(batch) {
            Ok(()) => self.missed = 0,
            Err(TrySendError::Full(_)) => return self.miss(entries.len() as u64, now_ns),
            // Seen at the next call.
            Err(TrySendError::Closed(_)) => {}
        }
        0
    }

    fn miss(&mut self, entries: u64, now_ns: u64) -> u64 {
        if self.missed == 0 {
            self.missed_since_ns = now_ns;
        }
        self.missed += entries;
        entries
    }
}

#[cfg(test)]
#[path = "deck_tests.rs"]
mod tests;
