//! The JSON lines of client and server: what really happened, in nanoseconds of CLOCK_MONOTONIC.

use serde::{Deserialize, Serialize};

/// One write call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Write {
    /// Just before the call.
    pub call_ns: u64,
    /// Just after it returned.
    pub ret_ns: u64,
    /// Bytes the kernel took.
    pub bytes: u64,
    /// Kernel stamp: the call's last byte entered the queueing discipline, i.e. left TCP and IP.
    pub sched_ns: Option<u64>,
    /// Kernel stamp: the call's last byte was handed to the device driver.
    pub driver_ns: Option<u64>,
}

/// One read call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Read {
    /// When the thread learned that the socket is readable (equal to `ret_ns` for a blocking read).
    pub poll_ns: u64,
    /// Just before the call.
    pub call_ns: u64,
    /// Just after it returned.
    pub ret_ns: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Kernel stamp: the packet with the read's last byte entered this host's stack.
    pub arrival_ns: Option<u64>,
}

/// A wake-up later than this after the packet's own stamp was not the scheduler's: the reader waited
/// for a hole in front of the packet to be filled (wake-up p99 here: 56 µs at real-time priority).
const WAKE_UP_NS_MAX: u64 = 500_000;

/// When bytes could be read: their packet's stamp or, behind a hole, the wake-up that ended the wait.
/// `lossless`: there are no holes (loopback), so a late wake-up is always the scheduler's.
pub fn deliverable_ns(stamp: Option<u64>, poll_ns: u64, lossless: bool) -> u64 {
    match stamp {
        Some(at) if lossless || poll_ns.saturating_sub(at) <= WAKE_UP_NS_MAX => at,
        _ => poll_ns,
    }
}

impl Read {
    /// When the first byte could be read: the kernel's stamp (of the read's last byte) or the
    /// wake-up, whichever is earlier; see [`deliverable_ns`].
    pub fn first_arrival_ns(&self, lossless: bool) -> u64 {
        deliverable_ns(self.arrival_ns, self.poll_ns, lossless).min(self.poll_ns)
    }
}

/// One server-sent event, as the client got it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Chunk {
    /// Its last byte's arrival, see [`Read::first_arrival_ns`].
    pub arrival_ns: u64,
    /// Return of the read that completed it.
    pub read_ns: u64,
    /// It is a chunk: from the first with content on, the end marker aside.
    pub content: bool,
}

/// One server-sent event, as the server wrote it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    /// Just before the write.
    pub write_ns: u64,
    /// It is a chunk: from the first with content on, the end marker aside.
    pub content: bool,
}

/// One request as the client lived it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientLine {
    /// Carried in the path: `/rig/<id>`.
    pub id: String,
    /// The client's address and port.
    pub local: String,
    /// The server's.
    pub peer: String,
    /// Place of the request on its connection, from 0.
    pub nth: u64,
    /// When an open-loop schedule wanted it sent; 0 when sequential.
    pub due_ns: u64,
    /// Every write of the request.
    pub writes: Vec<Write>,
    /// Every read that brought bytes of the response.
    pub reads: Vec<Read>,
    /// Every server-sent event.
    pub chunks: Vec<Chunk>,
    /// Status of the response, 0 if none came.
    pub status: u16,
    /// Request bytes, head included.
    pub request_bytes: u64,
    /// Response bytes, head included.
    pub response_bytes: u64,
    /// The instructions that were sent.
    pub plan: String,
    /// Cause of the one stall a test put in: `engine`, `wire` or `reader`.
    pub injected: Option<String>,
    /// Why the response is incomplete.
    pub error: Option<String>,
}

/// One request as the server lived it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerLine {
    /// From the path.
    pub id: String,
    /// The client's address and port.
    pub peer: String,
    /// When accept returned.
    pub accept_ns: u64,
    /// Reads that brought the request; for a pipelined one, the read it came with.
    pub reads: Vec<Read>,
    /// Every write of the response.
    pub writes: Vec<Write>,
    /// Every server-sent event.
    pub events: Vec<Event>,
}
