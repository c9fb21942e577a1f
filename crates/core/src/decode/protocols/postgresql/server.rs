//! What the server's messages answer: begins and ends responses.

use super::frame::Form;
use super::{Asked, Facts, Frame, Next, Outcome, Pending, Speaker, State, UNKNOWN, Until, sniff};
use compact_str::ToCompactString;
use std::collections::VecDeque;

/// Body bytes of an ErrorResponse up to its SQLSTATE, and of a command tag.
const TEXT_BYTES: usize = 256;

/// Backend message types, with the body bytes worth reading.
pub(super) fn capture(kind: u8) -> Option<usize> {
    match kind {
        b'E' => Some(TEXT_BYTES),
        b'C' => Some(64),
        b'R' | b'K' | b'S' | b'Z' | b'T' | b'D' | b'I' | b'N' | b'A' | b'1' | b'2' | b'3'
        | b'n' | b't' | b's' | b'G' | b'H' | b'W' | b'd' | b'c' | b'v' | b'V' => Some(0),
        _ => None,
    }
}

impl State {
    pub(super) fn server_form(&self) -> Form {
        match self.pending.front() {
            Some(Pending {
                until: Until::Byte, ..
            }) => Form::Single,
            _ => Form::Typed,
        }
    }

    /// A message of the server.
    pub(super) fn server_message(
        &mut self,
        kind: u8,
        at: u64,
        body: &[u8],
        out: &mut Vec<Frame>,
    ) -> Next {
        let Some(head) = self.pending.front_mut() else {
            return match kind {
                // Notices, parameters and notifications come at any time; an error before the
                // server ends the session.
                b'N' | b'S' | b'A' | b'E' => Next::Go,
                _ if self.deaf => Next::Go,
                // Answers what was not seen: a request in the unseen bytes of another.
                _ => {
                    if !self.client_unseen {
                        self.certainty.stray();
                    }
                    Next::Lost {
                        from: Speaker::Client,
                        unseen: std::mem::take(&mut self.client_unseen),
                    }
                }
            };
        };
        let single = head.until == Until::Byte;
        match kind {
            b'N' | b'S' | b'A' if !single => return Next::Go,
            // Not the answer yet: the server asks for the data.
            b'G' if !single => {
                head.copying = true;
                return Next::Go;
            }
            _ => {}
        }
        if kind == b'Z' {
            self.end_flushed(at, out);
        }
        self.answer(at, out);
        if single {
            self.outcome.status = Some(char::from(kind).to_compact_string());
            return Next::Go;
        }
        match kind {
            b'C' if !self.outcome.failed => {
                self.outcome.status = sniff::tag(body).map(Into::into);
            }
            b'E' if !self.outcome.failed => {
                self.outcome.failed = true;
                self.outcome.status = sniff::sqlstate(body).map(Into::into);
            }
            _ => {}
        }
        Next::Go
    }

    /// The last byte of a server's message is before `at`.
    pub(super) fn server_done(&mut self, kind: u8, at: u64, out: &mut Vec<Frame>) -> Next {
        let Some(head) = self.pending.front_mut() else {
            return Next::Go;
        };
        match (head.until, kind) {
            (Until::Byte, b'N') => self.finish(at, out),
            (Until::Byte, b'S' | b'G') => {
                self.finish(at, out);
                self.tunnel(out);
            }
            (Until::Byte, _) => {
                return Next::Lost {
                    from: Speaker::Server,
                    unseen: false,
                };
            }
            (_, b'W') => {
                self.finish(at, out);
                self.tunnel(out);
            }
            (_, b'Z') => {
                self.note_skipped();
                self.ready(at, out);
            }
            (Until::Replies, b'E') => self.abandon(at, out),
            (until, b'1' | b'2' | b'3' | b'n' | b'T' | b'C' | b'I' | b's' | b'E') => {
                head.got = head.got.saturating_add(1);
                self.outcome.end = at;
                if until == Until::Replies && head.got >= head.due {
                    self.finish(at, out);
                }
            }
            _ => {}
        }
        self.settle(out);
        Next::Go
    }

    /// The oldest request's response begins at `at`, if it has not.
    pub(super) fn answer(&mut self, at: u64, out: &mut Vec<Frame>) {
        let Some(head) = self.pending.front_mut() else {
            return;
        };
        if !head.started && head.until != Until::Never {
            head.started = true;
            out.push(Frame::Response {
                at,
                facts: Facts::default(),
            });
        }
    }

    /// A ReadyForQuery alone answers messages that the server discarded after an error before them.
    fn note_skipped(&mut self) {
        let Some(head) = self.pending.front() else {
            return;
        };
        let flushed = head.until == Until::Replies;
        if head.extended && !flushed && head.due > 0 && head.got == 0 {
            self.outcome.failed = true;
            self.outcome.status = Some("SKIPPED".into());
        }
    }

