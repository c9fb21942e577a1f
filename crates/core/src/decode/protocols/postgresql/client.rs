//! What the client's messages ask for: begins and ends requests.

use super::sniff::{self, Startup};

use super::statements::Space;
use super::{
    Asked, Form, Frame, HEAD_BYTES_MAX, Next, Op, PENDING_MAX, Pending, Speaker, State, UNKNOWN,
    Until,
};

/// As much of a statement's text as is read.
const STATEMENT_BYTES: usize = 2048;
/// Portal and statement names of Bind and Execute.
const NAMES_BYTES: usize = 256;

/// Frontend message types, with the body bytes worth reading.
pub(super) fn capture(kind: u8) -> Option<usize> {
    match kind {
        b'Q' | b'P' => Some(STATEMENT_BYTES),
        b'B' | b'D' | b'E' | b'C' => Some(NAMES_BYTES),
        b'F' | b'S' | b'H' | b'X' | b'd' | b'c' | b'f' | b'p' => Some(0),
        _ => None,
    }
}

fn unknown_statement() -> Op {
    Op::Word("EXECUTE (unknown statement)")
}

impl State {
    /// A message of the client.
    pub(super) fn client_message(
        &mut self,
        kind: u8,
        at: u64,
        body: &[u8],
        whole: bool,
        out: &mut Vec<Frame>,
    ) -> Next {
        match kind {
            0 => return self.startup(at, body, out),
            b'Q' => return self.query(at, body, whole, out),
            b'P' => self.parse(body, whole),
            b'B' => self.bind(body),
            b'E' => self.execute(body),
            b'D' => {
                self.fresh();
                self.asked.described = true;
            }
            b'C' => self.close_name(body),
            b'F' => return self.begin(at, Op::Word("FUNCTION CALL"), Until::Ready, false, out),
            b'X' => return self.begin(at, Op::Word("TERMINATE"), Until::Never, false, out),
            b'S' if self.is_copying() => return Next::Go,
            b'S' if !self.is_open() => {
                return self.begin(at, Op::Word("SYNC"), Until::Ready, true, out);
            }
            b'S' | b'H' => {
                self.close(kind, out);
                return Next::Go;
            }
            _ => return Next::Go,
        }
        let next = if self.is_open() {
            Next::Go
        } else {
            let asked = std::mem::take(&mut self.asked);
            let op = asked.op();
            let next = self.begin(at, op, Until::Open, true, out);
            self.asked = Asked {
                announced: self.asked.announced.take(),
                ..asked
            };
            next
        };
        if let Some(newest) = self.pending.back_mut() {
            newest.due = newest.due.saturating_add(1);
        }
        next
    }

    /// The last byte of a client's message is before `at`.
    pub(super) fn client_done(&mut self, kind: u8, at: u64, out: &mut Vec<Frame>) -> Next {
        let ends = match kind {
            0 | b'F' | b'X' => true,
            b'Q' | b'S' => !self.asked.copy_in,
            b'H' => !self.is_open(),
            b'c' | b'f' => std::mem::take(&mut self.asked.copy_in),
            _ => false,
        } && !(kind == b'S' && self.is_copying());
        if ends && !self.asked.ended && !self.pending.is_empty() {
            self.asked.ended = true;
            out.push(Frame::RequestEnd { at });
        }
        self.settle(out);
        Next::Go
    }

    fn startup(&mut self, at: u64, body: &[u8], out: &mut Vec<Frame>) -> Next {
        match sniff::startup(body) {
            Some(Startup::Session) => {
                self.client_form = Form::Typed;
                self.begin(at, Op::Word("STARTUP"), Until::Ready, false, out)
            }
            Some(Startup::Encryption) => {
                self.begin(at, Op::Word("SSL REQUEST"), Until::Byte, false, out)
            }
            Some(Startup::Cancel) => self.begin(at, Op::Word("CANCEL"), Until::Never, false, out),
            None => Next::Lost {
                from: Speaker::Client,
                unseen: false,
            },
        }
    }

    fn query(&mut self, at: u64, body: &[u8], whole: bool, out: &mut Vec<Frame>) -> Next {
        let (text, cut) = terminated(body, whole);
        let shape = self.statements.of_text(text, cut);
        if self.is_open() {
            // A Query ends an extended group as a Sync does.
            self.close(b'S', out);
        }
        let copy_in = shape.copy_in;
        let next = self.begin(at, Op::Shape(shape), Until::Ready, false, out);
        self.asked.copy_in = copy_in;
        next
    }

    fn parse(&mut self, body: &[u8], whole: bool) {
        let Some((name, rest)) = sniff::text(body) else {
            return;
        };
        let (text, cut) = match sniff::text(rest) {
            Some((text, _)) => (text, false),
            None => (rest, !whole),
        };
        let shape = self.statements.of_text(text, cut);
        if name.is_empty() {
            self.unnamed = Some(shape.clone());
        } else {
            self.statements.put(Space::Statement, name, shape.clone());
        }
        self.fresh();
        self.asked.parsed = Some(shape);
    }

