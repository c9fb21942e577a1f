//! Frames to requests: which response answers which request, for protocols that answer in order.

use crate::decode::{Facts, Frame, Speaker};
use crate::event::{TcpState, Thread};
use std::collections::VecDeque;

/// Requests of one connection that may wait for their answers.
pub const OPEN_MAX: usize = 512;
/// Chunks of one stream whose places are kept.
pub const CHUNKS_MAX: usize = 8192;

/// `error` of a request whose connection ended without an answer.
const CLOSED: &str = "connection_closed";

/// One request as one end of its connection saw it. Places are offsets in the streams.
#[derive(Clone, Debug, Default)]
pub struct Pending {
    /// First byte of the request.
    pub at: u64,
    /// Just after its last byte.
    pub end: Option<u64>,
    /// First byte of the response.
    pub response_at: Option<u64>,
    /// Just after its last byte.
    pub response_end: Option<u64>,
    /// All that the parsers said.
    pub facts: Facts,
    /// Content chunks of a token stream: (first byte, just after the last).
    pub chunks: Vec<(u64, u64)>,
    /// Content chunks beyond [`CHUNKS_MAX`].
    pub chunks_omitted: u64,
    /// TCP when the request began.
    pub tcp_before: TcpState,
    /// The thread that read last before the response was written.
    pub reader: Thread,
    /// The thread that wrote the response's first bytes.
    pub writer: Thread,
    /// It was asked before the tape that is being replayed began.
    pub before: bool,
    /// It got no answer: its connection ended at this time.
    pub closed_ns: Option<u64>,
}

/// What a connection end knows at the moment frames are applied.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// How far the client's stream was taken.
    pub taken: u64,
    /// TCP's state.
    pub tcp: TcpState,
    /// Who read last.
    pub reader: Thread,
    /// Who wrote last.
    pub writer: Thread,
}

/// Queues kept for the next connection that needs one.
const SPARE_MAX: usize = 64;
/// The longest of them; a longer one was a pipeline's.
const SPARE_LEN_MAX: usize = 4;

/// What a batch of frames did to a connection's requests. Used again for the next batch.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Requests whose response has ended, oldest first.
    pub done: Vec<Pending>,
    /// Requests dropped because the streams lost their way or a bound was reached.
    pub unfinished: u64,
    /// Times a parser lost its place in bytes that were not copied.
    pub cut: u64,
    /// Times it met bytes that it did not understand.
    pub resync: u64,
    /// Empty queues: a connection has one only while it has a request in flight.
    spare: Vec<VecDeque<Pending>>,
}

impl Outcome {
    fn spare(&mut self, queue: VecDeque<Pending>) {
        if self.spare.len() < SPARE_MAX && queue.capacity() <= SPARE_LEN_MAX {
            self.spare.push(queue);
        }
    }
}

/// Requests in flight on one connection end.
#[derive(Debug, Default)]
pub struct Pairer {
    open: VecDeque<Pending>,
    /// A response without a request is passing (its request was before our time).
    orphan: bool,
}

impl Pairer {
    /// A response without a request is passing.
    pub fn orphan(&self) -> bool {
        self.orphan
    }

    /// Goes on where another pairer stood: of the requests then in flight only their number is
    /// known, so they give no records.
    pub fn resume(&mut self, in_flight: u32, answering: bool, orphan: bool) {
        let before = || Pending {
            before: true,
            ..Pending::default()
        };
        self.open = (0..in_flight.min(OPEN_MAX as u32))
            .map(|_| before())
            .collect();
        if let Some(front) = self.open.front_mut().filter(|_| answering) {
            front.response_at = Some(0);
        }
        self.orphan = orphan;
    }

    /// Oldest request in flight.
    pub fn oldest(&self) -> Option<&Pending> {
        self.open.front()
    }

