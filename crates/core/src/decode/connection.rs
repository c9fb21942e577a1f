//! One connection end's bytes to frames: finds the protocol, walks unseen bytes, keeps order.

use super::protocols::PROTOCOLS;
use super::raw::Raw;
use super::{Conversation, Frame, Guess, Piece, Protocol, Report, Speaker, Want};

/// Bytes of a first turn kept while no protocol is sure.
const SNIFF_BYTES_MAX: usize = 256;
/// Turns of a connection older than the agent that may pass unrecognised (they may lie inside a
/// message) before it counts as unknown.
const OLD_TURNS_MAX: u32 = 16;

/// Bytes of one direction, already placed in the stream.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// This socket sent them.
    pub outgoing: bool,
    /// Place in the stream.
    pub offset: u64,
    /// How many.
    pub len: u64,
    /// The first of them.
    pub head: &'a [u8],
    /// The last of them.
    pub tail: &'a [u8],
    /// The other direction moved before.
    pub turn: bool,
    /// Whole turns in front of it were never reported.
    pub missed: bool,
    /// Nobody said anything for a while before it.
    pub quiet: bool,
}

enum Talk {
    Unknown(Box<Sniffed>),
    Known(&'static Protocol, Box<dyn Conversation>),
    Opaque(Raw),
    /// Of a tape: frames come from elsewhere.
    Told(&'static str),
}

impl Talk {
    fn missed(&mut self, out: &mut Vec<Frame>) {
        match self {
            Talk::Known(_, talk) => talk.missed(out),
            Talk::Opaque(raw) => raw.missed(out),
            Talk::Unknown(sniffed) => sniffed.holed = true,
            Talk::Told(_) => {}
        }
    }

    fn quiet(&mut self) {
        if let Talk::Known(_, talk) = self {
            talk.quiet();
        }
    }
}

/// Not known yet: the first bytes of each direction's turn (incoming, outgoing). Boxed: it is large
/// and soon over.
#[derive(Default)]
struct Sniffed {
    held: [Vec<u8>; 2],
    held_at: [u64; 2],
    /// They begin a turn.
    held_turn: [bool; 2],
    turns: u32,
    /// Something was said that was never reported.
    holed: bool,
}

/// Decoder of one connection end.
pub struct Decoder {
    talk: Talk,
    /// Who is at this end; known from the start or told by the protocol.
    speaker: Option<Speaker>,
    old: bool,
    /// Next offset expected of each direction (incoming, outgoing).
    next: [Option<u64>; 2],
}

impl Decoder {
    /// A decoder for an end that is `speaker`, if known. `old`: joined in the middle.
    pub fn new(speaker: Option<Speaker>, old: bool) -> Self {
        Self {
            talk: Talk::Unknown(Box::default()),
            speaker,
            old,
            // The first bytes of a connection that was seen to open are at 0: what lies before
            // the first that were reported is a hole.
            next: [(!old).then_some(0); 2],
        }
    }

    /// Who is at this end.
    pub fn speaker(&self) -> Option<Speaker> {
        self.speaker
    }

    /// Name of what the connection speaks; `None` while unknown.
    pub fn protocol(&self) -> Option<&'static str> {
        match &self.talk {
            Talk::Unknown(_) => None,
            Talk::Known(protocol, _) => Some(protocol.name),
            Talk::Opaque(_) => Some(super::raw::NAME),
            Talk::Told(protocol) => Some(protocol),
        }
    }

    /// Takes what another decoder found out about these bytes.
    pub fn told(&mut self, run: &Run<'_>, speaker: Option<Speaker>, protocol: Option<&str>) {
        let next = &mut self.next[usize::from(run.outgoing)];
        let end = run.offset + run.len;
        *next = Some(next.map_or(end, |n| n.max(end)));
        self.know(speaker, protocol);
    }

    /// Takes over who speaks and what.
    pub fn know(&mut self, speaker: Option<Speaker>, protocol: Option<&str>) {
        self.speaker = self.speaker.or(speaker);
        if let Some(name) = protocol {
            let known = PROTOCOLS
                .iter()
                .map(|p| p.name)
                .find(|known| *known == name);
            self.talk = Talk::Told(known.unwrap_or(super::raw::NAME));
        }
    }

    /// Goes on where another decoder stood.
    pub fn resume(
        &mut self,
        speaker: Option<Speaker>,
        protocol: Option<&str>,
        taken: [Option<u64>; 2],
    ) {
        self.next = taken;
        self.know(speaker, protocol);
    }

    /// The end of what was taken of a direction.
    pub fn taken(&self, outgoing: bool) -> Option<u64> {
        self.next[usize::from(outgoing)]
    }

    /// Takes bytes. Overlaps are trimmed, holes are told.
    pub fn feed(&mut self, run: &Run<'_>, out: &mut Vec<Frame>) {
        let next = &mut self.next[usize::from(run.outgoing)];
        let expected = next.unwrap_or(run.offset);
        let end = run.offset + run.len;
        if run.missed {
            self.talk.missed(out);
        }
        if end <= expected {
            return;
        }
        *next = Some(end);
        if run.offset > expected {
            self.gap(expected, run, out);
            self.take(run, out);
        } else {
            if run.quiet && !run.missed {
                self.talk.quiet();
            }
            let skip = expected - run.offset;
            let head = run.head.get(skip as usize..).unwrap_or(&[]);
            self.take(
                &Run {
                    offset: expected,
                    len: run.len - skip,
                    head,
                    turn: run.turn && skip == 0,
                    ..*run
                },
                out,
            );
        }
    }

    /// The bytes from `start` up to this run were never reported.
    fn gap(&mut self, start: u64, run: &Run<'_>, out: &mut Vec<Frame>) {
        let side = usize::from(run.outgoing);
        if let Talk::Unknown(sniffed) = &mut self.talk {
            // As if joined here.
            self.old = true;
            sniffed.holed = true;
            sniffed.held[side].clear();
            return;
        }
        let Some(us) = self.speaker else { return };
        let piece = Piece {
            from: if run.outgoing { us } else { us.other() },
            offset: start,
            len: run.offset - start,
            data: &[],
            tail: &[],
            turn: run.turn,
        };
        match &mut self.talk {
            Talk::Known(_, talk) => talk.gap(&piece, out),
            Talk::Opaque(raw) => raw.gap(&piece),
            Talk::Unknown(_) | Talk::Told(_) => {}
        }
    }

    fn take(&mut self, run: &Run<'_>, out: &mut Vec<Frame>) {
        if matches!(self.talk, Talk::Unknown(_)) && !self.recognise(run, out) {
            return;
        }
        let Some(us) = self.speaker else { return };
        let from = if run.outgoing { us } else { us.other() };
        let piece = Piece {
            from,
            offset: run.offset,
            len: run.len,
            data: run.head,
            tail: run.tail,
            turn: run.turn,
        };
        let before = out.len();
        match &mut self.talk {
            Talk::Known(_, talk) => talk.feed(&piece, out),
            Talk::Opaque(raw) => raw.feed(&piece, out),
            Talk::Unknown(_) | Talk::Told(_) => {}
        }
        if out[before..].contains(&Frame::Tunnel) {
            self.talk = Talk::Opaque(Raw::default());
        }
    }

    /// Tries to name the protocol. `true`: the caller goes on with this run's bytes.
    fn recognise(&mut self, run: &Run<'_>, out: &mut Vec<Frame>) -> bool {
        let side = usize::from(run.outgoing);
        let hint = self
            .speaker
            .map(|us| if run.outgoing { us } else { us.other() });
        let Talk::Unknown(sniffed) = &mut self.talk else {
            return true;
        };
        let Sniffed {
            held,
            held_at,
            held_turn,
            turns,
            holed,
        } = &mut **sniffed;
        if run.turn || held[side].is_empty() {
            *turns += 1;
            held[side].clear();
            held_at[side] = run.offset;
            held_turn[side] = run.turn;
        }
        let complete = held_at[side] + held[side].len() as u64 == run.offset;
        if complete {
            let room = SNIFF_BYTES_MAX - held[side].len().min(SNIFF_BYTES_MAX);
            held[side].extend_from_slice(&run.head[..run.head.len().min(room)]);
        }
        let bytes = std::mem::take(&mut held[side]);
        let (first_at, turn, holed) = (held_at[side], held_turn[side], *holed);
        match sniff(&bytes, hint) {
            Verdict::Speaks(protocol, who) => {
                self.speaker = Some(if run.outgoing { who } else { who.other() });
                self.talk = Talk::Known(protocol, (protocol.open)());
                if holed {
                    self.talk.missed(out);
                }
                self.replay(run, (first_at, turn), &bytes, out)
            }
            Verdict::Short if run.head.len() as u64 == run.len => {
                if let Talk::Unknown(sniffed) = &mut self.talk {
                    sniffed.held[side] = bytes;
                }
                false
            }
            Verdict::Short | Verdict::Nobody => self.give_up_if_due(run.outgoing),
        }
    }

    /// Hands over bytes held back from earlier runs of this turn.
    fn replay(
        &mut self,
        run: &Run<'_>,
        (first_at, turn): (u64, bool),
        bytes: &[u8],
        out: &mut Vec<Frame>,
    ) -> bool {
        let held = (run.offset - first_at) as usize;
        if held > 0 {
            let earlier = Run {
                offset: first_at,
                len: held as u64,
                head: &bytes[..held.min(bytes.len())],
                tail: &[],
                turn,
                ..*run
            };
            self.take(&earlier, out);
        }
        true
    }

    /// A fresh connection whose client said something nobody knows is opaque at once; an old one
    /// may have been joined inside a message.
    fn give_up_if_due(&mut self, outgoing: bool) -> bool {
        let Talk::Unknown(sniffed) = &self.talk else {
            return true;
        };
        let due = if self.old {
            sniffed.turns >= OLD_TURNS_MAX
        } else {
            true
        };
        if due {
            // Nobody knows who asks: the end that speaks now counts as the client.
            let us = if outgoing {
                Speaker::Client
            } else {
                Speaker::Server
            };
            self.speaker.get_or_insert(us);
            self.talk = Talk::Opaque(Raw::default());
        }
        due
    }

    /// Bytes at the end were never reported.
    pub fn missed(&mut self, out: &mut Vec<Frame>) {
        self.talk.missed(out);
    }

    /// A direction says no more.
    pub fn end(&mut self, outgoing: bool, out: &mut Vec<Frame>) {
        let Some(us) = self.speaker else { return };
        let from = if outgoing { us } else { us.other() };
        match &mut self.talk {
            Talk::Known(_, talk) => talk.end(from, out),
            Talk::Opaque(raw) => raw.end(from, out),
            Talk::Unknown(_) | Talk::Told(_) => {}
        }
    }

    /// How this socket should report (incoming, outgoing) from now on.
    pub fn wanted(&self) -> Option<(Report, Report)> {
        let want: Want = match &self.talk {
            Talk::Known(_, talk) => talk.want(),
            Talk::Opaque(raw) => raw.want(),
            Talk::Unknown(_) | Talk::Told(_) => return None,
        };
        Some(match self.speaker? {
            Speaker::Client => (want.server, want.client),
            Speaker::Server => (want.client, want.server),
        })
    }

    /// Heap bytes held.
    pub fn memory_bytes(&self) -> usize {
        match &self.talk {
            Talk::Unknown(sniffed) => {
                let held: usize = sniffed.held.iter().map(Vec::capacity).sum();
                size_of::<Sniffed>() + held
            }
            Talk::Known(_, talk) => talk.memory_bytes(),
            Talk::Opaque(_) | Talk::Told(_) => 0,
        }
    }
}

enum Verdict {
    Speaks(&'static Protocol, Speaker),
    Short,
    Nobody,
}

fn sniff(bytes: &[u8], hint: Option<Speaker>) -> Verdict {
    if bytes.is_empty() {
        return Verdict::Nobody;
    }
    let mut short = false;
    for protocol in PROTOCOLS {
        match (protocol.sniff)(bytes, hint) {
            Guess::Mine(who) if hint.is_none_or(|h| h == who) => {
                return Verdict::Speaks(protocol, who);
            }
            Guess::More => short = true,
            Guess::Mine(_) | Guess::NotMine => {}
        }
    }
    if short && bytes.len() < SNIFF_BYTES_MAX {
        Verdict::Short
    } else {
        Verdict::Nobody
    }
}
