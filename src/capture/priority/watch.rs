//! A thread that runs only on an idle CPU needs somebody to see when there is none.

use crate::keep::time::monotonic_ns;
use forebay_kernel::run_when_idle;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{JoinHandle, park_timeout};
use std::time::Duration;

/// How often it looks. Wakes up and reads two numbers: some µs.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// So late may the other be. With a look's pause this is a fifth of what fills the ring (8 MB at
/// 100,000 requests/s and 800 bytes each: 100 ms).
const LATE_NS: u64 = 10_000_000;
/// Once brought forward, it stays for this long: on a host without idle CPUs it would only fall behind
/// again.
const FORWARD_NS: u64 = 1_000_000_000;

#[derive(Default)]
struct Shared {
    /// When the watched thread has to have shown itself again.
    due_ns: AtomicU64,
    /// When it was brought forward; 0: it runs on idle CPUs only.
    forward_ns: AtomicU64,
    over: AtomicBool,
}

/// Watches the thread that made it.
pub struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    tid: i32,
}

impl Watch {
    /// Lets the calling thread `tid` run on idle CPUs only, from now on.
    pub fn start(tid: i32) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        shared.due_ns.store(u64::MAX, Relaxed);
        let seen = shared.clone();
        let thread = std::thread::Builder::new()
            .name("capture-watch".into())
            .spawn(move || watch(&seen, tid))?;
        let watch = Self {
            shared,
            thread: Some(thread),
            tid,
        };
        watch.alive(monotonic_ns(), Duration::ZERO);
        run_when_idle(tid, true)?;
        Ok(watch)
    }

    /// The thread runs, and will rest for `pause`.
    pub fn alive(&self, now_ns: u64, pause: Duration) {
        let due_ns = now_ns + pause.as_nanos() as u64 + LATE_NS;
        self.shared.due_ns.store(due_ns, Relaxed);
    }

    /// After some time in front, the calling thread is content with idle CPUs again.
    pub fn step_back(&self, now_ns: u64) {
        let forward_ns = self.shared.forward_ns.load(Relaxed);
        if forward_ns != 0 && now_ns >= forward_ns + FORWARD_NS {
            // Were it brought forward between these two, it would be late, and brought forward again.
            self.shared.forward_ns.store(0, Relaxed);
            let _ = run_when_idle(self.tid, true);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.over.store(true, Relaxed);
        let _ = run_when_idle(self.tid, false);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn watch(shared: &Shared, tid: i32) {
    while !shared.over.load(Relaxed) {
        park_timeout(LOOK_EVERY);
        let now_ns = monotonic_ns();
        if now_ns > shared.due_ns.load(Relaxed) {
            shared.forward_ns.store(now_ns, Relaxed);
            // The thread is gone: so will this one be.
            let _ = run_when_idle(tid, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forebay_kernel::runs_when_idle;
    use rustix::thread::gettid;

    /// Long enough for a look, on a busy machine.
    const SOON: Duration = Duration::from_millis(500);

    #[test]
    fn who_is_late_comes_forward_and_steps_back_in_time() {
        let tid = gettid().as_raw_nonzero().get();
        let idle = || runs_when_idle(tid).unwrap();
        let watch = Watch::start(tid).unwrap();
        watch.alive(monotonic_ns(), Duration::from_secs(60));
        std::thread::sleep(SOON);
        assert!(idle(), "it said that it rests");
        watch.alive(monotonic_ns(), Duration::ZERO);
        std::thread::sleep(SOON);
        assert!(!idle(), "it did not come back");
        let came_ns = watch.shared.forward_ns.load(Relaxed);
        watch.alive(monotonic_ns(), Duration::from_secs(60));
        watch.step_back(came_ns + FORWARD_NS - 1);
        assert!(!idle(), "too early");
        watch.step_back(came_ns + FORWARD_NS + LATE_NS * 100);
        assert!(idle());
        drop(watch);
        assert!(!idle(), "as before at the end");
    }
}
