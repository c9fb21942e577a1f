//! Finds the place in both streams again: at turns, and by the last bytes of what was not seen.

use super::frame::Form;
use super::sniff;
use super::{Frame, HEAD_BYTES_MAX, Piece, STUCK_TURNS_MAX, Session, Speaker};

/// Bytes behind the last message that was seen, up to a Sync, that can't hold another request: the
/// shortest is a Bind, an Execute and a Sync of 28 bytes behind a Sync of 5.
const HIDDEN_BYTES_MAX: u64 = 32;

impl Session {
    /// Makes sure the client's place is known; false: it is not.
    pub(super) fn find_client(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>) -> bool {
        let blind = self.client.is_blind();
        if !blind && !self.client.is_lost() {
            return true;
        }
        if piece.offset == 0 && piece.data.first() == Some(&0) {
            self.state.deaf = false;
            self.state.client_form = Form::Startup;
            self.server.align(0);
            self.client.align(0);
            return true;
        }
        self.state.certainty.join();
        let idle = self.state.server_last.is_empty() || self.state.server_last.ends_with_ready();
        let message = sniff::is_message(Speaker::Client, piece.data) == Some(true);
        let begins = message
            && idle
            && self.state.pending.is_empty()
            && self.state.certainty.settle(piece.turn);
        if message && !begins && !self.state.deaf {
            self.state.deaf = true;
            let from = Speaker::Client;
            out.push(Frame::Lost { from, unseen: true });
        }
        if begins {
            if blind {
                self.state.forget_unnamed();
            }
            self.state.client_form = Form::Typed;
            self.state.deaf = false;
            self.state.client_unseen = false;
            self.client.align(piece.offset);
        }
        begins
    }

    /// In unseen bytes of a request: its end shows in the last bytes.
    pub(super) fn blind_client(&mut self, out: &mut Vec<Frame>) {
        if !self.client.is_blind() {
            return;
        }
        let at = self.client.at;
        let last = &self.state.client_last;
        let ended = [b'S', b'H', b'c']
            .into_iter()
            .find(|&kind| last.ends_with_bare(kind));
        let Some(kind) = ended else { return };
        let hidden = at - self.client.start;
        self.client.align(at);
        self.state.close(kind, out);
        self.state.client_done(kind, at, out);
        if hidden > HIDDEN_BYTES_MAX {
            self.state.client_head = (self.state.client_head * 2).min(HEAD_BYTES_MAX);
            self.lose_client();
        }
    }

    /// Bytes that nobody saw: passed by the lengths known before them, else the place is lost.
    pub(super) fn pass_gap(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>) {
        match piece.from {
            Speaker::Client => {
                self.state.client_last.update(piece);
                if self.client.is_lost() {
                    self.client.pass(piece);
                } else if self.client.is_blind() {
                    self.client.pass(piece);
                    self.lose(Speaker::Client, true, out);
                } else {
                    self.walk_client(piece, true, out);
                }
            }
            Speaker::Server => {
                self.state.server_last.update(piece);
                let waits = !self.state.pending.is_empty();
                if !self.server.is_lost() && !self.server.is_blind() {
                    self.walk_server(piece, true, out);
                    return;
                }
                self.server.pass(piece);
                // Bytes in front of the turn in progress are no answer to what was asked since.
                if waits && !(self.server.is_lost() && piece.turn) {
                    self.lose(Speaker::Server, true, out);
                }
            }
        }
    }

    pub(super) fn find_server(&mut self, piece: &Piece<'_>) -> bool {
        let blind = self.server.is_blind();
        if !blind && !self.server.is_lost() {
            return true;
        }
        let due = match self.state.pending.front() {
            Some(head) => !blind || self.state.pending.len() == 1 && !head.started,
            None => false,
        };
        let begins =
            piece.turn && due && sniff::is_message(Speaker::Server, piece.data) == Some(true);
        if begins {
            self.server.align(piece.offset);
        }
        begins
    }

    /// The server goes on after the end of a response that was not seen.
    pub(super) fn end_over(&mut self, out: &mut Vec<Frame>) {
        if std::mem::take(&mut self.state.over) {
            let at = self.server.at;
            self.state.finish(at, out);
            if self.server.is_blind() {
                self.server.align(at);
            }
        }
    }

    /// In unseen bytes of a response: a ReadyForQuery shows in the last bytes. With more than one
    /// request in flight it can't be told whose it is.
    pub(super) fn blind_server(&mut self, out: &mut Vec<Frame>) {
        if !self.server.is_blind() || !self.state.server_last.ends_with_ready() {
            return;
        }
        let at = self.server.at;
        if self.state.pending.is_empty() && self.state.deaf {
            return self.server.align(at);
        }
        if self.state.pending.len() != 1 || self.state.certainty.may_hide_others() {
            return self.lose(Speaker::Server, true, out);
        }
        self.server.align(at);
        if self.state.server_last.ready_after_error() && !self.state.outcome.failed {
            self.state.outcome.failed = true;
            self.state.outcome.status = None;
        }
        self.state.ready(at, out);
    }

    /// The client speaks again: settles a response whose end was not seen.
    pub(super) fn turn_to_client(&mut self, out: &mut Vec<Frame>) {
        if self.state.pending.is_empty() {
            return;
        }
        self.state.stuck += u8::from(self.client.is_lost());
        let blind = self.server.is_blind();
        self.state.over = self.state.ends_by_turn(blind);
        if self.state.over {
            return;
        }
        if self.server.is_lost()
            || blind && (self.state.pending.len() > 1 || self.state.certainty.may_hide_others())
            || self.state.stuck >= STUCK_TURNS_MAX
        {
            // Its response went by unrecognised; the next one would be taken for it.
            self.lose(Speaker::Server, false, out);
        }
    }
}
