//! Measures the agent once a second, and holds its memory bound: the process's resident memory and
//! what the kernel keeps for it together.

use crate::keep::vitals::{Vitals, cpu_ns, resident_bytes};
use forebay_kernel::{Observe, RING_BYTES, SOCKETS_MAX, give_back_memory};

/// How often.
const EVERY_NS: u64 = 1_000_000_000;
/// Part of the memory bound, in percent, at which no further connection is taken on …
const NEAR_PERCENT: u64 = 90;
/// … and below which they are again.
const CLEAR_PERCENT: u64 = 75;
/// Connection ends that are always taken on: an agent that sees nothing is of no use.
const CONNECTIONS_MIN: usize = 1024;
/// Memory of the process for one connection end that is in use, about.
const END_BYTES: u64 = 1100;
/// Part of the bound that connections leave to what grows with traffic: history, queues, tables.
const OTHERS_PART: u64 = 5;
/// Between two attempts to give freed memory back.
const GIVE_BACK_EVERY_NS: u64 = 5_000_000_000;

/// What the kernel keeps for the agent, beside the ring.
#[derive(Clone, Copy, Debug, Default)]
pub struct KernelMemory {
    /// Maps and programs.
    pub fixed_bytes: u64,
    /// Each tracked socket.
    pub socket_bytes: u64,
}

/// What was measured last.
pub struct Meter {
    memory_max_bytes: u64,
    kernel: KernelMemory,
    /// Connection ends that fit into the bound.
    connections_fit: usize,
    connections_max: usize,
    spare_bytes: u64,
    ring_waiting_bytes: u64,
    /// When, the process's CPU time and its programs' run time then.
    then: (u64, Option<u64>, u64),
    next_ns: u64,
    next_give_back_ns: u64,
}

impl Meter {
    /// `memory_max_bytes` bounds resident memory and kernel memory together; `resident_now_bytes` of it
    /// are taken already.
    pub fn new(
        memory_max_bytes: u64,
        kernel: KernelMemory,
        resident_now_bytes: u64,
        now_ns: u64,
    ) -> Self {
        let others = memory_max_bytes / OTHERS_PART;
        let taken = resident_now_bytes + kernel.fixed_bytes + others;
        let fit = memory_max_bytes.saturating_sub(taken) / (kernel.socket_bytes + END_BYTES);
        let connections_fit = (fit as usize).clamp(CONNECTIONS_MIN, SOCKETS_MAX);
        Self {
            memory_max_bytes,
            kernel,
            connections_fit,
            connections_max: connections_fit,
            spare_bytes: others,
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
        let sockets = observe.losses().sockets;
        let kernel_bytes = self.kernel.fixed_bytes + sockets * self.kernel.socket_bytes;
        let resident_bytes = self.resident_bytes(kernel_bytes, now_ns);
        self.bound(resident_bytes.unwrap_or(0) + kernel_bytes, connections);
        let vitals = Vitals {
            programs,
            connections: connections as u64,
            connections_max: self.connections_max as u64,
            ring_waiting_bytes: std::mem::take(&mut self.ring_waiting_bytes),
            ring_bytes: RING_BYTES,
            resident_bytes,
            kernel_bytes,
            memory_max_bytes: self.memory_max_bytes,
            agent_cpus: cpu_now.zip(cpu_then).map(|(now, then)| cpus(now, then)),
            kernel_cpus: (run_ns > 0).then(|| cpus(run_ns, run_then)),
        };
        self.then = (now_ns, cpu_now, run_ns);
        Some(vitals)
    }

    /// Resident memory, the ring counted once (it is mapped twice). When it runs short, freed memory is
    /// given back first: a burst must not look like need for ever.
    fn resident_bytes(&mut self, kernel_bytes: u64, now_ns: u64) -> Option<u64> {
        let now = resident_once_bytes()?;
        let short = self.percent(now + kernel_bytes) >= CLEAR_PERCENT;
        if !short || now_ns < self.next_give_back_ns {
            return Some(now);
        }
        self.next_give_back_ns = now_ns + GIVE_BACK_EVERY_NS;
        give_back_memory();
        resident_once_bytes()
    }

    fn percent(&self, bytes: u64) -> u64 {
        bytes * 100 / self.memory_max_bytes.max(1)
    }

    /// Connection ends that may be followed from now on.
    pub fn connections_max(&self) -> usize {
        self.connections_max
    }

    /// What is left below the bound, for lines that wait.
    pub fn spare_bytes(&self) -> u64 {
        self.spare_bytes
    }

    /// Memory of closed connections is used again but rarely given back to the system, so the bound
    /// is on connections: as many as there were when memory ran short.
    fn bound(&mut self, bytes: u64, connections: usize) {
        let percent = self.percent(bytes);
        self.spare_bytes = self.memory_max_bytes.saturating_sub(bytes);
        if percent >= NEAR_PERCENT {
            let fewer = if percent >= 100 { connections / 10 } else { 0 };
            let most = (connections - fewer).max(CONNECTIONS_MIN);
            self.connections_max = self.connections_max.min(most);
        } else if percent < CLEAR_PERCENT {
            self.connections_max = self.connections_fit;
        }
    }
}

/// Resident memory of this process, the ring counted once: it is mapped twice.
pub fn resident_once_bytes() -> Option<u64> {
    resident_bytes().map(|bytes| bytes.saturating_sub(RING_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// As on a host where maps and programs take 1 MiB.
    const KERNEL: KernelMemory = KernelMemory {
        fixed_bytes: MIB,
        socket_bytes: 720,
    };

    #[test]
    fn short_memory_bounds_connections_and_lets_go_again() {
        let mut meter = Meter::new(64 * MIB, KERNEL, 15 * MIB, 0);
        let fit = meter.connections_max();
        meter.bound(40 * MIB, 9000);
        assert_eq!(meter.connections_max(), fit);
        assert_eq!(meter.spare_bytes(), 24 * MIB);
        meter.bound(58 * MIB, 9000);
        assert_eq!(meter.connections_max(), 9000);
        meter.bound(64 * MIB, 9000);
        assert_eq!(meter.connections_max(), 8100, "at the bound it shrinks");
        assert_eq!(meter.spare_bytes(), 0);
        meter.bound(50 * MIB, 5000);
        assert_eq!(meter.connections_max(), 8100, "not clear yet");
        meter.bound(47 * MIB, 5000);
        assert_eq!(meter.connections_max(), fit);
        meter.bound(90 * MIB, 10);
        assert_eq!(meter.connections_max(), CONNECTIONS_MIN);
    }

    #[test]
    fn connections_that_are_followed_fit_with_what_the_kernel_keeps_for_them() {
        let fit = |mib: u64| Meter::new(mib * MIB, KERNEL, 15 * MIB, 0).connections_max();
        for mib in [32, 48, 64] {
            let ends = fit(mib) as u64;
            let all = 16 * MIB + ends * (720 + END_BYTES);
            assert!(all <= mib * MIB * 4 / 5, "{ends} ends in {mib} MiB");
        }
        assert!((4000..6000).contains(&fit(32)), "{}", fit(32));
        assert!(fit(64) >= 20_000, "{}", fit(64));
        assert_eq!(fit(1024), SOCKETS_MAX);
    }
}
