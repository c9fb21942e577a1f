//! The points of a request's life, and the phases between them.
//!
//! ```text
//! c0 client's first write    w0 client's last write began    c1 last byte left TCP
//! s0 it reached the server   s1 the server read it           s2 first response byte written
//! s3 it left TCP             c2 it reached the client        c3 the client read it
//! c4 the client read the last byte
//! ```
//! Each point is a byte's passage at one place, so the points of one request are ordered; where
//! a server answers before it has read everything, a point counts as no earlier than the one before.

use super::record::{Directions, Phases, Way};

/// What one end saw of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The client's socket.
    Client {
        /// First request byte written.
        c0: u64,
        /// The write that carried the last request byte began.
        w0: u64,
        /// Last request byte left TCP.
        c1: u64,
        /// First response byte arrived.
        c2: u64,
        /// It was read.
        c3: u64,
        /// Last response byte was read.
        c4: u64,
    },
    /// The server's socket.
    Server {
        /// First request byte arrived.
        first: u64,
        /// Last request byte arrived.
        s0: u64,
        /// It was read.
        s1: u64,
        /// First response byte was written.
        s2: u64,
        /// It left TCP.
        s3: u64,
        /// Last response byte left TCP.
        last: u64,
    },
}

/// Phases of a request and when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed {
    /// Monotonic time of its first point.
    pub start_ns: u64,
    /// First to last point.
    pub duration_ns: u64,
    /// Between them.
    pub phases: Phases,
    /// The same by direction, where both ends were seen.
    pub directions: Option<Directions>,
}

/// Makes each point no earlier than the one before it.
fn ordered<const N: usize>(mut points: [u64; N]) -> [u64; N] {
    for i in 1..N {
        points[i] = points[i].max(points[i - 1]);
    }
    points
}

/// Both ends seen: every phase exact.
pub fn both(client: &Seen, server: &Seen) -> Option<Timed> {
    let (
        &Seen::Client {
            c0,
            w0,
            c1,
            c2,
            c3,
            c4,
        },
        &Seen::Server { s0, s1, s2, s3, .. },
    ) = (client, server)
    else {
        return None;
    };
    let [c0, w0, c1, s0, s1, s2, s3, c2, c3, c4] =
        ordered([c0, w0, c1, s0, s1, s2, s3, c2, c3, c4]);
    let request = Way {
        send_queue: c1 - w0,
        wire: s0 - c1,
        recv_queue: s1 - s0,
    };
    let response = Way {
        send_queue: s3 - s2,
        wire: c2 - s3,
        recv_queue: c3 - c2,
    };
    let phases = Phases {
        client: w0 - c0,
        send_queue: request.send_queue + response.send_queue,
        wire: request.wire + response.wire,
        recv_queue: request.recv_queue + response.recv_queue,
        server: s2 - s1,
        stream: c4 - c3,
        remote: 0,
    };
    let directions = Some(Directions { request, response });
    Some(Timed {
        start_ns: c0,
        duration_ns: c4 - c0,
        phases,
        directions,
    })
}

/// One end seen. `round_trip_ns`: the smallest TCP measured, the estimate of the wire; what is left
/// between request and answer is `remote`.
pub fn one(seen: &Seen, round_trip_ns: u64) -> Timed {
    match *seen {
        Seen::Client {
            c0,
            w0,
            c1,
            c2,
            c3,
            c4,
        } => {
            let [c0, w0, c1, c2, c3, c4] = ordered([c0, w0, c1, c2, c3, c4]);
            let wire = round_trip_ns.min(c2 - c1);
            let phases = Phases {
                client: w0 - c0,
                send_queue: c1 - w0,
                wire,
                recv_queue: c3 - c2,
                server: 0,
                stream: c4 - c3,
                remote: c2 - c1 - wire,
            };
            Timed {
                start_ns: c0,
                duration_ns: c4 - c0,
                phases,
                directions: None,
            }
        }
        Seen::Server {
            first,
            s0,
            s1,
            s2,
            s3,
            last,
        } => {
            let [first, s0, s1, s2, s3, last] = ordered([first, s0, s1, s2, s3, last]);
            let phases = Phases {
                client: 0,
                send_queue: s3 - s2,
                wire: 0,
                recv_queue: s1 - s0,
                server: s2 - s1,
                stream: last - s3,
                remote: s0 - first,
            };
            Timed {
                start_ns: first,
                duration_ns: last - first,
                phases,
                directions: None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: Seen = Seen::Client {
        c0: 100,
        w0: 103,
        c1: 110,
        c2: 160,
        c3: 170,
        c4: 200,
    };
    const SERVER: Seen = Seen::Server {
        first: 112,
        s0: 115,
        s1: 125,
        s2: 145,
        s3: 150,
        last: 190,
    };

    #[test]
    fn both_ends_split_everything() {
        let t = both(&CLIENT, &SERVER).unwrap();
        let p = t.phases;
        assert_eq!((t.start_ns, t.duration_ns), (100, 100));
        assert_eq!((p.client, p.send_queue, p.wire), (3, 7 + 5, 5 + 10));
        assert_eq!(
            (p.recv_queue, p.server, p.stream, p.remote),
            (10 + 10, 20, 30, 0)
        );
        assert_eq!(p.total(), t.duration_ns);
    }

    #[test]
    fn one_end_says_remote_for_what_it_cannot_split() {
        let t = one(&CLIENT, 12);
        assert_eq!(
            (t.phases.wire, t.phases.remote, t.phases.server),
            (12, 38, 0)
        );
        assert_eq!(t.phases.total(), t.duration_ns);
        let t = one(&SERVER, 12);
        assert_eq!(
            (t.phases.server, t.phases.stream, t.phases.remote),
            (20, 40, 3)
        );
        assert_eq!(t.phases.total(), t.duration_ns);
    }

    #[test]
    fn an_early_answer_never_makes_a_negative_phase() {
        let early = Seen::Server {
            first: 112,
            s0: 115,
            s1: 155,
            s2: 120,
            s3: 121,
            last: 122,
        };
        let t = both(&CLIENT, &early).unwrap();
        assert_eq!(t.phases.total(), t.duration_ns);
        assert_eq!(t.phases.server, 0);
    }
}
