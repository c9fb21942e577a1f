//! How long busy processes waited for a CPU: bounded sums of what capture samples once a second.

use std::collections::VecDeque;

/// One busy process over one sampling interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessSample {
    /// Workload name, as in records.
    pub workload: Box<str>,
    /// Process id in the initial pid namespace.
    pub pid: u32,
    /// End of the interval, monotonic clock.
    pub at_ns: u64,
    /// Length of the interval.
    pub interval_ns: u64,
    /// CPU time of all its threads in the interval.
    pub cpu_ns: u64,
    /// Time its threads were runnable and waited for a CPU (`/proc/<pid>/task/*/schedstat`, field 2).
    pub run_delay_ns: u64,
    /// Time its cgroup was throttled by its CPU quota (`throttled_usec` of `cpu.stat`).
    pub throttled_ns: u64,
}

/// Bounds of a [`ProcessTable`].
#[derive(Clone, Copy, Debug)]
pub struct ProcessSizes {
    /// Samples kept; the oldest go first.
    pub samples: usize,
    /// Samples older than this are dropped.
    pub keep_ns: u64,
}

impl Default for ProcessSizes {
    /// 64 busy processes a second for a minute; in all at most 1 MB.
    fn default() -> Self {
        Self {
            samples: 4096,
            keep_ns: 300_000_000_000,
        }
    }
}

/// CPU use and wait of a workload over a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuWait {
    /// CPU time.
    pub cpu_ns: u64,
    /// Runnable without a CPU. Where the CPU quota explains more than the run queue, the quota's.
    pub waited_ns: u64,
    /// Held by the CPU quota.
    pub throttled_ns: u64,
}

impl CpuWait {
    /// Part of the runnable time spent waiting, 0 to 1.
    pub fn share(&self) -> f64 {
        self.waited_ns as f64 / (self.cpu_ns + self.waited_ns).max(1) as f64
    }
    /// Most of the wait is the quota's.
    pub fn is_quota(&self) -> bool {
        self.throttled_ns * 2 > self.waited_ns
    }
}

/// The newest samples.
#[derive(Debug, Default)]
pub struct ProcessTable {
    sizes: ProcessSizes,
    samples: VecDeque<ProcessSample>,
    /// Samples dropped before their time.
    dropped: u64,
}

impl ProcessTable {
    /// An empty table.
    pub fn new(sizes: ProcessSizes) -> Self {
        Self {
            sizes,
            ..Self::default()
        }
    }

    /// Keeps a sample; samples arrive in the order of their time.
    pub fn add(&mut self, sample: ProcessSample) {
        let oldest_ns = sample.at_ns.saturating_sub(self.sizes.keep_ns);
        while self
            .samples
            .front()
            .is_some_and(|oldest| oldest.at_ns < oldest_ns)
        {
            self.samples.pop_front();
        }
        if self.samples.len() >= self.sizes.samples.max(1) {
            self.samples.pop_front();
            self.dropped += 1;
        }
        self.samples.push_back(sample);
    }

    /// Sums a workload's samples of the last `span_ns`; `None` if it was never busy in it.
    pub fn wait_of(&self, workload: &str, now_ns: u64, span_ns: u64) -> Option<CpuWait> {
        let since_ns = now_ns.saturating_sub(span_ns);
        let mut sum = None;
        for sample in self
            .samples
            .iter()
            .rev()
            .take_while(|sample| sample.at_ns > since_ns)
        {
            if &*sample.workload == workload {
                let wait: &mut CpuWait = sum.get_or_insert_default();
                wait.cpu_ns += sample.cpu_ns;
                // Older kernels count throttling in the run delay too, newer ones do not: the
                // larger of both never counts it twice.
                wait.waited_ns += sample.run_delay_ns.max(sample.throttled_ns);
                wait.throttled_ns += sample.throttled_ns;
            }
        }
        sum
    }

    /// Samples dropped because the table was full.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Bytes held.
    pub fn memory_bytes(&self) -> usize {
        let names: usize = self
            .samples
            .iter()
            .map(|sample| sample.workload.len())
            .sum();
        size_of::<Self>() + self.samples.capacity() * size_of::<ProcessSample>() + names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(
        workload: &str,
        at_s: u64,
        cpu_ms: u64,
        delay_ms: u64,
        throttled_ms: u64,
    ) -> ProcessSample {
        ProcessSample {
            workload: workload.into(),
            pid: 7,
            at_ns: at_s * 1_000_000_000,
            interval_ns: 1_000_000_000,
            cpu_ns: cpu_ms * 1_000_000,
            run_delay_ns: delay_ms * 1_000_000,
            throttled_ns: throttled_ms * 1_000_000,
        }
    }

    #[test]
    fn sums_the_window_of_one_workload() {
        let mut table = ProcessTable::default();
        table.add(sample("llama-server", 1, 1000, 0, 0));
        table.add(sample("llama-server", 61, 380, 620, 0));
        table.add(sample("postgres", 61, 10, 0, 0));
        let wait = table
            .wait_of("llama-server", 62_000_000_000, 10_000_000_000)
            .unwrap();
        assert_eq!((wait.share() * 100.0).round(), 62.0);
        assert!(!wait.is_quota());
        assert_eq!(
            table.wait_of("nobody", 62_000_000_000, 10_000_000_000),
            None
        );
    }

    #[test]
    fn throttling_counts_once() {
        let mut table = ProcessTable::default();
        table.add(sample("a", 1, 200, 800, 790));
        let wait = table.wait_of("a", 1_000_000_000, 2_000_000_000).unwrap();
        assert_eq!(wait.waited_ns, 800_000_000);
        assert!(wait.is_quota());
    }

    #[test]
    fn is_bounded_and_counts_what_it_drops() {
        let mut table = ProcessTable::new(ProcessSizes {
            samples: 10,
            keep_ns: 1_000_000_000_000,
        });
        for i in 0..100 {
            table.add(sample("a", i, 1, 1, 0));
        }
        assert_eq!(table.dropped(), 90);
        let mut table = ProcessTable::new(ProcessSizes {
            samples: 100,
            keep_ns: 5_000_000_000,
        });
        for i in 0..100 {
            table.add(sample("a", i, 1, 1, 0));
        }
        assert_eq!((table.samples.len(), table.dropped()), (6, 0));
    }
}
