//! A recording of everything that went into a pipeline, so that it can be run again.
//!
//! Unless bytes are asked for, a segment is kept as what its parser made of it: a tape then holds
//! times, sizes and what records show anyway, and no byte of anybody's message.

use crate::decode::{Frame, Speaker};
use crate::enrich::Workload;
use crate::event::{
    Close, Cookie, Direction, LossReason, Mark, Open, Owner, Segment, TcpState, Thread,
};
use serde::{Deserialize, Serialize};

/// A segment without its bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// The socket.
    pub cookie: Cookie,
    /// See [`Segment`].
    pub direction: Direction,
    /// See [`Segment`].
    pub seq: u32,
    /// See [`Segment`].
    pub len: u32,
    /// See [`Segment`]: app, app_last, net, net_last.
    pub times_ns: [u64; 4],
    /// See [`Segment`].
    pub turn: bool,
    /// See [`Segment`].
    pub turns: u16,
    /// See [`Segment`].
    pub bytes_only: bool,
    /// See [`Segment`].
    pub tcp: TcpState,
    /// See [`Segment`].
    pub thread: Thread,
}

impl Passage {
    /// Of a segment.
    pub fn of(s: &Segment<'_>) -> Self {
        Self {
            cookie: s.cookie,
            direction: s.direction,
            seq: s.seq,
            len: s.len,
            times_ns: [s.app_ns, s.app_last_ns, s.net_ns, s.net_last_ns],
            turn: s.turn,
            turns: s.turns,
            bytes_only: s.bytes_only,
            tcp: s.tcp,
            thread: s.thread,
        }
    }

    /// The segment again, with these bytes.
    pub fn segment<'a>(&self, head: &'a [u8], tail: &'a [u8]) -> Segment<'a> {
        let [app_ns, app_last_ns, net_ns, net_last_ns] = self.times_ns;
        Segment {
            cookie: self.cookie,
            direction: self.direction,
            seq: self.seq,
            len: self.len,
            app_ns,
            app_last_ns,
            net_ns,
            net_last_ns,
            turn: self.turn,
            turns: self.turns,
            bytes_only: self.bytes_only,
            head,
            tail,
            tcp: self.tcp,
            thread: self.thread,
        }
    }
}

/// What a parser made of a step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// What it found.
    pub frames: Vec<Frame>,
    /// Which end the socket is, once known.
    pub speaker: Option<Speaker>,
    /// What the connection speaks, once known.
    pub protocol: Option<Box<str>>,
}

/// One step of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Entry {
    /// The first entry.
    Start {
        /// Unix time of monotonic 0, in nanoseconds.
        epoch_ns: u64,
        /// Version that wrote it.
        version: Box<str>,
        /// Bytes of messages are in it.
        payload: bool,
    },
    /// A connection end; those that were there before the tape come first.
    Open(Open),
    /// See [`Owner`].
    Owner(Owner),
    /// What is known of a process.
    Workload(u32, Workload),
    /// A segment as its parser understood it.
    Told(Passage, Told),
    /// A segment with its first and last bytes.
    Bytes(Passage, Vec<u8>, Vec<u8>),
    /// See [`Mark`].
    Mark(Mark),
    /// The end of a direction or a connection, and what the parser made of it.
    Close(Close, Told),
    /// Silence ended a response.
    Silent(Cookie, Told),
    /// Something was lost before it came to the pipeline.
    Lost(u64, LossReason, u64),
    /// Time passed.
    Tick(u64),
    /// The last entry: everything that waits comes out.
    End(u64),
    /// Where a connection stood that was there before the tape.
    Resume(Resume),
    /// A segment of such a connection, with its bytes and what its parser found: a new parser
    /// could not join where the old one stood.
    Both(Passage, Vec<u8>, Vec<u8>, Told),
}

/// What later steps of a connection build on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resume {
    /// The socket.
    pub cookie: Cookie,
    /// Which end it is, once known.
    pub speaker: Option<Speaker>,
    /// What it speaks, once known.
    pub protocol: Option<Box<str>>,
    /// Just after the last byte whose times are known (incoming, outgoing).
    pub timed: [u64; 2],
    /// Just after the last byte taken (incoming, outgoing).
    pub taken: [Option<u64>; 2],
    /// Where the peer's FIN stands, before and after all bytes in front of it are read.
    pub fin: [Option<u64>; 2],
    /// Requests in flight; their records are not on the tape.
    pub in_flight: u32,
    /// The oldest of them is being answered.
    pub answering: bool,
    /// An answer that is nobody's is passing.
    pub orphan: bool,
    /// TCP when anything happened last.
    pub tcp: TcpState,
    /// Who read and who wrote last.
    pub threads: [Thread; 2],
    /// When anything happened last.
    pub last_ns: u64,
}