    fn bind(&mut self, body: &[u8]) {
        self.fresh();
        let names =
            sniff::text(body).and_then(|(portal, rest)| Some((portal, sniff::text(rest)?.0)));
        let Some((portal, statement)) = names else {
            self.asked.bound = Some(unknown_statement());
            return;
        };
        let shape = if statement.is_empty() {
            self.unnamed.clone()
        } else {
            self.statements.get(Space::Statement, statement)
        };
        if let (Some(shape), false) = (&shape, portal.is_empty()) {
            self.statements.put(Space::Portal, portal, shape.clone());
        }
        let op = shape.map_or_else(unknown_statement, Op::Shape);
        if portal.is_empty() {
            self.portal = Some(op.clone());
        }
        self.asked.bound = Some(op);
    }

    fn execute(&mut self, body: &[u8]) {
        self.fresh();
        let op = match sniff::text(body) {
            Some((b"", _)) | None => self.portal.clone(),
            Some((portal, _)) => self.statements.get(Space::Portal, portal).map(Op::Shape),
        };
        self.asked.execute(op.unwrap_or_else(unknown_statement));
    }

    fn close_name(&mut self, body: &[u8]) {
        self.fresh();
        let Some((&what, rest)) = body.split_first() else {
            return;
        };
        let Some((name, _)) = sniff::text(rest) else {
            return;
        };
        let space = if what == b'S' {
            Space::Statement
        } else {
            Space::Portal
        };
        if !name.is_empty() {
            self.statements.remove(space, name);
        }
    }

    /// The first message of a new request forgets what the last one asked.
    fn fresh(&mut self) {
        if !self.is_open() {
            self.asked = Asked::default();
        }
    }

    fn begin(
        &mut self,
        at: u64,
        op: Op,
        until: Until,
        extended: bool,
        out: &mut Vec<Frame>,
    ) -> Next {
        if self.pending.len() >= PENDING_MAX {
            return Next::Lost {
                from: Speaker::Client,
                unseen: false,
            };
        }
        if !self.pending.is_empty() {
            self.client_head = HEAD_BYTES_MAX;
        }
        self.certainty.asked();
        out.push(Frame::Request {
            at,
            facts: op.facts(),
        });
        self.asked = Asked {
            announced: Some(op),
            ..Asked::default()
        };
        if until == Until::Ready {
            self.skipping = false;
        }
        self.pending.push_back(Pending {
            until,
            extended,
            started: false,
            copying: false,
            due: 0,
            got: 0,
        });
        Next::Go
    }

    /// Statements without a name may have been replaced in bytes that were not seen.
    pub(super) fn forget_unnamed(&mut self) {
        self.unnamed = None;
        self.portal = None;
    }

    /// Messages of the newest request are in unseen bytes: how many replies are due is not known.
    pub(super) fn lose_count(&mut self) {
        self.client_unseen = true;
        self.asked.unseen = true;
        if let Some(newest) = self.pending.back_mut() {
            newest.due = UNKNOWN;
        }
    }

    /// Sync or Flush: the newest request is complete.
    pub(super) fn close(&mut self, kind: u8, out: &mut Vec<Frame>) {
        if kind == b'c' || !self.is_open() {
            return;
        }
        let op = self.asked.op();
        self.asked.copy_in = self.asked.parsed.as_ref().is_some_and(|s| s.copy_in);
        if self
            .asked
            .announced
            .as_ref()
            .is_none_or(|old| old.text() != op.text())
        {
            out.push(Frame::RequestFacts(op.facts()));
        }
        if let Some(newest) = self.pending.back_mut() {
            newest.until = if kind == b'S' {
                Until::Ready
            } else {
                Until::Replies
            };
        }
        self.skipping &= kind != b'S';
    }

    /// Neither Sync nor Flush was seen of the newest request.
    pub(super) fn is_open(&self) -> bool {
        self.pending
            .back()
            .is_some_and(|newest| newest.until == Until::Open)
    }

    /// The newest request may go on in bytes that are not seen.
    pub(super) fn is_open_ended(&self) -> bool {
        self.is_open() || self.is_copying() || self.asked.copy_in && !self.pending.is_empty()
    }

    pub(super) fn is_copying(&self) -> bool {
        self.pending.back().is_some_and(|newest| newest.copying)
    }
}

/// A zero-terminated text, and whether its end was not seen.
fn terminated(body: &[u8], whole: bool) -> (&[u8], bool) {
    match sniff::text(body) {
        Some((text, _)) => (text, false),
        None => (body, !whole),
    }
}
