//! CPU time of groups of processes: a cgroup v2 child per group, and single processes by /proc.

use crate::{CostError, Result, Tried};
use std::fs;
use std::path::{Path, PathBuf};

/// A cgroup made for one experiment; removed when dropped (its processes must be gone).
pub struct Group {
    path: PathBuf,
}

impl Group {
    /// Makes a cgroup below the cgroup v2 root.
    ///
    /// # Errors
    /// Without a cgroup v2 mount, or rights.
    pub fn new(name: &str) -> Result<Self> {
        let root = cgroup2_root().ok_or_else(|| {
            CostError::Unexpected("no cgroup v2 hierarchy is mounted: see `forebay doctor`".into())
        })?;
        let path = root.join(format!("forebay-cost-{}-{name}", std::process::id()));
        fs::create_dir(&path).tried(format!("cannot make cgroup {}", path.display()))?;
        Ok(Self { path })
    }

    /// The file a process writes its pid to.
    pub fn procs(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }

    /// CPU time of all its processes, gone ones included, nanoseconds (kernel: microseconds).
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn cpu_ns(&self) -> Result<u64> {
        let file = self.path.join("cpu.stat");
        let text = fs::read_to_string(&file).tried(format!("cannot read {}", file.display()))?;
        let line = text.lines().find_map(|l| l.strip_prefix("usage_usec "));
        let usec = line.and_then(|v| v.parse::<u64>().ok());
        Ok(usec.unwrap_or(0) * 1000)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Zombies leave a moment after they were waited for.
        for _ in 0..50 {
            if fs::remove_dir(&self.path).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

/// CPU time of all threads of a process that are still there, nanoseconds.
pub fn process_cpu_ns(pid: u32) -> u64 {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return 0;
    };
    threads
        .filter_map(|t| fs::read_to_string(t.ok()?.path().join("schedstat")).ok())
        .filter_map(|s| s.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// CPU time of the thread of this name, nanoseconds.
pub fn thread_cpu_ns(pid: u32, name: &str) -> u64 {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return 0;
    };
    threads
        .filter_map(|t| Some(t.ok()?.path()))
        .filter(|p| fs::read_to_string(p.join("comm")).is_ok_and(|c| c.trim_end() == name))
        .filter_map(|p| fs::read_to_string(p.join("schedstat")).ok())
        .filter_map(|s| s.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// A field of /proc/PID/status in kB, as bytes.
pub fn status_bytes(pid: u32, field: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix(field));
    let number = line.and_then(|l| l.trim_start_matches(':').split_whitespace().next());
    number.and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Kernel release, CPU model, CPUs and load: what a figure is worth nothing without.
pub fn machine() -> serde_json::Value {
    let read = |p: &str| fs::read_to_string(Path::new(p)).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|l| l.strip_prefix("model name\t: "));
    serde_json::json!({
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "cpu": model,
        "cpus": cpu.matches("processor\t:").count(),
        "load_average": read("/proc/loadavg").split(' ').next(),
    })
}

fn cgroup2_root() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (_, path, kind) = (fields.next()?, fields.next()?, fields.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(path))
    })
}
