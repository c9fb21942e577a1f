//! Reads the header fields that frame a body or tell what it is; no other value is looked at.

use super::body::Body;
use super::chunked::Chunked;
use httparse::Header;

/// What the content type says about the body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Media {
    Sse,
    Ndjson,
    #[default]
    Other,
}

/// What the headers say about the body's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// Nothing.
    Unsaid,
    /// Content-Length.
    Bytes(u64),
    /// Transfer-Encoding that ends in `chunked`.
    Chunked,
    /// Another Transfer-Encoding.
    Close,
    /// Contradictions.
    Unknown,
}

impl Length {
    /// The body that begins at `at`; `unsaid` if the headers don't tell.
    pub(super) fn body(self, at: u64, unsaid: Body) -> Body {
        match self {
            Length::Unsaid => unsaid,
            Length::Bytes(bytes) => Body::Length(bytes),
            Length::Chunked => Body::Chunked(Chunked::new(at)),
            Length::Close => Body::Close,
            Length::Unknown => Body::Unknown,
        }
    }
}

/// What the fields of one head say.
pub(super) struct Fields {
    pub(super) length: Length,
    pub(super) media: Media,
    pub(super) encoded: bool,
}

impl Default for Fields {
    fn default() -> Self {
        Fields {
            length: Length::Unsaid,
            media: Media::Other,
            encoded: false,
        }
    }
}

impl Fields {
    /// Takes the next field.
    pub(super) fn read(&mut self, header: &Header<'_>) {
        let value = header.value.trim_ascii();
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        match header.name.len() {
            12 if is("content-type") => self.media = media(value),
            14 if is("content-length") => self.content_length(value),
            16 if is("content-encoding") => {
                self.encoded = !value.is_empty() && !value.eq_ignore_ascii_case(b"identity");
            }
            17 if is("transfer-encoding") => self.transfer_encoding(value),
            _ => {}
        }
    }

    /// Repeated equal lengths are one length (RFC 9110 §8.6); Transfer-Encoding overrides them.
    fn content_length(&mut self, value: &[u8]) {
        for part in value.split(|&b| b == b',') {
            let part = part.trim_ascii();
            let digits = !part.is_empty() && part.iter().all(u8::is_ascii_digit);
            let bytes = std::str::from_utf8(part).ok().filter(|_| digits);
            let bytes = bytes.and_then(|digits| digits.parse().ok());
            self.length = match (self.length, bytes) {
                (Length::Chunked | Length::Close, _) => return,
                (Length::Unsaid, Some(bytes)) => Length::Bytes(bytes),
                (Length::Bytes(old), Some(bytes)) if old == bytes => self.length,
                _ => Length::Unknown,
            };
        }
    }

    fn transfer_encoding(&mut self, value: &[u8]) {
        let last = value
            .rsplit(|&b| b == b',')
            .next()
            .unwrap_or_default()
            .trim_ascii();
        let chunked = last.eq_ignore_ascii_case(b"chunked");
        self.length = if chunked {
            Length::Chunked
        } else {
            Length::Close
        };
        self.encoded |= value.len() > last.len() || !chunked;
    }
}

fn media(value: &[u8]) -> Media {
    let end = value.iter().position(|&b| b == b';').unwrap_or(value.len());
    let name = value[..end].trim_ascii();
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    if is("text/event-stream") {
        Media::Sse
    } else if is("application/x-ndjson") || is("application/ndjson") || is("application/jsonl") {
        Media::Ndjson
    } else {
        Media::Other
    }
}
