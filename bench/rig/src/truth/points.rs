//! The true points of a request's journey and the phases between them.

use super::record::{Directions, Phases, Way};
use crate::stamp::{ClientLine, ServerLine, Write, deliverable_ns};
use std::net::SocketAddr;

/// c0, w0, c1…c4 at the client, s0…s3 at the server, nanoseconds of CLOCK_MONOTONIC (one host's clock).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Points {
    /// Client writes the first byte.
    pub c0: u64,
    /// Client's last write of the request begins.
    pub w0: u64,
    /// Last request byte leaves TCP and IP; `None` without kernel stamps.
    pub c1: Option<u64>,
    /// It reaches the server's socket.
    pub s0: u64,
    /// The server has read it.
    pub s1: u64,
    /// The server writes the response's first byte.
    pub s2: u64,
    /// It leaves TCP and IP; `None` without kernel stamps.
    pub s3: Option<u64>,
    /// It reaches the client's socket.
    pub c2: u64,
    /// The client has read it.
    pub c3: u64,
    /// The client has read the last byte.
    pub c4: u64,
}

impl Points {
    /// From both logs; `None` when one of them lacks a point.
    ///
    /// Only recvmsg gets the kernel's arrival stamps. For other reads on loopback the far end's
    /// driver stamp stands in, some microseconds earlier; elsewhere the wake-up does, later by the
    /// scheduler's latency.
    pub fn new(client: &ClientLine, server: &ServerLine) -> Option<Self> {
        let (first_read, last_read) = (client.reads.first()?, client.reads.last()?);
        let request_read = server.reads.last()?;
        let (first_write, last_write) = (server.writes.first()?, client.writes.last()?);
        let stand_in = |write: &Write| write.driver_ns.filter(|_| on_loopback(client));
        let deliverable = |stamp, poll_ns| deliverable_ns(stamp, poll_ns, on_loopback(client));
        let stamp = request_read.arrival_ns.or(stand_in(last_write));
        let first_stamp = first_read.arrival_ns.or(stand_in(first_write));
        Some(Self {
            c0: client.writes.first()?.call_ns,
            w0: last_write.call_ns,
            c1: last_write.sched_ns,
            s0: deliverable(stamp, request_read.poll_ns),
            s1: request_read.ret_ns,
            s2: first_write.call_ns,
            s3: first_write.sched_ns,
            c2: deliverable(
                first_stamp.map(|at| at.min(first_read.poll_ns)),
                first_read.poll_ns,
            ),
            c3: first_read.ret_ns,
            c4: last_read.ret_ns,
        })
    }

    /// First byte written → last byte read.
    pub fn duration_ns(&self) -> u64 {
        self.c4.saturating_sub(self.c0)
    }

    /// Time outside both programs and both receive queues: `send_queue` + `wire`.
    pub fn network_ns(&self) -> u64 {
        self.s0.saturating_sub(self.w0) + self.c2.saturating_sub(self.s2)
    }

    /// Response's arrival as the client sees the far side: `wire` + `remote` without its own queue.
    pub fn far_ns(&self) -> Option<u64> {
        Some(self.c2.saturating_sub(self.c1?))
    }

    /// The phases; `None` without kernel stamps, for then `send_queue` and `wire` have no border.
    pub fn phases(&self) -> Option<Phases> {
        let (c1, s3) = (self.c1?, self.s3?);
        Some(Phases {
            client: self.client_ns(),
            send_queue: c1.saturating_sub(self.w0) + s3.saturating_sub(self.s2),
            wire: self.s0.saturating_sub(c1) + self.c2.saturating_sub(s3),
            recv_queue: self.recv_queue_ns(),
            server: self.server_ns(),
            stream: self.stream_ns(),
            remote: 0,
        })
    }

    /// The phases' waiting and travelling parts by direction; `None` as for the phases.
    pub fn directions(&self) -> Option<Directions> {
        let (c1, s3) = (self.c1?, self.s3?);
        let way = |written: u64, left: u64, arrived: u64, read: u64| Way {
            send_queue: left.saturating_sub(written),
            wire: arrived.saturating_sub(left),
            recv_queue: read.saturating_sub(arrived),
        };
        Some(Directions {
            request: way(self.w0, c1, self.s0, self.s1),
            response: way(self.s2, s3, self.c2, self.c3),
        })
    }

    /// The client's own time between its first and its last write of the request.
    pub fn client_ns(&self) -> u64 {
        self.w0.saturating_sub(self.c0)
    }

    /// Both readers' lateness.
    pub fn recv_queue_ns(&self) -> u64 {
        self.s1.saturating_sub(self.s0) + self.c3.saturating_sub(self.c2)
    }

    /// The server's work.
    pub fn server_ns(&self) -> u64 {
        self.s2.saturating_sub(self.s1)
    }

    /// The rest of the response.
    pub fn stream_ns(&self) -> u64 {
        self.c4.saturating_sub(self.c3)
    }
}

fn on_loopback(client: &ClientLine) -> bool {
    client
        .local
        .parse::<SocketAddr>()
        .is_ok_and(|local| local.ip().is_loopback())
}
