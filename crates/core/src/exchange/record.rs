//! The finished request: the public JSON contract of `observe --json`.
//!
//! Fields may be added, never renamed. All `_ns` are nanoseconds.

use crate::decode::Role;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

mod id;
mod party;
mod text;
mod time;

pub use id::Id;
pub use party::{Party, Who};
pub use time::Time;

/// Which ends of the connection were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Only the client's socket is on this host.
    Client,
    /// Only the server's socket is on this host.
    Server,
    /// Both are.
    Both,
}

/// How a record's phases are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Every point was seen at both ends.
    Exact,
    /// One end was seen; `wire` is the smallest round trip TCP measured, the rest is `remote`.
    Rtt,
    /// Neither the far end nor a round trip time is known.
    None,
}

/// Application bytes on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    /// Of the request.
    pub request: u64,
    /// Of the response.
    pub response: u64,
}

/// Where the duration went. Exclusive: the fields add up to `duration_ns`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    /// The client's own time between its first and its last write of the request.
    #[serde(default)]
    pub client: u64,
    /// Waiting in the sending host's stack, both ways.
    pub send_queue: u64,
    /// Travelling, retransmissions included, both ways.
    pub wire: u64,
    /// Waiting to be read, both ways.
    pub recv_queue: u64,
    /// The server's work up to its first byte.
    pub server: u64,
    /// First to last byte of the response.
    pub stream: u64,
    /// What one end alone cannot split: wire and server of the far side.
    pub remote: u64,
}

impl Phases {
    /// Their sum.
    pub fn total(&self) -> u64 {
        self.named().iter().map(|(_, ns)| ns).sum()
    }
    /// Names and values, in the order of a request's life.
    pub fn named(&self) -> [(&'static str, u64); 7] {
        [
            ("client", self.client),
            ("send_queue", self.send_queue),
            ("wire", self.wire),
            ("recv_queue", self.recv_queue),
            ("server", self.server),
            ("stream", self.stream),
            ("remote", self.remote),
        ]
    }
}

/// The waiting and travelling parts of one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// Waiting in the sending host's stack.
    pub send_queue: u64,
    /// Travelling, retransmissions included.
    pub wire: u64,
    /// Waiting to be read.
    pub recv_queue: u64,
}

/// [`Phases`] by direction: the two ways of a field add up to the phase of the same name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directions {
    /// Client to server: its `recv_queue` is the server reading late.
    pub request: Way,
    /// Server to client, up to the first byte: its `recv_queue` is the client reading late.
    pub response: Way,
}

/// TCP during the request's own interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tcp {
    /// Smoothed round trip time at the end. Contains thinking time when ACKs ride on answers.
    pub srtt_ns: u64,
    /// Smallest round trip time.
    pub min_rtt_ns: u64,
    /// Segments retransmitted, both ends' senders where both are seen. Each end counts from the
    /// request's first byte to the last byte that passes it: what the server's TCP sends again
    /// after the response's last byte left is known only later, and on no record.
    pub retransmits: u32,
    /// Segments thought lost at the end.
    pub lost: u32,
    /// Busy sending, held neither by the peer's window nor by the local send buffer.
    pub cwnd_limited_ns: u64,
    /// Held by the peer's receive window.
    pub rwnd_limited_ns: u64,
}

/// Who made a token gap long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The server wrote late.
    Engine,
    /// It travelled late.
    Wire,
    /// The client read late.
    Reader,
}

/// A gap beyond max(3 × median gap, 50 ms).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stall {
    /// Since the request began.
    pub at_ns: u64,
    /// Its length.
    pub gap_ns: u64,
    /// Who made it.
    pub cause: Cause,
}

/// Distribution of the gaps between chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gaps {
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// Longest.
    pub max: u64,
}

/// Sum of all gaps by who made them. Adds up to last chunk − first chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapSplit {
    /// The server wrote late.
    pub engine: u64,
    /// Travelled late.
    pub wire: u64,
    /// The client read late.
    pub reader: u64,
}

/// A model call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCall {
    /// OTel `gen_ai.operation.name`.
    pub operation: Option<Box<str>>,
    /// OTel `gen_ai.request.model`.
    pub model: Option<Box<str>>,
    /// The response was a token stream.
    pub streaming: bool,
    /// Chunks that carried content.
    pub chunks: u64,
    /// When the wire tells.
    pub input_tokens: Option<u64>,
    /// When the wire tells.
    pub output_tokens: Option<u64>,
    /// Request's first byte written → first chunk with content read by the client (or as near to
    /// that as the seen end allows). Streams only.
    pub time_to_first_chunk_ns: Option<u64>,
    /// First to last chunk, divided by the tokens after the first; `None` unless the engine told how
    /// many it made, and below two of either.
    #[serde(default)]
    pub time_per_output_token_ns: Option<u64>,
    /// Gaps between content chunks; `None` below two chunks.
    pub gap_ns: Option<Gaps>,
    /// Gaps by cause; `None` below two chunks.
    pub gap_split_ns: Option<GapSplit>,
    /// At most 32; the rest is counted in `stalls_omitted`.
    pub stalls: Vec<Stall>,
    /// Stalls beyond the list's bound.
    pub stalls_omitted: u32,
    /// Every gap that was seen, shortest first, for who counts them as the request ends. Never in
    /// the JSON, so that records stay small: empty in a record that was read back.
    #[serde(skip)]
    pub gaps_sorted_ns: Box<[u64]>,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When the request began, UTC, RFC 3339 with nanoseconds.
    pub ts: Time,
    /// 16 hex digits, this record's own.
    pub id: Id,
    /// 16 hex digits, equal on both hosts of the connection.
    pub wire_id: Id,
    /// Which ends were seen.
    pub side: Side,
    /// Protocol name.
    pub protocol: Cow<'static, str>,
    /// What was asked.
    pub op: CompactString,
    /// Protocol's status, `null` if none was seen.
    pub status: Option<CompactString>,
    /// Error type, `null` if it did not fail.
    pub error: Option<CompactString>,
    /// Who asked.
    pub client: Party,
    /// Who answered.
    pub server: Party,
    /// Sizes.
    pub bytes: Bytes,
    /// Client's first write → client's last read (or the seen end's part of it).
    pub duration_ns: u64,
    /// Where it went.
    pub phases_ns: Phases,
    /// The same by direction; `null` when an end was not seen.
    #[serde(default)]
    pub directions_ns: Option<Directions>,
    /// How that is known.
    pub evidence: Evidence,
    /// TCP during the request.
    pub tcp: Tcp,
    /// Time the server's thread waited for a CPU between reading the request and writing its first
    /// byte; `null` if another thread wrote it. Part of `server`, not an addition to it.
    pub server_run_delay_ns: Option<u64>,
    /// Set for model calls.
    pub gen_ai: Option<Box<ModelCall>>,
    /// What the request is for.
    pub role: Role,
    /// The user query it belongs to. `null`: stitching is not part of this version.
    pub query: Option<()>,
}
