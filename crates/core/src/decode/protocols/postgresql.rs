//! PostgreSQL's frontend/backend protocol, version 3: sessions, statements and their outcome.
//!
//! What is one request:
//! - the whole start of a session, up to its first ReadyForQuery: `STARTUP`;
//! - an encryption request: `SSL REQUEST`, status `N` (goes on in clear) or `S`/`G` (tunnel);
//! - a Query with all its statements, a FunctionCall;
//! - the extended-query messages up to a Sync, answered up to its ReadyForQuery, or up to a
//!   Flush, answered up to the last reply that they are due;
//! - a COPY with its data. `START_REPLICATION` is answered by CopyBothResponse, then a tunnel.
//!
//! After a `Lost` of the server's stream nothing that was sent before it is answered any more; after
//! one of the client's stream what was told before it still is. A client turn after a ReadyForQuery,
//! when nothing waits and nothing unknown can be in flight ([`crate::decode::certainty`]), starts
//! afresh. It must begin with a whole message to be believed. Names keep their statements.

mod asked;
mod bounded;
mod client;
mod frame;
mod keywords;
mod place;
mod server;
mod sniff;
mod sql;
mod statements;

use super::super::certainty::Certainty;
use super::super::{Conversation, Facts, Frame, Piece, Protocol, Report, Role, Speaker, Want};
use asked::{Asked, Op};
use compact_str::CompactString;
use frame::{Cursor, Form, Last8, Step, Walker};
use sql::Shape;
use statements::Statements;
use std::collections::VecDeque;
use std::sync::Arc;

/// The definition of the protocol.
pub static POSTGRESQL: Protocol = Protocol {
    name: "postgresql",
    about: "PostgreSQL sessions, statements and COPY, with statement shapes instead of literals.",
    spec: "https://www.postgresql.org/docs/current/protocol.html",
    attributes: &[
        ("db.system.name", "postgresql"),
        (
            "db.query.summary",
            "shape of the statement, without literals",
        ),
        (
            "db.response.status_code",
            "SQLSTATE, or the command of the result's tag",
        ),
        ("error.type", "SQLSTATE of a failed request"),
    ],
    sniff: sniff::sniff,
    open: || Box::new(Session::new()),
};

/// Requests without an answer that are remembered; a client that pipelines more loses its place.
const PENDING_MAX: usize = 256;
/// Usual statements and their Bind headers fit.
const CLIENT_HEAD_BYTES: u16 = 1024;
/// Errors and the answer to most single-row statements fit.
const SERVER_HEAD_BYTES: u16 = 256;
/// With several requests in flight each must be seen to begin and end.
const HEAD_BYTES_MAX: u16 = 4096;

/// How a request's answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// The byte that answers an encryption request.
    Byte,
    /// ReadyForQuery.
    Ready,
    /// The last reply due, or an error.
    Replies,
    /// Not known yet: neither Sync nor Flush was seen.
    Open,
    /// Has none.
    Never,
}

/// A lost client's known requests are given up when it takes so many turns before their answers.
const STUCK_TURNS_MAX: u8 = 8;
/// Number of replies due to messages that were not seen.
const UNKNOWN: u16 = u16::MAX;

/// A request without a complete answer.
#[derive(Clone, Copy, Debug)]
struct Pending {
    until: Until,
    /// Its messages are those of the extended query.
    extended: bool,
    /// Its response was begun.
    started: bool,
    /// The server waits for the client's COPY data.
    copying: bool,
    /// Replies due and got, one for each of its messages.
    due: u16,
    got: u16,
}

/// What the server said about the oldest request.
#[derive(Debug, Default)]
struct Outcome {
    status: Option<CompactString>,
    failed: bool,
    /// Just after the last reply counted.
    end: u64,
}

/// A connection.
struct Session {
    client: Walker,
    server: Walker,
    state: State,
}

/// All of a connection but the places in its streams.
struct State {
    statements: Statements,
    pending: VecDeque<Pending>,
    asked: Asked,
    outcome: Outcome,
    /// Statement of the unnamed prepared statement and of the unnamed portal.
    unnamed: Option<Arc<Shape>>,
    portal: Option<Op>,
    client_last: Last8,
    server_last: Last8,
    client_form: Form,
    /// The server discards everything up to a Sync that was not sent yet.
    skipping: bool,
    /// The client's stream had bytes that were not seen and might hold requests.
    client_unseen: bool,
    /// The client's place is lost: replies to nothing are no news.
    deaf: bool,
    /// The client spoke again: the response in progress ended, if the next bytes are the next ones.
    over: bool,
    /// Turns of a lost client with requests that still wait.
    stuck: u8,
    certainty: Certainty,
    tunnel: bool,
    client_head: u16,
    server_head: u16,
}

/// What to do after a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Go,
    /// Requests went by that were not seen, in this speaker's stream.
    Lost {
        from: Speaker,
        unseen: bool,
    },
}

impl Session {
    fn new() -> Self {
        Session {
            client: Walker::new(client::capture),
            server: Walker::new(server::capture),
            state: State {
                statements: Statements::default(),
                pending: VecDeque::new(),
                asked: Asked::default(),
                outcome: Outcome::default(),
                unnamed: None,
                portal: None,
                client_last: Last8::default(),
                server_last: Last8::default(),
                client_form: Form::Typed,
                skipping: false,
                client_unseen: false,
                deaf: false,
                over: false,
                stuck: 0,
                certainty: Certainty::default(),
                tunnel: false,
                client_head: CLIENT_HEAD_BYTES,
                server_head: SERVER_HEAD_BYTES,
            },
        }
    }

