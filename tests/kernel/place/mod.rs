//! Two workloads, each with a control group and a network of its own, joined by a cable. All of it goes
//! with the test: networks end with their last process, control groups are removed on drop.

use serde_json::Value;
use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Connects, and says what came of it.
const CONNECT: &str = "
import errno, socket, sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
one = socket.socket(family)
one.settimeout(3)
try:
    one.connect((sys.argv[1], int(sys.argv[2])))
    print('connected')
except OSError as error:
    print(errno.errorcode.get(error.errno, 'timeout'))
";
/// Listens at all its addresses and says when.
const LISTEN: &str = "
import socket, sys, time
all = []
for port in sys.argv[1:]:
    one = socket.create_server(('::', int(port)), family=socket.AF_INET6, dualstack_ipv6=True)
    all.append(one)
print('listening', flush=True)
time.sleep(300)
";

/// What became of a connect.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    Connected,
    Refused,
    NotPermitted,
    Other(String),
}

pub struct Place {
    root: PathBuf,
    name: String,
    folder: TempDir,
    children: RefCell<Vec<(String, Child)>>,
}

impl Place {
    /// With `app` and `db`.
    pub fn make() -> Self {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        let mut fields = mounts.lines().map(|line| line.split(' '));
        let root = fields
            .find_map(|mut fields| {
                let (path, kind) = (fields.nth(1)?, fields.next()?);
                (kind == "cgroup2").then(|| PathBuf::from(path))
            })
            .unwrap();
        let thread = std::thread::current();
        let test: String = thread.name().unwrap_or("x").chars().take(8).collect();
        let place = Self {
            root,
            name: format!("forebay-test-{}-{test}", std::process::id()),
            folder: TempDir::new().unwrap(),
            children: RefCell::default(),
        };
        let (app, db) = (place.start("app", &[]), place.start("db", &[]));
        let ip = |pid: u32, words: &str| run(pid, &format!("ip {words}"));
        ip(
            app,
            &format!("link add va type veth peer name vb netns {db}"),
        );
        for (pid, link, last) in [(app, "va", 1), (db, "vb", 2)] {
            ip(pid, &format!("addr add 10.77.0.{last}/24 dev {link}"));
            ip(
                pid,
                &format!("-6 addr add fd77::{last}/64 dev {link} nodad"),
            );
            ip(pid, &format!("link set {link} up"));
            ip(pid, "link set lo up");
        }
        ip(app, "route add default via 10.77.0.2");
        place
    }

    /// The path of a workload's control group, from the root.
    pub fn group(&self, workload: &str) -> String {
        format!("/{}/{workload}", self.name)
    }

    fn folder(&self, workload: &str) -> PathBuf {
        self.root.join(&self.name).join(workload)
    }

    /// Starts a process in a control group of its own, and a network of its own or that of another.
    pub fn start(&self, workload: &str, with: &[&str]) -> u32 {
        let folder = self.folder(workload);
        std::fs::create_dir_all(&folder).unwrap();
        let enter = match with.first() {
            Some(other) => format!("nsenter -t {} -n", self.pid(other)),
            None => "unshare -n".to_owned(),
        };
        let line = format!(
            "echo $$ > {}/cgroup.procs; exec {enter} sleep 300",
            folder.display()
        );
        let child = Command::new("sh").args(["-c", &line]).spawn().unwrap();
        let pid = child.id();
        self.children
            .borrow_mut()
            .push((workload.to_owned(), child));
        let begun = Instant::now();
        while std::fs::read_to_string(format!("/proc/{pid}/comm"))
            .unwrap()
            .trim()
            != "sleep"
        {
            assert!(begun.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(5));
        }
        pid
    }

    fn pid(&self, workload: &str) -> u32 {
        let children = self.children.borrow();
        children
            .iter()
            .find(|(name, _)| name == workload)
            .unwrap()
            .1
            .id()
    }

    fn python(&self, workload: &str, script: &str, arguments: &[String]) -> Command {
        let enter = "echo $$ > \"$1/cgroup.procs\"; shift; exec nsenter -t \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", enter, "sh"]).arg(self.folder(workload));
        command.arg(self.pid(workload).to_string());
        command
            .args(["-n", "python3", "-c", script])
            .args(arguments);
        command.stdout(Stdio::piped());
        command
    }

    /// Listens on these ports.
    pub fn listen(&self, workload: &str, ports: &[u16]) {
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        let mut child = self.python(workload, LISTEN, &ports).spawn().unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "listening\n");
        self.children
            .borrow_mut()
            .push((format!("{workload} listens"), child));
    }

    /// Connects from a workload.
    pub fn connect(&self, workload: &str, address: &str, port: u16) -> Reply {
        let arguments = [address.to_owned(), port.to_string()];
        let output = self.python(workload, CONNECT, &arguments).output().unwrap();
        match String::from_utf8_lossy(&output.stdout).trim() {
            "connected" => Reply::Connected,
            "ECONNREFUSED" => Reply::Refused,
            "EPERM" => Reply::NotPermitted,
            other => Reply::Other(other.to_owned()),
        }
    }

    /// Holds these policies in force.
    pub fn apply(&self, policies: &str) -> Held {
        let file = self.folder.path().join("policies.yaml");
        std::fs::write(&file, policies).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_forebay"))
            .args(["policy", "apply", "--json"])
            .arg(&file)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let held = Held {
            denials: lines(child.stdout.take().unwrap()),
            said: lines(child.stderr.take().unwrap()),
            child,
            file,
        };
        held.wait_for("in force");
        held
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for (_, child) in self.children.borrow_mut().iter_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let here = self.root.join(&self.name);
        let inside = std::fs::read_dir(&here).into_iter().flatten().flatten();
        let mut groups: Vec<PathBuf> = inside
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
        groups.push(here);
        for group in groups {
            // A process leaves its group a moment after it was waited for.
            let begun = Instant::now();
            while std::fs::remove_dir(&group).is_err() && begun.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// A running `policy apply`. Killed on drop.
pub struct Held {
    child: Child,
    denials: Receiver<String>,
    said: Receiver<String>,
    file: PathBuf,
}

impl Held {
    /// Waits until it says so.
    pub fn wait_for(&self, words: &str) {
        let begun = Instant::now();
        let mut all = Vec::new();
        while begun.elapsed() < PATIENCE {
            let Ok(line) = self.said.recv_timeout(PATIENCE) else {
                break;
            };
            if line.contains(words) {
                return;
            }
            all.push(line);
        }
        panic!("not said: {words}; but {all:#?}");
    }

    /// The first so many denials.
    pub fn denials(&mut self, count: usize) -> Vec<Value> {
        let next = |_| {
            let line = self.denials.recv_timeout(PATIENCE).unwrap();
            let mut value: Value = serde_json::from_str(&line).unwrap();
            value["denied"].take()
        };
        (0..count).map(next).collect()
    }

    /// Has other policies read, and waits until it says so.
    pub fn replace(&self, policies: &str, says: &str) {
        while self.said.try_recv().is_ok() {}
        std::fs::write(&self.file, policies).unwrap();
        self.signal("HUP");
        self.wait_for(says);
    }

    /// Ends it as Ctrl-C does.
    pub fn end(mut self) {
        self.signal("INT");
        self.wait_for("no policy is in force any more");
        assert!(self.child.wait().unwrap().success());
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn run(pid: u32, line: &str) {
    let output = Command::new("nsenter")
        .args(["-t", &pid.to_string(), "-n"])
        .args(line.split(' '))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {said}");
}
