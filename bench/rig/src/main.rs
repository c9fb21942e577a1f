//! Command line of the rig: `server`, `client`, `truth`, `noise`.

#![forbid(unsafe_code)]

use clap::{Parser, Subcommand};
use forebay_rig::client::{Ask, ClientConfig};
use forebay_rig::plan::time_ns;
use forebay_rig::server::{Server, ServerConfig};
use forebay_rig::sock::{ReadWith, WriteWith};
use forebay_rig::truth::{self, Bounds, RecordFile};
use forebay_rig::{Result, RigError, client, noise};
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write, stdout};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Clients and servers with known delays, and the judge of Forebay's records.
#[derive(Parser)]
#[command(name = "rig", version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve until interrupted; one JSON line per request.
    ///
    /// Requests say in the `x-rig` header what to do, as `key=value` joined by commas, times as
    /// 250us, 5ms, 1s: think=T (before the first write), write_late=T (between head and body),
    /// read_late=T (before reading; the client announces it), size=BYTES, pieces=N (writes of the
    /// body), tokens=20x5ms or 9x5ms+200ms+10x5ms (a token stream: one pause before each event),
    /// end=fin|rst, write_with=write|send|sendto|sendmsg|writev|sendmmsg|sendfile|splice.
    Server(ServerArguments),
    /// Send requests; one JSON line per request.
    Client(ClientArguments),
    /// Compare records with what really happened; exit status 1 when a bound is broken.
    Truth(TruthArguments),
    /// Measure what the rig itself adds on this machine.
    Noise {
        /// Requests, 2 ms apart.
        #[arg(long, default_value_t = 1000)]
        requests: usize,
    },
}

#[derive(clap::Args)]
struct ServerArguments {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Take the listening socket from standard input instead.
    #[arg(long)]
    listen_stdin: bool,
    /// Where the lines go; standard output if left out.
    #[arg(long)]
    log: Option<PathBuf>,
    /// read, recv, recvfrom, recvmsg, readv, recvmmsg, splice, peek, epoll or blocking.
    #[arg(long, default_value = "recvmsg")]
    read_with: ReadWith,
    /// write, send, sendto, sendmsg, writev, sendmmsg, sendfile or splice.
    #[arg(long, default_value = "write")]
    write_with: WriteWith,
    /// Read every request this late.
    #[arg(long, default_value = "0", value_parser = time_ns)]
    read_late: u64,
    /// Do not ask the kernel for packet times.
    #[arg(long)]
    no_kernel_stamps: bool,
}

#[derive(clap::Args)]
struct ClientArguments {
    /// The server.
    addr: SocketAddr,
    /// Where the lines go; standard output if left out.
    #[arg(long)]
    log: Option<PathBuf>,
    /// Requests of all connections together.
    #[arg(short = 'n', long, default_value_t = 1)]
    requests: usize,
    /// Connections.
    #[arg(short, long, default_value_t = 1)]
    connections: usize,
    /// Requests per second of all connections together, on schedule; without it one after another.
    #[arg(long)]
    rate: Option<f64>,
    /// Requests sent before the first answer is read.
    #[arg(long, default_value_t = 1)]
    pipeline: usize,
    /// A new connection for every request.
    #[arg(long)]
    short: bool,
    /// Instructions (see `rig server --help`); may be repeated, used in turn.
    #[arg(long = "rig")]
    plans: Vec<String>,
    /// Target; must contain /rig/{id}.
    #[arg(long, default_value = "/rig/{id}")]
    path: String,
    /// Prefix of the ids.
    #[arg(long, default_value = "r")]
    prefix: String,
    /// Request body bytes.
    #[arg(long, default_value_t = 0)]
    body: usize,
    /// Pause in the middle of sending.
    #[arg(long, default_value = "0", value_parser = time_ns)]
    send_late: u64,
    /// Pause between readable and the first read of the response.
    #[arg(long, default_value = "0", value_parser = time_ns)]
    read_late: u64,
    /// EVENTS:TIME, read late once after so many content events.
    #[arg(long, value_parser = read_stall)]
    read_stall: Option<(usize, u64)>,
    /// Family of writes, as of the server.
    #[arg(long, default_value = "write")]
    write_with: WriteWith,
    /// Family of reads, as of the server.
    #[arg(long, default_value = "recvmsg")]
    read_with: ReadWith,
    /// Do not ask the kernel for packet times.
    #[arg(long)]
    no_kernel_stamps: bool,
}

#[derive(clap::Args)]
struct TruthArguments {
    /// Output of `forebay observe --json`.
    #[arg(long)]
    records: PathBuf,
    /// Log of `rig client`.
    #[arg(long)]
    client: PathBuf,
    /// Log of `rig server`.
    #[arg(long)]
    server: PathBuf,
    /// Largest p99 error of a phase …
    #[arg(long, default_value = "100us", value_parser = time_ns)]
    phase: u64,
    /// … or this share of the true phase, whichever is larger.
    #[arg(long, default_value_t = 0.02)]
    phase_share: f64,
    /// Largest p99 error of the time to the first chunk.
    #[arg(long, default_value = "50us", value_parser = time_ns)]
    first_chunk: u64,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
}

