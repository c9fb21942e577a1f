//! Walks the server's replies: where each begins and ends, and its error word.

use super::message::Kind;
use super::walk::{Cursor, LENGTH_MAX, Length, Line, Read, Word, length};
use super::{Answer, Facts, Frame, Lost, Piece, Shared, Speaker, sniff};

/// Deepest nesting that is followed; Redis' own replies stay below ten.
const DEPTH_MAX: usize = 64;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Place not known: waits for a turn.
    #[default]
    Lost,
    /// A value begins.
    Header,
    /// Bytes of a string, line end included.
    Skip(u64),
    /// In the parts of a streamed string.
    Parts,
    /// Bytes of such a part.
    Part(u64),
    /// In unseen bytes of a reply: it ends before the client speaks again.
    Blind,
}

/// An aggregate in progress.
#[derive(Clone, Copy, Debug)]
struct Level {
    /// Values to come; `u64::MAX` when a `.` ends it.
    left: u64,
    /// Attributes: the value they belong to follows.
    attribute: bool,
}

/// The server's stream.
#[derive(Debug, Default)]
pub(super) struct Replies {
    state: State,
    line: Line,
    /// Next byte to look at.
    at: u64,
    /// First byte of the message in progress.
    pub(super) start: u64,
    inside: bool,
    pub(super) kind: Kind,
    levels: Vec<Level>,
    /// First string of the message, when it matters.
    pub(super) word: Word,
    /// 0 not wanted, 1 wanted, 2 being read or read.
    pub(super) wants_word: u8,
    pub(super) bulk_error: bool,
    /// The client spoke again: the reply in progress ended, if the next bytes are the next ones.
    pub(super) over: bool,
}

impl Replies {
    pub(super) fn lose(&mut self) {
        self.state = State::Lost;
        self.reset();
    }

    pub(super) fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    pub(super) fn is_blind(&self) -> bool {
        self.state == State::Blind
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.levels.capacity() * size_of::<Level>()
    }

    fn reset(&mut self) {
        self.levels = Vec::new();
        self.line.clear();
        self.inside = false;
        self.over = false;
    }

    /// The reply in progress ended with the last byte that was said.
    pub(super) fn finish_blind(&mut self, shared: &mut Shared, out: &mut Vec<Frame>) {
        if !shared.started {
            shared.begin(self.start, Facts::default(), out);
        }
        shared.finish(self.at, out);
        self.reset();
        self.state = State::Header;
    }

    /// Takes a piece.
    pub(super) fn hear(
        &mut self,
        piece: &Piece<'_>,
        shared: &mut Shared,
        out: &mut Vec<Frame>,
    ) -> Result<(), Lost> {
        if self.over {
            self.finish_blind(shared, out);
        }
        if matches!(self.state, State::Lost | State::Blind) && !self.find(piece, shared) {
            self.at = piece.end();
            return Ok(());
        }
        self.walk(piece, shared, out)
    }

    /// Bytes that nobody saw: passed by the lengths known before them, else the place is lost.
    pub(super) fn pass_gap(
        &mut self,
        piece: &Piece<'_>,
        shared: &mut Shared,
        out: &mut Vec<Frame>,
    ) -> Result<(), Lost> {
        let lost = self.state == State::Lost;
        if !lost && self.state != State::Blind {
            self.walk(piece, shared, out)?;
        }
        self.at = piece.end();
        // Bytes in front of the turn in progress are no answer to what was asked since.
        let harmless = !self.is_blind() && (!lost || piece.turn || shared.pending.len == 0);
        if harmless {
            return Ok(());
        }
        Err(Lost {
            from: Speaker::Server,
            unseen: true,
        })
    }

    fn walk(
        &mut self,
        piece: &Piece<'_>,
        shared: &mut Shared,
        out: &mut Vec<Frame>,
    ) -> Result<(), Lost> {
        let mut cursor = Cursor::new(piece);
        loop {
            let read = match self.state {
                State::Header => self.header(&mut cursor, shared, out)?,
                State::Skip(left) => self.skip(left, &mut cursor, shared, out),
                State::Parts => self.parts(&mut cursor, shared, out),
                State::Part(left) => self.part(left, &mut cursor),
                State::Lost | State::Blind => return Ok(()),
            };
            if shared.tunnel {
                return Ok(());
            }
            match read {
                Read::Whole => self.at = cursor.at,
                Read::More => break,
                Read::Unseen => {
                    self.unseen(shared, out);
                    break;
                }
                Read::Garbage => {
                    return Err(Lost {
                        from: Speaker::Server,
                        unseen: false,
                    });
                }
            }
        }
        self.at = piece.end();
        Ok(())
    }

    fn find(&mut self, piece: &Piece<'_>, shared: &Shared) -> bool {
        let due = shared.pending.len > 0 && !shared.started;
        let plausible = piece.turn && sniff::is_reply(piece.data) != Some(false);
        let begins = due && (piece.offset == 0 || plausible);
        if begins {
            self.reset();
            self.state = State::Header;
        }
        begins
    }

    fn unseen(&mut self, shared: &mut Shared, out: &mut Vec<Frame>) {
        let due = matches!(shared.pending.front(), Some(Answer::Reply | Answer::Stream));
        if !self.inside && due && !shared.started {
            // The header's first bytes may have come with earlier pieces.
            let at = if self.line.is_empty() {
                self.at
            } else {
                self.start
            };
            shared.begin(at, Facts::default(), out);
        }
        self.reset();
        self.state = State::Blind;
    }

