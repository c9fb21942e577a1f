//! Measures the resident memory of a running agent: idle, with many connections, under churn.
//!
//! Starts `forebay run` (`FOREBAY_BIN`, else `target/release/forebay`) on a socket of its own, puts
//! load on loopback from this process and short-lived children, and prints one line per step. It
//! fails when a step exceeds its bound, so it serves as a test too. Needs root.
//!
//! `memory [--connections N] [--rate STARTS_PER_S] [--seconds S]`

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Steady memory with every connection in use, and the cap, which holds what the kernel keeps as well
/// (both in kB of 1024 bytes).
const STEADY_KB: u64 = 40 << 10;
const CAP_KB: u64 = 64 << 10;
/// What churn may add between the middle and the end of its time.
const GROWTH_KB: u64 = 1 << 10;
/// The kernel ring: mapped twice, so the kernel counts its 8 MiB twice.
const RING_KB: u64 = 8 << 10;
/// Requests on each connection: the memory of one must not grow with them.
const ROUNDS: u32 = 15;
/// Children that may run at the same time.
const CHILDREN_MAX: usize = 64;
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
const ASK: &[u8] = b"POST /v1/embeddings HTTP/1.1\r\nHost: rig\r\nContent-Type: application/json\r\nContent-Length: 29\r\n\r\n{\"model\":\"m\",\"input\":\"words\"}";

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (mut connections, mut rate, mut seconds) = (10_000, 1000, 60);
    while let Some(name) = arguments.next() {
        let value = arguments.next().unwrap_or_default();
        match name.as_str() {
            "--child" => return ask_once(value.parse().map_err(invalid)?),
            "--connections" => connections = value.parse().map_err(invalid)?,
            "--rate" => rate = value.parse().map_err(invalid)?,
            "--seconds" => seconds = value.parse().map_err(invalid)?,
            _ => return Err(invalid(format!("unknown flag {name}"))),
        }
    }
    let agent = Agent::start()?;
    std::thread::sleep(Duration::from_secs(3));
    let mut over = agent.measure("idle", STEADY_KB)?;
    over |= held(&agent, connections)?;
    over |= churn(&agent, rate, seconds)?;
    if over {
        return Err(Error::other("a step exceeded its bound"));
    }
    Ok(())
}

fn invalid(error: impl ToString) -> Error {
    Error::new(ErrorKind::InvalidInput, error.to_string())
}

/// The agent under test; killed on drop.
struct Agent {
    child: Child,
    directory: PathBuf,
}

impl Agent {
    fn start() -> Result<Self> {
        let bin = std::env::var_os("FOREBAY_BIN").map_or_else(
            || concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/release/forebay").into(),
            PathBuf::from,
        );
        let directory = std::env::temp_dir().join(format!("rig-memory-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let mut command = Command::new(bin);
        command
            .args(["run", "--beside"])
            .arg("--socket")
            .arg(directory.join("api.sock"));
        let child = command.stderr(Stdio::inherit()).spawn()?;
        Ok(Self { child, directory })
    }

    fn field(&self, name: &str) -> Result<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|l| l.trim_start_matches(':').trim().strip_suffix(" kB"));
        number
            .and_then(|n| n.trim().parse().ok())
            .ok_or_else(|| Error::other(format!("the agent has no {name} any more")))
    }