    /// A ReadyForQuery begins at `at`: all that was only flushed is over.
    fn end_flushed(&mut self, at: u64, out: &mut Vec<Frame>) {
        while let Some(head) = self.pending.front() {
            if head.until != Until::Replies {
                return;
            }
            if head.started {
                self.finish(at, out);
            } else {
                out.push(Frame::NoResponse);
                self.pending.pop_front();
            }
        }
    }

    /// ReadyForQuery before `at`: answers everything up to a Sync.
    pub(super) fn ready(&mut self, at: u64, out: &mut Vec<Frame>) {
        self.finish(at, out);
        self.settle(out);
    }

    /// A flushed request failed: the server discards all others up to the next Sync.
    fn abandon(&mut self, at: u64, out: &mut Vec<Frame>) {
        self.finish(at, out);
        self.skipping = true;
        for other in &self.pending {
            self.skipping &= other.until != Until::Ready;
        }
        while self
            .pending
            .front()
            .is_some_and(|p| p.until == Until::Replies)
        {
            out.push(Frame::NoResponse);
            self.pending.pop_front();
        }
    }

    /// Ends the oldest request's response before `at`.
    pub(super) fn finish(&mut self, at: u64, out: &mut Vec<Frame>) {
        let outcome = std::mem::take(&mut self.outcome);
        let Some(head) = self.pending.pop_front() else {
            return;
        };
        if !head.started {
            // Nothing but a ReadyForQuery in unseen bytes, or a COPY that never got an answer.
            out.push(Frame::NoResponse);
            return;
        }
        let error = outcome
            .failed
            .then(|| outcome.status.clone().unwrap_or_else(|| "ERROR".into()));
        let status = error
            .clone()
            .or(outcome.status)
            .or_else(|| Some("OK".into()));
        out.push(Frame::ResponseFacts(Facts {
            status,
            error,
            ..Facts::default()
        }));
        out.push(Frame::ResponseEnd { at });
        if self.pending.is_empty() {
            self.rest();
        }
    }

    /// Requests whose turn came but that get no response, or have all of it.
    pub(super) fn settle(&mut self, out: &mut Vec<Frame>) {
        while let Some(head) = self.pending.front() {
            match head.until {
                Until::Never => {}
                Until::Replies if self.skipping && !head.started => {}
                Until::Replies if head.started && head.got >= head.due => {
                    self.finish(self.outcome.end, out);
                    continue;
                }
                _ => return,
            }
            out.push(Frame::NoResponse);
            self.pending.pop_front();
        }
    }

    /// The client went on while the end of a flushed response was in unseen bytes.
    pub(super) fn ends_by_turn(&mut self, blind: bool) -> bool {
        let [only] = self.pending.make_contiguous() else {
            return false;
        };
        let unknown = only.until == Until::Replies && (blind || only.due == UNKNOWN);
        only.started
            && (unknown || blind && self.server_last.is_empty())
            && !self.certainty.may_hide_others()
    }

    /// The server closed: what it began to say is over.
    pub(super) fn cut_off(&mut self, at: u64, out: &mut Vec<Frame>) {
        if self.pending.front().is_some_and(|p| p.started) {
            let failed = self.outcome.failed;
            if !failed && !self.over {
                let error = Some("truncated".into());
                out.push(Frame::ResponseFacts(Facts {
                    error,
                    ..Facts::default()
                }));
                out.push(Frame::ResponseEnd { at });
            } else {
                self.finish(at, out);
            }
        }
        self.forget();
    }

    fn tunnel(&mut self, out: &mut Vec<Frame>) {
        out.push(Frame::Tunnel);
        self.forget();
        self.statements = Default::default();
        self.tunnel = true;
    }

    /// Forgets requests without an answer.
    pub(super) fn forget(&mut self) {
        self.pending = VecDeque::new();
        self.asked = Asked::default();
        self.outcome = Outcome::default();
        self.portal = None;
        self.skipping = false;
        self.over = false;
        self.client_unseen = false;
        self.client_form = Form::Typed;
    }

    /// Complete requests have no complete answer yet.
    pub(super) fn waits(&self) -> bool {
        let newest = self.pending.back().filter(|_| !self.over);
        newest.is_some_and(|newest| newest.until != Until::Open && !newest.copying)
    }

    /// An idle connection keeps the shapes and little else.
    fn rest(&mut self) {
        if self.pending.capacity() > 8 {
            self.pending = VecDeque::new();
        }
        self.asked.more = None;
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let joined = self.asked.more.as_ref().map_or(0, String::capacity);
        self.statements.memory_bytes() + joined + self.pending.capacity() * size_of::<Pending>()
    }
}
