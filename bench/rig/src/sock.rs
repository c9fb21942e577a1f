//! One TCP socket with its stamps: waits, reads and writes by any family of system calls.

mod kernel_stamps;
mod read;
mod write;

pub use read::{READ_FAMILIES, ReadWith};
pub use write::{WRITE_FAMILIES, WriteWith};

use crate::clock::now_ns;
use crate::stamp::{Read, Write};
use crate::{Result, RigError};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::net::TcpStream;
use std::os::fd::AsFd;

/// Gives up on a silent peer after this long, in milliseconds.
const WAIT_MS: u16 = 30_000;

/// A connected socket that stamps what it does.
pub struct Sock {
    stream: TcpStream,
    buffer: Vec<u8>,
    epoll: Option<Epoll>,
    stamps: Option<kernel_stamps::TxStamps>,
    sent_bytes: u64,
}

impl Sock {
    /// Takes over a connected stream on which nothing was sent yet.
    ///
    /// `kernel_stamps` asks the kernel for packet times (SO_TIMESTAMPING): exact arrivals for reads
    /// by recvmsg and recvmmsg, exact departures for every write, for some microseconds a request.
    ///
    /// # Errors
    /// When a socket option is refused.
    pub fn new(stream: TcpStream, read_bytes: usize, kernel_stamps: bool) -> Result<Self> {
        stream
            .set_nodelay(true)
            .map_err(RigError::io("TCP_NODELAY"))?;
        let stamps = kernel_stamps
            .then(|| kernel_stamps::TxStamps::enable(&stream))
            .transpose()?;
        Ok(Self {
            stream,
            buffer: vec![0; read_bytes.max(1)],
            epoll: None,
            stamps,
            sent_bytes: 0,
        })
    }

    /// The stream itself.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Waits for readable data (or end of stream) and returns when it was noticed.
    ///
    /// # Errors
    /// When nothing comes for 30 s.
    pub fn wait(&mut self, with: ReadWith) -> Result<u64> {
        match with {
            ReadWith::Blocking => Ok(0),
            ReadWith::Epoll => self.wait_epoll(),
            _ => self.wait_poll(),
        }
    }

    fn wait_poll(&mut self) -> Result<u64> {
        loop {
            let mut fds = [PollFd::new(self.stream.as_fd(), PollFlags::POLLIN)];
            let ready = poll(&mut fds, PollTimeout::from(WAIT_MS))?;
            let at = now_ns();
            let seen = fds[0].revents().unwrap_or(PollFlags::empty());
            if seen.intersects(PollFlags::POLLIN | PollFlags::POLLHUP) {
                return Ok(at);
            }
            if ready == 0 {
                return Err(silent());
            }
            self.after_error_event()?;
        }
    }

    fn wait_epoll(&mut self) -> Result<u64> {
        let epoll = match self.epoll.take() {
            Some(epoll) => epoll,
            None => {
                let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
                epoll.add(&self.stream, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
                epoll
            }
        };
        loop {
            let mut events = [EpollEvent::empty()];
            let ready = epoll.wait(&mut events, EpollTimeout::from(WAIT_MS))?;
            let at = now_ns();
            if ready == 0 {
                return Err(silent());
            }
            if events[0]
                .events()
                .intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLHUP)
            {
                self.epoll = Some(epoll);
                return Ok(at);
            }
            self.after_error_event()?;
        }
    }

    /// An error event without data: transmit stamps are waiting, or the connection broke.
    fn after_error_event(&mut self) -> Result<()> {
        if let Some(stamps) = &mut self.stamps {
            stamps.drain(&self.stream)?;
        }
        match self.stream.take_error() {
            Ok(None) => Ok(()),
            Ok(Some(error)) | Err(error) => Err(RigError::io("connection")(error)),
        }
    }

    /// Reads once. 0 bytes mean end of stream.
    ///
    /// # Errors
    /// Whatever the system call says.
    pub fn read(&mut self, with: ReadWith, poll_ns: u64, into: &mut Vec<u8>) -> Result<Read> {
        let call_ns = now_ns();
        let (bytes, arrival_ns) = read::read(&self.stream, with, &mut self.buffer)
            .map_err(|error| RigError::io(format!("read by {with:?}"))(error.into()))?;
        let ret_ns = now_ns();
        into.extend_from_slice(&self.buffer[..bytes]);
        let poll_ns = if poll_ns == 0 { ret_ns } else { poll_ns };
        Ok(Read {
            poll_ns,
            call_ns,
            ret_ns,
            bytes: bytes as u64,
            arrival_ns,
        })
    }

    /// Writes all of `data`, one [`Write`] per call.
    ///
    /// # Errors
    /// Whatever the system call says; what was written before stays in `log`.
    pub fn write_all(&mut self, with: WriteWith, data: &[u8], log: &mut Vec<Write>) -> Result<()> {
        let mut rest = data;
        let mut feed = write::Feed::new(with, data)?;
        while !rest.is_empty() {
            let call_ns = now_ns();
            let bytes = feed
                .write(&self.stream, rest)
                .map_err(|error| RigError::io(format!("write by {with:?}"))(error.into()))?;
            let ret_ns = now_ns();
            self.sent_bytes += bytes as u64;
            rest = &rest[bytes..];
            log.push(Write {
                call_ns,
                ret_ns,
                bytes: bytes as u64,
                sched_ns: None,
                driver_ns: None,
            });
        }
        Ok(())
    }

    /// Bytes written so far: the place in the stream where the next write begins.
    pub fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    /// Fills in the kernel's departure stamps of writes that began at `from_bytes` of the stream.
    ///
    /// # Errors
    /// When the error queue cannot be read.
    pub fn stamp_writes(&mut self, from_bytes: u64, writes: &mut [Write]) -> Result<()> {
        let Some(stamps) = &mut self.stamps else {
            return Ok(());
        };
        stamps.drain(&self.stream)?;
        let mut at = from_bytes;
        for write in writes {
            at += write.bytes;
            (write.sched_ns, write.driver_ns) = stamps.take(at);
        }
        Ok(())
    }
}

fn silent() -> RigError {
    RigError::Http(format!("peer silent for {} s", WAIT_MS / 1000))
}
