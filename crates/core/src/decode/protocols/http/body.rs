//! Walks over a message body by the length its head gave it (RFC 9112 §6.3).

use super::chunked::Chunked;

/// How a body's end is known.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// This many bytes are left.
    Length(u64),
    /// Chunked transfer coding.
    Chunked(Chunked),
    /// It ends with the connection.
    Close,
    /// Not known: it ends before the next message of this speaker.
    Unknown,
}

/// Takes the content of a body, transfer coding removed.
pub(super) trait Sink {
    /// Content at `at`; the framing in front of it begins at `framed_at` (`at` if there is none).
    fn data(&mut self, at: u64, framed_at: u64, bytes: &[u8]);
    /// This many bytes, perhaps with framing among them, were not seen.
    fn unseen(&mut self, len: u64);
}

/// How far a walk came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    /// The body goes on.
    More,
    /// It ended after this many of the bytes.
    Ended(u64),
    /// The bytes are not what the framing demands.
    Broken,
}

impl Body {
    /// There is no body, or nothing is left of it.
    pub(super) fn empty(&self) -> bool {
        matches!(self, Body::Length(0))
    }

    /// The end can't be told from seen bytes.
    pub(super) fn endless(&self) -> bool {
        match self {
            Body::Unknown => true,
            Body::Chunked(chunked) => chunked.blind(),
            Body::Length(_) | Body::Close => false,
        }
    }

    /// Takes seen bytes.
    pub(super) fn seen(&mut self, at: u64, bytes: &[u8], sink: &mut dyn Sink) -> Walk {
        match self {
            Body::Length(left) => {
                let len = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                sink.data(at, at, &bytes[..len]);
                *left -= len as u64;
                if *left == 0 {
                    Walk::Ended(len as u64)
                } else {
                    Walk::More
                }
            }
            Body::Chunked(chunked) => chunked.seen(at, bytes, sink),
            Body::Close | Body::Unknown => {
                sink.data(at, at, bytes);
                Walk::More
            }
        }
    }

    /// Walks over `len` unseen bytes; `last` are the last of them, at most 8.
    pub(super) fn unseen(&mut self, at: u64, len: u64, last: &[u8], sink: &mut dyn Sink) -> Walk {
        match self {
            Body::Length(left) => {
                let skip = len.min(*left);
                sink.unseen(skip);
                *left -= skip;
                if *left == 0 {
                    Walk::Ended(skip)
                } else {
                    Walk::More
                }
            }
            Body::Chunked(chunked) => chunked.unseen(at, len, last, sink),
            Body::Close | Body::Unknown => {
                sink.unseen(len);
                Walk::More
            }
        }
    }

    /// At the end of a piece: the last bytes alone tell that the body ended here.
    pub(super) fn ended_blind(&self) -> bool {
        matches!(self, Body::Chunked(chunked) if chunked.ended_blind())
    }
}
