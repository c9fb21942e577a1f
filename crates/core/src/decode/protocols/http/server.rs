//! The server's side of a connection: responses and token streams.

use super::Http;
use super::body::{Body, Sink, Walk};
use super::client::State;
use super::gen_ai;
use super::head::{self, Buffer, HEAD_BYTES_MAX, Media, Method, Parsed};
use super::json::{Found, Scan, Whose};
use super::queue::Waiting;
use super::stream::{Glimpse, Stream};
use crate::decode::{Facts, Frame, GenAi, Piece, Speaker};

/// The server's stream.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) state: State,
    pub(super) head: Buffer,
    started: bool,
    lost: bool,
    /// A head was cut: ask for more bytes.
    pub(super) wide: bool,
    /// Just after the last byte that travelled.
    end: u64,
    /// The response whose body is being read.
    pub(super) current: Option<Response>,
}

/// A response in progress.
#[derive(Debug)]
pub(super) struct Response {
    /// Its request is not known: nothing is told, and its framing is a guess.
    muted: bool,
    request: Waiting,
    pub(super) reader: Reader,
    learned: Found,
}

/// What is done with the content of a response.
#[derive(Debug)]
pub(super) enum Reader {
    Skip,
    Json(Box<Scan>),
    Stream(Box<Stream>),
}

impl Default for Server {
    fn default() -> Self {
        Server {
            state: State::Head { due: true },
            head: Buffer::default(),
            started: false,
            lost: false,
            wide: false,
            end: 0,
            current: None,
        }
    }
}

/// Feeds the content of a response to its reader.
struct Content<'a> {
    response: Option<&'a mut Response>,
    out: &'a mut Vec<Frame>,
}

impl Sink for Content<'_> {
    fn data(&mut self, at: u64, framed_at: u64, bytes: &[u8]) {
        let Some(Response {
            reader, learned, ..
        }) = self.response.as_deref_mut()
        else {
            return;
        };
        match reader {
            Reader::Skip => {}
            Reader::Json(scan) => scan.feed(bytes),
            Reader::Stream(stream) => stream.data(at, framed_at, bytes, learned, self.out),
        }
    }
    fn unseen(&mut self, len: u64) {
        let Some(response) = self.response.as_deref_mut().filter(|_| len > 0) else {
            return;
        };
        match &mut response.reader {
            Reader::Skip => {}
            Reader::Json(scan) => scan.stop(),
            Reader::Stream(stream) => stream.unseen(),
        }
    }
}

impl Http {
    pub(super) fn server_feed(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>) {
        self.server_find(piece, out);
        self.server.end = super::end(piece);
        self.server_seen(piece.offset, piece.data, out);
        let (seen, unseen) = super::rest(piece);
        let at = piece.offset.saturating_add(piece.data.len() as u64);
        self.server_seen(at, seen, out);
        if unseen > 0 && !self.tunnel {
            self.server_unseen(at, unseen, piece.tail, out);
        }
        self.server_piece_end(piece, out);
    }

    /// At the beginning of a piece: perhaps a message begins here.
    fn server_find(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>) {
        if !std::mem::replace(&mut self.server.started, true) {
            self.server.state = State::Head {
                due: piece.offset == 0,
            };
        }
        let begins = super::status_line(piece.data);
        let muted = self
            .server
            .current
            .as_ref()
            .is_some_and(|current| current.muted);
        match &self.server.state {
            State::Hunting if piece.turn || begins => {
                self.server.state = State::Head { due: false };
            }
            State::Body(body) if piece.turn && begins && (muted || body.endless()) => {
                self.response_end(piece.offset, out);
            }
            State::Head { .. } if piece.turn && begins && !self.server.head.is_empty() => {
                self.server_lose(true, false, out);
                self.server.state = State::Head { due: false };
            }
            _ => {}
        }
    }

    fn server_seen(&mut self, mut at: u64, mut bytes: &[u8], out: &mut Vec<Frame>) {
        while !bytes.is_empty() && !self.tunnel {
            let used = match &mut self.server.state {
                State::Hunting => return,
                State::Head { due } => {
                    let due = *due;
                    self.response_head(due, at, bytes, out)
                }
                State::Body(body) => {
                    let response = self.server.current.as_mut();
                    match body.seen(at, bytes, &mut Content { response, out }) {
                        Walk::More => return,
                        Walk::Ended(used) => {
                            self.response_end(at.saturating_add(used), out);
                            used as usize
                        }
                        Walk::Broken => {
                            self.server_broken(out);
                            return;
                        }
                    }
                }
            };
            at = at.saturating_add(used as u64);
            bytes = &bytes[used.min(bytes.len())..];
        }
    }

    fn server_unseen(&mut self, at: u64, len: u64, last: &[u8], out: &mut Vec<Frame>) {
        let State::Body(body) = &mut self.server.state else {
            return self.server_head_unseen(out);
        };
        let response = self.server.current.as_mut();
        match body.unseen(at, len, last, &mut Content { response, out }) {
            Walk::More => {}
            Walk::Ended(used) => {
                let end = at.saturating_add(used);
                self.stream_piece_end(at, end, last, true, out);
                self.response_end(end, out);
                if used < len {
                    self.server_head_unseen(out);
                }
            }
            Walk::Broken => self.server_broken(out),
        }
    }