    fn header(
        &mut self,
        cursor: &mut Cursor<'_>,
        shared: &mut Shared,
        out: &mut Vec<Frame>,
    ) -> Result<Read, Lost> {
        if self.line.is_empty() && !self.inside {
            self.start = cursor.at;
        }
        let read = self.line.read(cursor);
        if read != Read::Whole {
            return Ok(read);
        }
        let mut text = [0; 64];
        let line = self.line.text();
        let text = &mut text[..line.len()];
        text.copy_from_slice(line);
        self.line.clear();
        let Some((&kind, rest)) = text.split_first() else {
            return Ok(Read::Garbage);
        };
        if !sniff::is_type(kind) && kind != b'.' {
            return Ok(Read::Garbage);
        }
        if self.levels.is_empty() && kind != b'|' {
            self.top(kind, rest, shared, out);
        }
        self.inside = true;
        Ok(self.open(kind, rest, cursor.at, shared, out))
    }

    /// A value's header was read; `at` is just after it.
    fn open(
        &mut self,
        kind: u8,
        rest: &[u8],
        at: u64,
        shared: &mut Shared,
        out: &mut Vec<Frame>,
    ) -> Read {
        match kind {
            b'$' | b'!' | b'=' => match length(rest) {
                Some(Length::Known(len @ ..LENGTH_MAX)) => {
                    if self.wants_word == 1 {
                        self.wants_word = 2;
                        self.word.begin(len);
                        self.state = State::Skip(len + 2);
                        return Read::Whole;
                    }
                    self.state = State::Skip(len + 2);
                }
                Some(Length::Null) => self.close(at, shared, out),
                Some(Length::Streamed) => self.state = State::Parts,
                _ => return Read::Garbage,
            },
            b'*' | b'~' | b'>' | b'%' | b'|' => {
                let left = match length(rest) {
                    Some(Length::Known(count)) if matches!(kind, b'%' | b'|') => count * 2,
                    Some(Length::Known(count)) => count,
                    Some(Length::Null) => 0,
                    Some(Length::Streamed) => u64::MAX,
                    None => return Read::Garbage,
                };
                let attribute = kind == b'|';
                if left == 0 {
                    if !attribute {
                        self.close(at, shared, out);
                    }
                } else if self.levels.len() >= DEPTH_MAX {
                    return Read::Garbage;
                } else {
                    self.levels.push(Level { left, attribute });
                }
            }
            b'.' => match self.levels.pop() {
                Some(Level {
                    left: u64::MAX,
                    attribute,
                }) => {
                    if !attribute {
                        self.close(at, shared, out);
                    }
                }
                _ => return Read::Garbage,
            },
            _ => {
                if self.wants_word == 1 {
                    self.wants_word = 2;
                    self.word.set(&rest[..rest.len().min(Word::BYTES)]);
                }
                self.close(at, shared, out);
            }
        }
        Read::Whole
    }

    fn skip(
        &mut self,
        mut left: u64,
        cursor: &mut Cursor<'_>,
        shared: &mut Shared,
        out: &mut Vec<Frame>,
    ) -> Read {
        if self.wants_word == 2 {
            self.word
                .push(&cursor.data[..cursor.data.len().min(left as usize)]);
        }
        cursor.skip(&mut left);
        self.state = State::Skip(left);
        if left > 0 {
            return if cursor.unseen > 0 {
                Read::Unseen
            } else {
                Read::More
            };
        }
        self.state = State::Header;
        if self.wants_word == 2 {
            self.wants_word = 3;
        }
        self.close(cursor.at, shared, out);
        Read::Whole
    }

    fn parts(
        &mut self,
        cursor: &mut Cursor<'_>,
        shared: &mut Shared,
        out: &mut Vec<Frame>,
    ) -> Read {
        let read = self.line.read(cursor);
        if read != Read::Whole {
            return read;
        }
        let len = match self.line.text() {
            [b';', len @ ..] => length(len),
            _ => None,
        };
        self.line.clear();
        match len {
            Some(Length::Known(0)) => {
                self.state = State::Header;
                self.close(cursor.at, shared, out);
            }
            Some(Length::Known(len)) => self.state = State::Part(len + 2),
            _ => return Read::Garbage,
        }
        Read::Whole
    }

    fn part(&mut self, mut left: u64, cursor: &mut Cursor<'_>) -> Read {
        cursor.skip(&mut left);
        self.state = if left == 0 {
            State::Parts
        } else {
            State::Part(left)
        };
        match left {
            0 => Read::Whole,
            _ if cursor.unseen > 0 => Read::Unseen,
            _ => Read::More,
        }
    }

    /// A value ended before `at`, and with it perhaps those around it.
    fn close(&mut self, at: u64, shared: &mut Shared, out: &mut Vec<Frame>) {
        while let Some(level) = self.levels.last_mut() {
            if level.left == u64::MAX {
                return;
            }
            level.left -= 1;
            if level.left > 0 {
                return;
            }
            let attribute = level.attribute;
            self.levels.pop();
            if attribute {
                return;
            }
        }
        self.inside = false;
        self.message(at, shared, out);
    }
}
