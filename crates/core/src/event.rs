//! What capture delivers: every input of the core, in the order it happened.
//!
//! All `_ns` values are nanoseconds of the kernel's monotonic clock unless their doc says otherwise;
//! 0 means "not seen".

use serde::{Deserialize, Serialize};

/// A socket of this host, by its kernel socket cookie (unique until reboot, not ordered).
pub type Cookie = u64;

/// Direction of bytes as the socket that reports them sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// The socket received them.
    In,
    /// The socket sent them.
    Out,
}

/// Which end of the connection this socket is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum End {
    /// It opened the connection.
    Client,
    /// It accepted the connection.
    Server,
    /// The connection was open before the agent was; the protocol will tell.
    #[default]
    Unknown,
}

/// A connection was seen for the first time at this socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// The socket.
    pub cookie: Cookie,
    /// When it was first seen.
    pub at_ns: u64,
    /// Address and port of this socket.
    pub local: std::net::SocketAddr,
    /// Address and port of its peer.
    pub peer: std::net::SocketAddr,
    /// Network namespace inode number.
    pub netns: u32,
    /// cgroup v2 id of the socket (the cgroup of its birth), 0 if unknown.
    pub cgroup: u64,
    /// Which end this socket is.
    pub end: End,
    /// Sequence number of the first byte this socket ever sent (its initial sequence number + 1).
    pub out_base: u32,
    /// Sequence number of the first byte this socket ever received.
    pub in_base: u32,
    /// The connection was open before the agent was.
    pub old: bool,
}

/// A process was seen using a socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The socket.
    pub cookie: Cookie,
    /// Process id (thread group) in the initial pid namespace.
    pub pid: u32,
    /// Name of the process (`comm` of its thread group leader, at most 15 bytes).
    pub comm: Box<str>,
    /// cgroup v2 id of the process.
    pub cgroup: u64,
}

/// State of the TCP connection at the moment of a segment; counters grow over the connection's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpState {
    /// Smoothed round trip time. Contains the peer's thinking time when ACKs ride on answers.
    pub srtt_us: u32,
    /// Smallest round trip time of the kernel's window.
    pub min_rtt_us: u32,
    /// Segments retransmitted so far.
    pub retransmits: u32,
    /// Segments now thought lost.
    pub lost: u32,
    /// Time spent with data to send (`tcpi_busy_time`), in microseconds.
    pub busy_us: u32,
    /// Time held by the peer's receive window (`tcpi_rwnd_limited`), in microseconds.
    pub rwnd_limited_us: u32,
    /// Time held by the local send buffer (`tcpi_sndbuf_limited`), in microseconds.
    pub sndbuf_limited_us: u32,
}

/// Anything that capture delivers of the network.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// See [`Open`].
    Open(Open),
    /// See [`Owner`].
    Owner(Owner),
    /// See [`Segment`].
    Segment(Segment<'a>),
    /// See [`Mark`].
    Mark(Mark),
    /// See [`Close`].
    Close(Close),
}

/// The thread that made a call, and how long it has waited for a CPU in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// Thread id, 0 if the event did not happen in the owner's context.
    pub tid: u32,
    /// Cumulative run-queue wait (`sched_info.run_delay`).
    pub run_delay_ns: u64,
}

/// Bytes that passed a socket in one direction: one write, one read or one packet of them.
///
/// The range is `[seq, seq + len)` in TCP sequence numbers. Ranges of one direction arrive in order;
/// a jump means bytes were not reported and is handled as unseen bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// The socket.
    pub cookie: Cookie,
    /// Sent or received.
    pub direction: Direction,
    /// Sequence number of the first byte.
    pub seq: u32,
    /// Number of bytes.
    pub len: u32,
    /// The application's side: entry of the write (Out) or the moment of the read (In).
    pub app_ns: u64,
    /// As `app_ns`, for the last byte, when the segment sums up several (else equal to it).
    pub app_last_ns: u64,
    /// The network's side: handed from TCP to IP (Out) or arrived from IP (In).
    pub net_ns: u64,
    /// As `net_ns`, for the last byte.
    pub net_last_ns: u64,
    /// The direction of the connection turned: the other side spoke before this.
    pub turn: bool,
    /// Turns of this direction so far, modulo 2¹⁶.
    pub turns: u16,
    /// Only the bytes; their times come with another segment that covers them.
    pub bytes_only: bool,
    /// First bytes of the range that were copied.
    pub head: &'a [u8],
    /// Last bytes of the range: at most 8, empty when `head` holds the whole range; or, with an empty
    /// `head`, as many as were copied of an unusual end.
    pub tail: &'a [u8],
    /// TCP state at this moment.
    pub tcp: TcpState,
    /// Reader (In) or writer (Out).
    pub thread: Thread,
}

/// Only a time of a byte: a write that could not leave at once, or an arrival behind unread bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The socket.
    pub cookie: Cookie,
    /// Out: a write began at `seq`. In: bytes from `seq` arrived.
    pub direction: Direction,
    /// Sequence number of the first byte.
    pub seq: u32,
    /// When.
    pub at_ns: u64,
}

/// One direction of a connection ended, or all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Close {
    /// The socket.
    pub cookie: Cookie,
    /// When.
    pub at_ns: u64,
    /// `true`: the peer sent FIN and may still read. `false`: the connection is gone.
    pub half: bool,
    /// Just after the peer's last byte: of a FIN its sequence number, of a connection that is gone
    /// the next that was expected. 0: not known.
    pub fin_seq: u32,
    /// TCP state at that moment.
    pub tcp: TcpState,
}

/// Something was not delivered; never silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// How many records, connections or bytes (see [`LossReason`]).
    pub count: u64,
    /// Why.
    pub why: LossReason,
}

/// Why something was lost. The names are those of the public JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossReason {
    /// The kernel ring was full: records.
    RingFull,
    /// The kernel's or the agent's connection table was full: connections.
    FlowTableFull,
    /// A message began in bytes that were not copied: requests that may be missing.
    PayloadCut,
    /// A parser lost its place and waits for the next message: times that happened.
    Resync,
    /// A request never got all its parts: requests dropped unfinished by a bound.
    Unfinished,
    /// A slow reader of the API missed records: records.
    SlowReader,
    /// A recording was taken too slowly: steps missing from it.
    SlowRecording,
}