    fn server_piece_end(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>) {
        let State::Body(body) = &self.server.state else {
            return;
        };
        let ended = body.ended_blind();
        let last = if piece.tail.is_empty() {
            piece.data
        } else {
            piece.tail
        };
        let last = &last[last.len().saturating_sub(8)..];
        self.stream_piece_end(piece.offset, super::end(piece), last, ended, out);
        if ended {
            self.response_end(super::end(piece), out);
        }
    }

    fn stream_piece_end(
        &mut self,
        at: u64,
        end: u64,
        last: &[u8],
        ended: bool,
        out: &mut Vec<Frame>,
    ) {
        let blind = matches!(&self.server.state, State::Body(Body::Chunked(body)) if body.blind());
        let Some(response) = &mut self.server.current else {
            return;
        };
        let Reader::Stream(stream) = &mut response.reader else {
            return;
        };
        stream.piece_end(
            &Glimpse {
                at,
                end,
                last,
                blind,
                ended,
            },
            &mut response.learned,
            out,
        );
    }

    /// The bytes after a head's beginning, or of all of it, are unseen.
    fn server_head_unseen(&mut self, out: &mut Vec<Frame>) {
        let State::Head { due } = self.server.state else {
            return;
        };
        self.server.wide = true;
        if self.server.head.is_empty() {
            self.server_lose(due, true, out);
        } else {
            self.response_cut(due, out);
        }
    }

    /// Reads a head; returns the bytes used.
    fn response_head(&mut self, due: bool, at: u64, bytes: &[u8], out: &mut Vec<Frame>) -> usize {
        let old = self.server.head.bytes().len();
        if old == 0 {
            let blank = bytes
                .iter()
                .take_while(|b| matches!(b, b'\r' | b'\n'))
                .count();
            if blank > 0 {
                return blank;
            }
        }
        let new = bytes.len().min(HEAD_BYTES_MAX - old);
        let whole = old == 0;
        let parsed = if whole {
            head::response(&bytes[..new])
        } else {
            self.server.head.add(at, &bytes[..new]);
            head::response(self.server.head.bytes())
        };
        match parsed {
            Parsed::Whole(response, len) => {
                let at = if whole { at } else { self.server.head.at };
                self.server.head.release();
                self.response(at, len as u64, response, out);
                return len - old;
            }
            Parsed::Partial => {
                if whole {
                    self.server.head.add(at, &bytes[..new]);
                }
                if old + new == HEAD_BYTES_MAX {
                    self.server.wide = true;
                    self.response_cut(due, out);
                }
            }
            Parsed::Broken => self.server_lose(due, false, out),
        }
        bytes.len()
    }

    /// A head goes on in unseen bytes: what was seen of it is told, its end is not known.
    fn response_cut(&mut self, due: bool, out: &mut Vec<Frame>) {
        let closed = head::closed(self.server.head.bytes(), due);
        let at = self.server.head.at;
        self.server.head.release();
        match closed.map(|bytes| head::response(&bytes)) {
            Some(Parsed::Whole(mut response, _)) => {
                response.length = head::Length::Unknown;
                self.response(at, 0, response, out);
            }
            _ => self.server_lose(due, true, out),
        }
    }

    fn response(&mut self, at: u64, len: u64, head: head::Response, out: &mut Vec<Frame>) {
        self.server.lost = false;
        self.server.state = State::Head { due: true };
        if (100..200).contains(&head.status) && head.status != 101 {
            return;
        }
        if self.queue.len() == 1 {
            // The newest request is being answered: what is known of it must come first.
            self.tell_request(out);
        }
        let request = self.queue.pop();
        let muted = request.is_none();
        let request = request.unwrap_or_default();
        let begins = at.saturating_add(len);
        let tunnel = head.status == 101
            || request.method == Method::Connect && (200..300).contains(&head.status);
        let model = request.proven && request.rule.is_some_and(|rule| rule.generates());
        let stream = head.media != Media::Other && head.status < 400;
        if !muted {
            out.push(Frame::Response {
                at,
                facts: facts(head.status, model.then_some(stream)),
            });
        }
        let body = if tunnel || request.method == Method::Head || matches!(head.status, 204 | 304) {
            Body::Length(0)
        } else {
            head.length.body(begins, Body::Close)
        };
        let reader = match request.rule {
            _ if muted => Reader::Skip,
            _ if stream => Reader::Stream(Box::new(Stream::new(
                head.media == Media::Ndjson,
                head.encoded || matches!(body, Body::Unknown),
                request.rule,
                model,
            ))),
            Some(rule) if rule.models() && !head.encoded && !matches!(body, Body::Unknown) => {
                Reader::Json(Box::new(Scan::new(Whose::Response)))
            }
            _ => Reader::Skip,
        };
        let empty = body.empty();
        self.server.current = Some(Response {
            muted,
            request,
            reader,
            learned: Found::default(),
        });
        self.server.state = State::Body(body);
        if empty {
            self.response_end(begins, out);
        }
        if tunnel {
            self.open_tunnel(out);
        }
    }

