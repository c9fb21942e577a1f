//! Where the server's bytes can't be followed: gaps, cut heads, broken framing.

use super::super::body::Body;
use super::super::client::State;
use super::super::fields::Length;
use super::super::response::Reader;
use super::super::{Http, end, head};
use crate::decode::{Frame, Piece, Speaker};

impl Http {
    /// Bytes that nobody saw: passed by the lengths known before them, else the place is lost.
    pub(in super::super) fn server_gap(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>) {
        self.server.started = true;
        self.server.end = end(piece);
        match &self.server.state {
            // Bytes in front of the turn in progress are no answer to what was asked since.
            State::Hunting if piece.turn => return,
            State::Hunting | State::Head { .. } => return self.server_lose(true, true, out),
            State::Body(_) => {}
        }
        self.server_unseen(piece.offset, piece.len, &[], out);
        let others = !self.queue.is_empty() || self.certainty.may_hide_others() || piece.turn;
        if matches!(&self.server.state, State::Body(body) if body.endless()) && others {
            self.server_lose(true, true, out);
        }
    }

    /// The bytes after a head's beginning, or of all of it, are unseen.
    pub(super) fn server_head_unseen(&mut self, out: &mut Vec<Frame>) {
        let State::Head { due } = self.server.state else {
            // Out of step: answers may be among these bytes.
            if !self.queue.is_empty() {
                self.server_lose(false, true, out);
            }
            return;
        };
        self.server.wide = true;
        if self.server.head.is_empty() {
            self.server_lose(due, true, out);
        } else {
            self.response_cut(due, out);
        }
    }

    /// A head goes on in unseen bytes: its end is not known.
    pub(super) fn response_cut(&mut self, due: bool, out: &mut Vec<Frame>) {
        self.server.wide = true;
        match self.server.head.cut(due, head::response) {
            Some((mut head, at)) => {
                head.length = Length::Unknown;
                self.response(at, 0, head, out);
            }
            None => self.server_lose(due, true, out),
        }
    }

    /// The framing of a body broke: its end is not known.
    pub(super) fn server_broken(&mut self, out: &mut Vec<Frame>) {
        self.server_lose(true, false, out);
    }

    /// No message begins here. The requests that wait can't be told from later ones any more, and
    /// those to come only when the client has its answers. `due`: a message had to begin.
    pub(in super::super) fn server_lose(&mut self, due: bool, unseen: bool, out: &mut Vec<Frame>) {
        self.tell_request(out);
        self.server.head.release();
        self.server.state = State::Hunting;
        self.server.over = false;
        let current = self.server.current.take();
        let waited = !self.queue.is_empty() || current.is_some_and(|response| !response.muted);
        self.queue.clear();
        self.client.head.release();
        self.client.state = State::Hunting;
        self.certainty.doubt();
        if waited || due && !self.server.lost {
            self.server.lost = true;
            let from = Speaker::Server;
            out.push(Frame::Lost { from, unseen });
        }
    }

    /// The end of a framed body passed unseen: a count from before it may not be the last.
    pub(super) fn end_unseen(&mut self) {
        if matches!(self.server.state, State::Body(Body::Close)) {
            return;
        }
        if let Some(response) = &mut self.server.current
            && matches!(response.reader, Reader::Stream(_))
        {
            response.learned.output_tokens = None;
        }
    }
}
