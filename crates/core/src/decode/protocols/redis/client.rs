//! Walks the client's commands: names and sizes, never keys or values.

use super::command;
use super::walk::{Cursor, LENGTH_MAX, Length, Line, Read, Word, length};
use super::{Answer, Facts, Frame, Lost, Piece, Shared, Speaker, sniff};
use compact_str::CompactString;
use std::borrow::Cow;

/// Redis' own bound on the arguments of a command is 2^31 − 1; more than this is not believed.
const ARGUMENTS_MAX: u64 = 1 << 24;
/// As much of a search query as is read to tell its role.
const QUERY_BYTES: usize = 256;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Place not known: waits for a turn.
    #[default]
    Lost,
    /// A command begins.
    Start,
    /// The length of an argument.
    Header,
    /// Bytes of an argument, line end included.
    Value(u64),
    /// In unseen bytes of a command: the next turn begins another.
    Blind,
}

/// What the next commands' replies will be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ReplyMode {
    #[default]
    On,
    Off,
    SkipNext,
}

/// The client's stream.
#[derive(Debug, Default)]
pub(super) struct Commands {
    state: State,
    line: Line,
    start: u64,
    /// Arguments of the command, and those read.
    count: u64,
    index: u64,
    /// The first three arguments.
    words: [Word; 3],
    name: Option<Cow<'static, str>>,
    query: Vec<u8>,
    told: bool,
    mode: ReplyMode,
}

impl Commands {
    pub(super) fn lose(&mut self) {
        self.state = State::Lost;
        self.line.clear();
    }

