//! The one recording an agent can make at a time: asked for by the API, filled by capture.

use super::fbcap::encode;
use super::lock;
use bytes::Bytes;
use forebay_core::tape::Entry;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Batches (one per drain) that may wait for the client; some seconds' worth.
const BATCHES_MAX: usize = 1024;

/// Where a recording is asked for.
#[derive(Default)]
pub struct Deck {
    job: Mutex<State>,
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
}

impl Deck {
    /// Asks for a recording; `None` while another is being made.
    pub fn ask(&self, payload: bool, duration: Option<Duration>) -> Option<Receiver<Bytes>> {
        let mut state = lock(&self.job);
        if !matches!(*state, State::Free) {
            return None;
        }
        let (to, from) = channel(BATCHES_MAX);
        let until = duration.and_then(|d| Instant::now().checked_add(d));
        *state = State::Asked(Job { payload, until, to });
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
    /// Sends entries on; `false` when the recording is over: its time is up, nobody takes it, or
    /// it is taken too slowly (a recording with a hole is none: the file ends there).
    pub fn put(&self, entries: &[Entry], now_ns: u64) -> bool {
        let over = self.until.is_some_and(|until| Instant::now() >= until);
        let mut encoded = Vec::new();
        for entry in entries {
            encode(entry, &mut encoded);
        }
        if over {
            encode(&Entry::End(now_ns), &mut encoded);
        }
        if encoded.is_empty() {
            return !self.to.is_closed();
        }
        self.to.try_send(encoded.into()).is_ok() && !over
    }
}
