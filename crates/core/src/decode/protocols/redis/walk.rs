//! Lines and lengths of RESP: what both directions are made of.

use crate::decode::Piece;

/// Start of a line that is kept: enough for every length, name and error word.
const LINE_BYTES_KEPT: usize = 64;
/// Longest line: Redis' own bound for inline commands.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// Longest string (`proto-max-bulk-len`) and most elements that are believed.
pub(super) const LENGTH_MAX: u64 = 1 << 32;

/// What is left of a piece, and where it lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    pub data: &'a [u8],
    pub unseen: u64,
    pub at: u64,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(piece: &Piece<'a>) -> Self {
        Cursor {
            data: piece.data,
            unseen: piece.unseen(),
            at: piece.offset,
        }
    }

    pub(super) fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.data.split_at(n.min(self.data.len()));
        self.data = rest;
        self.at += taken.len() as u64;
        taken
    }

    /// Passes up to `left` bytes, seen or not.
    pub(super) fn skip(&mut self, left: &mut u64) {
        let seen = self.take((*left).min(self.data.len() as u64) as usize);
        *left -= seen.len() as u64;
        let n = (*left).min(self.unseen);
        self.unseen -= n;
        self.at += n;
        *left -= n;
    }
}

/// How far a line came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// Its end was read.
    Whole,
    /// The piece is used up.
    More,
    /// It goes on in unseen bytes.
    Unseen,
    /// Too long for a line.
    Garbage,
}

/// A line in progress.
#[derive(Clone, Debug)]
pub(super) struct Line {
    kept: [u8; LINE_BYTES_KEPT],
    len: u64,
}

impl Default for Line {
    fn default() -> Self {
        Line {
            kept: [0; LINE_BYTES_KEPT],
            len: 0,
        }
    }
}

impl Line {
    /// Reads on; after `Whole` the text is valid until [`Line::clear`].
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>) -> Read {
        let end = memchr::memchr(b'\n', cursor.data);
        let part = cursor.take(end.map_or(cursor.data.len(), |at| at + 1));
        let kept = (self.len as usize).min(LINE_BYTES_KEPT);
        let n = part.len().min(LINE_BYTES_KEPT - kept);
        self.kept[kept..kept + n].copy_from_slice(&part[..n]);
        self.len += part.len() as u64;
        match end {
            Some(_) => Read::Whole,
            None if self.len > LINE_BYTES_MAX => Read::Garbage,
            None if cursor.unseen > 0 => Read::Unseen,
            None => Read::More,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Its first bytes, without the line end.
    pub(super) fn text(&self) -> &[u8] {
        let kept = &self.kept[..(self.len as usize).min(LINE_BYTES_KEPT)];
        let kept = kept.strip_suffix(b"\n").unwrap_or(kept);
        kept.strip_suffix(b"\r").unwrap_or(kept)
    }
}

/// The length in a header line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    Known(u64),
    /// `-1`.
    Null,
    /// `?`: ends with a mark of its own.
    Streamed,
}

/// Reads what follows the type byte of a header.
pub(super) fn length(text: &[u8]) -> Option<Length> {
    match text {
        b"-1" => return Some(Length::Null),
        b"?" => return Some(Length::Streamed),
        [] => return None,
        _ => {}
    }
    let mut n = 0u64;
    for byte in text {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        n = n * 10 + digit;
        if n > LENGTH_MAX {
            return None;
        }
    }
    Some(Length::Known(n))
}

/// The first bytes of a string.
#[derive(Clone, Debug)]
pub(super) struct Word {
    kept: [u8; Word::BYTES],
    len: u8,
    /// Its whole length.
    total: u64,
}

impl Default for Word {
    fn default() -> Self {
        Word {
            kept: [0; Word::BYTES],
            len: 0,
            total: 0,
        }
    }
}

impl Word {
    /// Longest name that is told.
    pub(super) const BYTES: usize = 32;

    pub(super) fn begin(&mut self, total: u64) {
        self.len = 0;
        self.total = total;
    }

    pub(super) fn set(&mut self, text: &[u8]) {
        self.begin(text.len() as u64);
        self.push(text);
    }

    pub(super) fn push(&mut self, seen: &[u8]) {
        let at = usize::from(self.len);
        let room = (self.total.min(Word::BYTES as u64) as usize).saturating_sub(at);
        let n = seen.len().min(room);
        self.kept[at..at + n].copy_from_slice(&seen[..n]);
        self.len += n as u8;
    }

    /// The string, if all of it was kept.
    pub(super) fn text(&self) -> Option<&[u8]> {
        (u64::from(self.len) == self.total).then_some(&self.kept[..usize::from(self.len)])
    }

    /// Length of the string.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// What was kept of it.
    pub(super) fn start(&self) -> &[u8] {
        &self.kept[..usize::from(self.len)]
    }
}