    pub(super) fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.query.capacity()
    }

    /// Takes a piece.
    pub(super) fn hear(
        &mut self,
        piece: &Piece<'_>,
        shared: &mut Shared,
        out: &mut Vec<Frame>,
    ) -> Result<(), Lost> {
        if matches!(self.state, State::Lost | State::Blind) && !self.find(piece, shared, out) {
            return Ok(());
        }
        match self.walk(piece, shared, out)? {
            Read::Unseen => self.unseen(shared, out),
            _ => Ok(()),
        }
    }

    /// Bytes that nobody saw: passed by the lengths known before them, else the place is lost.
    pub(super) fn pass_gap(
        &mut self,
        piece: &Piece<'_>,
        shared: &mut Shared,
        out: &mut Vec<Frame>,
    ) -> Result<(), Lost> {
        if self.state == State::Lost {
            return Ok(());
        }
        let read = self.walk(piece, shared, out)?;
        if self.state == State::Blind || read == Read::Unseen {
            return Err(Lost {
                from: Speaker::Client,
                unseen: true,
            });
        }
        Ok(())
    }

    /// Reads to the end of a piece, or to where it goes on unseen.
    fn walk(
        &mut self,
        piece: &Piece<'_>,
        shared: &mut Shared,
        out: &mut Vec<Frame>,
    ) -> Result<Read, Lost> {
        let mut cursor = Cursor::new(piece);
        loop {
            let read = match self.state {
                State::Start => self.command(&mut cursor, shared, out),
                State::Header => self.header(&mut cursor, shared, out),
                State::Value(left) => self.value(left, &mut cursor, shared, out),
                State::Lost | State::Blind => return Ok(Read::More),
            };
            match read {
                Read::Whole => {}
                Read::More | Read::Unseen => return Ok(read),
                Read::Garbage => {
                    return Err(Lost {
                        from: Speaker::Client,
                        unseen: false,
                    });
                }
            }
        }
    }

    /// Whether a command begins with this piece.
    fn find(&mut self, piece: &Piece<'_>, shared: &mut Shared, out: &mut Vec<Frame>) -> bool {
        if piece.offset > 0 {
            shared.certainty.join();
        }
        let command = || sniff::is_command(piece.data, true) == Some(true);
        let nothing_waits = shared.pending.len == 0;
        let begins =
            piece.offset == 0 || nothing_waits && command() && shared.certainty.settle(piece.turn);
        if !begins && !shared.deaf && command() {
            shared.deaf = true;
            let from = Speaker::Client;
            out.push(Frame::Lost { from, unseen: true });
        }
        if begins {
            shared.deaf = false;
            shared.client_unseen = false;
            self.state = State::Start;
            self.line.clear();
        }
        begins
    }

    fn unseen(&mut self, shared: &mut Shared, out: &mut Vec<Frame>) -> Result<(), Lost> {
        if self.state == State::Start {
            return Err(Lost {
                from: Speaker::Client,
                unseen: true,
            });
        }
        if !self.told {
            self.tell(shared, out)?;
        }
        shared.client_unseen = true;
        self.state = State::Blind;
        self.line.clear();
        Ok(())
    }

    fn command(
        &mut self,
        cursor: &mut Cursor<'_>,
        shared: &mut Shared,
        out: &mut Vec<Frame>,
    ) -> Read {
        if self.line.is_empty() {
            self.start = cursor.at;
        }
        let read = self.line.read(cursor);
        if read != Read::Whole {
            return read;
        }
        self.index = 0;
        self.name = None;
        self.told = false;
        let good = match self.line.text() {
            [] => true,
            [b'*', count @ ..] => match length(count) {
                // Redis passes over an empty command.
                Some(Length::Null | Length::Known(0)) => true,
                Some(Length::Known(count)) if count <= ARGUMENTS_MAX => {
                    self.count = count;
                    self.state = State::Header;
                    true
                }
                _ => false,
            },
            _ => self.inline(cursor.at, shared, out),
        };
        self.line.clear();
        if good { Read::Whole } else { Read::Garbage }
    }

    /// A command typed as a line of words; only known ones are believed.
    fn inline(&mut self, end: u64, shared: &mut Shared, out: &mut Vec<Frame>) -> bool {
        let text = self.line.text();
        let mut words = text
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let mut count = 0;
        for word in words.by_ref().take(3) {
            self.words[count].set(word);
            count += 1;
        }
        self.count = (count + words.count()) as u64;
        let known = count > 0 && sniff::is_inline(text);
        if !known {
            return false;
        }
        self.index = self.count;
        self.name = self.words[0].text().and_then(command::name);
        self.tell(shared, out).is_ok() && {
            out.push(Frame::RequestEnd { at: end });
            shared.settle(out);
            true
        }
    }

    fn header(
        &mut self,
        cursor: &mut Cursor<'_>,
        shared: &mut Shared,
        out: &mut Vec<Frame>,
    ) -> Read {
        let read = self.line.read(cursor);
        if read != Read::Whole {
            return read;
        }
        let len = match self.line.text() {
            [b'$', len @ ..] => length(len),
            _ => None,
        };
        self.line.clear();
        let Some(Length::Known(len @ ..LENGTH_MAX)) = len else {
            return Read::Garbage;
        };
        if let Some(word) = self.words.get_mut(self.index as usize) {
            word.begin(len);
        }
        self.value(len + 2, cursor, shared, out)
    }

    fn value(
        &mut self,
        mut left: u64,
        cursor: &mut Cursor<'_>,
        shared: &mut Shared,
        out: &mut Vec<Frame>,
    ) -> Read {
        if self.index < 3 {
            let seen = &cursor.data[..cursor.data.len().min(left as usize)];
            self.words[self.index as usize].push(seen);
            if self.index == 2 && command::has_query(self.name()) {
                let text = left
                    .saturating_sub(2)
                    .min((QUERY_BYTES - self.query.len()) as u64);
                self.query
                    .extend_from_slice(&seen[..seen.len().min(text as usize)]);
            }
        }
        cursor.skip(&mut left);
        self.state = State::Value(left);
        if left > 0 {
            return if cursor.unseen > 0 {
                Read::Unseen
            } else {
                Read::More
            };
        }
        self.index += 1;
        if self.index == 1 {
            self.name = self.words[0].text().and_then(command::name);
        }
        let last = self.index == self.count;
        if !self.told && (last || self.index >= self.needed()) && self.tell(shared, out).is_err() {
            return Read::Garbage;
        }
        self.state = if last { State::Start } else { State::Header };
        if last {
            out.push(Frame::RequestEnd { at: cursor.at });
            shared.settle(out);
        }
        Read::Whole
    }

    /// Arguments that must be known before the command can be told.
    fn needed(&self) -> u64 {
        match self.name() {
            "CLIENT" | "HELLO" => 3,
            name if command::has_query(name) => 3,
            name if command::is_container(name) => 2,
            _ => 1,
        }
    }

    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(command::OTHER)
    }

    /// Tells the request, once its name is known.
    fn tell(&mut self, shared: &mut Shared, out: &mut Vec<Frame>) -> Result<(), Lost> {
        self.told = true;
        let taken = self.name.take();
        let name = taken.as_deref().unwrap_or(command::OTHER);
        let sub = self.words[1]
            .text()
            .filter(|_| self.index > 1 && command::is_container(name));
        let sub = sub.and_then(command::subcommand);
        let op = match sub {
            Some(sub) => [name, " ", sub].concat().into(),
            None => CompactString::from(name),
        };
        let whole = self.index > 2 && self.query.len() as u64 == self.words[2].total();
        let role = command::role(name, &self.query, whole);
        let option = self.words[2].text().filter(|_| self.index > 2);
        let version = self.words[1].text().filter(|_| self.index > 1);
        let answer = answer(name, sub, option, self.count, &mut self.mode);
        shared.subscribed |= matches!(answer, Answer::Confirmations(_));
        shared.subscribed &= name != "RESET";
        shared.resp3 = (shared.resp3 || name == "HELLO" && version == Some(b"3"))
            && !(name == "RESET" || name == "HELLO" && version == Some(b"2"));
        self.query = Vec::new();
        shared.certainty.asked();
        if !shared.pending.push(answer) {
            return Err(Lost {
                from: Speaker::Client,
                unseen: false,
            });
        }
        out.push(Frame::Request {
            at: self.start,
            facts: Facts {
                op: Some(op),
                role: Some(role),
                ..Facts::default()
            },
        });
        Ok(())
    }
}

