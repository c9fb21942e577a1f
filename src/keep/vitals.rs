//! What the agent itself costs and holds: a snapshot that capture takes once a second.

use forebay_kernel::ProgramStats;

/// The agent at the end of the last second.
#[derive(Clone, Debug, Default)]
pub struct Vitals {
    /// Kernel programs. Their run times are 0 unless the kernel's BPF statistics are on.
    pub programs: Vec<ProgramStats>,
    /// Connection ends followed.
    pub connections: u64,
    /// Connection ends that may be followed; lowered when memory runs short.
    pub connections_max: u64,
    /// Most bytes that waited in the kernel ring at one time of that second.
    pub ring_waiting_bytes: u64,
    /// Size of the kernel ring.
    pub ring_bytes: u64,
    /// Resident memory, with the ring counted once.
    pub resident_bytes: Option<u64>,
    /// What the kernel keeps for the agent, the ring aside: maps, programs, tracked sockets.
    pub kernel_bytes: u64,
    /// Bound of both together; 0 where nothing is captured.
    pub memory_max_bytes: u64,
    /// CPUs the agent's process used in that second: 0.01 is 1 % of one.
    pub agent_cpus: Option<f64>,
    /// CPUs its kernel programs used, where the kernel's BPF statistics are on.
    pub kernel_cpus: Option<f64>,
}

/// `VmRSS` of this process, see proc_pid_status(5).
pub fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// CPU time of this process.
pub fn cpu_ns() -> Option<u64> {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = u64::try_from(used.tv_sec).ok()?;
    Some(seconds * 1_000_000_000 + u64::try_from(used.tv_nsec).ok()?)
}
