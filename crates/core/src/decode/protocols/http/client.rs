//! The client's side of a connection: requests.

use super::body::{Body, Sink, Walk};
use super::fields::Length;
use super::gather::{Gather, Gathered};
use super::head::{self, Method};
use super::json::{Scan, Whose};
use super::queue::Waiting;
use super::sniff::sniff;
use super::{Http, end, rest};
use crate::decode::{Facts, Frame, Guess, Piece, Speaker};

/// Where a speaker's stream is.
#[derive(Debug)]
pub(super) enum State {
    /// Before or inside a head. `due`: a message must begin here; else one only may.
    Head { due: bool },
    /// In the body of a message.
    Body(Body),
    /// Out of step, until a message begins.
    Hunting,
}

/// The client's stream.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) state: State,
    pub(super) head: Gather,
    pub(super) started: bool,
    /// Lost was said and no message was found since.
    pub(super) lost: bool,
    /// JSON of the newest request, while its facts are not told.
    pub(super) scan: Option<Box<Scan>>,
    /// A head was cut or requests are pipelined: ask for more bytes.
    pub(super) wide: bool,
}

impl Default for Client {
    fn default() -> Self {
        let (state, head) = (State::Head { due: true }, Gather::default());
        Client {
            state,
            head,
            started: false,
            lost: false,
            scan: None,
            wide: false,
        }
    }
}

/// Feeds the JSON of a request's body to its scanner.
struct Json<'a>(&'a mut Option<Box<Scan>>);

impl Sink for Json<'_> {
    fn data(&mut self, _: u64, _: u64, bytes: &[u8]) {
        if let Some(scan) = self.0 {
            scan.feed(bytes);
        }
    }
    fn unseen(&mut self, len: u64) {
        if let Some(scan) = self.0.as_mut().filter(|_| len > 0) {
            scan.stop();
        }
    }
}

impl Http {
    pub(super) fn client_feed(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>) {
        self.client_find(piece, out);
        self.client_seen(piece.offset, piece.data, out);
        let (seen, unseen) = rest(piece);
        let at = piece.offset.saturating_add(piece.data.len() as u64);
        self.client_seen(at, seen, out);
        if unseen > 0 {
            self.client_unseen(at, unseen, piece.tail, out);
        }
        if matches!(&self.client.state, State::Body(body) if body.ended_blind()) {
            self.request_end(end(piece), out);
        }
    }

    /// At the beginning of a piece: perhaps a message begins here.
    fn client_find(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>) {
        if !std::mem::replace(&mut self.client.started, true)
            && let State::Head { due } = &mut self.client.state
        {
            *due = piece.offset == 0;
        }
        let begins = || sniff(piece.data, None) == Guess::Mine(Speaker::Client);
        match &self.client.state {
            State::Hunting if begins() || piece.turn && is_short(piece.data) => {
                self.client_resume(piece.turn);
            }
            // A client that was answered early need not send the body it announced.
            State::Body(body)
                if piece.turn && (body.endless() || self.queue.is_empty()) && begins() =>
            {
                if body.endless() {
                    self.certainty.unsure();
                }
                self.tell_request(out);
                self.client.state = State::Hunting;
                self.client_resume(piece.turn);
            }
            State::Head { .. } if piece.turn && !self.client.head.is_empty() && begins() => {
                self.client_lose(true, false, out);
                self.client_resume(piece.turn);
            }
            _ => {}
        }
    }

    /// Out of step: requests are told again once nothing unknown is in flight.
    fn client_resume(&mut self, turn: bool) {
        if !self.waits() && self.certainty.settle(turn) {
            // It looks like one.
            self.client.state = State::Head { due: true };
        }
    }

    /// Bytes that nobody saw: passed by the lengths known before them, else the place is lost.
    pub(super) fn client_gap(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>) {
        self.client.started = true;
        if matches!(self.client.state, State::Hunting) {
            return;
        }
        self.client_unseen(piece.offset, piece.len, &[], out);
        let passed = match &self.client.state {
            State::Body(body) => !body.endless(),
            State::Head { .. } => self.client.head.is_empty(),
            State::Hunting => true,
        };
        if !passed {
            self.client_lose(true, true, out);
        }
    }

    fn client_seen(&mut self, mut at: u64, mut bytes: &[u8], out: &mut Vec<Frame>) {
        while !bytes.is_empty() && !self.tunnel {
            let used = match &mut self.client.state {
                State::Hunting => return,
                State::Head { due } => {
                    let due = *due;
                    self.request_head(due, at, bytes, out)
                }
                State::Body(body) => match body.seen(at, bytes, &mut Json(&mut self.client.scan)) {
                    Walk::More => return,
                    Walk::Ended(used) => {
                        self.request_end(at.saturating_add(used), out);
                        used as usize
                    }
                    Walk::Broken => {
                        self.client_lose(true, false, out);
                        return;
                    }
                },
            };
            at = at.saturating_add(used as u64);
            bytes = &bytes[used.min(bytes.len())..];
        }
    }

    fn client_unseen(&mut self, at: u64, len: u64, last: &[u8], out: &mut Vec<Frame>) {
        let State::Body(body) = &mut self.client.state else {
            return self.client_head_unseen(out);
        };
        match body.unseen(at, len, last, &mut Json(&mut self.client.scan)) {
            Walk::More => {}
            Walk::Ended(used) => {
                self.request_end(at.saturating_add(used), out);
                if used < len {
                    self.client_head_unseen(out);
                }
            }
            Walk::Broken => self.client_lose(true, false, out),
        }
    }

