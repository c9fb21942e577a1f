//! Splits one request's time into exclusive slots, each with one cause: they add up to the phases.

use crate::exchange::record::{Cause, Record, Side};

/// Where a part of a request's time went, finer than a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub enum Slot {
    /// The client's own time between its first and its last write.
    ClientWrite,
    /// Request held back by the server's receive window.
    SendServerWindow,
    /// Response held back by the client's receive window.
    SendClientWindow,
    /// Held back by a receive window; whose is not known.
    SendWindow,
    /// Held back by the congestion window.
    SendCongestion,
    /// Held back by the sending host itself: send buffer, pacing, queueing discipline.
    SendLocal,
    /// The path's own round trip.
    WireDelay,
    /// Beyond the round trip, in a request with retransmissions.
    WireLoss,
    /// Beyond the round trip, without retransmissions.
    WireQueue,
    /// Travelling, with no round trip time to compare with.
    WireUnknown,
    /// Unread by the server.
    RecvServer,
    /// Unread by the client.
    RecvClient,
    /// Unread; by which end is not known.
    RecvUnknown,
    /// The server's thread was runnable but had no CPU.
    ServerCpu,
    /// The server's work, CPU wait taken out.
    Server,
    /// The server's work; its CPU wait is not known.
    ServerAnyThread,
    /// Work up to a stream's first chunk, CPU wait taken out.
    First,
    /// Work up to a stream's first chunk; its CPU wait is not known.
    FirstAnyThread,
    /// Ordinary token gaps, written that late.
    GapEngine,
    /// Ordinary token gaps, travelling.
    GapWire,
    /// Ordinary token gaps, unread.
    GapReader,
    /// Stalls, written late.
    StallEngine,
    /// Stalls, travelling.
    StallWire,
    /// Stalls, unread.
    StallReader,
    /// Rest of a response, held back by the client's receive window.
    BodyWindow,
    /// Rest of a response, held back by the congestion window.
    BodyCongestion,
    /// Rest of a response, not held back by TCP: written that late.
    Body,
    /// What one end alone cannot split.
    Remote,
    /// All of a request that failed.
    Failed,
}

/// Number of slots.
pub const SLOTS: usize = Slot::Failed as usize + 1;

/// Nanoseconds by slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blame(pub [u64; SLOTS]);

impl Blame {
    /// Nanoseconds of one slot.
    pub fn get(&self, slot: Slot) -> u64 {
        self.0[slot as usize]
    }
    /// Sum of several slots.
    pub fn sum(&self, slots: &[Slot]) -> u64 {
        slots.iter().map(|slot| self.get(*slot)).sum()
    }
    /// Sum of all.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
    /// Adds what `other` holds.
    pub fn merge(&mut self, other: &Blame) {
        for (sum, ns) in self.0.iter_mut().zip(other.0) {
            *sum += ns;
        }
    }
    fn put(&mut self, slot: Slot, ns: u64) {
        self.0[slot as usize] += ns;
    }

    /// Splits a record. The slots add up to `record.phases_ns.total()`.
    pub fn of(record: &Record) -> Blame {
        let mut blame = Blame::default();
        if record.error.is_some() {
            blame.put(Slot::Failed, record.phases_ns.total());
            return blame;
        }
        let mut held = Held {
            window: record.tcp.rwnd_limited_ns,
            congestion: record.tcp.cwnd_limited_ns,
        };
        blame.put(Slot::ClientWrite, record.phases_ns.client);
        blame.send_queue(record, &mut held);
        blame.wire(record);
        blame.recv_queue(record);
        blame.server(record);
        blame.stream(record, &mut held);
        blame.put(Slot::Remote, record.phases_ns.remote);
        blame
    }

    fn send_queue(&mut self, record: &Record, held: &mut Held) {
        let all = record.phases_ns.send_queue;
        let ways =
            record
                .directions_ns
                .map_or([(all, Slot::SendWindow), (0, Slot::SendWindow)], |d| {
                    let request = d.request.send_queue.min(all);
                    [
                        (request, Slot::SendServerWindow),
                        (all - request, Slot::SendClientWindow),
                    ]
                });
        for (ns, window_slot) in ways {
            let window = held.take_window(ns);
            let congestion = held.take_congestion(ns - window);
            self.put(window_slot, window);
            self.put(Slot::SendCongestion, congestion);
            self.put(Slot::SendLocal, ns - window - congestion);
        }
    }

    fn wire(&mut self, record: &Record) {
        let all = record.phases_ns.wire;
        if record.tcp.min_rtt_ns == 0 {
            return self.put(Slot::WireUnknown, all);
        }
        // Request and response travel one way each: together one round trip.
        let delay = all.min(record.tcp.min_rtt_ns);
        self.put(Slot::WireDelay, delay);
        self.put(late_on_wire(record), all - delay);
    }

