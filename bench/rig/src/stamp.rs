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

impl Read {
    /// When the first byte was in the receive queue: the kernel's stamp (of the read's last byte) or
    /// the wake-up, whichever is earlier.
    pub fn first_arrival_ns(&self) -> u64 {
        self.arrival_ns
            .map_or(self.poll_ns, |at| at.min(self.poll_ns))
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
