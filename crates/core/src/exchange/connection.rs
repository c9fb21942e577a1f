//! One end of one connection: decodes it, times it, and hands out what it saw of each request.

use super::pair::{Moment, Outcome, Pairer, Pending};
use super::timeline::{ENTRIES_KEPT, Timeline};
use crate::decode::connection::{Decoder, Run};
use crate::decode::{Frame, Report, Speaker};
use crate::event::{Direction, End, Mark, Open, Segment};
use crate::tape::Told;

mod ends;
mod half;
mod order;
mod resume;
mod turns;

pub use half::HalfExchange;
pub use order::Order;

/// One end of one connection.
pub struct Connection {
    /// How it was announced.
    pub open: Open,
    decoder: Decoder,
    /// Of the bytes received and sent.
    timelines: [Timeline; 2],
    /// Just after the last byte whose times are known, by direction.
    timed: [u64; 2],
    pairer: Pairer,
    waiting: Vec<Pending>,
    moment: Moment,
    /// Where the peer's FIN stands in the incoming stream.
    fin: Option<u64>,
    /// The same, once all bytes in front of it are read.
    fin_reached: Option<u64>,
    /// When anything happened last.
    pub last_ns: u64,
    ordered: Option<(Report, Report)>,
    /// It was there when the running recording, or the part of it behind its last hole, began.
    pub resumed: bool,
    turns: u32,
    /// Turns the kernel has counted, by direction.
    kernel_turns: [u16; 2],
    /// Which direction moved last.
    moved: Option<Direction>,
}

impl Connection {
    /// A connection end as announced.
    pub fn new(open: Open) -> Self {
        let speaker = match open.end {
            End::Client => Some(Speaker::Client),
            End::Server => Some(Speaker::Server),
            End::Unknown => None,
        };
        Self {
            decoder: Decoder::new(speaker, open.old),
            timelines: Default::default(),
            timed: [0; 2],
            pairer: Pairer::default(),
            waiting: Vec::new(),
            moment: Moment::default(),
            fin: None,
            fin_reached: None,
            last_ns: open.at_ns,
            ordered: None,
            resumed: false,
            turns: 0,
            kernel_turns: [0; 2],
            moved: None,
            open,
        }
    }

    /// Which end it is, once known.
    pub fn speaker(&self) -> Option<Speaker> {
        self.decoder.speaker()
    }

    /// First sequence numbers of the client's and the server's stream: the same at both ends.
    pub fn bases(&self) -> Option<(u32, u32)> {
        let open = &self.open;
        let out = open.out_base.wrapping_add(u32::from(self.counts_syn()));
        Some(match self.speaker()? {
            Speaker::Client => (out, open.in_base),
            Speaker::Server => (open.in_base, out),
        })
    }

    /// Whether places in the outgoing stream count from one byte too early: the kernel half can't
    /// tell a client from a server on old connections (see `out_base` there).
    fn counts_syn(&self) -> bool {
        self.open.end == End::Unknown && self.speaker() == Some(Speaker::Client)
    }

    /// Place of a request as both ends count it.
    fn common_place(&self, at: u64) -> u64 {
        at.wrapping_sub(u64::from(self.counts_syn()))
    }

