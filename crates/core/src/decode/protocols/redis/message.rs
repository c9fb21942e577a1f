//! What the server's messages are: replies, confirmations or pushes.

use super::server::Replies;
use super::walk::Word;
use super::{Answer, Facts, Frame, Shared};

/// What a message of the server is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// The reply to the oldest command.
    #[default]
    Reply,
    /// Told by its first string: a confirmation, a channel's message or another push.
    Push,
    /// As `Push`, but a reply if it is none of them (RESP2).
    Array,
    /// Answers nothing.
    Unsolicited,
}

impl Replies {
    /// A message begins: what is it?
    pub(super) fn top(&mut self, kind: u8, rest: &[u8], shared: &mut Shared, out: &mut Vec<Frame>) {
        let confirms = matches!(shared.pending.front(), Some(Answer::Confirmations(_)));
        let array = kind == b'*' && (confirms || shared.subscribed && !shared.resp3);
        self.bulk_error = kind == b'!';
        self.kind = match kind {
            b'>' => Kind::Push,
            _ if array => Kind::Array,
            _ => Kind::Reply,
        };
        self.wants_word = u8::from(self.kind != Kind::Reply || self.bulk_error);
        if self.kind != Kind::Reply {
            return;
        }
        if shared.pending.front().is_none() {
            // An error may precede the end of the connection; any other reply answers what was
            // not seen.
            self.kind = Kind::Unsolicited;
            if kind != b'-' && !shared.deaf {
                shared.deaf = true;
                if !shared.client_unseen {
                    shared.certainty.stray();
                }
                shared.missed = Some(std::mem::take(&mut shared.client_unseen));
            }
            return;
        }
        let facts = match kind {
            b'-' => failed(rest),
            b'!' => Facts::default(),
            _ => Facts {
                status: Some("OK".into()),
                ..Facts::default()
            },
        };
        shared.begin(self.start, facts, out);
    }

    /// A message ended before `at`.
    pub(super) fn message(&mut self, at: u64, shared: &mut Shared, out: &mut Vec<Frame>) {
        match self.kind {
            Kind::Unsolicited => {}
            Kind::Reply => {
                if self.bulk_error {
                    out.push(Frame::ResponseFacts(failed(self.word.start())));
                }
                shared.finish(at, out);
            }
            Kind::Push | Kind::Array => {
                let word = self.word.text().unwrap_or_default();
                let confirms = matches!(shared.pending.front(), Some(Answer::Confirmations(_)));
                if word.ends_with(b"subscribe") {
                    if confirms {
                        self.confirm(at, shared, out);
                    }
                } else if self.kind == Kind::Array
                    && !word.ends_with(b"message")
                    && shared.pending.len > 0
                {
                    shared.begin(self.start, ok(), out);
                    shared.finish(at, out);
                }
            }
        }
    }

    /// One confirmation of a SUBSCRIBE or its kin.
    fn confirm(&mut self, at: u64, shared: &mut Shared, out: &mut Vec<Frame>) {
        if !shared.started {
            shared.begin(self.start, ok(), out);
        }
        if shared.pending.confirm() {
            shared.finish(at, out);
        }
    }
}

fn ok() -> Facts {
    Facts {
        status: Some("OK".into()),
        ..Facts::default()
    }
}

/// Facts of an error: its first word, if it is one of upper-case letters.
fn failed(text: &[u8]) -> Facts {
    let end = text
        .iter()
        .position(|b| !b.is_ascii_uppercase())
        .unwrap_or(text.len());
    let plain = (1..=Word::BYTES).contains(&end) && text.get(end).is_none_or(|b| *b == b' ');
    let word = std::str::from_utf8(&text[..end])
        .ok()
        .filter(|_| plain)
        .unwrap_or("ERR");
    Facts {
        status: Some(word.into()),
        error: Some(word.into()),
        ..Facts::default()
    }
}