    /// The bytes after a head's beginning, or of all of it, are unseen.
    fn client_head_unseen(&mut self, out: &mut Vec<Frame>) {
        let State::Head { due } = self.client.state else {
            return;
        };
        self.client.wide = true;
        if self.client.head.is_empty() {
            self.client_lose(due, true, out);
        } else {
            self.request_cut(due, out);
        }
    }

    /// Reads a head; returns the bytes used.
    fn request_head(&mut self, due: bool, at: u64, bytes: &[u8], out: &mut Vec<Frame>) -> usize {
        match self.client.head.take(at, bytes, head::request) {
            Gathered::Blank(used) => return used,
            Gathered::Whole {
                head,
                at,
                len,
                used,
            } => {
                self.request(at, len, head, out);
                return used;
            }
            Gathered::Partial => {}
            Gathered::Full => self.request_cut(due, out),
            Gathered::Broken => self.client_lose(due, false, out),
        }
        bytes.len()
    }

    /// A head goes on in unseen bytes: its end is not known.
    fn request_cut(&mut self, due: bool, out: &mut Vec<Frame>) {
        self.client.wide = true;
        match self.client.head.cut(due, head::request) {
            Some((mut head, at)) => {
                head.length = Length::Unknown;
                self.request(at, 0, head, out);
            }
            None => self.client_lose(due, true, out),
        }
    }

    fn request(&mut self, at: u64, len: u64, head: head::Request, out: &mut Vec<Frame>) {
        self.tell_request(out);
        if !self.response_over(out) {
            return;
        }
        self.client.lost = false;
        self.certainty.asked();
        let proven = head.rule.filter(|rule| rule.proven());
        let waiting = Waiting {
            method: head.method,
            rule: head.rule,
            proven: proven.is_some(),
            named: head
                .facts
                .gen_ai
                .as_ref()
                .is_some_and(|gen_ai| gen_ai.model.is_some()),
            // Until the body tells.
            may_stream: false,
        };
        self.models |= proven.is_some();
        if !self.queue.is_empty() {
            // Pipelined: one read may hold many heads.
            (self.client.wide, self.server.wide) = (true, true);
        }
        self.queue.push(waiting);
        out.push(Frame::Request {
            at,
            facts: head.facts,
        });
        let begins = at.saturating_add(len);
        let body = match head.method {
            // What follows is the tunnel's, if the server agrees.
            Method::Connect => Body::Unknown,
            _ => head.length.body(begins, Body::Length(0)),
        };
        let known = head.length != Length::Unknown;
        if body.empty() || head.method == Method::Connect && known {
            out.push(Frame::RequestEnd { at: begins });
        }
        self.client.state = if body.empty() {
            State::Head { due: true }
        } else {
            State::Body(body)
        };
        self.watch_body(head.encoded);
    }

    /// Reads the JSON of the newest request's body, if it may tell anything.
    fn watch_body(&mut self, encoded: bool) {
        let framed = matches!(
            self.client.state,
            State::Body(Body::Length(_) | Body::Chunked(_))
        );
        let Some(waiting) = self.queue.newest() else {
            return;
        };
        if waiting.rule.is_some() && !encoded && framed {
            self.client.scan = Some(Box::new(Scan::new(Whose::Request)));
        } else {
            // Nothing will tell whether a stream was asked for.
            waiting.may_stream = waiting.generates();
        }
    }

    fn request_end(&mut self, at: u64, out: &mut Vec<Frame>) {
        self.tell_request(out);
        out.push(Frame::RequestEnd { at });
        self.client.state = State::Head { due: true };
    }

    /// Tells what the newest request's body gave away.
    pub(super) fn tell_request(&mut self, out: &mut Vec<Frame>) {
        let Some(mut scan) = self.client.scan.take() else {
            return;
        };
        let found = scan.take();
        let Some(waiting) = self.queue.newest() else {
            return;
        };
        let Some(rule) = waiting.rule else { return };
        let mut facts = Facts::default();
        if !waiting.proven && rule.asked(&found) {
            waiting.proven = true;
            facts = rule.facts(b"");
        }
        if !waiting.proven {
            return;
        }
        self.models = true;
        // A body that was not seen whole may say `stream` further on.
        waiting.may_stream = rule.generates() && found.stream.unwrap_or(!found.complete);
        if found.model.is_some() && rule.models() {
            waiting.named = true;
            facts.gen_ai.get_or_insert_default().model = found.model;
        }
        if facts != Facts::default() {
            out.push(Frame::RequestFacts(facts));
        }
    }

    /// No message begins here. `due`: one had to.
    pub(super) fn client_lose(&mut self, due: bool, unseen: bool, out: &mut Vec<Frame>) {
        self.tell_request(out);
        self.client.head.release();
        self.client.state = State::Hunting;
        self.certainty.doubt();
        if due && !std::mem::replace(&mut self.client.lost, true) {
            out.push(Frame::Lost {
                from: Speaker::Client,
                unseen,
            });
        }
    }

    pub(super) fn client_end(&mut self, out: &mut Vec<Frame>) {
        self.tell_request(out);
        self.client.head.release();
        self.client.state = State::Hunting;
    }
}

/// Too few bytes to tell what they are.
fn is_short(data: &[u8]) -> bool {
    sniff(data, Some(Speaker::Client)) == Guess::More && !data.is_empty()
}
