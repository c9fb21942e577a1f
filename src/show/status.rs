//! The agent's own state: what `/v1/status` says and how `forebay status` prints it.

use crate::agent::Agent;
use crate::keep::hub::Counts;
use crate::keep::vitals::{cpu_ns, resident_bytes};
use forebay_core::event::LossReason;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What the agent is and has done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the agent.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// When it started, UTC.
    pub started: String,
    /// For how long it has run.
    pub uptime_ns: u64,
    /// Where its API listens.
    pub socket: String,
    /// `kernel`, or the file of records it serves.
    pub source: String,
    /// Requests seen.
    pub records: u64,
    /// Losses by reason.
    pub lost: BTreeMap<String, u64>,
    /// Requests kept for `--since`.
    pub recent_records: u64,
    /// Memory of that history.
    pub recent_bytes: u64,
    /// Begin of the oldest request kept.
    pub recent_oldest: Option<String>,
    /// Readers connected now.
    pub subscribers: u64,
    /// Resident memory of the agent.
    pub memory_bytes: Option<u64>,
    /// What the kernel keeps for it, the ring aside: maps, programs, tracked sockets.
    #[serde(default)]
    pub kernel_memory_bytes: u64,
    /// Bound of both together; 0 where nothing is captured.
    #[serde(default)]
    pub memory_max_bytes: u64,
    /// CPU time the agent has used.
    pub cpu_ns: Option<u64>,
    /// CPUs it used in the last second: 0.01 is 1 % of one.
    #[serde(default)]
    pub cpus: Option<f64>,
    /// CPUs its kernel programs used, where the kernel measures them (`run --bpf-stats`).
    #[serde(default)]
    pub kernel_cpus: Option<f64>,
    /// Connection ends followed.
    #[serde(default)]
    pub connections: u64,
    /// Connection ends that may be followed; lowered when memory runs short.
    #[serde(default)]
    pub connections_max: u64,
    /// Most bytes that waited in the kernel ring in the last second.
    #[serde(default)]
    pub ring_waiting_bytes: u64,
    /// Size of the kernel ring; 0 where nothing is captured.
    #[serde(default)]
    pub ring_bytes: u64,
}

impl Status {
    /// The state of an agent of this process.
    pub fn of(agent: &Agent) -> Status {
        let counts: Counts = agent.hub.counts();
        let vitals = agent.hub.vitals();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: agent.started.clone(),
            uptime_ns: u64::try_from(agent.since.elapsed().as_nanos()).unwrap_or(u64::MAX),
            socket: agent.socket.display().to_string(),
            source: agent.source.clone(),
            records: counts.records,
            lost: lost_by_name(&counts),
            recent_records: counts.recent_records,
            recent_bytes: counts.recent_bytes as u64,
            recent_oldest: counts.recent_oldest.map(|at| at.to_string()),
            subscribers: counts.subscribers as u64,
            memory_bytes: vitals.resident_bytes.or_else(resident_bytes),
            kernel_memory_bytes: vitals.kernel_bytes,
            memory_max_bytes: vitals.memory_max_bytes,
            cpu_ns: cpu_ns(),
            cpus: vitals.agent_cpus,
            kernel_cpus: vitals.kernel_cpus,
            connections: vitals.connections,
            connections_max: vitals.connections_max,
            ring_waiting_bytes: vitals.ring_waiting_bytes,
            ring_bytes: vitals.ring_bytes,
        }
    }

    /// As people read it.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut row = |name: &str, value: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{name:<10}{value}");
        };
        row(
            "agent",
            format!(
                "forebay {}, pid {}, {}",
                self.version, self.pid, self.socket
            ),
        );
        row(
            "running",
            format!("{} (since {})", seconds(self.uptime_ns), self.started),
        );
        row("source", self.source.clone());
        row(
            "requests",
            format!("{} seen, {} kept", self.records, self.recent_records),
        );
        row(
            "oldest",
            self.recent_oldest
                .clone()
                .unwrap_or_else(|| "none kept".to_owned()),
        );
        row("readers", self.subscribers.to_string());
        row("memory", self.memory_text());
        row("cpu", self.cpu_text());
        if self.ring_bytes > 0 {
            let (followed, most) = (self.connections, self.connections_max);
            row(
                "follows",
                format!("{followed} connection ends of at most {most}"),
            );
            let kib = |bytes: u64| bytes >> 10;
            let (waited, size) = (kib(self.ring_waiting_bytes), kib(self.ring_bytes));
            row(
                "ring",
                format!("{waited} of {size} KiB waited at most in the last second"),
            );
        }
        let mut lost = self
            .lost
            .iter()
            .map(|(why, n)| format!("{n} {why}"))
            .collect::<Vec<_>>();
        if lost.is_empty() {
            lost.push("nothing".to_owned());
        }
        row("lost", lost.join(", "));
        out
    }
}

impl Status {
    fn memory_text(&self) -> String {
        let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
        let resident = self.memory_bytes.map(|bytes| mib(bytes) + " resident");
        let mut text = resident.unwrap_or_else(|| "unknown".to_owned());
        if self.memory_max_bytes > 0 {
            let (kernel, most) = (mib(self.kernel_memory_bytes), mib(self.memory_max_bytes));
            text += &format!(" + {kernel} in the kernel, of at most {most}");
        }
        text
    }

    fn cpu_text(&self) -> String {
        let percent = |cpus: f64| format!("{:.1} %", cpus * 100.0);
        let used = self.cpu_ns.map(|ns| format!("{:.3} s", ns as f64 / 1e9));
        let mut text = used.unwrap_or_else(|| "unknown".to_owned());
        if let Some(cpus) = self.cpus {
            text += &format!(", now {} of a CPU", percent(cpus));
            text += &self.kernel_cpus.map_or_else(
                || " (kernel programs: not measured, see run --bpf-stats)".to_owned(),
                |cpus| format!(" + kernel programs {}", percent(cpus)),
            );
        }
        text
    }
}

/// Losses by name.
pub fn lost_by_name(counts: &Counts) -> BTreeMap<String, u64> {
    let lost = counts.lost.iter();
    lost.map(|(why, count)| (reason_name(*why), *count))
        .collect()
}

/// Name of a reason in the JSON.
pub fn reason_name(why: LossReason) -> String {
    let name = serde_json::to_value(why).ok();
    let name = name.as_ref().and_then(|name| name.as_str());
    name.unwrap_or("unknown").to_owned()
}

/// A time of whole seconds, as `1h 2m 3s`.
fn seconds(ns: u64) -> String {
    let whole = i64::try_from(ns / 1_000_000_000).unwrap_or(i64::MAX);
    format!("{:#}", jiff::SignedDuration::from_secs(whole))
}
