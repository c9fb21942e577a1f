//! The agent short of memory, of CPU and of a reader: its bounds hold, what it lost is counted, and
//! the traffic goes on.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use forebay_rig::observer::{Observer, program};
use forebay_rig::tools::run_line;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use scene::alone;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const ASK: &[u8] = b"GET /memory HTTP/1.1\r\nHost: rig\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

/// Both ends of a connection on loopback.
type Pair = (TcpStream, TcpStream);

/// An agent on a socket of its own, beside any other.
struct Agent {
    observer: Observer,
    folder: PathBuf,
}

impl Agent {
    fn start(name: &str, flags: &[&str]) -> Self {
        let folder = std::env::temp_dir().join(format!("rig-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let socket = folder.join("api.sock").display().to_string();
        let arguments = [&["run", "--beside", "--socket", &socket], flags].concat();
        let observer = Observer::start_verb(&arguments).unwrap_or_else(|error| panic!("{error}"));
        Self { observer, folder }
    }

    fn status(&self) -> Value {
        let mut stream = UnixStream::connect(self.folder.join("api.sock")).unwrap();
        write!(stream, "GET /v1/status HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    fn lost(&self, why: &str) -> u64 {
        self.status()["lost"][why].as_u64().unwrap_or(0)
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.observer.pid() as i32)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = kill(self.pid(), Signal::SIGKILL);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn number(status: &Value, field: &str) -> u64 {
    status[field]
        .as_u64()
        .unwrap_or_else(|| panic!("no {field}: {status}"))
}

fn connect(count: usize) -> Vec<Pair> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let pair = || {
        let client = TcpStream::connect(address).unwrap();
        (client, listener.accept().unwrap().0)
    };
    (0..count).map(|_| pair()).collect()
}

fn exchange((client, server): &mut Pair) {
    let mut bytes = [0; 128];
    client.write_all(ASK).unwrap();
    server.read_exact(&mut bytes[..ASK.len()]).unwrap();
    server.write_all(ANSWER).unwrap();
    client.read_exact(&mut bytes[..ANSWER.len()]).unwrap();
}

/// Exchanges of two threads in this time.
fn load(time: Duration) -> u64 {
    let over = AtomicBool::new(false);
    let busy = || {
        let mut pairs = connect(16);
        let mut count = 0;
        while !over.load(Ordering::Relaxed) {
            pairs.iter_mut().for_each(exchange);
            count += pairs.len() as u64;
        }
        count
    };
    std::thread::scope(|scope| {
        let threads = [scope.spawn(busy), scope.spawn(busy)];
        std::thread::sleep(time);
        over.store(true, Ordering::Relaxed);
        threads.map(|thread| thread.join().unwrap()).iter().sum()
    })
}

/// Polls until it holds.
fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_small_bound_holds_with_thousands_of_connections() {
    const CONNECTIONS: usize = 6000;
    let _turn = alone();
    let me = std::process::id();
    run_line("rig", &format!("prlimit --pid {me} --nofile=16384:16384")).unwrap();
    let agent = Agent::start("small", &["--memory-max", "48M", "--bpf-stats"]);
    wait_for("a first measurement", || {
        number(&agent.status(), "memory_max_bytes") > 0
    });
    let held = |status: &Value| {
        let held = number(status, "memory_bytes") + number(status, "kernel_memory_bytes");
        assert!(held <= 48 << 20, "{held} bytes: {status}");
        let (ends, most) = (
            number(status, "connections"),
            number(status, "connections_max"),
        );
        assert!(ends <= most, "{status}");
        ends
    };
    let before = agent.status();
    held(&before);
    let mut pairs = connect(CONNECTIONS);
    let mut kernel_cpus: f64 = 0.0;
    for _ in 0..6 {
        pairs.iter_mut().for_each(exchange);
        std::thread::sleep(Duration::from_millis(1200));
        let now = agent.status();
        held(&now);
        kernel_cpus = kernel_cpus.max(now["kernel_cpus"].as_f64().unwrap_or(0.0));
    }
    let after = agent.status();
    let ends = held(&after);
    println!("{ends} ends followed: {after}");
    let refused = after["lost"]["flow_table_full"].as_u64().unwrap_or(0);
    assert!(ends >= 1000 && refused > 0, "{after}");
    // Others on this host open a few as well.
    let all = 2 * CONNECTIONS as u64;
    assert!(
        (all..all + 3000).contains(&(ends + refused)),
        "each is either followed or counted once: {after}"
    );
    let grown = number(&after, "kernel_memory_bytes") - number(&before, "kernel_memory_bytes");
    assert!(
        grown >= (ends - number(&before, "connections")) * 400,
        "sockets count: {after}"
    );
    assert!(number(&after, "records") > number(&before, "records"));
    assert!(kernel_cpus > 0.0, "--bpf-stats measures the programs");
}

/// A cgroup that bounds CPU, of either version; removed on drop.
struct Quota(PathBuf);

impl Quota {
    fn new() -> Self {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        let mut mounts = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>());
        let v1 = |mount: &Vec<&str>| {
            mount[2] == "cgroup" && mount[3].split(',').any(|option| option == "cpu")
        };
        let root = match mounts.find(v1) {
            Some(mount) => PathBuf::from(mount[1]),
            None => PathBuf::from("/sys/fs/cgroup"),
        };
        let folder = root.join(format!("rig-quota-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn take(&self, pid: Pid) {
        std::fs::write(self.0.join("cgroup.procs"), pid.to_string()).unwrap();
    }

    /// Percent of one CPU; `None`: all.
    fn set(&self, percent: Option<u32>) {
        let us = percent.map(|percent| percent * 1000);
        if self.0.join("cpu.max").exists() {
            let us = us.map_or_else(|| "max".to_owned(), |us| us.to_string());
            std::fs::write(self.0.join("cpu.max"), format!("{us} 100000")).unwrap();
        } else {
            let us = us.map_or_else(|| "-1".to_owned(), |us| us.to_string());
            std::fs::write(self.0.join("cpu.cfs_quota_us"), us).unwrap();
        }
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // Its processes are gone a moment after their end.
        for _ in 0..50 {
            if std::fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_starved_agent_loses_by_count_and_holds_up_nobody() {
    const TIME: Duration = Duration::from_secs(2);
    let _turn = alone();
    let quota = Quota::new();
    let agent = Agent::start("starved", &[]);
    quota.take(agent.pid());
    load(TIME);
    let (mut fed, mut starved) = (0, 0);
    for _ in 0..3 {
        quota.set(Some(2));
        starved += load(TIME);
        quota.set(None);
        std::thread::sleep(Duration::from_millis(500));
        fed += load(TIME);
        std::thread::sleep(Duration::from_millis(500));
    }
    println!("exchanges: {fed} beside a fed agent, {starved} beside a starved one");
    // Other work on a machine is worth a tenth.
    assert!(starved * 10 >= fed * 9, "{starved} against {fed}");
    wait_for("the loss to be told", || agent.lost("ring_full") > 0);
    let before = number(&agent.status(), "records");
    load(Duration::from_millis(500));
    wait_for("records after the famine", || {
        number(&agent.status(), "records") > before
    });
    drop(agent);
}

#[test]
fn a_recording_that_is_not_taken_says_what_it_lacks() {
    let _turn = alone();
    let agent = Agent::start("recorded", &[]);
    let file = agent.folder.join("slow.fbcap");
    let recorder = Command::new(program())
        .args(["record", "--duration", "12s", "--socket"])
        .arg(agent.folder.join("api.sock"))
        .arg(&file)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_raw(recorder.id() as i32);
    std::thread::sleep(Duration::from_secs(1));
    kill(pid, Signal::SIGSTOP).unwrap();
    let begin = Instant::now();
    while agent.lost("slow_recording") == 0 && begin.elapsed() < Duration::from_secs(6) {
        load(Duration::from_millis(500));
    }
    let resident = number(&agent.status(), "memory_bytes");
    kill(pid, Signal::SIGCONT).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    load(Duration::from_millis(300));
    let done = recorder.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    let lost = agent.lost("slow_recording");
    println!("{said}; {lost} steps lost, {resident} bytes resident");
    assert!(lost > 0 && resident < 64 << 20, "{lost}, {resident}");
    let words = format!("{lost} steps lost (slow_recording)");
    assert!(done.status.success() && said.contains(&words), "{said}");
    let (told, records, behind) = replayed(&file);
    assert_eq!(told, lost, "the file tells of each");
    assert!(records > behind && behind > 0, "{records}, {behind}");
}

/// Steps lost, records, and records behind the first loss of a capture file.
fn replayed(file: &Path) -> (u64, u64, u64) {
    let mut replay = Command::new(program());
    let output = replay.arg("replay").arg(file).arg("--json").output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    let (mut lost, mut records, mut behind) = (0, 0, 0);
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["lost"]["why"] == "slow_recording" {
            lost += line["lost"]["records"].as_u64().unwrap();
        } else if line["op"] == "GET /memory" {
            records += 1;
            behind += u64::from(lost > 0);
        }
    }
    (lost, records, behind)
}
