//! Reads and parses what /proc and the cgroup tree say of a process's CPU.

use std::fs;
use std::path::{Path, PathBuf};

/// Threads read of one process: those listed first.
const THREADS_MAX: usize = 256;
/// Threads read of all processes in one interval; about 5 µs each.
pub const THREADS_TOTAL_MAX: usize = 1024;
/// Levels of the cgroup tree looked at above a process.
const LEVELS_MAX: usize = 16;

/// CPU time and run-queue wait of one thread since its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thread {
    tid: u32,
    cpu_ns: u64,
    run_delay_ns: u64,
}

/// A process at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// When it started, in clock ticks since boot: tells two processes of one id apart.
    start_ticks: u64,
    /// By thread id.
    threads: Vec<Thread>,
    /// Content of its `cgroup` file.
    pub cgroup: String,
}

impl Reading {
    /// Reads a process; `None` when it is gone, or this kernel keeps no `schedstat`. Lowers
    /// `threads_left` by the threads read; at 0 none are.
    pub fn of(pid: u32, threads_left: &mut usize) -> Option<Self> {
        let base = PathBuf::from(format!("/proc/{pid}"));
        let start_ticks = start_ticks(&fs::read_to_string(base.join("stat")).ok()?)?;
        let mut threads = Vec::new();
        let room = THREADS_MAX.min(*threads_left);
        for entry in fs::read_dir(base.join("task")).ok()?.take(room).flatten() {
            let tid = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            let text = fs::read_to_string(entry.path().join("schedstat"));
            // A thread may end while it is read.
            let (Some(tid), Ok(text)) = (tid, text) else {
                continue;
            };
            threads.extend(schedstat(tid, &text));
        }
        *threads_left -= threads.len().min(*threads_left);
        threads.sort_unstable_by_key(|thread| thread.tid);
        let cgroup = fs::read_to_string(base.join("cgroup")).unwrap_or_default();
        let reading = Self {
            start_ticks,
            threads,
            cgroup,
        };
        (!reading.threads.is_empty()).then_some(reading)
    }

    /// CPU time and run-queue wait (ns) since an earlier reading; `None` if that was of another
    /// process. Threads that began since count in full, threads that ended since not at all.
    pub fn since(&self, before: &Self) -> Option<(u64, u64)> {
        if self.start_ticks != before.start_ticks {
            return None;
        }
        let whole = before.threads.len() < THREADS_MAX;
        let mut sum = (0, 0);
        for thread in &self.threads {
            let earlier = before
                .threads
                .binary_search_by_key(&thread.tid, |thread| thread.tid);
            let (cpu_ns, run_delay_ns) = match earlier {
                Ok(at) => (before.threads[at].cpu_ns, before.threads[at].run_delay_ns),
                Err(_) if whole => (0, 0),
                // It may be old: it was perhaps not among those read before.
                Err(_) => continue,
            };
            sum.0 += thread.cpu_ns.saturating_sub(cpu_ns);
            sum.1 += thread.run_delay_ns.saturating_sub(run_delay_ns);
        }
        Some(sum)
    }
}

/// Field 22 of proc_pid_stat(5). The name (field 2) may hold spaces and brackets.
fn start_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// "CPU time, run-queue wait (both ns), time slices" (kernel: Documentation/scheduler/sched-stats).
fn schedstat(tid: u32, text: &str) -> Option<Thread> {
    let mut fields = text.split_ascii_whitespace().map(str::parse);
    Some(Thread {
        tid,
        cpu_ns: fields.next()?.ok()?,
        run_delay_ns: fields.next()?.ok()?,
    })
}

/// Where the CPU controllers of cgroup v1 and v2 are mounted.
#[derive(Debug, Default)]
pub struct Cgroups {
    v1: Option<PathBuf>,
    v2: Option<PathBuf>,
}

impl Cgroups {
    /// Looks at /proc/self/mounts.
    pub fn find() -> Self {
        Self::of_mounts(&fs::read_to_string("/proc/self/mounts").unwrap_or_default())
    }

