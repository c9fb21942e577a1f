//! The server: does to each request what its `x-rig` header says, and stamps it.

mod connection;
mod control;
mod respond;

pub use control::announce_read_late;

use crate::clock::now_ns;
use crate::sock::{ReadWith, Sock, WriteWith};
use crate::stamp::ServerLine;
use crate::{Result, RigError};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

/// The kernel begins to stamp arriving packets some time after the first socket asked for it; a
/// request that comes before has no stamp.
const STAMPS_ON: std::time::Duration = std::time::Duration::from_millis(20);

/// How a server behaves where a request does not say.
#[derive(Clone, Copy, Debug)]
pub struct ServerConfig {
    /// Family of its reads.
    pub read_with: ReadWith,
    /// Family of its writes.
    pub write_with: WriteWith,
    /// Readable → first read of every request nobody announced otherwise.
    pub read_late_ns: u64,
    /// Ask the kernel for packet times.
    pub kernel_stamps: bool,
    /// Size of one read.
    pub read_bytes: usize,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            read_with: ReadWith::default(),
            write_with: WriteWith::default(),
            read_late_ns: 0,
            kernel_stamps: true,
            read_bytes: 65_536,
        }
    }
}

/// A running server: a thread that accepts, one that takes announcements, one per connection.
pub struct Server {
    addr: SocketAddr,
    stop: Arc<AtomicBool>,
    lines: mpsc::Receiver<ServerLine>,
}

impl Server {
    /// Starts serving. Threads inherit the network namespace of the caller.
    ///
    /// Announcements of late reads are taken on the UDP port with the listener's number.
    ///
    /// # Errors
    /// When the listener has no address or the UDP port is taken.
    pub fn start(listener: TcpListener, config: ServerConfig) -> Result<Self> {
        let addr = listener.local_addr().map_err(RigError::io("listener"))?;
        let announced = control::Announced::listen(addr, config.kernel_stamps)?;
        if config.kernel_stamps {
            std::thread::sleep(STAMPS_ON);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, lines) = mpsc::channel();
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if let Some((stream, peer, accept_ns)) = accept(&listener) {
                    let (sender, announced) = (sender.clone(), announced.clone());
                    std::thread::spawn(move || {
                        let Ok(sock) = Sock::new(stream, config.read_bytes, config.kernel_stamps)
                        else {
                            return;
                        };
                        connection::Connection {
                            sock,
                            peer,
                            accept_ns,
                            config,
                            announced,
                            sender,
                        }
                        .serve();
                    });
                }
            }
            announced.stop();
        });
        Ok(Self { addr, stop, lines })
    }

    /// Binds `addr` (port 0: any) and starts.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(addr: SocketAddr, config: ServerConfig) -> Result<Self> {
        let listener = TcpListener::bind(addr).map_err(RigError::io(format!("bind {addr}")))?;
        Self::start(listener, config)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Next finished request; `None` after `Server::stop` once all connections are closed.
    pub fn next_line(&self) -> Option<ServerLine> {
        self.lines.recv().ok()
    }

    /// Stops accepting, waits until the clients have closed, returns every request's line.
    pub fn stop(self) -> Vec<ServerLine> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(std::time::Duration::from_secs(5)) {
            all.push(line);
        }
        all
    }
}

/// Waits up to 50 ms for a connection.
fn accept(listener: &TcpListener) -> Option<(std::net::TcpStream, SocketAddr, u64)> {
    let mut fds = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    if !matches!(poll(&mut fds, PollTimeout::from(50u8)), Ok(ready) if ready > 0) {
        return None;
    }
    let (stream, peer) = listener.accept().ok()?;
    Some((stream, peer, now_ns()))
}
