//! One network namespace with a name of its own: `fbt-<pid>-<n>`.

use crate::tools::{require_root, run_line};
use crate::{Result, RigError};
use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::process::Command;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

const PREFIX: &str = "fbt-";
static NEXT: AtomicU32 = AtomicU32::new(0);
static SWEEP: Once = Once::new();

/// A network namespace. Removed on drop, also when a test panics.
#[derive(Debug)]
pub struct Netns {
    name: String,
    number: u32,
}

impl Netns {
    /// Makes an empty namespace with its loopback up.
    ///
    /// The first call of a process also removes namespaces that killed test processes left behind.
    ///
    /// # Errors
    /// Without root, or when `ip` fails.
    pub fn new() -> Result<Self> {
        require_root()?;
        SWEEP.call_once(sweep);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        run_line(&name, &format!("ip netns add {name}"))?;
        let netns = Self { name, number };
        netns.ip("link set lo up")?;
        Ok(netns)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number in this process; unique.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The file that holds it.
    pub fn path(&self) -> String {
        format!("/run/netns/{}", self.name)
    }

    /// Runs `ip -n <this> …`.
    ///
    /// # Errors
    /// When it fails.
    pub fn ip(&self, arguments: &str) -> Result<String> {
        run_line(&self.name, &format!("ip -n {} {arguments}", self.name))
    }

    /// Runs `tc -n <this> …`.
    ///
    /// # Errors
    /// When it fails; an unknown qdisc means that this kernel lacks it.
    pub fn tc(&self, arguments: &str) -> Result<String> {
        run_line(&self.name, &format!("tc -n {} {arguments}", self.name))
    }

    /// Runs `work` on a thread inside the namespace; threads that it starts stay inside.
    ///
    /// # Errors
    /// When the namespace cannot be entered. A panic of `work` is passed on.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let fail = |output: String| RigError::Command {
            place: self.name.clone(),
            command: "setns".into(),
            output,
        };
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let file = File::open(self.path()).map_err(|error| fail(error.to_string()))?;
                setns(&file, CloneFlags::CLONE_NEWNET).map_err(|error| fail(error.to_string()))?;
                Ok(work())
            });
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// A child process inside. Not `ip netns exec`: that mounts /sys anew and hides the cgroup tree.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net={}", self.path()))
            .arg("--")
            .arg(program);
        command
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        if let Err(error) = run_line(&self.name, &format!("ip netns del {}", self.name)) {
            eprintln!("{error}");
        }
    }
}

/// Names of test namespaces of this process that exist now.
pub fn leftovers() -> Vec<String> {
    let own = format!("{PREFIX}{}-", std::process::id());
    names()
        .into_iter()
        .filter(|name| name.starts_with(&own))
        .collect()
}

fn names() -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/run/netns") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// Removes namespaces whose process is gone.
fn sweep() {
    for name in names() {
        let Some(pid) = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next())
        else {
            continue;
        };
        if pid.parse::<u32>().is_ok() && !std::path::Path::new("/proc").join(pid).exists() {
            let _ = run_line(&name, &format!("ip netns del {name}"));
        }
    }
}