    fn of_mounts(mounts: &str) -> Self {
        let mut found = Self::default();
        for line in mounts.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let [_, path, kind, options, ..] = fields[..] else {
                continue;
            };
            match kind {
                "cgroup2" => found.v2 = found.v2.or_else(|| Some(path.into())),
                "cgroup" if options.split(',').any(|option| option == "cpu") => {
                    found.v1 = found.v1.or_else(|| Some(path.into()));
                }
                _ => {}
            }
        }
        found
    }

    /// The directory that can throttle a process, by its `cgroup` file. `None`: at the root, which
    /// has no quota.
    pub fn of(&self, cgroup: &str) -> Option<PathBuf> {
        let mut v2 = None;
        for line in cgroup.lines() {
            let mut fields = line.splitn(3, ':');
            let (Some(id), Some(controllers), Some(path)) =
                (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            let path = path.trim_start_matches('/');
            if path.is_empty() || path.split('/').any(|part| part == "..") {
                continue;
            }
            if controllers.split(',').any(|name| name == "cpu") {
                return self.v1.as_ref().map(|root| root.join(path));
            }
            if id == "0" && controllers.is_empty() {
                v2 = self.v2.as_ref().map(|root| root.join(path));
            }
        }
        v2
    }

    /// Time (ns) that the most throttled of a cgroup and those above it was held by its quota, summed
    /// over CPUs as the kernel does. A quota above holds those below without showing there.
    pub fn throttled_ns(&self, cgroup: &Path) -> Option<u64> {
        let levels = cgroup.ancestors().take(LEVELS_MAX);
        let inside = levels.take_while(|level| {
            let is_root = |root: &Option<PathBuf>| root.as_deref() == Some(*level);
            !is_root(&self.v1) && !is_root(&self.v2)
        });
        inside
            .filter_map(|level| fs::read_to_string(level.join("cpu.stat")).ok())
            .filter_map(|text| throttled_ns(&text))
            .max()
    }
}

/// `throttled_usec` of cgroup v2, `throttled_time` (ns) of v1.
fn throttled_ns(cpu_stat: &str) -> Option<u64> {
    cpu_stat.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        let value: u64 = value.trim().parse().ok()?;
        match name {
            "throttled_usec" => Some(value.saturating_mul(1000)),
            "throttled_time" => Some(value),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_whatever_the_process_is_called() {
        let stat = "812 (a) R 9 (b)) S 1 812 812 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 9";
        assert_eq!(start_ticks(stat), Some(4711));
        assert_eq!(start_ticks("812 (cut"), None);
        let thread = schedstat(7, "1500 2500 3\n").unwrap();
        assert_eq!((thread.cpu_ns, thread.run_delay_ns), (1500, 2500));
        assert_eq!(schedstat(7, "1500\n"), None);
        assert_eq!(schedstat(7, ""), None);
        let v2 = "usage_usec 10\nnr_throttled 4\nthrottled_usec 250\n";
        assert_eq!(throttled_ns(v2), Some(250_000));
        assert_eq!(throttled_ns("nr_periods 1\nthrottled_time 77\n"), Some(77));
        assert_eq!(throttled_ns("usage_usec 10\n"), None);
    }

    fn reading(start_ticks: u64, threads: &[(u32, u64, u64)]) -> Reading {
        let threads = threads.iter().map(|&(tid, cpu_ns, run_delay_ns)| Thread {
            tid,
            cpu_ns,
            run_delay_ns,
        });
        Reading {
            start_ticks,
            threads: threads.collect(),
            ..Reading::default()
        }
    }

    #[test]
    fn a_reused_id_is_another_process_and_threads_come_and_go() {
        let before = reading(1, &[(10, 100, 10), (11, 500, 50)]);
        let after = reading(1, &[(10, 130, 15), (12, 7, 3)]);
        assert_eq!(after.since(&before), Some((37, 8)));
        assert_eq!(reading(2, &[(10, 130, 15)]).since(&before), None);
    }

    #[test]
    fn the_quota_is_looked_for_where_the_cpu_controller_is() {
        let hybrid = "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n\
                      cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let cgroups = Cgroups::of_mounts(hybrid);
        let file = "4:cpu,cpuacct:/docker/a\n0::/docker/b\n";
        assert_eq!(
            cgroups.of(file),
            Some("/sys/fs/cgroup/cpu,cpuacct/docker/a".into())
        );
        let unified = Cgroups::of_mounts("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
        assert_eq!(unified.of("0::/x/y\n"), Some("/sys/fs/cgroup/x/y".into()));
        assert_eq!(unified.of("0::/\n"), None);
        assert_eq!(unified.of("0::/../x\n"), None);
    }

    #[test]
    fn the_most_throttled_level_counts() {
        let root = tempfile::tempdir().unwrap();
        let leaf = root.path().join("pod/container");
        fs::create_dir_all(&leaf).unwrap();
        fs::write(root.path().join("cpu.stat"), "throttled_usec 9000\n").unwrap();
        fs::write(root.path().join("pod/cpu.stat"), "throttled_usec 30\n").unwrap();
        fs::write(leaf.join("cpu.stat"), "throttled_usec 20\n").unwrap();
        let cgroups = Cgroups {
            v1: None,
            v2: Some(root.path().to_owned()),
        };
        assert_eq!(cgroups.throttled_ns(&leaf), Some(30_000));
    }
}
