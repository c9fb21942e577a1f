//! Links between two namespaces: a veth pair, and a tunnel with delay and loss.
//!
//! The tunnel does in user space (`c/tunlink.c`, two TUN devices) what netem does, because kernels
//! without netem exist. It never reorders.

use super::Netns;
use crate::tools::compile;
use crate::{Result, RigError};
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::Mutex;

/// Addresses of a link's ends. Unique per process and link, so that two links never share a tuple.
fn addresses(number: u32) -> [(Ipv4Addr, Ipv6Addr); 2] {
    let pid = std::process::id();
    let end = |host: u32| {
        let v4 = Ipv4Addr::new(
            10,
            128 + (number / 64 % 128) as u8,
            (pid % 251) as u8,
            (number % 64 * 4 + host) as u8,
        );
        let v6 = Ipv6Addr::new(
            0xfd00,
            0xfb,
            (pid >> 16) as u16,
            pid as u16,
            number as u16,
            0,
            0,
            host as u16,
        );
        (v4, v6)
    };
    [end(1), end(2)]
}

fn configure(ends: [(&Netns, (Ipv4Addr, Ipv6Addr)); 2]) -> Result<()> {
    for (netns, (v4, v6)) in ends {
        netns.ip(&format!("addr add {v4}/30 dev fb0"))?;
        netns.ip(&format!("addr add {v6}/112 dev fb0 nodad"))?;
        netns.ip("link set fb0 up")?;
    }
    Ok(())
}

/// Two namespaces joined by a veth pair; both devices are called `fb0`.
#[derive(Debug)]
pub struct Veth {
    /// Where clients run.
    pub client: Netns,
    /// Where servers run.
    pub server: Netns,
    addresses: [(Ipv4Addr, Ipv6Addr); 2],
}

impl Veth {
    /// Makes both namespaces and the pair.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn new() -> Result<Self> {
        let (client, server) = (Netns::new()?, Netns::new()?);
        client.ip(&format!(
            "link add fb0 type veth peer name fb0 netns {}",
            server.name()
        ))?;
        let addresses = addresses(client.number());
        configure([(&client, addresses[0]), (&server, addresses[1])])?;
        Ok(Self {
            client,
            server,
            addresses,
        })
    }

    /// The server's IPv4 address.
    pub fn server_v4(&self) -> IpAddr {
        self.addresses[1].0.into()
    }

    /// The server's IPv6 address.
    pub fn server_v6(&self) -> IpAddr {
        self.addresses[1].1.into()
    }

    /// Throttles what `netns` (one of the two) sends, e.g. `rate 20mbit burst 16kb latency 500ms`.
    ///
    /// # Errors
    /// When `tc` fails.
    pub fn throttle(&self, netns: &Netns, tbf: &str) -> Result<()> {
        netns
            .tc(&format!("qdisc replace dev fb0 root tbf {tbf}"))
            .map(drop)
    }
}

/// What a tunnel does to one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Added delay in microseconds; packets keep their order when it shrinks.
    pub delay_us: u64,
    /// Packets lost per million, from a fixed random sequence.
    pub loss_ppm: u32,
}

/// Two namespaces joined by TUN devices (both called `fb0`) and a forwarder between them.
#[derive(Debug)]
pub struct Tunnel {
    /// Where clients run.
    pub client: Netns,
    /// Where servers run.
    pub server: Netns,
    addresses: [(Ipv4Addr, Ipv6Addr); 2],
    forwarder: Mutex<Forwarder>,
    child: Child,
}

#[derive(Debug)]
struct Forwarder {
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Tunnel {
    /// Makes both namespaces and starts the forwarder.
    ///
    /// # Errors
    /// When `ip`, `cc` or the forwarder fail.
    pub fn new() -> Result<Self> {
        let (client, server) = (Netns::new()?, Netns::new()?);
        let program = compile("tunlink")?;
        let fail = |output: String| RigError::Command {
            place: client.name().to_owned(),
            command: program.display().to_string(),
            output,
        };
        let mut child = std::process::Command::new(&program)
            .args([client.path(), server.path()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| fail(error.to_string()))?;
        let (Some(commands), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(fail("no pipes".into()));
        };
        let addresses = addresses(client.number());
        let forwarder = Mutex::new(Forwarder {
            commands,
            answers: BufReader::new(answers),
        });
        let tunnel = Self {
            client,
            server,
            addresses,
            forwarder,
            child,
        };
        tunnel.answer()?;
        configure([
            (&tunnel.client, addresses[0]),
            (&tunnel.server, addresses[1]),
        ])?;
        Ok(tunnel)
    }

    /// The server's IPv4 address.
    pub fn server_v4(&self) -> IpAddr {
        self.addresses[1].0.into()
    }

    /// The server's IPv6 address.
    pub fn server_v6(&self) -> IpAddr {
        self.addresses[1].1.into()
    }

    /// Shapes client → server from now on; returns when it holds.
    ///
    /// # Errors
    /// When the forwarder is gone.
    pub fn shape_requests(&self, shape: Shape) -> Result<()> {
        self.shape(0, shape)
    }

    /// Shapes server → client from now on; returns when it holds.
    ///
    /// # Errors
    /// When the forwarder is gone.
    pub fn shape_responses(&self, shape: Shape) -> Result<()> {
        self.shape(1, shape)
    }

    fn shape(&self, direction: u8, shape: Shape) -> Result<()> {
        if let Ok(mut forwarder) = self.forwarder.lock() {
            let line = format!("{direction} {} {}\n", shape.delay_us, shape.loss_ppm);
            forwarder
                .commands
                .write_all(line.as_bytes())
                .map_err(RigError::io("tunnel's forwarder"))?;
        }
        self.answer()
    }

    fn answer(&self) -> Result<()> {
        let mut line = String::new();
        if let Ok(mut forwarder) = self.forwarder.lock() {
            forwarder
                .answers
                .read_line(&mut line)
                .map_err(RigError::io("tunnel's forwarder"))?;
        }
        if line == "ok\n" {
            return Ok(());
        }
        Err(RigError::Command {
            place: self.client.name().to_owned(),
            command: "tunlink".into(),
            output: format!("answered {line:?}, see its standard error above"),
        })
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        // It would also end by itself when its standard input closes.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
