//! Measures the agent once a second, and stops taking on connections when memory runs short.

use crate::keep::vitals::{Vitals, cpu_ns, resident_bytes};
use forebay_core::pipeline::CONNECTIONS_MAX;
use forebay_kernel::{Observe, RING_BYTES, give_back_memory};

/// How often.
const EVERY_NS: u64 = 1_000_000_000;
/// Part of the memory bound, in percent, at which no further connection is taken on …
const NEAR_PERCENT: u64 = 90;
/// … and below which they are again.
const CLEAR_PERCENT: u64 = 75;
/// Connection ends that are always taken on: an agent that sees nothing is of no use.
const CONNECTIONS_MIN: usize = 1024;
/// Between two attempts to give freed memory back.
const GIVE_BACK_EVERY_NS: u64 = 5_000_000_000;

/// What was measured last.
pub struct Meter {
    memory_max_bytes: u64,
    connections_max: usize,
    ring_waiting_bytes: u64,
    /// When, the process's CPU time and its programs' run time then.
    then: (u64, Option<u64>, u64),
    next_ns: u64,
    next_give_back_ns: u64,
}

impl Meter {
    /// `memory_max_bytes` bounds the resident memory.
    pub fn new(memory_max_bytes: u64, now_ns: u64) -> Self {
        Self {
            memory_max_bytes,
            connections_max: CONNECTIONS_MAX,
            ring_waiting_bytes: 0,
            then: (now_ns, cpu_ns(), 0),
            next_ns: now_ns + EVERY_NS,
            next_give_back_ns: 0,
        }
    }

    /// Notes what waits in the ring; before every drain.
    pub fn ring(&mut self, waiting_bytes: u64) {
        self.ring_waiting_bytes = self.ring_waiting_bytes.max(waiting_bytes);
    }

    /// The last second, if it is over. `connections`: connection ends followed now.
    pub fn take(&mut self, observe: &Observe, connections: usize, now_ns: u64) -> Option<Vitals> {
        if now_ns < self.next_ns {
            return None;
        }
        self.next_ns = now_ns + EVERY_NS;
        let programs = observe.stats();
        let run_ns = programs.iter().map(|program| program.run_time_ns).sum();
        let (then_ns, cpu_then, run_then) = self.then;
        let cpus = |now: u64, then: u64| {
            now.saturating_sub(then) as f64 / now_ns.saturating_sub(then_ns).max(1) as f64
        };
        let cpu_now = cpu_ns();
        let resident_bytes = self.resident_bytes(now_ns);
        self.bound(resident_bytes.unwrap_or(0), connections);
        let vitals = Vitals {
            programs,
            connections: connections as u64,
            connections_max: self.connections_max as u64,
            ring_waiting_bytes: std::mem::take(&mut self.ring_waiting_bytes),
            ring_bytes: RING_BYTES,
            resident_bytes,
            agent_cpus: cpu_now.zip(cpu_then).map(|(now, then)| cpus(now, then)),
            kernel_cpus: (run_ns > 0).then(|| cpus(run_ns, run_then)),
        };
        self.then = (now_ns, cpu_now, run_ns);
        Some(vitals)
    }

    /// Resident memory, the ring counted once (it is mapped twice). When it runs short, freed memory is
    /// given back first: a burst must not look like need for ever.
    fn resident_bytes(&mut self, now_ns: u64) -> Option<u64> {
        let read = || resident_bytes().map(|bytes| bytes.saturating_sub(RING_BYTES));
        let now = read()?;
        let short = now * 100 / self.memory_max_bytes.max(1) >= CLEAR_PERCENT;
        if !short || now_ns < self.next_give_back_ns {
            return Some(now);
        }
        self.next_give_back_ns = now_ns + GIVE_BACK_EVERY_NS;
        give_back_memory();
        read()
    }

    /// Connection ends that may be followed from now on.
    pub fn connections_max(&self) -> usize {
        self.connections_max
    }

    /// Memory of closed connections is used again but rarely given back to the system, so the bound
    /// is on connections: as many as there were when memory ran short.
    fn bound(&mut self, resident_bytes: u64, connections: usize) {
        let percent = resident_bytes * 100 / self.memory_max_bytes.max(1);
        if percent >= NEAR_PERCENT {
            let fewer = if percent >= 100 { connections / 10 } else { 0 };
            let most = (connections - fewer).max(CONNECTIONS_MIN);
            self.connections_max = self.connections_max.min(most);
        } else if percent < CLEAR_PERCENT {
            self.connections_max = CONNECTIONS_MAX;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn short_memory_bounds_connections_and_lets_go_again() {
        let mut meter = Meter::new(64 * MIB, 0);
        meter.bound(40 * MIB, 9000);
        assert_eq!(meter.connections_max(), CONNECTIONS_MAX);
        meter.bound(58 * MIB, 9000);
        assert_eq!(meter.connections_max(), 9000);
        meter.bound(64 * MIB, 9000);
        assert_eq!(meter.connections_max(), 8100, "at the bound it shrinks");
        meter.bound(50 * MIB, 5000);
        assert_eq!(meter.connections_max(), 8100, "not clear yet");
        meter.bound(47 * MIB, 5000);
        assert_eq!(meter.connections_max(), CONNECTIONS_MAX);
        meter.bound(90 * MIB, 10);
        assert_eq!(meter.connections_max(), CONNECTIONS_MIN);
    }
}
