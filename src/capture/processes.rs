//! Names of processes: what /proc tells, read once per process while it lives.
//!
//! Of the command line only the name of a script or module is used, of the environment only
//! OTel's service name: both can hold secrets elsewhere.

use forebay_core::enrich::Workload;
use interpreters::{NODE, interpreter};
use std::fs;

mod interpreters;

/// What Node.js calls its main thread, and with it the process.
const NAMELESS: &[&str] = &["MainThread", "node-MainThread"];
/// The kernel keeps this much of a process name (TASK_COMM_LEN without the zero, sched.h).
const COMM_BYTES_MAX: usize = 15;
/// Longest name shown.
const NAME_BYTES_MAX: usize = 64;

/// What is known of a process. `comm` is the kernel's name of its main thread and always known.
pub fn workload(pid: u32, comm: &str) -> Workload {
    let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let place = Place::of(&cgroups);
    let name = service_name(pid)
        .or_else(|| {
            place
                .pod
                .clone()
                .map(|pod| format!("pod-{}", &pod[..pod.len().min(8)]))
        })
        .or_else(|| {
            place
                .unit
                .clone()
                .map(|unit| unit.trim_end_matches(".service").to_owned())
        })
        .or_else(|| place.container.clone())
        .unwrap_or_else(|| program(pid, comm));
    Workload {
        name: bounded(&name),
        comm: comm.into(),
        pod: place.pod.map(Into::into),
        unit: place.unit.map(Into::into),
        container: place.container.map(Into::into),
    }
}

fn bounded(name: &str) -> Box<str> {
    let clean: String = name
        .chars()
        .filter(|c| !c.is_control())
        .take(NAME_BYTES_MAX)
        .collect();
    clean.into()
}

/// Where a process stands in the cgroup tree.
#[derive(Debug, Default, PartialEq, Eq)]
struct Place {
    pod: Option<String>,
    unit: Option<String>,
    container: Option<String>,
}

impl Place {
    /// Reads the lines of /proc/PID/cgroup, of cgroup v1 and v2.
    fn of(cgroups: &str) -> Self {
        let mut place = Self::default();
        for path in cgroups
            .lines()
            .filter_map(|line| line.splitn(3, ':').nth(2))
        {
            for part in path.split('/') {
                place.part(part);
            }
        }
        if place.pod.is_some() || place.container.is_some() {
            place.unit = None; // the kubelet's or runtime's, not the workload's
        }
        place
    }

    fn part(&mut self, part: &str) {
        let scope = part.strip_suffix(".scope").unwrap_or(part);
        let slice = part.strip_suffix(".slice").unwrap_or(part);
        if let Some((_, uid)) = slice.rsplit_once("pod")
            && (slice.starts_with("pod") || slice.starts_with("kubepods"))
            && uid.len() >= 32
        {
            self.pod.get_or_insert(uid.replace('_', "-"));
        }
        // Runtimes: docker-ID.scope, cri-containerd-ID.scope, crio-ID.scope, libpod-ID.scope, or ID.
        let id = scope.rsplit_once('-').map_or(scope, |(_, id)| id);
        if id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
            self.container.get_or_insert(id[..12].to_owned());
        }
        if part.ends_with(".service") && !part.starts_with("user@") {
            self.unit = Some(part.to_owned());
        }
    }
}

/// `OTEL_SERVICE_NAME`, or `service.name` of `OTEL_RESOURCE_ATTRIBUTES`.
fn service_name(pid: u32) -> Option<String> {
    let environ = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut from_attributes = None;
    for variable in environ.split(|b| *b == 0) {
        let variable = String::from_utf8_lossy(variable);
        if let Some(name) = variable
            .strip_prefix("OTEL_SERVICE_NAME=")
            .filter(|n| !n.is_empty())
        {
            return Some(name.to_owned());
        }
        if let Some(attributes) = variable.strip_prefix("OTEL_RESOURCE_ATTRIBUTES=") {
            let name = attributes
                .split(',')
                .find_map(|a| a.trim().strip_prefix("service.name="));
            from_attributes = name.map(str::to_owned);
        }
    }
    from_attributes
}

/// The name of a process that nothing around it names.
fn program(pid: u32, comm: &str) -> String {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<String> = command
        .split(|b| *b == 0)
        .take(16)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    name_of(comm, &words)
}

