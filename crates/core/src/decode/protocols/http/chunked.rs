//! Walks the chunked transfer coding (RFC 9112 §7.1) over seen and unseen bytes.
//!
//! A chunk's size stands in front of it. As long as the size lines are seen the walk is exact, even
//! over unseen data. Once a size line falls in unseen bytes the walk is blind and only the last
//! bytes of the pieces tell the end: the last chunk is `0` and an empty line.

use super::body::{Sink, Walk};

/// The end of a chunked body without trailers, with the line end of the chunk before it.
const LAST: &[u8] = b"\r\n0\r\n\r\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the digits of a size line.
    Size,
    /// Behind the digits: extensions, up to the line's end.
    Extension,
    /// This many bytes of data are left.
    Data(u64),
    /// Line end behind the data.
    DataCr,
    DataLf,
    /// At the first byte of a trailer line.
    Trailer,
    /// Inside a trailer line.
    TrailerLine,
    /// The last line feed.
    LastLf,
    /// Size lines are unseen.
    Blind,
}

/// Where a chunked body is.
#[derive(Clone, Debug)]
pub(super) struct Chunked {
    state: State,
    size: u64,
    digits: u8,
    /// First byte of the newest size line.
    line_at: u64,
    /// The last bytes, kept while blind.
    last: [u8; 8],
    last_len: u8,
}

impl Chunked {
    /// Starts before the first size line, at `at`.
    pub(super) fn new(at: u64) -> Chunked {
        Chunked {
            state: State::Size,
            size: 0,
            digits: 0,
            line_at: at,
            last: [0; 8],
            last_len: 0,
        }
    }

    /// Size lines are unseen: only the last bytes tell the end.
    pub(super) fn blind(&self) -> bool {
        self.state == State::Blind
    }

    /// Takes seen bytes.
    pub(super) fn seen(&mut self, at: u64, bytes: &[u8], sink: &mut dyn Sink) -> Walk {
        let mut i = 0;
        while i < bytes.len() {
            let here = at.saturating_add(i as u64);
            match self.state {
                State::Blind => {
                    self.remember(&bytes[i..]);
                    return Walk::More;
                }
                State::Data(left) => {
                    let len = usize::try_from(left)
                        .unwrap_or(usize::MAX)
                        .min(bytes.len() - i);
                    let framed_at = if left == self.size {
                        self.line_at
                    } else {
                        here
                    };
                    sink.data(here, framed_at, &bytes[i..i + len]);
                    self.data_left(left - len as u64);
                    i += len;
                    continue;
                }
                _ => {}
            }
            match self.step(bytes[i], here) {
                Walk::More => i += 1,
                Walk::Ended(_) => return Walk::Ended(i as u64 + 1),
                Walk::Broken => return Walk::Broken,
            }
        }
        Walk::More
    }

    /// One byte of framing.
    fn step(&mut self, byte: u8, at: u64) -> Walk {
        match (self.state, byte) {
            (State::Size, _) if byte.is_ascii_hexdigit() && self.digits < 15 => {
                if self.digits == 0 {
                    (self.line_at, self.size) = (at, 0);
                }
                let digit = (byte as char).to_digit(16).unwrap_or(0);
                self.size = self.size << 4 | u64::from(digit);
                self.digits += 1;
            }
            (State::Size, b'\r' | b';' | b' ' | b'\t') if self.digits > 0 => {
                self.state = State::Extension;
            }
            (State::Size, b'\n') if self.digits > 0 => self.size_end(),
            (State::Extension, b'\n') => self.size_end(),
            (State::Extension | State::TrailerLine, b) if b != b'\n' => {}
            (State::DataCr, b'\r') => self.state = State::DataLf,
            (State::DataCr | State::DataLf, b'\n') => self.data_end(at),
            (State::Trailer, b'\r') => self.state = State::LastLf,
            (State::Trailer | State::LastLf, b'\n') => return Walk::Ended(1),
            (State::Trailer, _) => self.state = State::TrailerLine,
            (State::TrailerLine, _) => self.state = State::Trailer,
            _ => return Walk::Broken,
        }
        Walk::More
    }

    fn size_end(&mut self) {
        self.state = if self.size == 0 {
            State::Trailer
        } else {
            State::Data(self.size)
        };
        self.digits = 0;
    }

    fn data_left(&mut self, left: u64) {
        self.state = if left == 0 {
            State::DataCr
        } else {
            State::Data(left)
        };
    }

    fn data_end(&mut self, at: u64) {
        (self.state, self.line_at) = (State::Size, at.saturating_add(1));
    }

    /// Walks over `len` unseen bytes; `last` are the last of them.
    pub(super) fn unseen(&mut self, at: u64, len: u64, last: &[u8], sink: &mut dyn Sink) -> Walk {
        let mut left = len;
        if let State::Data(data) = self.state {
            let skip = data.min(left);
            sink.unseen(skip);
            self.data_left(data - skip);
            left -= skip;
        }
        // The line end behind the data is known without seeing it.
        if self.state == State::DataCr && left > 0 {
            (self.state, left) = (State::DataLf, left - 1);
        }
        if self.state == State::DataLf && left > 0 {
            left -= 1;
            self.data_end(at.saturating_add(len - left - 1));
        }
        if left == 0 {
            return Walk::More;
        }
        sink.unseen(left);
        self.state = State::Blind;
        // Bytes in front of `last` are unknown.
        self.last_len = 0;
        self.remember(last);
        Walk::More
    }

    fn remember(&mut self, bytes: &[u8]) {
        let new = &bytes[bytes.len().saturating_sub(self.last.len())..];
        let old = usize::from(self.last_len);
        let keep = old.min(self.last.len() - new.len());
        self.last.copy_within(old - keep..old, 0);
        self.last[keep..keep + new.len()].copy_from_slice(new);
        self.last_len = (keep + new.len()) as u8;
    }

    /// While blind, at the end of a piece: the body ended here.
    pub(super) fn ended_blind(&self) -> bool {
        let last = &self.last[..usize::from(self.last_len)];
        let known = last.len().min(LAST.len());
        // Fewer bytes are known only when the pieces before were unseen to their end.
        self.blind() && known >= 5 && last[last.len() - known..] == LAST[LAST.len() - known..]
    }
}
