//! Announcements: a client tells the server by UDP to read the next request of a connection late.
//!
//! The delay must be known before the request is read, so it cannot travel in the request.

use crate::{Result, RigError};
use nix::sys::socket::{TimestampingFlag, setsockopt, sockopt};
use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often a lost announcement is repeated, and how long each waits for its echo.
const TRIES: usize = 10;
const ECHO_WAIT: Duration = Duration::from_millis(500);

/// Delays that were announced and not used yet, by client address.
#[derive(Clone)]
pub(super) struct Announced {
    delays_ns: Arc<Mutex<HashMap<SocketAddr, u64>>>,
    stop: Arc<AtomicBool>,
}

impl Announced {
    /// Listens on the UDP port of `addr`. With `kernel_stamps` this socket keeps the kernel stamping
    /// arrivals while no connection is open.
    pub(super) fn listen(addr: SocketAddr, kernel_stamps: bool) -> Result<Self> {
        let socket = UdpSocket::bind(addr).map_err(RigError::io(format!("bind UDP {addr}")))?;
        socket
            .set_read_timeout(Some(Duration::from_millis(100)))
            .map_err(RigError::io("UDP timeout"))?;
        if kernel_stamps {
            let flags = TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE
                | TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE;
            setsockopt(&socket, sockopt::Timestamping, &flags)?;
        }
        let announced = Self {
            delays_ns: Arc::default(),
            stop: Arc::default(),
        };
        let all = announced.clone();
        std::thread::spawn(move || {
            let mut buffer = [0u8; 256];
            while !all.stop.load(Ordering::Relaxed) {
                let Ok((bytes, from)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                if all.note(&buffer[..bytes]).is_some() {
                    // A lost echo makes the client ask again.
                    let _ = socket.send_to(&buffer[..bytes], from);
                }
            }
        });
        Ok(announced)
    }

    fn note(&self, message: &[u8]) -> Option<()> {
        let (client, delay) = std::str::from_utf8(message).ok()?.split_once(' ')?;
        let (client, delay) = (client.parse().ok()?, delay.parse().ok()?);
        self.delays_ns.lock().ok()?.insert(client, delay);
        Some(())
    }

    /// The delay announced for the next request of `client`.
    pub(super) fn take(&self, client: SocketAddr) -> Option<u64> {
        self.delays_ns.lock().ok()?.remove(&client)
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Announces that the next request sent from `local` to `server` is to be read late; returns when
/// the server has confirmed.
///
/// # Errors
/// When the server does not confirm within 5 s.
pub fn announce_read_late(local: SocketAddr, server: SocketAddr, delay_ns: u64) -> Result<()> {
    let socket = UdpSocket::bind((local.ip(), 0)).map_err(RigError::io("UDP socket"))?;
    socket
        .set_read_timeout(Some(ECHO_WAIT))
        .map_err(RigError::io("UDP timeout"))?;
    let message = format!("{local} {delay_ns}");
    for _ in 0..TRIES {
        socket
            .send_to(message.as_bytes(), server)
            .map_err(RigError::io(format!("announce to {server}")))?;
        let mut echo = [0u8; 256];
        if matches!(socket.recv_from(&mut echo), Ok((bytes, _)) if &echo[..bytes] == message.as_bytes())
        {
            return Ok(());
        }
    }
    Err(RigError::Http(format!(
        "{server} does not confirm announcements"
    )))
}
