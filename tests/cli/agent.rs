//! An agent that serves given records, for the length of a test.

use crate::forebay;
use forebay_core::decode::Role;
use forebay_core::exchange::record::{
    Bytes, Evidence, Id, Party, Phases, Record, Side, Tcp, Time, Who,
};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running agent; killed when dropped.
pub struct Agent {
    pub dir: TempDir,
    child: Child,
    feed: Option<BufWriter<File>>,
}

impl Agent {
    /// An agent fed by this test.
    pub fn start() -> Agent {
        Agent::start_in(TempDir::new().unwrap(), &[])
    }

    /// The same, in a directory that may hold remains of another, with more flags.
    pub fn start_in(dir: TempDir, flags: &[&str]) -> Agent {
        let fifo = dir.path().join("records");
        if !fifo.exists() {
            let mode = Mode::RUSR | Mode::WUSR;
            mknodat(CWD, &fifo, FileType::Fifo, mode, 0).unwrap();
        }
        let mut command = run_command(dir.path());
        command.args(flags).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        // Returns once the agent has opened the other end.
        let feed = OpenOptions::new().write(true).open(&fifo).unwrap();
        let feed = Some(BufWriter::new(feed));
        let agent = Agent { dir, child, feed };
        wait_for("the agent to listen", || {
            UnixStream::connect(agent.socket()).is_ok()
        });
        agent
    }

    pub fn socket(&self) -> PathBuf {
        socket_in(self.dir.path())
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A client of this agent.
    pub fn client(&self, args: &[&str]) -> Command {
        let mut command = forebay();
        command.args(args).arg("--socket").arg(self.socket());
        command
    }

    /// Gives it lines as its source would.
    pub fn feed_lines(&mut self, lines: &str) {
        let feed = self.feed.as_mut().unwrap();
        feed.write_all(lines.as_bytes()).unwrap();
        feed.flush().unwrap();
    }

    /// Gives it records, and waits until it has published them.
    pub fn feed(&mut self, records: &[Record]) {
        let before = self.status("records");
        let lines: Vec<String> = records.iter().map(line).collect();
        self.feed_lines(&lines.concat());
        let wanted = before + records.len() as u64;
        wait_for("the records to be published", || {
            self.status("records") == wanted
        });
    }

    /// A number of its status.
    pub fn status(&self, field: &str) -> u64 {
        let (code, body) = get(&self.socket(), "/v1/status");
        assert_eq!(code, 200, "{body}");
        let status: serde_json::Value = serde_json::from_str(&body).unwrap();
        status[field].as_u64().unwrap()
    }

    /// Waits until so many streams are open.
    pub fn wait_for_readers(&self, count: u64) {
        wait_for("readers", || self.status("subscribers") == count);
    }

    /// Sends a signal and waits for the end.
    pub fn end(&mut self, signal: rustix::process::Signal) -> ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
        self.child.wait().unwrap()
    }

    /// Its directory, after its end.
    pub fn into_dir(mut self) -> TempDir {
        let empty = TempDir::new().unwrap();
        std::mem::replace(&mut self.dir, empty)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command line of an agent in a directory made by [`Agent::start_in`].
pub fn run_command(dir: &Path) -> Command {
    let mut command = forebay();
    command.arg("run").arg("--socket").arg(socket_in(dir));
    command.arg("--records").arg(dir.join("records"));
    command
}

pub fn socket_in(dir: &Path) -> PathBuf {
    dir.join("api.sock")
}

/// Polls a condition.
pub fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// One HTTP request over a unix socket: status and body.
pub fn get(socket: &Path, path: &str) -> (u16, String) {
    let mut stream = UnixStream::connect(socket).unwrap();
    exchange(&mut stream, path)
}

/// One HTTP/1.0 request over any stream: the answer ends with the connection, so it has no chunks.
pub fn exchange(stream: &mut (impl Read + Write), path: &str) -> (u16, String) {
    let (head, body) = answer(stream, path, "");
    let code = head.split(' ').nth(1).unwrap();
    (code.parse().unwrap(), String::from_utf8(body).unwrap())
}

/// The same with more header lines (each with its end): the answer's head, and its body as it is.
pub fn answer(stream: &mut (impl Read + Write), path: &str, headers: &str) -> (String, Vec<u8>) {
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: forebay\r\n{headers}\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|at| at == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    (head, answer.split_off(end + 4))
}

/// A record's line.
pub fn line(record: &Record) -> String {
    serde_json::to_string(record).unwrap() + "\n"
}

/// The `n`th of a series of requests that begin now.
pub fn record(n: u64) -> Record {
    let party = |workload: &str, addr: &str| {
        let who = Who {
            workload: workload.into(),
            pid: Some(100),
            comm: Some(workload.into()),
            ..Who::default()
        };
        Party::new(who, addr.parse().unwrap())
    };
    let phases_ns = Phases {
        wire: 1_000_000,
        server: 9_000_000,
        ..Phases::default()
    };
    Record {
        ts: Time(jiff::Timestamp::now().as_nanosecond() as u64),
        id: Id(n),
        wire_id: Id(0x0123_4567_89ab_cdef),
        side: Side::Both,
        protocol: "tcp".into(),
        op: "POST /v1/embeddings".into(),
        status: Some("200".into()),
        error: None,
        client: party("rag", "127.0.0.1:40000"),
        server: party("embedder", "127.0.0.1:8081"),
        bytes: Bytes {
            request: 500,
            response: 4000,
        },
        duration_ns: phases_ns.total(),
        phases_ns,
        directions_ns: Default::default(),
        evidence: Evidence::Exact,
        tcp: Tcp::default(),
        server_run_delay_ns: None,
        gen_ai: None,
        role: Role::Embedding,
        query: None,
    }
}
