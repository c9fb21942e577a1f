//! A live agent of this test's own, on a private socket, beside any other.

use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Every test plays as this process, so that only one may at a time.
static TURN: Mutex<()> = Mutex::new(());
const PATIENCE: Duration = Duration::from_secs(30);
const ROOT: &str = "needs root. Next: sudo -E env \"PATH=$PATH\" cargo test -p forebay --features kernel --test private";

/// A running agent; ended when dropped.
pub struct Agent {
    pub dir: TempDir,
    pub metrics: SocketAddr,
    child: Child,
    _turn: MutexGuard<'static, ()>,
}

impl Agent {
    pub fn start() -> Agent {
        assert!(rustix::process::geteuid().is_root(), "{ROOT}");
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = TempDir::new().unwrap();
        // Free when asked for; whoever takes it in between makes the agent fail loudly.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let metrics = free.local_addr().unwrap();
        drop(free);
        let mut command = forebay(dir.path());
        command.args(["run", "--beside", "--listen-metrics", &metrics.to_string()]);
        command.stderr(File::create(dir.path().join("agent.stderr")).unwrap());
        let child = command.spawn().unwrap();
        let agent = Agent {
            dir,
            metrics,
            child,
            _turn: turn,
        };
        let end = Instant::now() + PATIENCE;
        while UnixStream::connect(agent.path("api.sock")).is_err() {
            let said = agent.stderr();
            assert!(Instant::now() < end, "the agent does not listen: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
        agent
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A client of this agent at work; what it says is kept for [`said`].
    pub fn spawn(&self, args: &[&str]) -> Child {
        let mut command = forebay(self.dir.path());
        command.args(args).current_dir(self.dir.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// A client's whole output.
    pub fn client(&self, args: &[&str]) -> String {
        said(self.spawn(args))
    }

    /// An answer of its API.
    pub fn get(&self, path: &str) -> String {
        answer(UnixStream::connect(self.path("api.sock")).unwrap(), path)
    }

    pub fn stderr(&self) -> String {
        std::fs::read_to_string(self.path("agent.stderr")).unwrap()
    }

    /// Ends it well; gives all it said.
    pub fn end(&mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success(), "{}", self.stderr());
        self.stderr()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary under test, with the agent in a directory.
fn forebay(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
    command.env("FOREBAY_SOCKET", dir.join("api.sock"));
    command.env("TMPDIR", dir).env("TZ", "UTC");
    command
}

/// Waits for a client's good end: its standard output, then its standard error.
pub fn said(child: Child) -> String {
    let done = child.wait_with_output().unwrap();
    let both = [done.stdout, done.stderr].concat();
    let text = String::from_utf8(both).unwrap();
    assert!(done.status.success(), "{text}");
    text
}

/// The lines of a text that are records of this process's own conversations.
pub fn own_records(text: &str) -> Vec<(&str, serde_json::Value)> {
    let lines = text.lines().filter(|line| line.starts_with("{\"ts\""));
    let parsed = lines.map(|line| (line, serde_json::from_str(line).unwrap()));
    let own = |value: &serde_json::Value| {
        value["client"]["pid"] == std::process::id() || value["server"]["pid"] == std::process::id()
    };
    parsed.filter(|(_, value)| own(value)).collect()
}

/// One HTTP/1.0 request: the answer ends with the connection.
pub fn answer(stream: impl Read + Write, path: &str) -> String {
    answer_as(stream, path, "*/*")
}

/// The same, in a format that the agent is asked for; bytes that are no text are replaced.
pub fn answer_as(mut stream: impl Read + Write, path: &str, accept: &str) -> String {
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: forebay\r\nAccept: {accept}\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.contains(" 200 OK"), "{answer}");
    answer
}
