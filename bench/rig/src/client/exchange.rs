//! One connection of the client: sends a group of requests, then reads their responses in order.

use super::{ClientConfig, Request};
use crate::clock::{sleep_ns, sleep_until};
use crate::http::{Body, Head};
use crate::server::announce_read_late;
use crate::sock::{ReadWith, Sock, WriteWith};
use crate::stamp::{Chunk, ClientLine, Read};
use crate::{Result, RigError};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// An open connection.
pub struct Session {
    sock: Sock,
    local: SocketAddr,
    peer: SocketAddr,
    write_with: WriteWith,
    read_with: ReadWith,
    nth: u64,
    buffer: Vec<u8>,
    last: Read,
    ended: bool,
}

impl Session {
    /// Connects to the run's server.
    ///
    /// # Errors
    /// When the connection is refused.
    pub fn connect(config: &ClientConfig) -> Result<Self> {
        let stream = TcpStream::connect(config.addr)
            .map_err(RigError::io(format!("connect {}", config.addr)))?;
        let local = stream.local_addr().map_err(RigError::io("local address"))?;
        Ok(Self {
            sock: Sock::new(stream, config.read_bytes, config.kernel_stamps)?,
            local,
            peer: config.addr,
            write_with: config.write_with,
            read_with: config.read_with,
            nth: 0,
            buffer: Vec::new(),
            last: Read::default(),
            ended: false,
        })
    }

    /// The connection cannot carry another request.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Sends all requests, then reads all responses. Failures stand in the lines.
    pub fn exchange(&mut self, requests: &[Request], due_ns: u64) -> Vec<ClientLine> {
        let mut begin = self.sock.sent_bytes();
        let mut lines: Vec<ClientLine> = requests
            .iter()
            .map(|request| self.send(request, due_ns))
            .collect();
        for (request, line) in requests.iter().zip(&mut lines) {
            if line.error.is_none()
                && let Err(error) = self.receive(request, line)
            {
                line.error = Some(error.to_string());
                self.ended = true;
            }
        }
        for line in &mut lines {
            // Only now: the last byte of a large body leaves after its write has returned. Stamps
            // that cannot be read leave their fields empty.
            let _ = self.sock.stamp_writes(begin, &mut line.writes);
            begin += line.writes.iter().map(|write| write.bytes).sum::<u64>();
        }
        lines
    }

    fn send(&mut self, request: &Request, due_ns: u64) -> ClientLine {
        let mut line = ClientLine {
            id: request.id.clone(),
            local: self.local.to_string(),
            peer: self.peer.to_string(),
            nth: self.nth,
            due_ns,
            request_bytes: request.bytes(),
            plan: request.ask.plan.clone(),
            injected: request.ask.injected.clone(),
            ..ClientLine::default()
        };
        self.nth += 1;
        if let Err(error) = self.write(request, &mut line) {
            line.error = Some(error.to_string());
            self.ended = true;
        }
        line
    }

    fn write(&mut self, request: &Request, line: &mut ClientLine) -> Result<()> {
        if request.announce_read_late_ns > 0 {
            announce_read_late(self.local, self.peer, request.announce_read_late_ns)?;
        }
        self.sock
            .write_all(self.write_with, &request.first, &mut line.writes)?;
        if !request.second.is_empty() {
            sleep_ns(request.ask.send_late_ns);
            self.sock
                .write_all(self.write_with, &request.second, &mut line.writes)?;
        }
        if request.ask.half_close {
            self.sock
                .stream()
                .shutdown(Shutdown::Write)
                .map_err(RigError::io("shutdown"))?;
            self.ended = true;
        }
        Ok(())
    }

    /// Reads one response; bytes of the next stay in the buffer.
    fn receive(&mut self, request: &Request, line: &mut ClientLine) -> Result<()> {
        if !self.buffer.is_empty() {
            line.reads.push(self.last);
        }
        let head = loop {
            if let Some(head) = Head::parse(&self.buffer)? {
                break head;
            }
            let late_ns = if line.reads.is_empty() {
                request.ask.read_late_ns
            } else {
                0
            };
            self.more(late_ns, line)?;
        };
        line.status = head.status();
        line.response_bytes = head.bytes as u64;
        self.buffer.drain(..head.bytes);
        let mut body = Body::new(&head);
        self.body(request, &mut body, line)?;
        self.ended |= head.close;
        Ok(())
    }

    fn body(&mut self, request: &Request, body: &mut Body, line: &mut ClientLine) -> Result<()> {
        let mut stall = request.ask.read_stall;
        loop {
            let used = body.feed(&self.buffer)?;
            self.buffer.drain(..used);
            line.response_bytes += used as u64;
            while let Some(content) = body.next_event() {
                line.chunks.push(Chunk {
                    arrival_ns: self.last.first_arrival_ns(self.local.ip().is_loopback()),
                    read_ns: self.last.ret_ns,
                    content,
                });
            }
            if body.done {
                return Ok(());
            }
            let content = line.chunks.iter().filter(|chunk| chunk.content).count();
            let late_ns = match stall {
                Some((after, ns)) if content >= after => {
                    stall = None;
                    ns
                }
                _ => 0,
            };
            self.more(late_ns, line)?;
        }
    }

    /// Waits, sleeps if asked to, reads.
    fn more(&mut self, late_ns: u64, line: &mut ClientLine) -> Result<()> {
        let poll_ns = self.sock.wait(self.read_with)?;
        if late_ns > 0 {
            sleep_until(poll_ns.max(1) + late_ns);
        }
        self.last = self.sock.read(self.read_with, poll_ns, &mut self.buffer)?;
        if self.last.bytes == 0 {
            self.ended = true;
            return Err(RigError::Http("response cut short".into()));
        }
        line.reads.push(self.last);
        Ok(())
    }
}
