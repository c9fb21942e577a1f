//! Servers and loads as child processes, each in its cgroup, with configuration and data of their
//! own in a temporary folder; ended by pid.

use crate::load::Window;
use crate::meter::Group;
use crate::protocol::Protocol;
use crate::{CostError, Result, Tried};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(20);

/// A child process, ended by SIGTERM, then waited for.
pub struct Ended(pub Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let pid = Pid::from_raw(self.0.id() as i32);
        let _ = kill(pid, Signal::SIGTERM);
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running server.
pub struct Server {
    child: Option<Ended>,
    /// Where it listens.
    pub addr: SocketAddr,
    /// What it costs.
    pub group: Group,
    folder: PathBuf,
}

impl Server {
    /// Starts the server of a protocol on a free port of loopback.
    ///
    /// # Errors
    /// When its program is missing or does not listen in time.
    pub fn start(protocol: Protocol) -> Result<Self> {
        let folder =
            std::env::temp_dir().join(format!("forebay-cost-{}-{protocol:?}", std::process::id()));
        fs::create_dir_all(&folder).tried(format!("cannot make {}", folder.display()))?;
        let group = Group::new("server")?;
        let addr = free_port()?;
        let command = match protocol {
            Protocol::Redis => redis(addr, &folder),
            Protocol::Http => nginx(addr, &folder)?,
            Protocol::Postgresql => postgresql(addr, &folder)?,
            Protocol::Bulk => vec![this_program()?, "sink".into(), addr.to_string()],
        };
        let child = spawn(&command, Some(&group), false)?;
        let mut server = Self {
            child: Some(Ended(child)),
            addr,
            group,
            folder,
        };
        server.wait_listening(&command[0])?;
        server.fill(protocol)?;
        Ok(server)
    }

    fn wait_listening(&mut self, name: &str) -> Result<()> {
        let until = Instant::now() + START;
        while Instant::now() < until {
            if TcpStream::connect(self.addr).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(CostError::Unexpected(format!(
            "{name} does not listen on {}",
            self.addr
        )))
    }

    fn fill(&self, protocol: Protocol) -> Result<()> {
        if protocol == Protocol::Redis {
            let mut stream = TcpStream::connect(self.addr).tried("redis")?;
            stream.write_all(b"SET key value\r\n").tried("redis")?;
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).tried("redis")?;
        }
        if protocol == Protocol::Postgresql {
            let port = self.addr.port().to_string();
            let done = Command::new("pgbench")
                .args([
                    "-i",
                    "-q",
                    "-s",
                    "1",
                    "-h",
                    "127.0.0.1",
                    "-U",
                    "postgres",
                    "-p",
                    &port,
                    "postgres",
                ])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            if !done
                .tried("cannot run pgbench (Debian: postgresql-contrib)")?
                .success()
            {
                return Err(CostError::Unexpected("pgbench -i failed".into()));
            }
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child = None;
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A running load, asked for figures window by window.
pub struct Client {
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    child: Child,
    /// What it costs.
    pub group: Group,
}

impl Client {
    /// Starts it.
    ///
    /// # Errors
    /// When it can't connect.
    pub fn start(
        protocol: Protocol,
        addr: SocketAddr,
        connections: usize,
        rate: Option<f64>,
    ) -> Result<Self> {
        let group = Group::new("client")?;
        let mut command = vec![
            this_program()?,
            "load".into(),
            format!("{protocol:?}").to_lowercase(),
            addr.to_string(),
            format!("--connections={connections}"),
        ];
        command.extend(rate.map(|r| format!("--rate={r}")));
        let mut child = spawn(&command, Some(&group), true)?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(CostError::Unexpected("the load has no pipes".into()));
        };
        let mut client = Self {
            to: Some(to),
            from: BufReader::new(from),
            child,
            group,
        };
        let ready = client.line()?;
        if ready.trim() != "ready" {
            return Err(CostError::Unexpected(format!("the load said {ready:?}")));
        }
        Ok(client)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.from
            .read_line(&mut line)
            .tried("cannot read from the load")?;
        Ok(line)
    }

    /// Figures since the last call.
    ///
    /// # Errors
    /// When the load has ended.
    pub fn window(&mut self) -> Result<Window> {
        if let Some(to) = &mut self.to {
            to.write_all(b"?\n").tried("cannot ask the load")?;
        }
        let line = self.line()?;
        serde_json::from_str(&line).map_err(|e| CostError::Unexpected(format!("{e}: {line:?}")))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.to = None;
        // It ends with its standard input.
        let _ = self.child.wait();
    }
}

/// Path of the running binary.
///
/// # Errors
/// When the system does not tell.
pub fn this_program() -> Result<String> {
    let path = std::env::current_exe().tried("path of this program")?;
    Ok(path.to_string_lossy().into_owned())
}

/// Starts a command, in a cgroup from its first instruction on.
///
/// # Errors
/// When it can't be started.
pub fn spawn(command: &[String], group: Option<&Group>, piped: bool) -> Result<Child> {
    let mut shell = Command::new("/bin/sh");
    let enter = group.map(|g| format!("echo $$ > {};", g.procs().display()));
    shell
        .arg("-c")
        .arg(format!("{} exec \"$@\"", enter.unwrap_or_default()))
        .arg("sh");
    shell.args(command);
    let pipe = || if piped { Stdio::piped() } else { Stdio::null() };
    shell.stdin(pipe()).stdout(pipe());
    if std::env::var_os("FOREBAY_COST_DEBUG").is_none() {
        shell.stderr(Stdio::null());
    }
    shell
        .spawn()
        .tried(format!("cannot start {}", command.join(" ")))
}

fn free_port() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").tried("no free port")?;
    listener.local_addr().tried("no free port")
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn redis(addr: SocketAddr, folder: &Path) -> Vec<String> {
    let mut command =
        words("redis-server --bind 127.0.0.1 --appendonly no --maxclients 12000 --port");
    command.push(addr.port().to_string());
    command.extend([
        "--save".into(),
        String::new(),
        "--dir".into(),
        folder.display().to_string(),
    ]);
    command
}

fn nginx(addr: SocketAddr, folder: &Path) -> Result<Vec<String>> {
    let at = folder.display();
    let body = "x".repeat(1_020) + "END\\n";
    let config = format!(
        "daemon off; worker_processes 1; pid {at}/pid; error_log {at}/error.log;\n\
         events {{ worker_connections 4096; }}\n\
         http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;\n\
         client_body_temp_path {at}/a; proxy_temp_path {at}/b; fastcgi_temp_path {at}/c;\n\
         uwsgi_temp_path {at}/d; scgi_temp_path {at}/e;\n\
         server {{ listen {addr}; location / {{ return 200 \"{body}\"; }} }} }}\n"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, config).tried("cannot write nginx.conf")?;
    Ok(vec![
        "/usr/sbin/nginx".into(),
        "-p".into(),
        at.to_string(),
        "-c".into(),
        file.display().to_string(),
    ])
}

/// PostgreSQL refuses to run as root: it runs as the package's user.
fn postgresql(addr: SocketAddr, folder: &Path) -> Result<Vec<String>> {
    let bin = fs::read_dir("/usr/lib/postgresql").tried("PostgreSQL is not installed")?;
    let newest = bin.filter_map(|e| Some(e.ok()?.path().join("bin"))).max();
    let bin = newest.ok_or_else(|| CostError::Unexpected("PostgreSQL is not installed".into()))?;
    let data = folder.join("data").display().to_string();
    let as_user = words("setpriv --reuid=postgres --regid=postgres --clear-groups");
    let own = Command::new("chown")
        .args(["postgres:postgres", &folder.display().to_string()])
        .status();
    own.tried("chown")?;
    let made = Command::new(&as_user[0])
        .args(&as_user[1..])
        .arg(bin.join("initdb"))
        .args(["-D", &data, "-U", "postgres", "-A", "trust", "--no-sync"])
        .stdout(Stdio::null())
        .status();
    if !made.tried("initdb")?.success() {
        return Err(CostError::Unexpected("initdb failed".into()));
    }
    let mut command = as_user;
    command.push(bin.join("postgres").display().to_string());
    command.extend(words(
        "-c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=120",
    ));
    command.extend([
        "-p".into(),
        addr.port().to_string(),
        "-k".into(),
        folder.display().to_string(),
        "-D".into(),
        data,
    ]);
    Ok(command)
}
