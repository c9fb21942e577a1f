//! How much CPU the busiest servers used and waited for: sampled from /proc once a second.
//!
//! Only processes that answered requests lately are looked at, so an idle host costs nothing. What
//! is read is proc(5)'s `task/*/schedstat` (CPU and run-queue wait of each thread) and the cgroup's
//! `cpu.stat`. All is bounded: processes, threads, levels of the cgroup tree.

mod proc;

use forebay_core::exchange::record::Who;
use forebay_core::explain::ProcessSample;
use forebay_core::pipeline::Output;
use proc::{Cgroups, Reading};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Length of a sampling interval; fixed, so that samples of one moment compare.
pub const INTERVAL_NS: u64 = 1_000_000_000;
/// Processes sampled in one interval: those with the most records.
const SAMPLED_MAX: usize = 32;
/// Processes whose records are counted between two samples.
const COUNTED_MAX: usize = 256;
/// How long a process is sampled after its last record: streams of a model take as long.
const LATELY_NS: u64 = 30_000_000_000;
/// A process that ran and waited less than this in an interval is left out: it tells nothing.
const BUSY_MIN_NS: u64 = 1_000_000;

/// A process that answered lately.
struct Server {
    workload: Box<str>,
    /// Records since the last sample, and half of what was before: the busiest are sampled.
    records: u32,
    last_record_ns: u64,
    before: Option<(Reading, u64)>,
}

/// One process over one interval, before its cgroup's throttling is shared out.
struct Used {
    sample: ProcessSample,
    cgroup: Option<PathBuf>,
}

/// Remembers who answered, and samples them.
pub struct Sampler {
    servers: HashMap<u32, Server>,
    cgroups: Cgroups,
    throttled: HashMap<PathBuf, u64>,
    next_ns: u64,
}

impl Sampler {
    /// Nobody answered yet.
    pub fn new() -> Self {
        Self {
            servers: HashMap::new(),
            cgroups: Cgroups::find(),
            throttled: HashMap::new(),
            next_ns: 0,
        }
    }

    /// Notes whose server sockets answered.
    pub fn answered(&mut self, outputs: &[Output], now_ns: u64) {
        let servers = outputs.iter().filter_map(|output| match output {
            Output::Record(record) => Some(&record.server.who),
            Output::Lost { .. } => None,
        });
        // Mostly some answer many times in a row.
        let mut run: Option<(&Arc<Who>, u32)> = None;
        for who in servers {
            run = match run {
                Some((before, records)) if Arc::ptr_eq(before, who) => Some((before, records + 1)),
                Some((before, records)) => {
                    self.count(before, records, now_ns);
                    Some((who, 1))
                }
                None => Some((who, 1)),
            };
        }
        if let Some((who, records)) = run {
            self.count(who, records, now_ns);
        }
    }

    fn count(&mut self, who: &Who, records: u32, now_ns: u64) {
        let Some(pid) = who.pid else {
            return;
        };
        if !self.servers.contains_key(&pid) && self.servers.len() >= COUNTED_MAX {
            return;
        }
        let server = self.servers.entry(pid).or_insert_with(|| Server {
            workload: who.workload.clone(),
            records: 0,
            last_record_ns: now_ns,
            before: None,
        });
        server.records = server.records.saturating_add(records);
        server.last_record_ns = now_ns;
        if server.workload != who.workload {
            server.workload = who.workload.clone();
        }
    }

    /// Samples whoever is due; empty most of the time.
    pub fn samples(&mut self, now_ns: u64) -> Vec<ProcessSample> {
        if now_ns < self.next_ns || self.servers.is_empty() {
            return Vec::new();
        }
        self.next_ns = now_ns + INTERVAL_NS;
        self.servers
            .retain(|_, server| now_ns.saturating_sub(server.last_record_ns) < LATELY_NS);
        let mut used = Vec::new();
        let mut threads_left = proc::THREADS_TOTAL_MAX;
        for pid in self.busiest() {
            let Some(reading) = Reading::of(pid, &mut threads_left) else {
                self.servers.remove(&pid); // it is gone
                continue;
            };
            used.extend(self.difference(pid, reading, now_ns));
        }
        self.share_throttling(&mut used);
        used.into_iter()
            .map(|used| used.sample)
            .filter(|s| s.cpu_ns + s.run_delay_ns.max(s.throttled_ns) >= BUSY_MIN_NS)
            .collect()
    }

    /// The processes to sample, most records first.
    fn busiest(&mut self) -> Vec<u32> {
        let mut by_records: Vec<(u32, u32)> = self
            .servers
            .iter()
            .map(|(pid, server)| (server.records, *pid))
            .collect();
        by_records.sort_unstable_by(|a, b| b.cmp(a));
        for (_, pid) in by_records.iter().skip(SAMPLED_MAX) {
            if let Some(server) = self.servers.get_mut(pid) {
                server.before = None; // the interval would no longer be one
            }
        }
        for server in self.servers.values_mut() {
            server.records /= 2;
        }
        by_records.truncate(SAMPLED_MAX);
        by_records.into_iter().map(|(_, pid)| pid).collect()
    }

    /// What a process used since its last reading; `None` the first time, and when the id now
    /// belongs to another process.
    fn difference(&mut self, pid: u32, reading: Reading, now_ns: u64) -> Option<Used> {
        let cgroup = self.cgroups.of(&reading.cgroup);
        let server = self.servers.get_mut(&pid)?;
        let used = server.before.as_ref().and_then(|(before, then_ns)| {
            let (cpu_ns, run_delay_ns) = reading.since(before)?;
            Some(Used {
                sample: ProcessSample {
                    workload: server.workload.clone(),
                    pid,
                    at_ns: now_ns,
                    interval_ns: now_ns - then_ns,
                    cpu_ns,
                    run_delay_ns,
                    throttled_ns: 0,
                },
                cgroup,
            })
        });
        server.before = Some((reading, now_ns));
        used
    }

    /// Gives each process its part of the time its cgroup was throttled: by CPU time among the
    /// sampled processes of that cgroup, so that nothing counts twice.
    fn share_throttling(&mut self, used: &mut [Used]) {
        let mut by_cgroup: HashMap<PathBuf, Vec<usize>> = HashMap::new();
        for (at, one) in used.iter().enumerate() {
            if let Some(cgroup) = &one.cgroup {
                by_cgroup.entry(cgroup.clone()).or_default().push(at);
            }
        }
        let mut now = HashMap::new();
        for (cgroup, members) in by_cgroup {
            let Some(total_ns) = self.cgroups.throttled_ns(&cgroup) else {
                continue;
            };
            if let Some(before_ns) = self.throttled.get(&cgroup) {
                let throttled_ns = total_ns.saturating_sub(*before_ns);
                let cpu_ns: u64 = members.iter().map(|at| used[*at].sample.cpu_ns).sum();
                for at in members {
                    let sample = &mut used[at].sample;
                    let share = sample.cpu_ns as f64 / cpu_ns.max(1) as f64;
                    sample.throttled_ns = (throttled_ns as f64 * share) as u64;
                }
            }
            now.insert(cgroup, total_ns);
        }
        self.throttled = now;
    }
}

#[cfg(test)]
mod tests;
