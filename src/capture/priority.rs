//! The capture thread steps behind the host's own work, as long as the ring has room.

use rustix::process::setpriority_process;
use rustix::thread::gettid;

/// Niceness of a thread whose work can wait: about a third of an ordinary thread's share, and ordinary
/// threads that wake up run first.
const BEHIND: i32 = 5;
/// That of every other thread.
const ORDINARY: i32 = 0;
/// Part of the ring, in percent, from which on waiting would soon lose records …
const NEAR_PERCENT: u64 = 50;
/// … and below which there is time again.
const CLEAR_PERCENT: u64 = 12;

/// The calling thread's place among the host's threads.
pub struct Priority {
    nice: i32,
}

impl Priority {
    /// Steps behind.
    pub fn behind() -> Self {
        set(BEHIND);
        Self { nice: BEHIND }
    }

    /// Takes an ordinary place while the ring is in danger of filling up, and steps back afterwards.
    pub fn follow(&mut self, waiting_bytes: u64, ring_bytes: u64) {
        let nice = wanted(self.nice, waiting_bytes * 100 / ring_bytes.max(1));
        if nice != self.nice {
            self.nice = nice;
            set(nice);
        }
    }

    /// Takes an ordinary place for good: somebody waits for the end.
    pub fn hurry(&mut self) {
        self.nice = ORDINARY;
        set(ORDINARY);
    }
}

fn wanted(nice: i32, percent: u64) -> i32 {
    if percent >= NEAR_PERCENT {
        ORDINARY
    } else if percent < CLEAR_PERCENT {
        BEHIND
    } else {
        nice
    }
}

/// A refusal costs the host a little, not the agent: nothing to be said.
fn set(nice: i32) {
    let _ = setpriority_process(Some(gettid()), nice);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::getpriority_process;

    #[test]
    fn a_full_ring_brings_it_forward_and_an_empty_one_back() {
        assert_eq!(wanted(BEHIND, 49), BEHIND);
        assert_eq!(wanted(BEHIND, 50), ORDINARY);
        assert_eq!(wanted(ORDINARY, 12), ORDINARY, "not clear yet");
        assert_eq!(wanted(ORDINARY, 11), BEHIND);
    }

    #[test]
    fn only_this_thread_steps_behind() {
        let nice = || getpriority_process(Some(gettid())).unwrap();
        let before = nice();
        let stepped = std::thread::spawn(move || {
            let _priority = Priority::behind();
            nice()
        });
        assert_eq!(stepped.join().unwrap(), BEHIND);
        assert_eq!(nice(), before);
    }
}
