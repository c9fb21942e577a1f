//! The capture thread steps behind the host's own work, as long as the ring has room and time allows.

mod watch;

use rustix::process::setpriority_process;
use rustix::thread::gettid;
use std::time::Duration;
use watch::Watch;

/// Niceness of a thread whose work can wait: about a third of an ordinary thread's share, and ordinary
/// threads that wake up run first.
const BEHIND: i32 = 5;
/// That of every other thread.
const ORDINARY: i32 = 0;
/// Part of the ring, in percent, from which on waiting would soon lose records …
const NEAR_PERCENT: u64 = 50;
/// … and below which there is time again.
const CLEAR_PERCENT: u64 = 12;

/// The calling thread's place among the host's threads: it runs on a CPU that is idle otherwise; where
/// there is none for too long, at [`BEHIND`]; with the ring half full, as every other thread.
pub struct Priority {
    nice: i32,
    watch: Option<Watch>,
}

impl Priority {
    /// Steps behind.
    pub fn behind() -> Self {
        set(BEHIND);
        Self {
            nice: BEHIND,
            // Without it, nobody would see that no CPU is ever idle: then BEHIND has to do.
            watch: Watch::start(gettid().as_raw_nonzero().get()).ok(),
        }
    }

    /// Takes an ordinary place while the ring is in danger of filling up, and steps back afterwards.
    pub fn follow(&mut self, waiting_bytes: u64, ring_bytes: u64, now_ns: u64) {
        let nice = wanted(self.nice, waiting_bytes * 100 / ring_bytes.max(1));
        if nice != self.nice {
            self.nice = nice;
            set(nice);
        }
        if let Some(watch) = &self.watch {
            watch.alive(now_ns, Duration::ZERO);
            if nice == BEHIND {
                watch.step_back(now_ns);
            }
        }
    }

    /// Says that the thread sleeps for so long from now on.
    pub fn rest(&self, now_ns: u64, pause: Duration) {
        if let Some(watch) = &self.watch {
            watch.alive(now_ns, pause);
        }
    }

    /// Takes an ordinary place for good: somebody waits for the end.
    pub fn hurry(&mut self) {
        self.watch = None;
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
