//! Gathers the bytes of a head until it is whole, or tells what can be told of a cut one.

use super::head::Parsed;

/// Longer heads count as cut here: no turn has more bytes copied.
const HEAD_BYTES_MAX: usize = 4096;

/// What came of the next bytes of a head.
pub(super) enum Gathered<T> {
    /// These bytes are no part of a message.
    Blank(usize),
    /// The head, its first byte's place, its length and how many of the new bytes belong to it.
    Whole {
        head: T,
        at: u64,
        len: u64,
        used: usize,
    },
    /// More bytes are needed.
    Partial,
    /// It is longer than what is gathered.
    Full,
    /// It is not HTTP/1.
    Broken,
}

/// The bytes of a head that is not whole yet.
#[derive(Debug, Default)]
pub(super) struct Gather {
    /// Place of its first byte.
    at: u64,
    bytes: Vec<u8>,
}

impl Gather {
    /// Takes the next bytes, of which the first is at `at`. Nothing is copied if they hold a head.
    pub(super) fn take<T>(
        &mut self,
        at: u64,
        bytes: &[u8],
        parse: fn(&[u8]) -> Parsed<T>,
    ) -> Gathered<T> {
        let old = self.bytes.len();
        if old == 0 {
            // Empty lines before a message are to be ignored (RFC 9112 §2.2).
            let blank = bytes
                .iter()
                .take_while(|b| matches!(b, b'\r' | b'\n'))
                .count();
            if blank > 0 {
                return Gathered::Blank(blank);
            }
            self.at = at;
        }
        let new = &bytes[..bytes.len().min(HEAD_BYTES_MAX - old)];
        if old > 0 {
            self.add(new);
        }
        let parsed = parse(if old == 0 { new } else { &self.bytes });
        match parsed {
            Parsed::Whole(head, len) => {
                self.release();
                Gathered::Whole {
                    head,
                    at: self.at,
                    len: len as u64,
                    used: len - old,
                }
            }
            Parsed::Partial => {
                if old == 0 {
                    self.add(new);
                }
                if self.bytes.len() == HEAD_BYTES_MAX {
                    Gathered::Full
                } else {
                    Gathered::Partial
                }
            }
            Parsed::Broken => {
                self.release();
                Gathered::Broken
            }
        }
    }

    /// The head goes on in unseen bytes: what can be told of it, and its first byte's place.
    ///
    /// `trusted`: a message was due here, so a request line without its version is believed.
    pub(super) fn cut<T>(
        &mut self,
        trusted: bool,
        parse: fn(&[u8]) -> Parsed<T>,
    ) -> Option<(T, u64)> {
        let closed = closed(&self.bytes, trusted);
        self.release();
        match parse(&closed?) {
            Parsed::Whole(head, _) => Some((head, self.at)),
            Parsed::Partial | Parsed::Broken => None,
        }
    }

    /// Nothing is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn add(&mut self, bytes: &[u8]) {
        let len = self.bytes.len() + bytes.len();
        if len > self.bytes.capacity() {
            // Doubling, but never beyond the bound.
            let capacity = len.max((2 * self.bytes.len()).min(HEAD_BYTES_MAX));
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Forgets it and gives the memory back.
    pub(super) fn release(&mut self) {
        self.bytes = Vec::new();
    }

    /// Heap bytes held.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

/// The head as far as it goes, closed behind its last whole field; `None` if not even the first
/// line tells enough.
fn closed(bytes: &[u8], trusted: bool) -> Option<Vec<u8>> {
    const LINE_BYTES_MIN: usize = "HTTP/1.1 200".len();
    if let Some(end) = bytes.iter().rposition(|&b| b == b'\n') {
        return Some([&bytes[..=end], b"\r\n"].concat());
    }
    if bytes.starts_with(b"HTTP/1.") {
        return (bytes.len() >= LINE_BYTES_MIN)
            .then(|| [&bytes[..LINE_BYTES_MIN], b"\r\n\r\n"].concat());
    }
    let mut words = bytes.splitn(3, |&b| b == b' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next());
    let believed = trusted || version.is_some_and(|version| version.starts_with(b"HTTP/1."));
    (believed && !target.is_empty()).then(|| [method, b" ", target, b" HTTP/1.1\r\n\r\n"].concat())
}
