//! Finds the place in both streams again: at turns, and by the last bytes of what was not seen.

use super::frame::Form;
use super::sniff;
use super::{Frame, Piece, STUCK_TURNS_MAX, Session, Speaker};

impl Session {
    /// Makes sure the client's place is known; false: it is not.
    pub(super) fn find_client(&mut self, piece: &Piece<'_>) -> bool {
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
        let idle = self.state.server_last.is_empty() || self.state.server_last.ends_with_ready();
        let begins = (piece.turn || self.client.at == 0)
            && if blind {
                !self.state.is_open_ended()
            } else {
                idle && self.state.pending.is_empty()
            }
            && sniff::is_message(Speaker::Client, piece.data) == Some(true);
        if begins {
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
        self.client.align(at);
        self.state.close(kind, out);
        self.state.client_done(kind, at, out);
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
        let begins = (piece.turn || self.server.at == 0)
            && due
            && sniff::is_message(Speaker::Server, piece.data) == Some(true);
        if begins {
            self.server.align(piece.offset);
        }
        begins
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
        if self.state.pending.len() != 1 || self.state.deaf {
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
        let at = self.server.at;
        if self.state.pending.is_empty() {
            return;
        }
        self.state.stuck += u8::from(self.client.is_lost());
        let blind = self.server.is_blind();
        if self.state.ended_by_turn(blind, at, out) {
            if blind {
                self.server.align(at);
            }
        } else if self.server.is_lost() || self.state.stuck >= STUCK_TURNS_MAX {
            // Its response went by unrecognised; the next one would be taken for it.
            self.lose(Speaker::Server, false, out);
        }
    }
}