    /// Name of what it speaks, once known.
    pub fn protocol(&self) -> Option<&'static str> {
        self.decoder.protocol()
    }

    /// Whether a request that began at this place is still under way here.
    pub fn is_at_work_on(&self, at: u64) -> bool {
        let at = at.wrapping_add(u64::from(self.counts_syn()));
        // An end that joined later counts from another place, but modulo 2³² it is the same.
        let same = |pending: &Pending| pending.at as u32 == at as u32;
        self.pairer.any(same) || self.waiting.iter().any(same)
    }

    /// Whether a response is passing: its end may lie in what the kernel has not reported yet.
    pub fn is_answering(&self) -> bool {
        !self.waiting.is_empty()
            || self
                .pairer
                .oldest()
                .is_some_and(|p| p.response_at.is_some())
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.pairer.len() + self.waiting.len()
    }

    /// Ends what only silence can end: a response nobody understands.
    pub fn silent(&mut self, frames: &mut Vec<Frame>) {
        if self.protocol() == Some(crate::decode::raw::NAME) {
            let outgoing = self.speaker() == Some(Speaker::Server);
            self.decoder.end(outgoing, frames);
        }
    }

    /// Place of a sequence number in the stream: 64 bits, by the nearest to where the stream stands.
    fn place(&self, direction: Direction, seq: u32) -> u64 {
        let base = match direction {
            Direction::In => self.open.in_base,
            Direction::Out => self.open.out_base,
        };
        // Place 0 is where a connection opened; who joined later is somewhere behind it.
        let start = if self.open.old { 1 << 32 } else { 0 };
        let near = self.timed[direction as usize].max(start);
        let low = seq.wrapping_sub(base);
        let ahead = low.wrapping_sub(near as u32) as i32;
        near.checked_add_signed(i64::from(ahead))
            .unwrap_or(near + u64::from(low))
    }

    /// A time of a byte that no segment tells.
    pub fn mark(&mut self, mark: &Mark) {
        let place = self.place(mark.direction, mark.seq);
        let line = &mut self.timelines[mark.direction as usize];
        match mark.direction {
            Direction::In => line.net.add(place, mark.at_ns),
            Direction::Out => line.app.add(place, mark.at_ns),
        }
    }

    /// Takes a segment's times and bytes; what its parser found is added to `frames`.
    pub fn decode(&mut self, segment: &Segment<'_>, frames: &mut Vec<Frame>) {
        let run = self.run(segment);
        self.decoder.feed(&run, frames);
        if self.fin.is_some() {
            self.end_at_fin(frames);
        }
    }

    /// Takes a segment whose bytes another decoder has read.
    pub fn told(&mut self, segment: &Segment<'_>, told: &Told) {
        let run = self.run(segment);
        self.decoder
            .told(&run, told.speaker, told.protocol.as_deref());
        if self.fin.is_some() {
            // What its parser made of that is among what was told.
            self.end_at_fin(&mut Vec::new());
        }
    }

    /// What the decoder knows, with frames it just found.
    pub fn tell(&self, frames: &[Frame]) -> Told {
        Told {
            frames: frames.to_vec(),
            speaker: self.speaker(),
            protocol: self.protocol().map(Into::into),
        }
    }

    /// Takes over who speaks and what.
    pub fn know(&mut self, told: &Told) {
        self.decoder.know(told.speaker, told.protocol.as_deref());
    }

    fn run<'a>(&mut self, segment: &Segment<'a>) -> Run<'a> {
        let offset = self.place(segment.direction, segment.seq);
        let quiet = self.is_quiet_before(segment);
        let missed = self.missed_before(segment);
        self.last_ns = segment.app_last_ns.max(segment.net_last_ns);
        self.turns = self.turns.saturating_add(u32::from(segment.turn));
        if segment.tcp.min_rtt_us != 0 {
            self.moment.tcp = segment.tcp;
        }
        if !segment.bytes_only {
            self.time(segment, offset);
        }
        match segment.direction {
            Direction::In => self.moment.reader = segment.thread,
            Direction::Out => self.moment.writer = segment.thread,
        }
        Run {
            outgoing: segment.direction == Direction::Out,
            offset,
            len: u64::from(segment.len),
            head: segment.head,
            tail: segment.tail,
            turn: segment.turn,
            missed,
            quiet,
        }
    }

    fn time(&mut self, segment: &Segment<'_>, offset: u64) {
        let side = segment.direction as usize;
        let line = &mut self.timelines[side];
        let end = offset + u64::from(segment.len);
        let first = offset >= self.timed[side] || self.timed[side] == 0;
        let last = end - 1;
        let (near, far) = match segment.direction {
            Direction::In => (&mut line.app, &mut line.net),
            Direction::Out => (&mut line.net, &mut line.app),
        };
        let (near_ns, near_last_ns, far_ns, far_last_ns) = match segment.direction {
            Direction::In => (
                segment.app_ns,
                segment.app_last_ns,
                segment.net_ns,
                segment.net_last_ns,
            ),
            Direction::Out => (
                segment.net_ns,
                segment.net_last_ns,
                segment.app_ns,
                segment.app_last_ns,
            ),
        };
        if first {
            if offset > self.timed[side] && (self.timed[side] != 0 || !self.open.old) {
                // Never reported: nobody knows when they passed.
                near.add(self.timed[side], 0);
                far.add(self.timed[side], 0);
            }
            near.add(offset, near_ns);
            // Nobody told when these bytes came to the far point: no later than to the near one.
            if far_ns != 0 || far.is_empty() {
                far.add(offset, if far_ns != 0 { far_ns } else { near_ns });
            }
        }
        if near_last_ns != near_ns {
            near.add(last, near_last_ns);
        }
        if far_last_ns != far_ns && far_last_ns != 0 && last > offset {
            far.add(last, far_last_ns);
        }
        self.timed[side] = self.timed[side].max(end);
    }

    /// Applies what the parser found to the requests in flight; what that did is added to
    /// `outcome`.
    pub fn pair(&mut self, frames: &mut Vec<Frame>, outcome: &mut Outcome) {
        let outgoing = self.speaker() == Some(Speaker::Client);
        self.moment.taken = self.decoder.taken(outgoing).unwrap_or(0);
        self.pairer.apply(frames, &self.moment, outcome);
    }

    /// Whether the times of a finished request are all there yet.
    pub fn is_timed(&self, pending: &Pending) -> bool {
        if pending.closed_ns.is_some() {
            return true;
        }
        let side = usize::from(self.speaker() == Some(Speaker::Server));
        pending
            .response_end
            .is_some_and(|end| self.timed[side] >= end)
    }

    /// Keeps finished requests whose times are still on their way.
    pub fn wait(&mut self, pending: Pending) {
        if self.waiting.len() < super::pair::OPEN_MAX {
            if self.waiting.capacity() == 0 {
                // Mostly it is one.
                self.waiting.reserve_exact(1);
            }
            self.waiting.push(pending);
        }
    }

    /// Takes back those whose times have come.
    pub fn timed(&mut self) -> Vec<Pending> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let waiting = std::mem::take(&mut self.waiting);
        let (ready, waiting): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|pending| self.is_timed(pending));
        self.waiting = waiting;
        ready
    }

    /// Forgets times that no request in flight needs. `settled`: just after the last finished request
    /// and its response; what lies behind may be the first pieces of a message not known yet.
    pub fn forget(&mut self, settled: Option<(u64, u64)>) {
        let oldest = self.waiting.first().or_else(|| self.pairer.oldest());
        let (ask, answer) = match self.speaker() {
            Some(Speaker::Client) => (1, 0),
            _ => (0, 1),
        };
        let (asked, answered) = match (oldest, settled) {
            (Some(oldest), _) => (Some(oldest.at), oldest.response_at),
            (None, Some((asked, answered))) => (Some(asked), Some(answered)),
            (None, None) => (None, None),
        };
        for (side, known) in [(ask, asked), (answer, answered)] {
            let timed = self.timed[side];
            let (from, least) = known.map_or((timed, ENTRIES_KEPT), |known| (known.min(timed), 1));
            self.timelines[side].forget_before(from, least);
        }
    }

    /// Heap bytes held.
    pub fn memory_bytes(&self) -> usize {
        let times: usize = self.timelines.iter().map(Timeline::memory_bytes).sum();
        let waiting = self.waiting.capacity() * size_of::<Pending>();
        self.decoder.memory_bytes() + self.pairer.memory_bytes() + waiting + times
    }
}