    fn response_end(&mut self, at: u64, out: &mut Vec<Frame>) {
        self.server.state = State::Head { due: true };
        let Some(response) = self.server.current.take() else {
            return;
        };
        if response.muted {
            return;
        }
        let facts = response.facts(out);
        if facts != Facts::default() {
            self.models |= facts.role.is_some();
            out.push(Frame::ResponseFacts(facts));
        }
        out.push(Frame::ResponseEnd { at });
    }

    /// A new request begins: a response without a known end ended before it, unless others wait.
    pub(super) fn response_over(&mut self, out: &mut Vec<Frame>) {
        let endless = matches!(&self.server.state, State::Body(body) if body.endless());
        if endless && self.queue.is_empty() {
            self.response_end(self.server.end, out);
        }
    }

    /// The framing of a body broke: its end is not known.
    fn server_broken(&mut self, out: &mut Vec<Frame>) {
        self.server.state = State::Body(Body::Unknown);
        if let Some(response) = &mut self.server.current {
            response.reader = Reader::Skip;
        }
        self.abandon(out);
        self.say_lost(false, out);
    }

    /// No message begins here. The requests that wait can't be told from later ones any more.
    fn server_lose(&mut self, due: bool, unseen: bool, out: &mut Vec<Frame>) {
        self.server.head.release();
        self.server.state = State::Hunting;
        self.abandon(out);
        if due {
            self.say_lost(unseen, out);
        }
    }

    fn abandon(&mut self, out: &mut Vec<Frame>) {
        self.tell_request(out);
        while self.queue.pop().is_some() {
            out.push(Frame::NoResponse);
        }
    }

    fn say_lost(&mut self, unseen: bool, out: &mut Vec<Frame>) {
        if !std::mem::replace(&mut self.server.lost, true) {
            out.push(Frame::Lost {
                from: Speaker::Server,
                unseen,
            });
        }
    }

    pub(super) fn server_end(&mut self, out: &mut Vec<Frame>) {
        self.server.head.release();
        let cut = match &self.server.state {
            State::Body(Body::Length(_)) => true,
            State::Body(Body::Chunked(body)) => !body.blind(),
            _ => false,
        };
        if let Some(response) = self
            .server
            .current
            .as_mut()
            .filter(|response| !response.muted)
        {
            if cut {
                let error = Some("truncated".into());
                out.push(Frame::ResponseFacts(Facts {
                    error,
                    ..Facts::default()
                }));
            }
            if let Reader::Stream(stream) = &mut response.reader {
                stream.finish(&mut response.learned, out);
            }
        }
        self.response_end(self.server.end, out);
        self.server.state = State::Hunting;
    }
}

/// Status and, for model calls, whether the response is a token stream.
///
/// Status codes of 400 and above are errors, as OpenTelemetry defines `error.type` for clients.
fn facts(status: u16, streaming: Option<bool>) -> Facts {
    let mut text = String::with_capacity(3);
    for digit in [status / 100, status / 10 % 10, status % 10] {
        text.push((b'0' + (digit % 10) as u8) as char);
    }
    let status_text = text.into_boxed_str();
    Facts {
        error: (status >= 400).then(|| status_text.clone()),
        status: Some(status_text),
        gen_ai: streaming.map(|_| {
            Box::new(GenAi {
                streaming,
                ..GenAi::default()
            })
        }),
        ..Facts::default()
    }
}

impl Response {
    /// What the body told.
    fn facts(mut self, out: &mut Vec<Frame>) -> Facts {
        let mut learned = self.learned;
        let mut streams = None;
        match &mut self.reader {
            Reader::Skip => {}
            Reader::Json(scan) => learned = scan.take(),
            Reader::Stream(stream) => {
                stream.finish(&mut learned, out);
                streams = Some(true);
            }
        }
        let answered = self.request.rule.filter(|rule| rule.answered(&learned));
        let upgrade = match (self.request.proven, answered) {
            (true, _) => None,
            (false, Some(rule)) => Some(rule),
            (false, None) => (learned.chat && streams.is_some()).then(gen_ai::chat),
        };
        let mut facts = upgrade.map_or_else(Facts::default, |rule| rule.facts(b""));
        if let Some(gen_ai) = facts
            .gen_ai
            .as_mut()
            .filter(|_| facts.role == Some(crate::decode::Role::Model))
        {
            gen_ai.streaming = Some(streams.unwrap_or(false));
        }
        let models = self.request.rule.is_some_and(|rule| rule.models());
        if upgrade.is_none() && !(self.request.proven && models) {
            return facts;
        }
        let model = learned.model.filter(|_| !self.request.named);
        let (input_tokens, output_tokens) = (learned.input_tokens, learned.output_tokens);
        if model.is_some() || input_tokens.is_some() || output_tokens.is_some() {
            let gen_ai = facts.gen_ai.get_or_insert_default();
            gen_ai.model = model;
            (gen_ai.input_tokens, gen_ai.output_tokens) = (input_tokens, output_tokens);
        }
        facts
    }
}