    fn recv_queue(&mut self, record: &Record) {
        let all = record.phases_ns.recv_queue;
        match (record.directions_ns, record.side) {
            (Some(d), _) => {
                let server = d.request.recv_queue.min(all);
                self.put(Slot::RecvServer, server);
                self.put(Slot::RecvClient, all - server);
            }
            // One end sees only its own receive queue.
            (None, Side::Client) => self.put(Slot::RecvClient, all),
            (None, Side::Server) => self.put(Slot::RecvServer, all),
            (None, Side::Both) => self.put(Slot::RecvUnknown, all),
        }
    }

    fn server(&mut self, record: &Record) {
        let all = record.phases_ns.server;
        let cpu = record.server_run_delay_ns.unwrap_or(0).min(all);
        self.put(Slot::ServerCpu, cpu);
        let slot = match (is_stream(record), record.server_run_delay_ns.is_some()) {
            (true, true) => Slot::First,
            (true, false) => Slot::FirstAnyThread,
            (false, true) => Slot::Server,
            (false, false) => Slot::ServerAnyThread,
        };
        self.put(slot, all - cpu);
    }

    fn stream(&mut self, record: &Record, held: &mut Held) {
        let mut rest = record.phases_ns.stream;
        if is_stream(record) {
            rest = self.gaps(record, rest);
        }
        let window = held.take_window(rest);
        let congestion = held.take_congestion(rest - window);
        self.put(Slot::BodyWindow, window);
        self.put(Slot::BodyCongestion, congestion);
        self.put(Slot::Body, rest - window - congestion);
    }

    /// Takes the token stream out of the stream phase; returns what is left of it.
    fn gaps(&mut self, record: &Record, mut rest: u64) -> u64 {
        let Some(call) = record.gen_ai.as_deref() else {
            return rest;
        };
        let split = call.gap_split_ns.unwrap_or_default();
        let causes = [
            (
                Cause::Engine,
                split.engine,
                Slot::StallEngine,
                Slot::GapEngine,
            ),
            (Cause::Wire, split.wire, Slot::StallWire, Slot::GapWire),
            (
                Cause::Reader,
                split.reader,
                Slot::StallReader,
                Slot::GapReader,
            ),
        ];
        for (cause, gaps_ns, stall_slot, gap_slot) in causes {
            let gaps_ns = gaps_ns.min(rest);
            let of_cause = call.stalls.iter().filter(|stall| stall.cause == cause);
            let stalled = of_cause.map(|stall| stall.gap_ns).sum::<u64>().min(gaps_ns);
            self.put(stall_slot, stalled);
            self.put(gap_slot, gaps_ns - stalled);
            rest -= gaps_ns;
        }
        // Headers may come long before the first content: that part of the stream is still
        // waiting for the first chunk.
        let before_stream = record.phases_ns.total() - record.phases_ns.stream;
        let first = call.time_to_first_chunk_ns.unwrap_or(0);
        let first = first.saturating_sub(before_stream).min(rest);
        self.put(Slot::FirstAnyThread, first);
        rest - first
    }
}

/// Where a record's lateness on the wire belongs.
fn late_on_wire(record: &Record) -> Slot {
    if record.tcp.retransmits > 0 || waited_for_timer(record) {
        Slot::WireLoss
    } else {
        Slot::WireQueue
    }
}

/// Least time before Linux sends a lone segment again (`TCP_RTO_MIN`; RFC 6298 has 1 s).
const RTO_MIN_NS: u64 = 200_000_000;

/// Whether one way took so long that its sender's retransmission timer, at least 200 ms above the
/// smoothed round trip, must have run out. The sender of a response counts what it sends again only
/// after the request's last event, so the count alone misses it.
fn waited_for_timer(record: &Record) -> bool {
    let longest = record
        .directions_ns
        .map_or(0, |d| d.request.wire.max(d.response.wire));
    longest >= RTO_MIN_NS + record.tcp.srtt_ns
}

fn is_stream(record: &Record) -> bool {
    record.gen_ai.as_ref().is_some_and(|call| call.streaming)
}

/// What TCP says about waiting during the request; spent once.
struct Held {
    window: u64,
    congestion: u64,
}

impl Held {
    fn take_window(&mut self, at_most: u64) -> u64 {
        let taken = self.window.min(at_most);
        self.window -= taken;
        taken
    }
    fn take_congestion(&mut self, at_most: u64) -> u64 {
        let taken = self.congestion.min(at_most);
        self.congestion -= taken;
        taken
    }
}

#[cfg(test)]
#[path = "blame/tests.rs"]
mod tests;
