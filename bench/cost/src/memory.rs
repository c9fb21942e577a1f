//! Memory of the agent: idle, with many connections, and while processes come and go.

use crate::meter::{self, status_bytes};
use crate::protocol::Protocol;
use crate::servers::{Ended, Server, spawn, this_program};
use crate::{Result, Tried};
use serde::Serialize;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The binary.
    pub forebay: PathBuf,
    /// Connections held open.
    pub connections: usize,
    /// Process starts a second.
    pub starts_per_s: u32,
    /// How long.
    pub churn: Duration,
}

/// Resident set of the agent, bytes. Its ring buffer's 8 MiB count twice where they are touched: the
/// kernel maps them twice in a row.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Always `memory`.
    pub experiment: &'static str,
    /// Two seconds after start.
    pub idle_bytes: u64,
    /// Connections opened.
    pub connections: usize,
    /// With these connections open, each with one request done.
    pub connected_bytes: u64,
    /// After they closed.
    pub closed_bytes: u64,
    /// Every ten seconds of churn.
    pub churn_bytes: Vec<u64>,
    /// Processes started in it, each with one connection and one request.
    pub starts: u64,
    /// Seconds it took.
    pub churn_s: f64,
    /// Largest ever.
    pub peak_bytes: u64,
    /// Of the last resident set: private, files, shared (ring).
    pub parts_bytes: [u64; 3],
    /// Where.
    pub machine: serde_json::Value,
}

/// Runs the experiment.
///
/// # Errors
/// When something does not start.
pub fn run(plan: &Plan) -> Result<Report> {
    let server = Server::start(Protocol::Redis)?;
    let folder = std::env::temp_dir().join(format!("forebay-cost-{}.sock", std::process::id()));
    let at = format!("--socket={}", folder.display());
    let command = [plan.forebay.display().to_string(), "run".into(), at];
    let agent = Ended(spawn(&command, None, false)?);
    let pid = agent.0.id();
    let resident = || status_bytes(pid, "VmRSS");
    sleep(Duration::from_secs(2));
    let idle_bytes = resident();
    let open = connect(server.addr, plan.connections)?;
    sleep(Duration::from_secs(1));
    let connected_bytes = resident();
    let connections = open.len();
    drop(open);
    sleep(Duration::from_secs(3));
    let closed_bytes = resident();
    let begin = Instant::now();
    let (starts, churn_bytes) = churn(plan, server.addr, &resident)?;
    let report = Report {
        experiment: "memory",
        idle_bytes,
        connections,
        connected_bytes,
        closed_bytes,
        churn_bytes,
        starts,
        churn_s: begin.elapsed().as_secs_f64(),
        peak_bytes: status_bytes(pid, "VmHWM"),
        parts_bytes: ["RssAnon", "RssFile", "RssShmem"].map(|f| status_bytes(pid, f)),
        machine: meter::machine(),
    };
    drop(agent);
    let _ = std::fs::remove_file(folder.with_extension("sock.lock"));
    Ok(report)
}

/// One connection and one request: what every short-lived process does.
///
/// # Errors
/// When the server does not answer.
pub fn once(addr: SocketAddr) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(addr).tried(format!("cannot connect to {addr}"))?;
    stream
        .write_all(b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n")
        .tried("request")?;
    let mut answer = [0; 64];
    let _ = stream.read(&mut answer).tried("answer")?;
    Ok(stream)
}

fn connect(addr: SocketAddr, connections: usize) -> Result<Vec<TcpStream>> {
    (0..connections).map(|_| once(addr)).collect()
}

fn churn(plan: &Plan, addr: SocketAddr, resident: &dyn Fn() -> u64) -> Result<(u64, Vec<u64>)> {
    let program = this_program()?;
    let begin = Instant::now();
    let (mut starts, mut seen, mut children) = (0_u64, Vec::new(), Vec::new());
    while begin.elapsed() < plan.churn {
        let due = (begin.elapsed().as_secs_f64() * f64::from(plan.starts_per_s)) as u64;
        // Behind schedule for more than a second's worth: the machine can't; the count tells.
        while starts < due && children.len() < 256 {
            let child = Command::new(&program)
                .args(["once", &addr.to_string()])
                .spawn();
            children.push(child.tried("cannot start a process")?);
            starts += 1;
        }
        children.retain_mut(|child| !matches!(child.try_wait(), Ok(Some(_))));
        if begin.elapsed().as_secs() / 10 > seen.len() as u64 {
            seen.push(resident());
        }
        sleep(Duration::from_millis(2));
    }
    for mut child in children {
        let _ = child.wait();
    }
    seen.push(resident());
    Ok((starts, seen))
}