    /// Whether such a request is in flight.
    pub fn any(&self, such: impl Fn(&Pending) -> bool) -> bool {
        self.open.iter().any(such)
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Requests in flight.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Heap bytes held, texts aside.
    pub fn memory_bytes(&self) -> usize {
        self.open.capacity() * size_of::<Pending>()
    }

    /// The peer said all it will say: requests that are complete have no answer.
    pub fn unanswered(&mut self, closed_ns: u64) -> Vec<Pending> {
        let open = std::mem::take(&mut self.open);
        let whole = |p: &Pending| p.end.is_some() && p.response_at.is_none() && !p.before;
        let (mut all, open): (Vec<_>, Vec<_>) = open.into_iter().partition(whole);
        self.open = open.into();
        for one in &mut all {
            one.closed_ns = Some(closed_ns);
            one.facts.error = Some(CLOSED.into());
        }
        all
    }

    /// Applies frames; what they did is added to `outcome`.
    pub fn apply(&mut self, frames: &mut Vec<Frame>, moment: &Moment, outcome: &mut Outcome) {
        for frame in frames.drain(..) {
            self.step(frame, moment, outcome);
        }
    }

    fn step(&mut self, frame: Frame, moment: &Moment, outcome: &mut Outcome) {
        match frame {
            Frame::Request { at, facts } => {
                if self.open.len() == OPEN_MAX {
                    self.open.pop_front();
                    outcome.unfinished += 1;
                }
                let tcp_before = moment.tcp;
                if self.open.capacity() == 0 {
                    // Most connections have one request at a time.
                    self.open = outcome.spare.pop().unwrap_or_default();
                    self.open.reserve_exact(1);
                }
                self.open.push_back(Pending {
                    at,
                    facts,
                    tcp_before,
                    ..Pending::default()
                });
            }
            Frame::RequestFacts(facts) => {
                if let Some(last) = self.open.back_mut() {
                    last.facts.merge(facts);
                }
            }
            Frame::RequestEnd { at } => {
                if let Some(last) = self.open.back_mut() {
                    last.end = Some(at);
                }
            }
            Frame::Response { at, facts } => self.answer(at, facts, moment),
            Frame::ResponseFacts(facts) => {
                if let Some(front) = self.answering() {
                    front.facts.merge(facts);
                }
            }
            Frame::Chunk {
                start,
                end,
                content,
            } => self.chunk(start, end, content),
            Frame::ResponseEnd { at } => self.finish(at, outcome),
            Frame::NoResponse => {
                self.open.pop_front();
            }
            Frame::Tunnel => {}
            Frame::Lost { from, unseen } => self.lose(from, unseen, outcome),
        }
    }

    fn answer(&mut self, at: u64, facts: Facts, moment: &Moment) {
        let next_at = self.open.get(1).map(|next| next.at);
        let Some(front) = self.open.front_mut().filter(|p| p.response_at.is_none()) else {
            self.orphan = true;
            return;
        };
        front.response_at = Some(at);
        front.reader = moment.reader;
        front.writer = moment.writer;
        // Where the request ends in unseen bytes it ends before the next one, or with the last
        // byte that was seen when the answer began.
        front
            .end
            .get_or_insert(next_at.unwrap_or(moment.taken).max(front.at + 1));
        front.facts.merge(facts);
    }

    fn answering(&mut self) -> Option<&mut Pending> {
        if self.orphan {
            return None;
        }
        self.open.front_mut().filter(|p| p.response_at.is_some())
    }

    fn chunk(&mut self, start: u64, end: u64, content: bool) {
        let Some(front) = self.answering().filter(|_| content) else {
            return;
        };
        if front.chunks.len() < CHUNKS_MAX {
            front.chunks.push((start, end));
        } else {
            front.chunks_omitted += 1;
        }
    }

    fn finish(&mut self, at: u64, outcome: &mut Outcome) {
        if std::mem::take(&mut self.orphan) {
            return;
        }
        if self.answering().is_some()
            && let Some(mut done) = self.open.pop_front()
        {
            done.response_end = Some(at);
            if !done.before {
                outcome.done.push(done);
            }
            if self.open.is_empty() {
                // Thousands of idle connections must cost little.
                outcome.spare(std::mem::take(&mut self.open));
            }
        }
    }

    /// A parser lost its place. In the server's stream nobody can tell any more which answer is
    /// whose; in the client's, the requests known so far can still be answered.
    fn lose(&mut self, from: Speaker, unseen: bool, outcome: &mut Outcome) {
        if unseen {
            outcome.cut += 1;
        } else {
            outcome.resync += 1;
        }
        if from == Speaker::Server {
            outcome.unfinished += self.open.len() as u64;
            self.open.clear();
            self.orphan = false;
        }
    }
}