    fn lose(&mut self, from: Speaker, unseen: bool, out: &mut Vec<Frame>) {
        out.push(Frame::Lost { from, unseen });
        if unseen {
            let head = match from {
                Speaker::Client => &mut self.state.client_head,
                Speaker::Server => &mut self.state.server_head,
            };
            *head = (*head * 2).min(HEAD_BYTES_MAX);
        }
        self.lose_client();
        self.state.deaf = true;
        self.state.stuck = 0;
        if from == Speaker::Server {
            self.server.lose();
            self.state.forget();
        }
    }

    /// The client's place is not known until nothing unknown can be in flight.
    fn lose_client(&mut self) {
        self.client.lose();
        self.state.certainty.doubt();
        self.state.forget_unnamed();
    }

    /// Walks one piece of the client.
    fn hear_client(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>) {
        if !self.find_client(piece, out) {
            self.client.pass(piece);
            self.blind_client(out);
            return;
        }
        self.walk_client(piece, false, out);
    }

    /// Walks over bytes of the client. `gap`: nobody saw them.
    fn walk_client(&mut self, piece: &Piece<'_>, gap: bool, out: &mut Vec<Frame>) {
        let mut cursor = Cursor::new(piece);
        loop {
            let next = match self.client.step(&mut cursor, self.state.client_form) {
                Step::More => return,
                Step::Garbage => Next::Lost {
                    from: Speaker::Client,
                    unseen: false,
                },
                Step::Unseen if self.state.is_open_ended() => {
                    self.state.lose_count();
                    if !gap {
                        return self.blind_client(out);
                    }
                    Next::Lost {
                        from: Speaker::Client,
                        unseen: true,
                    }
                }
                Step::Unseen => Next::Lost {
                    from: Speaker::Client,
                    unseen: true,
                },
                Step::Message {
                    kind,
                    at,
                    body,
                    whole,
                } => self.state.client_message(kind, at, body, whole, out),
                Step::Done { kind, at } => self.state.client_done(kind, at, out),
            };
            if let Next::Lost { from, unseen } = next {
                return self.lose(from, unseen, out);
            }
        }
    }

    /// Walks one piece of the server.
    fn hear_server(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>) {
        if !self.find_server(piece) {
            self.server.pass(piece);
            self.blind_server(out);
            return;
        }
        self.walk_server(piece, false, out);
    }

    /// Walks over bytes of the server. `gap`: nobody saw them.
    fn walk_server(&mut self, piece: &Piece<'_>, gap: bool, out: &mut Vec<Frame>) {
        let mut cursor = Cursor::new(piece);
        loop {
            let form = self.state.server_form();
            let next = match self.server.step(&mut cursor, form) {
                Step::More => return,
                Step::Garbage => Next::Lost {
                    from: Speaker::Server,
                    unseen: false,
                },
                Step::Unseen if gap => Next::Lost {
                    from: Speaker::Server,
                    unseen: true,
                },
                Step::Unseen => {
                    self.state.answer(self.server.start, out);
                    self.blind_server(out);
                    return;
                }
                Step::Message { kind, at, body, .. } => {
                    self.state.server_message(kind, at, body, out)
                }
                Step::Done { kind, at } => self.state.server_done(kind, at, out),
            };
            if self.state.tunnel {
                return;
            }
            if let Next::Lost { from, unseen } = next {
                self.lose(from, unseen, out);
                // The server's own place is still known if it is the client's that was lost.
                if from == Speaker::Server {
                    return;
                }
            }
        }
    }
}

impl Conversation for Session {
    fn feed(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>) {
        if self.state.tunnel || piece.len == 0 {
            return;
        }
        match piece.from {
            Speaker::Client => {
                if piece.turn {
                    self.turn_to_client(out);
                    self.state.certainty.client_turn(self.state.waits());
                }
                self.state.client_last.update(piece);
                self.hear_client(piece, out);
            }
            Speaker::Server => {
                self.state.certainty.server_spoke();
                self.end_over(out);
                self.state.server_last.update(piece);
                self.hear_server(piece, out);
            }
        }
    }

    fn gap(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>) {
        if !self.state.tunnel {
            self.pass_gap(piece, out);
        }
    }

    fn missed(&mut self, out: &mut Vec<Frame>) {
        if !self.state.tunnel {
            self.lose(Speaker::Server, true, out);
            self.state.certainty.missed();
            self.state.server_last = Last8::default();
        }
    }

    fn quiet(&mut self) {
        self.state.certainty.quiet();
    }

    fn end(&mut self, from: Speaker, out: &mut Vec<Frame>) {
        if from == Speaker::Server && !self.state.tunnel {
            self.state.cut_off(self.server.at, out);
        }
    }

    fn want(&self) -> Want {
        let busy = self.state.pending.len() > 1;
        let head_bytes = if busy {
            HEAD_BYTES_MAX
        } else {
            self.state.client_head
        };
        let answer_bytes = if busy {
            HEAD_BYTES_MAX
        } else {
            self.state.server_head
        };
        if self.state.tunnel {
            return Want {
                client: Report::Quiet,
                server: Report::Quiet,
            };
        }
        Want {
            client: Report::Turns { head_bytes },
            server: Report::Turns {
                head_bytes: answer_bytes,
            },
        }
    }

    fn memory_bytes(&self) -> usize {
        self.client.memory_bytes() + self.server.memory_bytes() + self.state.memory_bytes()
    }
}

#[cfg(test)]
mod tests;