fn read_stall(text: &str) -> Result<(usize, u64)> {
    let wrong = || RigError::Plan(text.to_owned());
    let (after, time) = text.split_once(':').ok_or_else(wrong)?;
    Ok((after.parse().map_err(|_| wrong())?, time_ns(time)?))
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().verb {
        Verb::Server(arguments) => serve(&arguments),
        Verb::Client(arguments) => ask(&arguments),
        Verb::Truth(arguments) => judge(&arguments),
        Verb::Noise { requests } => noise::measure(requests).and_then(|noise| print(&noise)),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("rig: {error}");
            ExitCode::from(2)
        }
    }
}

fn print(value: &impl Serialize) -> Result<bool> {
    let text = serde_json::to_string(value).map_err(|error| RigError::Http(error.to_string()))?;
    writeln!(stdout(), "{text}").map_err(RigError::io("standard output"))?;
    Ok(true)
}

fn serve(arguments: &ServerArguments) -> Result<bool> {
    let listener = if arguments.listen_stdin {
        let fd = std::io::stdin()
            .as_fd()
            .try_clone_to_owned()
            .map_err(RigError::io("standard input"))?;
        TcpListener::from(fd)
    } else {
        TcpListener::bind(arguments.listen)
            .map_err(RigError::io(format!("bind {}", arguments.listen)))?
    };
    let config = ServerConfig {
        read_with: arguments.read_with,
        write_with: arguments.write_with,
        read_late_ns: arguments.read_late,
        kernel_stamps: !arguments.no_kernel_stamps,
        ..ServerConfig::default()
    };
    let server = Server::start(listener, config)?;
    eprintln!("ready on {}", server.addr());
    let mut log = open_log(arguments.log.as_deref())?;
    while let Some(line) = server.next_line() {
        write_line(&mut log, &line)?;
        // A killed server leaves a complete log.
        log.flush().map_err(RigError::io("log"))?;
    }
    Ok(true)
}

fn ask(arguments: &ClientArguments) -> Result<bool> {
    let plans = if arguments.plans.is_empty() {
        vec![String::new()]
    } else {
        arguments.plans.clone()
    };
    let ask = |plan: String| Ask {
        plan,
        body_bytes: arguments.body,
        send_late_ns: arguments.send_late,
        read_late_ns: arguments.read_late,
        read_stall: arguments.read_stall,
        injected: arguments.read_stall.map(|_| "reader".to_owned()),
        half_close: false,
    };
    let config = ClientConfig {
        connections: arguments.connections,
        requests: arguments.requests,
        rate: arguments.rate,
        pipeline: arguments.pipeline,
        short: arguments.short,
        asks: plans.into_iter().map(ask).collect(),
        path: arguments.path.clone(),
        prefix: arguments.prefix.clone(),
        write_with: arguments.write_with,
        read_with: arguments.read_with,
        kernel_stamps: !arguments.no_kernel_stamps,
        ..ClientConfig::new(arguments.addr)
    };
    let lines = client::run(&config)?;
    let mut log = open_log(arguments.log.as_deref())?;
    for line in &lines {
        write_line(&mut log, line)?;
    }
    log.flush().map_err(RigError::io("log"))?;
    Ok(lines.iter().all(|line| line.error.is_none()))
}

fn judge(arguments: &TruthArguments) -> Result<bool> {
    let bounds = Bounds {
        phase_ns: arguments.phase,
        phase_share: arguments.phase_share,
        first_chunk_ns: arguments.first_chunk,
        ..Bounds::default()
    };
    let records = RecordFile::read(&arguments.records)?;
    let client = truth::read_lines(&arguments.client)?;
    let server = truth::read_lines(&arguments.server)?;
    let report = truth::judge(&records, &client, &server, &bounds);
    if arguments.json {
        print(&report)?;
    } else {
        write!(stdout(), "{}", report.table()).map_err(RigError::io("standard output"))?;
    }
    Ok(report.broken.is_empty())
}

fn open_log(path: Option<&Path>) -> Result<Box<dyn Write>> {
    Ok(match path {
        Some(path) => Box::new(BufWriter::new(
            File::create(path).map_err(RigError::io(format!("create {}", path.display())))?,
        )),
        None => Box::new(BufWriter::new(stdout())),
    })
}

fn write_line(log: &mut impl Write, line: &impl Serialize) -> Result<()> {
    serde_json::to_writer(&mut *log, line).map_err(|error| RigError::Http(error.to_string()))?;
    log.write_all(b"\n").map_err(RigError::io("log"))
}
