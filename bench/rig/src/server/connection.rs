//! One accepted connection: reads requests, late when told so, and answers each in order.

use super::control::Announced;
use super::{ServerConfig, respond};
use crate::clock::{now_ns, sleep_until};
use crate::http::Head;
use crate::plan::{End, Plan};
use crate::sock::Sock;
use crate::stamp::{Read, ServerLine};
use crate::{Result, RigError};
use nix::sys::socket::{setsockopt, sockopt};
use std::net::SocketAddr;
use std::sync::mpsc::Sender;

pub(super) struct Connection {
    pub(super) sock: Sock,
    pub(super) peer: SocketAddr,
    pub(super) accept_ns: u64,
    pub(super) config: ServerConfig,
    pub(super) announced: Announced,
    pub(super) sender: Sender<ServerLine>,
}

impl Connection {
    /// Serves until the client closes or a request ends the connection.
    pub(super) fn serve(mut self) {
        let mut buffer = Vec::new();
        let mut last = Read::default();
        while let Ok(Some((head, reads))) = self.request(&mut buffer, &mut last) {
            let mut line = ServerLine {
                id: head.id().to_owned(),
                peer: self.peer.to_string(),
                accept_ns: self.accept_ns,
                reads,
                ..ServerLine::default()
            };
            let read_ns = line.reads.last().map_or_else(now_ns, |read| read.ret_ns);
            let begin = self.sock.sent_bytes();
            let end = match Plan::parse(&head.plan) {
                Ok(plan) => respond::respond(
                    &mut self.sock,
                    &plan,
                    self.config.write_with,
                    read_ns,
                    &mut line,
                )
                .map(|()| plan.end),
                Err(error) => respond::refuse(&mut self.sock, &error, &mut line).map(|()| End::Fin),
            };
            // Stamps that cannot be read leave their fields empty.
            let _ = self.sock.stamp_writes(begin, &mut line.writes);
            let _ = self.sender.send(line);
            match end {
                Ok(End::KeepAlive) => {}
                Ok(End::Fin) | Err(_) => return,
                Ok(End::Rst) => {
                    // A linger of zero turns close into RST.
                    let linger = nix::libc::linger {
                        l_onoff: 1,
                        l_linger: 0,
                    };
                    let _ = setsockopt(self.sock.stream(), sockopt::Linger, &linger);
                    return;
                }
            }
        }
    }

    /// Next request with the reads that brought it; `None` at end of stream.
    fn request(
        &mut self,
        buffer: &mut Vec<u8>,
        last: &mut Read,
    ) -> Result<Option<(Head, Vec<Read>)>> {
        // A pipelined request that is here already came with the read before.
        let mut reads = if buffer.is_empty() {
            Vec::new()
        } else {
            vec![*last]
        };
        loop {
            if let Some(head) = Head::parse(buffer)? {
                let whole = head.bytes + head.content_length.unwrap_or(0);
                if buffer.len() >= whole {
                    buffer.drain(..whole);
                    return Ok(Some((head, reads)));
                }
            }
            let first = buffer.is_empty();
            let poll_ns = self.sock.wait(self.config.read_with)?;
            if first {
                self.read_late(poll_ns);
            }
            *last = self.sock.read(self.config.read_with, poll_ns, buffer)?;
            match last.bytes {
                0 if buffer.is_empty() => return Ok(None),
                0 => return Err(RigError::Http("request cut short".into())),
                _ => reads.push(*last),
            }
        }
    }

    fn read_late(&self, poll_ns: u64) {
        let late = self
            .announced
            .take(self.peer)
            .unwrap_or(self.config.read_late_ns);
        if late > 0 {
            sleep_until(poll_ns.max(1) + late);
        }
    }
}
