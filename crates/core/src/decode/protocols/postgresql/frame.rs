//! Walks one speaker's PostgreSQL messages by their lengths, seen or not.

use crate::decode::Piece;

/// Longest message a server accepts (`PQ_LARGE_MESSAGE_LIMIT`), 1 GiB.
const MESSAGE_BYTES_MAX: u32 = 0x4000_0000;
/// Longest startup packet a server accepts (`MAX_STARTUP_PACKET_LENGTH`).
const STARTUP_BYTES_MAX: u32 = 10_000;

/// How the next message begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Type byte and length.
    Typed,
    /// Length only: the first messages of a client.
    Startup,
    /// One byte: the answer to a request for encryption.
    Single,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Place not known: waits for a turn.
    Lost,
    /// A message begins at `at`, or some bytes before it (`have`).
    Header,
    /// Inside a message whose first bytes are being collected.
    Body,
    /// The rest of a message.
    Skip,
    /// A message began in unseen bytes: place not known, but expected to come back.
    Blind,
}

/// What [`Walker::step`] found.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// A message: type (0 for startup forms), place, first bytes of the body, all of it or not.
    Message {
        kind: u8,
        at: u64,
        body: &'a [u8],
        whole: bool,
    },
    /// The last byte of a message of this type is before `at`.
    Done { kind: u8, at: u64 },
    /// The next message begins in unseen bytes. The piece is used up.
    Unseen,
    /// Not PostgreSQL. The piece is used up.
    Garbage,
    /// The piece is used up.
    More,
}

/// What is left of a piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    data: &'a [u8],
    unseen: u64,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(piece: &Piece<'a>) -> Self {
        Cursor {
            data: piece.data,
            unseen: piece.unseen(),
        }
    }
}

/// Which types a speaker may send and how much of their bodies is worth collecting.
pub(super) type Capture = fn(kind: u8) -> Option<usize>;

/// Place in one speaker's stream.
#[derive(Debug)]
pub(super) struct Walker {
    /// Next byte to look at.
    pub at: u64,
    state: State,
    head: [u8; 5],
    have: usize,
    kind: u8,
    /// First byte of the message, or of the one that begins in unseen bytes.
    pub start: u64,
    /// Body bytes not yet passed.
    left: u64,
    /// Body bytes to collect before the message is given.
    wanted: usize,
    body: Vec<u8>,
    capture: Capture,
}

impl Walker {
    pub(super) fn new(capture: Capture) -> Self {
        Walker {
            at: 0,
            state: State::Lost,
            head: [0; 5],
            have: 0,
            kind: 0,
            start: 0,
            left: 0,
            wanted: 0,
            body: Vec::new(),
            capture,
        }
    }

    pub(super) fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    pub(super) fn is_blind(&self) -> bool {
        self.state == State::Blind
    }

    /// Forgets the place.
    pub(super) fn lose(&mut self) {
        self.state = State::Lost;
        self.body = Vec::new();
    }

    /// A message begins at `at`.
    pub(super) fn align(&mut self, at: u64) {
        self.at = at;
        self.have = 0;
        self.state = State::Header;
    }

    /// Passes a piece without looking.
    pub(super) fn pass(&mut self, piece: &Piece<'_>) {
        self.at = piece.end();
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.body.capacity()
    }

    /// The next thing in the piece.
    pub(super) fn step<'s, 'c: 's>(&'s mut self, cursor: &mut Cursor<'c>, form: Form) -> Step<'s> {
        match self.state {
            State::Header => self.header(cursor, form),
            State::Body => self.collect(cursor),
            State::Skip => self.skip(cursor),
            State::Lost | State::Blind => {
                self.at += cursor.data.len() as u64 + cursor.unseen;
                *cursor = Cursor {
                    data: &[],
                    unseen: 0,
                };
                Step::More
            }
        }
    }

    fn header<'s, 'c: 's>(&'s mut self, cursor: &mut Cursor<'c>, form: Form) -> Step<'s> {
        let size = match form {
            Form::Typed => 5,
            Form::Startup => 4,
            Form::Single => 1,
        };
        if self.have == 0 {
            self.start = self.at;
        }
        let n = (size - self.have).min(cursor.data.len());
        self.head[self.have..self.have + n].copy_from_slice(&cursor.data[..n]);
        self.have += n;
        self.take(cursor, n);
        if self.have < size {
            if cursor.unseen == 0 {
                return Step::More;
            }
            self.state = State::Blind;
            self.at += cursor.unseen;
            cursor.unseen = 0;
            return Step::Unseen;
        }
        self.have = 0;
        let Some((kind, left, wanted)) = self.parse_header(form) else {
            self.at += cursor.data.len() as u64 + cursor.unseen;
            *cursor = Cursor {
                data: &[],
                unseen: 0,
            };
            return Step::Garbage;
        };
        self.kind = kind;
        self.left = left;
        self.wanted = wanted.min(left as usize);
        self.state = State::Body;
        self.collect(cursor)
    }