/// How a command is answered, and what it changes for the next ones.
fn answer(
    name: &str,
    sub: Option<&str>,
    option: Option<&[u8]>,
    count: u64,
    mode: &mut ReplyMode,
) -> Answer {
    if name == "CLIENT" && sub == Some("REPLY") {
        let option = option.unwrap_or_default();
        *mode = if option.eq_ignore_ascii_case(b"OFF") {
            ReplyMode::Off
        } else if option.eq_ignore_ascii_case(b"SKIP") && *mode != ReplyMode::Off {
            ReplyMode::SkipNext
        } else if option.eq_ignore_ascii_case(b"ON") {
            ReplyMode::On
        } else {
            *mode
        };
        return if *mode == ReplyMode::On {
            Answer::Reply
        } else {
            Answer::Nothing
        };
    }
    match *mode {
        ReplyMode::On => {}
        ReplyMode::Off => return Answer::Nothing,
        ReplyMode::SkipNext => {
            *mode = ReplyMode::On;
            return Answer::Nothing;
        }
    }
    match name {
        "SUBSCRIBE" | "PSUBSCRIBE" | "SSUBSCRIBE" | "UNSUBSCRIBE" | "PUNSUBSCRIBE"
        | "SUNSUBSCRIBE" => Answer::Confirmations(count.clamp(2, 1 << 20) as u32 - 1),
        "MONITOR" | "SYNC" | "PSYNC" => Answer::Stream,
        _ => Answer::Reply,
    }
}
