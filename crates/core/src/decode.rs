//! Bytes to messages: finds out what a connection speaks and turns its bytes into [`Frame`]s.
//!
//! A protocol is one file in `protocols/` plus one line in [`protocols::PROTOCOLS`]. It frames
//! bytes; which response answers which request is decided elsewhere (`exchange`), so a parser
//! can be tested with bytes alone.
//!
//! Bytes arrive as [`Piece`]s, in order and without holes, but usually only the first bytes of a
//! piece were copied: a parser must walk over unseen bytes by the lengths the protocol gives it.

pub mod certainty;
pub mod connection;
mod ending;
pub mod facts;
pub mod protocols;
pub mod raw;

pub use ending::{ENDING_BYTES, Ending};
pub use facts::{Facts, GenAi, Role};

use serde::{Deserialize, Serialize};

/// Who said some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Speaker {
    /// The end that asks.
    Client,
    /// The end that answers.
    Server,
}

impl Speaker {
    /// The one at the other end.
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Consecutive bytes of one speaker. Pieces of a speaker are contiguous: `offset` is always the
/// previous piece's `offset + len`, unseen bytes included.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Who said it.
    pub from: Speaker,
    /// Place of the first byte in the speaker's stream, in bytes since the connection opened.
    pub offset: u64,
    /// Number of bytes that travelled.
    pub len: u64,
    /// The first of them that were copied; `data.len() as u64 <= len`.
    pub data: &'a [u8],
    /// The last bytes of the piece when not all of it was copied; may be empty. At most 8, or more
    /// of a piece whose end was worth a look (see [`Report::Chunks`]): then `data` is empty.
    pub tail: &'a [u8],
    /// The other side spoke before this piece: a good place to find one's feet again.
    pub turn: bool,
}

impl Piece<'_> {
    /// Place just after the last byte.
    pub fn end(&self) -> u64 {
        self.offset + self.len
    }
    /// Bytes that travelled but were not copied (they follow `data`).
    pub fn unseen(&self) -> u64 {
        self.len - self.data.len() as u64
    }
}

/// What a parser found. All places are offsets in the stream of the named speaker.
///
/// Order within one direction is stream order. Requests are answered in order unless a frame says
/// otherwise; a parser that meets unsolicited server messages leaves them out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Frame {
    /// A request begins at `at` (client's stream).
    Request {
        /// First byte.
        at: u64,
        /// What is known of it already.
        facts: Facts,
    },
    /// More is known about the newest request.
    RequestFacts(Facts),
    /// The newest request's last byte is before `at`. Left out when it can't be known: then the
    /// request ends with the last byte before the response.
    RequestEnd {
        /// Just after the last byte.
        at: u64,
    },
    /// The response to the oldest unanswered request begins at `at` (server's stream).
    Response {
        /// First byte.
        at: u64,
        /// What is known of it already.
        facts: Facts,
    },
    /// More is known about the response in progress.
    ResponseFacts(Facts),
    /// A chunk of a token stream lies in `[start, end)` of the server's stream.
    Chunk {
        /// First byte.
        start: u64,
        /// Just after the last byte.
        end: u64,
        /// It carries generated content (a role event, a ping or `[DONE]` does not).
        content: bool,
    },
    /// The response in progress ended before `at`.
    ResponseEnd {
        /// Just after the last byte.
        at: u64,
    },
    /// The oldest unanswered request will get no response (e.g. a Terminate message).
    NoResponse,
    /// From here on the connection carries something else (Upgrade, CONNECT, TLS): stop parsing.
    Tunnel,
    /// The parser lost its place in this speaker's stream (garbage, or a message began in unseen
    /// bytes). It finds it again by itself; requests in between may be missing.
    Lost {
        /// In whose stream.
        from: Speaker,
        /// The bytes were not copied (else they were not understood).
        unseen: bool,
    },
}

/// How a socket should report one direction from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// Copy up to this many bytes of each turn; after that, only sums and the last bytes.
    Turns {
        /// Bytes per turn, at most 4096.
        head_bytes: u16,
    },
    /// One record for every segment, with up to this many of its first bytes.
    Chunks {
        /// Bytes per segment, at most 4096; 0 once content has begun.
        head_bytes: u16,
        /// Then, of a segment that ends otherwise, the last bytes are copied, at most 4096.
        usual: Ending,
    },
    /// Only byte counts and times.
    Quiet,
}

/// What a parser wants to see, per speaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// Of the client's stream.
    pub client: Report,
    /// Of the server's stream.
    pub server: Report,
}

/// A parser of one connection.
///
/// Must hold for any input: never panics; the frames do not depend on how fully copied bytes are
/// cut into pieces; after garbage it finds its place again at a `turn` or sooner; keeps at most
/// [`MEMORY_BYTES_MAX`] bytes.
pub trait Conversation: Send {
    /// Takes the next bytes of a speaker and appends what they mean.
    fn feed(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>);
    /// These bytes of a speaker were never reported. Nobody saw them or knows what they were, but
    /// their number. `piece.turn`: a turn of the speaker begins just behind them, so they were said
    /// before the other side spoke last.
    fn gap(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>);
    /// Whole turns were never reported: requests, answers or both.
    fn missed(&mut self, out: &mut Vec<Frame>);
    /// Nobody said anything for a while before the piece that comes next.
    fn quiet(&mut self);
    /// The speaker will say no more (FIN, reset).
    fn end(&mut self, from: Speaker, out: &mut Vec<Frame>);
    /// What it wants to see next; asked after every `feed`.
    fn want(&self) -> Want;
    /// Heap bytes held.
    fn memory_bytes(&self) -> usize;
}

/// Bound of one conversation's heap.
pub const MEMORY_BYTES_MAX: usize = 16 * 1024;

/// What the first bytes of a turn look like to a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// Mine, and said by this end.
    Mine(Speaker),
    /// Not mine.
    NotMine,
    /// Too short to tell.
    More,
}

/// The one definition of a protocol: help, docs, labels and filters are made from it.
pub struct Protocol {
    /// Name on the wire contract (`protocol` in JSON), lower case.
    pub name: &'static str,
    /// One sentence for people.
    pub about: &'static str,
    /// Where the wire format is specified.
    pub spec: &'static str,
    /// OpenTelemetry attributes its records fill, with what they are.
    pub attributes: &'static [(&'static str, &'static str)],
    /// Looks at the first bytes of a turn. `hint` is the speaker if the connection's opener is
    /// known. Must be cheap and hard to fool: a wrong `Mine` costs a whole connection.
    pub sniff: fn(data: &[u8], hint: Option<Speaker>) -> Guess,
    /// Starts a parser.
    pub open: fn() -> Box<dyn Conversation>,
}