    /// Type, body bytes and how many of them to collect.
    fn parse_header(&self, form: Form) -> Option<(u8, u64, usize)> {
        let [kind, a, b, c, d] = self.head;
        match form {
            Form::Single => Some((kind, 0, 0)),
            Form::Startup => {
                let len = u32::from_be_bytes([kind, a, b, c]);
                (8..=STARTUP_BYTES_MAX)
                    .contains(&len)
                    .then(|| (0, u64::from(len) - 4, 4))
            }
            Form::Typed => {
                let wanted = (self.capture)(kind)?;
                let len = u32::from_be_bytes([a, b, c, d]);
                (4..=MESSAGE_BYTES_MAX)
                    .contains(&len)
                    .then(|| (kind, u64::from(len) - 4, wanted))
            }
        }
    }

    fn collect<'s, 'c: 's>(&'s mut self, cursor: &mut Cursor<'c>) -> Step<'s> {
        let missing = self.wanted - self.body.len();
        let n = missing.min(cursor.data.len());
        let seen = &cursor.data[..n];
        if n < missing && cursor.unseen == 0 {
            self.body.reserve_exact(missing);
            self.body.extend_from_slice(seen);
            self.take(cursor, n);
            self.left -= n as u64;
            return Step::More;
        }
        let collected = self.body.len();
        let whole = n as u64 == self.left;
        self.take(cursor, n);
        self.left -= n as u64;
        self.state = State::Skip;
        let body = if collected == 0 {
            seen
        } else {
            self.body.extend_from_slice(seen);
            &self.body[..]
        };
        Step::Message {
            kind: self.kind,
            at: self.start,
            body,
            whole,
        }
    }

    fn skip<'s, 'c: 's>(&'s mut self, cursor: &mut Cursor<'c>) -> Step<'s> {
        // Freed only now: the last step may have lent it.
        if self.body.capacity() > 0 {
            self.body = Vec::new();
        }
        let n = self.left.min(cursor.data.len() as u64);
        self.take(cursor, n as usize);
        self.left -= n;
        let n = self.left.min(cursor.unseen);
        cursor.unseen -= n;
        self.at += n;
        self.left -= n;
        if self.left > 0 {
            return Step::More;
        }
        self.state = State::Header;
        Step::Done {
            kind: self.kind,
            at: self.at,
        }
    }

    fn take(&mut self, cursor: &mut Cursor<'_>, n: usize) {
        cursor.data = &cursor.data[n..];
        self.at += n as u64;
    }
}

/// The last bytes a speaker sent, as far as they are known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Last8 {
    bytes: [u8; 8],
    len: usize,
}

impl Last8 {
    pub(super) fn update(&mut self, piece: &Piece<'_>) {
        let (bytes, joined) = if piece.unseen() == 0 {
            (piece.data, true)
        } else {
            (
                piece.tail,
                piece.unseen() + piece.data.len() as u64 == piece.tail.len() as u64,
            )
        };
        if bytes.len() >= 8 {
            self.bytes.copy_from_slice(&bytes[bytes.len() - 8..]);
            self.len = 8;
            return;
        }
        if !joined {
            self.len = 0;
        }
        for &b in bytes {
            self.bytes.rotate_left(1);
            self.bytes[7] = b;
            self.len = (self.len + 1).min(8);
        }
    }

    /// Nothing was said yet, or nothing is known of it.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// They end with a message of this type without a body (Sync, Flush, CopyDone).
    pub(super) fn ends_with_bare(&self, kind: u8) -> bool {
        self.len >= 5 && self.bytes[3..] == [kind, 0, 0, 0, 4]
    }

    /// They end with ReadyForQuery.
    pub(super) fn ends_with_ready(&self) -> bool {
        self.len >= 6 && self.bytes[2..7] == [b'Z', 0, 0, 0, 5] && b"ITE".contains(&self.bytes[7])
    }

    /// The message before the final ReadyForQuery ended as an ErrorResponse does: the terminator
    /// of its last field, then its own. A CommandComplete ends with a word or a number.
    pub(super) fn ready_after_error(&self) -> bool {
        self.len == 8 && self.bytes[..2] == [0, 0]
    }
}
