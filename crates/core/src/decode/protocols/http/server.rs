//! The server's side of a connection: responses and token streams.

use super::body::{Body, Walk};
use super::client::State;
use super::gather::{Gather, Gathered};
use super::head::{self, Method};
use super::response::{Content, Reader, Response};
use super::sniff::status_line;
use super::stream::Glimpse;
use super::{Http, end, rest};
use crate::decode::{Facts, Frame, Piece};

mod lost;

/// The server's stream.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) state: State,
    pub(super) head: Gather,
    started: bool,
    lost: bool,
    /// Another request was made: the response in progress ended before the next turn.
    over: bool,
    /// A head was cut or requests are pipelined: ask for more bytes.
    pub(super) wide: bool,
    /// Just after the last byte that travelled.
    end: u64,
    /// The response whose body is being read. Boxed: an idle connection has none.
    pub(super) current: Option<Box<Response>>,
}

impl Default for Server {
    fn default() -> Self {
        Server {
            state: State::Head { due: true },
            head: Gather::default(),
            started: false,
            lost: false,
            over: false,
            wide: false,
            end: 0,
            current: None,
        }
    }
}

impl Http {
    pub(super) fn server_feed(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>) {
        self.server_find(piece, out);
        self.server.end = end(piece);
        self.server_seen(piece.offset, piece.data, out);
        let (seen, unseen) = rest(piece);
        let at = piece.offset.saturating_add(piece.data.len() as u64);
        self.server_seen(at, seen, out);
        if unseen > 0 && !self.tunnel {
            self.server_unseen(at, unseen, piece.tail, out);
        }
        self.server_piece_end(piece, out);
    }

    /// At the beginning of a piece: perhaps a message begins here.
    fn server_find(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>) {
        if !std::mem::replace(&mut self.server.started, true)
            && let State::Head { due } = &mut self.server.state
        {
            *due = piece.offset == 0;
        }
        let begins = status_line(piece.data);
        let muted = self
            .server
            .current
            .as_ref()
            .is_some_and(|current| current.muted);
        match &self.server.state {
            State::Hunting if piece.turn || begins => {
                self.server.state = State::Head { due: false };
            }
            State::Body(body)
                if piece.turn && (self.server.over || begins && (muted || body.endless())) =>
            {
                if !self.server.over && self.queue.len() > 1 || self.certainty.may_hide_others() {
                    // Their answers may have passed unseen behind this one.
                    self.server_lose(true, true, out);
                    self.server.state = State::Head { due: false };
                } else {
                    if self.server.over {
                        self.end_unseen();
                    }
                    self.response_end(piece.offset, out);
                }
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
                    let response = self.server.current.as_deref_mut();
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
        let response = self.server.current.as_deref_mut();
        match body.unseen(at, len, last, &mut Content { response, out }) {
            Walk::More => {}
            Walk::Ended(used) => {
                let end = at.saturating_add(used);
                self.stream_piece_end(at, end, (&[], last), true, out);
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
        let seen = (piece.data, piece.tail);
        self.stream_piece_end(piece.offset, end(piece), seen, ended, out);
        if ended && self.certainty.may_hide_others() {
            self.server_lose(true, true, out);
        } else if ended {
            self.response_end(end(piece), out);
        }
    }

    fn stream_piece_end(
        &mut self,
        at: u64,
        end: u64,
        (first, last): (&[u8], &[u8]),
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
                first,
                last: if last.is_empty() { first } else { last },
                blind,
                ended,
            },
            &mut response.learned,
            out,
        );
    }

    /// Reads a head; returns the bytes used.
    fn response_head(&mut self, due: bool, at: u64, bytes: &[u8], out: &mut Vec<Frame>) -> usize {
        match self.server.head.take(at, bytes, head::response) {
            Gathered::Blank(used) => return used,
            Gathered::Whole {
                head,
                at,
                len,
                used,
            } => {
                self.response(at, len, head, out);
                return used;
            }
            Gathered::Partial => {}
            Gathered::Full => self.response_cut(due, out),
            Gathered::Broken => self.server_lose(due, false, out),
        }
        bytes.len()
    }

    fn response(&mut self, at: u64, len: u64, head: head::Response, out: &mut Vec<Frame>) {
        self.server.lost = false;
        let due = matches!(self.server.state, State::Head { due: true });
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
        if muted && due {
            // It answers what was not seen.
            self.client_lose(true, true, out);
        }
        let request = request.unwrap_or_default();
        let tunnel = head.status == 101
            || request.method == Method::Connect && (200..300).contains(&head.status);
        // A head that was cut ends somewhere in unseen bytes.
        let cut = len == 0;
        let begins = if cut {
            self.server.end
        } else {
            at.saturating_add(len)
        };
        if !muted {
            let facts = head.facts(request.generates());
            out.push(Frame::Response { at, facts });
        }
        let bare = request.method == Method::Head || matches!(head.status, 204 | 304);
        let body = if tunnel || bare && !cut {
            Body::Length(0)
        } else {
            head.length.body(begins, Body::Close)
        };
        let reader = if muted {
            Reader::Skip
        } else {
            Reader::new(&head, &body, &request)
        };
        let empty = body.empty();
        self.server.current = Some(Box::new(Response::new(request, reader, muted)));
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
        self.server.over = false;
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

    /// A new request begins: a response without a known end is over, unless others wait. That shows
    /// when the server's next bytes are the next ones.
    /// False: nobody can tell, the request is given up with it.
    pub(super) fn response_over(&mut self, out: &mut Vec<Frame>) -> bool {
        let endless = matches!(&self.server.state, State::Body(body) if body.endless());
        if endless && self.certainty.may_hide_others() {
            self.server_lose(true, true, out);
            return false;
        }
        if endless && self.queue.is_empty() {
            self.server.over = true;
        }
        true
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
        self.end_unseen();
        self.response_end(self.server.end, out);
        self.server.state = State::Hunting;
    }
}