/// A name that the process gave itself says more than the script that runs, and the script more than
/// its interpreter.
fn name_of(comm: &str, words: &[String]) -> String {
    let file = words.first().and_then(|word| word.rsplit('/').next());
    let known = interpreter(comm);
    let says_nothing = known.is_some() || NAMELESS.contains(&comm);
    let runner = match file.and_then(interpreter).or(known) {
        Some(runner) => runner,
        None if says_nothing => &NODE,
        None => return comm.to_owned(),
    };
    match runner.runs(words.get(1..).unwrap_or_default()) {
        // Started by its first line (#!), a script's name is the process's, cut to the kernel's bound.
        Some(script) if says_nothing || is_cut(comm, &script) => script,
        _ => comm.to_owned(),
    }
}

fn is_cut(comm: &str, script: &str) -> bool {
    comm.len() == COMM_BYTES_MAX && script.starts_with(comm)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn code_on_the_command_line_is_no_name() {
        for (comm, command) in [
            ("python3", "python3 -c secret=1"),
            ("python3", "python3 -Ic secret=1"),
            ("bash", "/bin/bash -lc /usr/bin/x;/secret"),
            ("bash", "-bash -ec /secret"),
            ("sh", "sh -xc /secret"),
            ("node", "node --eval /secret"),
            ("MainThread", "node -pe /secret"),
            ("MainThread", "renamed -p /secret"),
            ("node", "node --print=1 /secret"),
            ("ruby", "ruby -ne /secret"),
            ("perl", "perl -lE /secret"),
            ("php", "php -r /secret"),
            ("bun", "bun -e /secret"),
        ] {
            assert_eq!(name_of(comm, &words(command)), comm, "{command}");
        }
        assert_eq!(name_of("bash", &words("bash -e /srv/start.sh")), "start");
    }

    #[test]
    fn the_name_that_says_most_wins() {
        let cases = [
            // An interpreter's own name says nothing.
            ("python3", "/usr/bin/python3 /srv/app.py", "app"),
            (
                "python3.13",
                "python3.13 -m stack.ask --count 5",
                "stack.ask",
            ),
            ("MainThread", "node /srv/server.js", "server"),
            ("MainThread", "node --title x /srv/app.js", "app"),
            // Names that only begin like an interpreter's.
            (
                "node_exporter",
                "/usr/bin/node_exporter textfile",
                "node_exporter",
            ),
            ("shortener", "/srv/shortener /etc/conf.d", "shortener"),
            ("python3", "python3 -c secret=1", "python3"),
            // The process named itself.
            (
                "embed-server",
                "python3 /srv/llm_server.py m.gguf",
                "embed-server",
            ),
            ("asker", "python3 -m stack.ask", "asker"),
            // Started by its first line: the kernel's name is the script's, perhaps cut.
            (
                "uvicorn",
                "/srv/bin/python3 /srv/bin/uvicorn app:app",
                "uvicorn",
            ),
            (
                "retrieval-gatew",
                "python3 /srv/retrieval-gateway.py",
                "retrieval-gateway",
            ),
            // No interpreter at all.
            (
                "postgres",
                "postgres: postgres db 10.0.0.1(5) idle",
                "postgres",
            ),
            (
                "qdrant",
                "/usr/bin/qdrant --config-path /etc/q.yaml",
                "qdrant",
            ),
            ("kthreadd", "", "kthreadd"),
        ];
        for (comm, command, name) in cases {
            assert_eq!(name_of(comm, &words(command)), name, "{comm}: {command}");
        }
    }

    #[test]
    fn cgroup_paths_name_pod_container_and_unit() {
        let id = "a1b2".repeat(16);
        let kube = format!(
            "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0f4e2d1c_1111_2222_3333_444455556666.slice/cri-containerd-{id}.scope\n"
        );
        let place = Place::of(&kube);
        assert_eq!(
            place.pod.as_deref(),
            Some("0f4e2d1c-1111-2222-3333-444455556666")
        );
        assert_eq!(place.container.as_deref(), Some("a1b2a1b2a1b2"));
        assert_eq!(place.unit, None);
        let unit = Place::of("1:name=systemd:/system.slice/postgresql@15-main.service\n0::/\n");
        assert_eq!(unit.unit.as_deref(), Some("postgresql@15-main.service"));
        assert_eq!(Place::of("0::/\n"), Place::default());
    }
}