    /// What the kernel keeps for the agent beside the ring, as the agent tells it.
    fn kernel_kb(&self) -> Result<u64> {
        let mut stream = UnixStream::connect(self.directory.join("api.sock"))?;
        write!(stream, "GET /v1/status HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.split_once("\r\n\r\n").unwrap_or_default().1;
        let status: serde_json::Value = serde_json::from_str(status)?;
        Ok(status["kernel_memory_bytes"].as_u64().unwrap_or(0) / 1024)
    }

    /// Prints a step; `true` when it is over its bound.
    fn measure(&self, step: &str, bound_kb: u64) -> Result<bool> {
        let resident = self.field("VmRSS")? - RING_KB;
        let (anon, file) = (self.field("RssAnon")?, self.field("RssFile")? - RING_KB);
        let peak = self.field("VmHWM")? - RING_KB;
        let kernel = self.kernel_kb()?;
        let over = resident > bound_kb || peak + kernel > CAP_KB;
        let word = if over { "OVER" } else { "ok" };
        println!(
            "{step:<28} resident {:>6.1} MiB (heap {:>6.1}, file {:>6.1}; peak {:>6.1}) + kernel {:>5.1}, bound {:>5.1} {word}",
            mib(resident),
            mib(anon),
            mib(file),
            mib(peak),
            mib(kernel),
            mib(bound_kb),
        );
        Ok(over)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn mib(kb: u64) -> f64 {
    kb as f64 / 1024.0
}

/// Opens connections, lets them idle, uses each several times, closes them.
fn held(agent: &Agent, connections: usize) -> Result<bool> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let mut pairs = Vec::with_capacity(connections);
    for _ in 0..connections {
        let client = TcpStream::connect(address)?;
        pairs.push((client, listener.accept()?.0));
    }
    std::thread::sleep(Duration::from_secs(2));
    let mut over = agent.measure(&format!("{connections} connections, idle"), STEADY_KB)?;
    for round in 1..=ROUNDS {
        for pair in &mut pairs {
            exchange(pair)?;
        }
        if round == 1 || round % 5 == 0 {
            std::thread::sleep(Duration::from_secs(2));
            over |= agent.measure(&format!("{connections} used, round {round}"), STEADY_KB)?;
        }
    }
    drop(pairs);
    std::thread::sleep(Duration::from_secs(2));
    Ok(over | agent.measure("all closed", STEADY_KB)?)
}

fn exchange((client, server): &mut (TcpStream, TcpStream)) -> Result<()> {
    let mut bytes = [0; 512];
    client.write_all(ASK)?;
    server.read_exact(&mut bytes[..ASK.len()])?;
    server.write_all(ANSWER)?;
    client.read_exact(&mut bytes[..ANSWER.len()])
}

/// Starts short processes that ask once each; memory must stay flat.
fn churn(agent: &Agent, rate: u32, seconds: u64) -> Result<bool> {
    let address = serve()?;
    let program = std::env::current_exe()?;
    let mut children: Vec<Child> = Vec::new();
    let begin = Instant::now();
    let (mut started, mut middle_kb) = (0u32, None);
    while begin.elapsed() < Duration::from_secs(seconds) {
        let due = (begin.elapsed().as_secs_f64() * f64::from(rate)) as u32;
        if started < due && children.len() < CHILDREN_MAX {
            let mut child = Command::new(&program);
            children.push(child.arg("--child").arg(address.to_string()).spawn()?);
            started += 1;
        } else {
            std::thread::sleep(Duration::from_millis(1));
        }
        children.retain_mut(|child| !matches!(child.try_wait(), Ok(Some(_))));
        if middle_kb.is_none() && begin.elapsed().as_secs() >= seconds / 2 {
            middle_kb = Some(agent.field("RssAnon")?);
            agent.measure("churn, middle", STEADY_KB)?;
        }
    }
    for mut child in children {
        child.wait()?;
    }
    println!("{:.0} starts/s", f64::from(started) / seconds as f64);
    let over = agent.measure("churn, end", STEADY_KB)?;
    let grown = agent
        .field("RssAnon")?
        .saturating_sub(middle_kb.unwrap_or(0));
    println!("grown in the second half: {grown} kB");
    Ok(over || grown > GROWTH_KB)
}

/// A server that answers every connection once.
fn serve() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut bytes = [0; 512];
            // A child that is gone has nothing to be told.
            if stream.read_exact(&mut bytes[..ASK.len()]).is_ok() {
                let _ = stream.write_all(ANSWER);
            }
        }
    });
    Ok(address)
}

fn ask_once(address: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(ASK)?;
    stream.read_exact(&mut [0; ANSWER.len()])
}
