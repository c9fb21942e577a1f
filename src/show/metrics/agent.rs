//! What the agent itself costs.

use super::buckets::seconds;
use super::definition::{Kind, Metric, Unit};
use forebay_core::event::LossReason;

/// The agent's own figures at the moment of a scrape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelfStats {
    /// CPU time of the agent's process since its start.
    pub cpu_ns: u64,
    /// Its resident memory.
    pub resident_bytes: u64,
    /// What the kernel keeps for it, the ring aside.
    pub kernel_memory_bytes: u64,
    /// Bound of both together.
    pub memory_max_bytes: u64,
    /// Kernel programs, where the kernel keeps their statistics.
    pub programs: Vec<ProgramStats>,
    /// Connections followed now.
    pub connections: u64,
    /// Connections that may be followed.
    pub connections_max: u64,
    /// Most bytes that waited in the kernel ring in the last second.
    pub ring_bytes: u64,
    /// Size of the kernel ring.
    pub ring_max_bytes: u64,
    /// Losses since the start.
    pub lost: Vec<(LossReason, u64)>,
}

/// One kernel program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgramStats {
    /// Its name.
    pub name: Box<str>,
    /// Time it ran since it was loaded.
    pub run_ns: u64,
    /// Times it ran.
    pub runs: u64,
    /// Times it was left out because it was running on that CPU already.
    pub misses: u64,
}

pub(super) const METRICS: &[Metric] = &[
    Metric {
        name: "forebay.self.cpu",
        kind: Kind::Counter,
        unit: Unit::Seconds,
        help: "CPU time of the agent's process",
        labels: &[],
        bounds: &[],
        convention: false,
        write: |state, series| series.counter(&[], seconds(state.agent.cpu_ns)),
    },
    Metric {
        name: "forebay.self.resident",
        kind: Kind::Gauge,
        unit: Unit::Bytes,
        help: "Resident memory of the agent's process",
        labels: &[],
        bounds: &[],
        convention: false,
        write: |state, series| series.gauge(&[], state.agent.resident_bytes as f64),
    },
    Metric {
        name: "forebay.self.kernel_memory",
        kind: Kind::Gauge,
        unit: Unit::Bytes,
        help: "Kernel memory of the agent's maps and programs and the sockets it tracks, the ring aside (that is resident)",
        labels: &[],
        bounds: &[],
        convention: false,
        write: |state, series| series.gauge(&[], state.agent.kernel_memory_bytes as f64),
    },
    Metric {
        name: "forebay.self.memory.limit",
        kind: Kind::Gauge,
        unit: Unit::Bytes,
        help: "Bound of resident and kernel memory together",
        labels: &[],
        bounds: &[],
        convention: false,
        write: |state, series| series.gauge(&[], state.agent.memory_max_bytes as f64),
    },
    Metric {
        name: "forebay.self.bpf.run",
        kind: Kind::Counter,
        unit: Unit::Seconds,
        help: "Time the agent's kernel programs ran, where the kernel's BPF statistics are on",
        labels: &["program"],
        bounds: &[],
        convention: false,
        write: |state, series| {
            let mut programs = state.agent.programs.iter();
            programs.try_for_each(|p| series.counter(&[("program", &p.name)], seconds(p.run_ns)))
        },
    },
    Metric {
        name: "forebay.self.bpf.runs",
        kind: Kind::Counter,
        unit: Unit::Count("run"),
        help: "Times the agent's kernel programs ran, where the kernel's BPF statistics are on",
        labels: &["program"],
        bounds: &[],
        convention: false,
        write: |state, series| {
            let mut programs = state.agent.programs.iter();
            programs.try_for_each(|p| series.counter(&[("program", &p.name)], p.runs as f64))
        },
    },
    Metric {
        name: "forebay.self.bpf.misses",
        kind: Kind::Counter,
        unit: Unit::Count("run"),
        help: "Times a kernel program was left out because it was running on that CPU already; what happened then was not seen",
        labels: &["program"],
        bounds: &[],
        convention: false,
        write: |state, series| {
            let mut programs = state.agent.programs.iter();
            programs.try_for_each(|p| series.counter(&[("program", &p.name)], p.misses as f64))
        },
    },
    Metric {
        name: "forebay.self.connections",
        kind: Kind::Gauge,
        unit: Unit::Count("connection"),
        help: "Connection ends followed now",
        labels: &[],
        bounds: &[],
        convention: false,
        write: |state, series| series.gauge(&[], state.agent.connections as f64),
    },
    Metric {
        name: "forebay.self.connections.limit",
        kind: Kind::Gauge,
        unit: Unit::Count("connection"),
        help: "Connection ends that may be followed; lowered when memory runs short",
        labels: &[],
        bounds: &[],
        convention: false,
        write: |state, series| series.gauge(&[], state.agent.connections_max as f64),
    },
    Metric {
        name: "forebay.self.ring",
        kind: Kind::Gauge,
        unit: Unit::Bytes,
        help: "Most bytes that waited in the kernel ring in the last second",
        labels: &[],
        bounds: &[],
        convention: false,
        write: |state, series| series.gauge(&[], state.agent.ring_bytes as f64),
    },
    Metric {
        name: "forebay.self.ring.limit",
        kind: Kind::Gauge,
        unit: Unit::Bytes,
        help: "Size of the kernel ring",
        labels: &[],
        bounds: &[],
        convention: false,
        write: |state, series| series.gauge(&[], state.agent.ring_max_bytes as f64),
    },
];
