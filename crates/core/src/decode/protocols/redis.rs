//! Redis' RESP2 and RESP3: commands, their replies and their errors.
//!
//! Every command is a request, those of a pipeline or a MULTI too. Push messages (RESP3 `>`, and
//! in RESP2 the messages of subscribed channels) answer nothing. SUBSCRIBE and its kin are
//! answered by as many confirmations as they name channels. MONITOR, SYNC and PSYNC turn the
//! connection into a stream of something else: `Tunnel`.
//!
//! A reply whose end lies in unseen bytes (a large nested reply) ends with the last byte before
//! the client speaks again; with several commands in flight it is a `Lost`. After a `Lost`
//! of the server's stream nothing that was sent before it is answered any more; after one of the
//! client's stream what was told before it still is, and a client turn with nothing left to answer
//! starts afresh, if nothing unknown can be in flight ([`crate::decode::certainty`]). It must begin with a whole command name to be believed.

mod client;
mod command;
mod message;
mod names;
mod server;
mod sniff;
mod walk;

use super::super::certainty::Certainty;
use super::super::{Conversation, Facts, Frame, Piece, Protocol, Report, Speaker, Want};
use client::Commands;
use server::Replies;
use std::collections::VecDeque;

/// The definition of the protocol.
pub static REDIS: Protocol = Protocol {
    name: "redis",
    about: "Redis and Valkey commands (RESP2 and RESP3), without keys or values.",
    spec: "https://redis.io/docs/latest/develop/reference/protocol-spec/",
    attributes: &[
        ("db.system.name", "redis"),
        ("db.operation.name", "command, with its subcommand"),
        (
            "db.response.status_code",
            "first word of an error reply, else OK",
        ),
        ("error.type", "first word of an error reply"),
    ],
    sniff: sniff::sniff,
    open: || Box::new(Session::new()),
};

/// A command's name and the sizes of its arguments.
const CLIENT_HEAD_BYTES: u16 = 512;
/// A status, an error, or the header of a value.
const SERVER_HEAD_BYTES: u16 = 128;
/// A pipeline must be seen whole.
const HEAD_BYTES_MAX: u16 = 4096;
/// Runs of equal commands in flight; a client that pipelines more loses its place.
const RUNS_MAX: usize = 256;

/// A lost client's known commands are given up when it takes so many turns before their replies.
const STUCK_TURNS_MAX: u8 = 8;

/// How a command is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// One reply.
    Reply,
    /// So many confirmations, as pushes (RESP3) or arrays (RESP2).
    Confirmations(u32),
    /// One reply, then something else than replies.
    Stream,
    /// None: `CLIENT REPLY OFF` or `SKIP`.
    Nothing,
}

/// Equal answers in a row.
#[derive(Clone, Copy, Debug)]
struct Run {
    answer: Answer,
    count: u32,
}

/// Commands without a complete reply.
#[derive(Debug, Default)]
struct Pending {
    runs: VecDeque<Run>,
    len: usize,
}

impl Pending {
    fn front(&self) -> Option<Answer> {
        self.runs.front().map(|run| run.answer)
    }

    /// False: there is no room.
    fn push(&mut self, answer: Answer) -> bool {
        let merges = !matches!(answer, Answer::Confirmations(_));
        let full = self.runs.len() >= RUNS_MAX;
        match self.runs.back_mut() {
            Some(run) if merges && run.answer == answer && run.count < u32::MAX => run.count += 1,
            _ if full => return false,
            _ => self.runs.push_back(Run { answer, count: 1 }),
        }
        self.len += 1;
        true
    }

    fn pop(&mut self) {
        let Some(run) = self.runs.front_mut() else {
            return;
        };
        run.count -= 1;
        self.len -= 1;
        if run.count == 0 {
            self.runs.pop_front();
        }
        if self.len == 0 && self.runs.capacity() > 8 {
            self.runs = VecDeque::new();
        }
    }

    /// One confirmation of the oldest command; true when it was the last.
    fn confirm(&mut self) -> bool {
        match self.runs.front_mut() {
            Some(Run {
                answer: Answer::Confirmations(left),
                ..
            }) => {
                *left = left.saturating_sub(1);
                *left == 0
            }
            _ => false,
        }
    }
}

/// What both speakers need to know.
#[derive(Debug, Default)]
struct Shared {
    pending: Pending,
    /// Channels may be subscribed: arrays may be messages.
    subscribed: bool,
    /// RESP3 was agreed on: messages are pushes.
    resp3: bool,
    /// The oldest command's reply has begun.
    started: bool,
    /// Some bytes of the client, which might be commands, were not seen.
    client_unseen: bool,
    /// The client's place is lost: replies to nothing are no news.
    deaf: bool,
    /// Turns of a lost client with commands that still wait.
    stuck: u8,
    certainty: Certainty,
    /// Replies came to commands that were not told: unseen ones, or not understood.
    missed: Option<bool>,
    tunnel: bool,
}

impl Shared {
    /// The oldest command's reply begins.
    fn begin(&mut self, at: u64, facts: Facts, out: &mut Vec<Frame>) {
        self.started = true;
        out.push(Frame::Response { at, facts });
    }

    /// The oldest command's reply ended.
    fn finish(&mut self, at: u64, out: &mut Vec<Frame>) {
        let streams = self.pending.front() == Some(Answer::Stream);
        out.push(Frame::ResponseEnd { at });
        self.started = false;
        self.pending.pop();
        if streams {
            out.push(Frame::Tunnel);
            self.tunnel = true;
            return;
        }
        self.settle(out);
    }

