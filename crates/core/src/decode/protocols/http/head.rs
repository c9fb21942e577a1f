//! Reads the head of a request or a response: its first line and the headers that frame its body.

use super::body::Body;
use super::chunked::Chunked;
use super::gen_ai::Rule;
use super::target;
use crate::decode::Facts;
use httparse::{Header, ParserConfig, Status};
use std::mem::MaybeUninit;

/// Longer heads count as cut here: no turn has more bytes copied.
pub(super) const HEAD_BYTES_MAX: usize = 4096;
/// Headers beyond this number make the head count as not understood.
const HEADERS_MAX: usize = 128;

/// What came of reading a head.
#[derive(Debug)]
pub(super) enum Parsed<T> {
    /// The head, and its length in bytes.
    Whole(T, usize),
    /// More bytes are needed.
    Partial,
    /// It is not HTTP/1.
    Broken,
}

/// A method, as far as it matters to the framing of the response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Method {
    /// No peculiarity.
    #[default]
    Plain,
    /// The response has no body.
    Head,
    /// A 2xx response has no body and opens a tunnel.
    Connect,
}

/// Head of a request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) facts: Facts,
    /// The API it may be asking.
    pub(super) rule: Option<&'static Rule>,
    pub(super) length: Length,
    /// The body's bytes are not its content.
    pub(super) encoded: bool,
}

/// Head of a response.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) length: Length,
    pub(super) media: Media,
    pub(super) encoded: bool,
}

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

/// Reads the head of a request.
pub(super) fn request(bytes: &[u8]) -> Parsed<Request> {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let mut config = ParserConfig::default();
    config.ignore_invalid_headers_in_requests(true);
    match config.parse_request_with_uninit_headers(&mut request, bytes, &mut headers) {
        Ok(Status::Partial) => return Parsed::Partial,
        Err(_) => return Parsed::Broken,
        Ok(Status::Complete(len)) => {
            let method = request.method.unwrap_or_default();
            let path = target::path(method, request.path.unwrap_or_default().as_bytes());
            let rule = Rule::find(method, path);
            let mut facts = rule
                .filter(|rule| rule.proven())
                .map_or_else(|| web(), |rule| rule.facts(path));
            facts.op = Some(target::op(method, path));
            let mut fields = Fields::default();
            request
                .headers
                .iter()
                .for_each(|header| fields.read(header));
            let method = match method {
                "HEAD" => Method::Head,
                "CONNECT" => Method::Connect,
                _ => Method::Plain,
            };
            let head = Request {
                method,
                facts,
                rule,
                length: fields.length,
                encoded: fields.encoded,
            };
            Parsed::Whole(head, len)
        }
    }
}

fn web() -> Facts {
    Facts {
        role: Some(crate::decode::Role::Web),
        ..Facts::default()
    }
}

/// Reads the head of a response.
pub(super) fn response(bytes: &[u8]) -> Parsed<Response> {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut []);
    let mut config = ParserConfig::default();
    config
        .ignore_invalid_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true);
    match config.parse_response_with_uninit_headers(&mut response, bytes, &mut headers) {
        Ok(Status::Partial) => Parsed::Partial,
        Err(_) => Parsed::Broken,
        Ok(Status::Complete(len)) => {
            let mut fields = Fields::default();
            response
                .headers
                .iter()
                .for_each(|header| fields.read(header));
            let status = response.code.unwrap_or_default();
            let Fields {
                length,
                media,
                encoded,
            } = fields;
            Parsed::Whole(
                Response {
                    status,
                    length,
                    media,
                    encoded,
                },
                len,
            )
        }
    }
}

/// The head as far as it goes, closed behind its last whole header; for heads that were cut.
///
/// `None` if not even the first line tells enough. `trusted`: a message was due here, so a request
/// line without its version is believed.
pub(super) fn closed(bytes: &[u8], trusted: bool) -> Option<Vec<u8>> {
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

/// The headers that matter here. Values of others are never looked at.
struct Fields {
    length: Length,
    media: Media,
    encoded: bool,
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
    fn read(&mut self, header: &Header<'_>) {
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

/// The bytes of a head that is not whole yet.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    /// Place of its first byte.
    pub(super) at: u64,
    bytes: Vec<u8>,
}

impl Buffer {
    /// Nothing is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
    /// What is kept.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
    /// Adds bytes, of which the first is at `at`; never beyond [`HEAD_BYTES_MAX`].
    pub(super) fn add(&mut self, at: u64, bytes: &[u8]) {
        if self.bytes.is_empty() {
            self.at = at;
        }
        let len = (self.bytes.len() + bytes.len()).min(HEAD_BYTES_MAX);
        if len > self.bytes.capacity() {
            // Doubling, but never beyond the bound.
            let capacity = len.max((2 * self.bytes.len()).min(HEAD_BYTES_MAX));
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes
            .extend_from_slice(&bytes[..len - self.bytes.len()]);
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