    /// Commands whose turn came and that get no reply.
    fn settle(&mut self, out: &mut Vec<Frame>) {
        while self.pending.front() == Some(Answer::Nothing) {
            out.push(Frame::NoResponse);
            self.pending.pop();
        }
    }
}

/// A connection.
struct Session {
    commands: Commands,
    replies: Replies,
    shared: Shared,
    client_head: u16,
    server_head: u16,
}

/// The speaker's place was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lost {
    from: Speaker,
    unseen: bool,
}

impl Session {
    fn new() -> Self {
        Session {
            commands: Commands::default(),
            replies: Replies::default(),
            shared: Shared::default(),
            client_head: CLIENT_HEAD_BYTES,
            server_head: SERVER_HEAD_BYTES,
        }
    }

    fn lose(&mut self, lost: Lost, out: &mut Vec<Frame>) {
        out.push(Frame::Lost {
            from: lost.from,
            unseen: lost.unseen,
        });
        if lost.unseen {
            let head = match lost.from {
                Speaker::Client => &mut self.client_head,
                Speaker::Server => &mut self.server_head,
            };
            *head = (*head * 4).min(HEAD_BYTES_MAX);
        }
        self.commands.lose();
        self.shared.certainty.doubt();
        self.shared.deaf = true;
        self.shared.stuck = 0;
        if lost.from == Speaker::Server {
            self.replies.lose();
            let shared = std::mem::take(&mut self.shared);
            self.shared = Shared {
                subscribed: shared.subscribed,
                resp3: shared.resp3,
                certainty: shared.certainty,
                deaf: true,
                ..Shared::default()
            };
        }
    }

    /// Deals with what a piece of either brought to light.
    fn heard(&mut self, heard: Result<(), Lost>, out: &mut Vec<Frame>) {
        if let Some(unseen) = self.shared.missed.take() {
            let from = Speaker::Client;
            self.lose(Lost { from, unseen }, out);
        }
        if let Err(lost) = heard {
            self.lose(lost, out);
        }
    }

    /// The client speaks again: settles a reply whose end was not seen.
    fn turn_to_client(&mut self, out: &mut Vec<Frame>) {
        if self.shared.pending.len == 0 {
            return;
        }
        self.shared.stuck += u8::from(self.commands.is_lost());
        if self.replies.is_lost() || self.shared.stuck >= STUCK_TURNS_MAX {
            // Its reply went by unrecognised; the next one would be taken for it.
            self.lose(
                Lost {
                    from: Speaker::Server,
                    unseen: false,
                },
                out,
            );
        } else if self.replies.is_blind() {
            let others = self.shared.certainty.may_hide_others();
            if self.shared.pending.len > 1 || others {
                // Some of the unseen bytes answer other commands.
                return self.lose(
                    Lost {
                        from: Speaker::Server,
                        unseen: true,
                    },
                    out,
                );
            }
            self.server_head = (self.server_head * 2).min(HEAD_BYTES_MAX);
            self.replies.over = true;
        }
    }
}

impl Conversation for Session {
    fn feed(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>) {
        if self.shared.tunnel || piece.len == 0 {
            return;
        }
        let heard = match piece.from {
            Speaker::Client => {
                if piece.turn {
                    self.turn_to_client(out);
                    let waits = self.shared.pending.len > 0 && !self.replies.over;
                    self.shared.certainty.client_turn(waits);
                }
                let heard = self.commands.hear(piece, &mut self.shared, out);
                if self.shared.pending.len > 1 {
                    self.client_head = HEAD_BYTES_MAX;
                    self.server_head = HEAD_BYTES_MAX;
                }
                heard
            }
            Speaker::Server => {
                self.shared.certainty.server_spoke();
                self.replies.hear(piece, &mut self.shared, out)
            }
        };
        self.heard(heard, out);
    }

    fn gap(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>) {
        if self.shared.tunnel {
            return;
        }
        let heard = match piece.from {
            Speaker::Client => self.commands.pass_gap(piece, &mut self.shared, out),
            Speaker::Server => self.replies.pass_gap(piece, &mut self.shared, out),
        };
        self.heard(heard, out);
    }

    fn missed(&mut self, out: &mut Vec<Frame>) {
        if self.shared.tunnel {
            return;
        }
        let from = Speaker::Server;
        self.lose(Lost { from, unseen: true }, out);
        self.shared.certainty.missed();
    }

    fn quiet(&mut self) {
        self.shared.certainty.quiet();
    }

    fn end(&mut self, from: Speaker, out: &mut Vec<Frame>) {
        let ends = from == Speaker::Server && !self.shared.tunnel && self.shared.pending.len > 0;
        if ends && self.shared.started && !self.replies.is_blind() {
            let error = Some("truncated".into());
            out.push(Frame::ResponseFacts(Facts {
                error,
                ..Facts::default()
            }));
        }
        if ends && (self.replies.is_blind() || self.shared.started) {
            self.replies.finish_blind(&mut self.shared, out);
        }
    }

    fn want(&self) -> Want {
        if self.shared.tunnel {
            return Want {
                client: Report::Quiet,
                server: Report::Quiet,
            };
        }
        Want {
            client: Report::Turns {
                head_bytes: self.client_head,
            },
            server: Report::Turns {
                head_bytes: self.server_head,
            },
        }
    }

    fn memory_bytes(&self) -> usize {
        self.shared.pending.runs.capacity() * size_of::<Run>()
            + self.commands.memory_bytes()
            + self.replies.memory_bytes()
    }
}

#[cfg(test)]
mod tests;
