//! However little of a conversation is copied, an answer is never told of another's request.

use forebay_core::decode::protocols::PROTOCOLS;
use forebay_core::decode::{Conversation, Frame, Piece, Report, Speaker};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

/// A request and its answer as bytes.
type Exchange = (Vec<u8>, Vec<u8>);

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend((body.len() as u32 + 4).to_be_bytes());
    out.extend(body);
    out
}

fn postgresql(kind: u8, ask: usize, answer: usize) -> Exchange {
    let row = message(b'D', &[&[0, 1, 0, 0, 0, 20][..], &[b'x'; 20]].concat());
    let mut reply = row.repeat(answer / 20);
    reply.extend(message(b'C', b"SELECT 1\0"));
    reply.extend(message(b'Z', b"I"));
    let request = if kind == 0 {
        message(
            b'Q',
            format!("select {}\0", "1,".repeat(ask / 2)).as_bytes(),
        )
    } else {
        let bind = [
            &b"\0\0\0\0\0\x01"[..],
            &(ask as u32).to_be_bytes(),
            &vec![b'v'; ask],
            &[0, 0],
        ]
        .concat();
        let parts = [
            (b'P', b"\0select $1\0\0\0".to_vec()),
            (b'B', bind),
            (b'E', vec![0; 5]),
            (b'S', vec![]),
        ];
        parts
            .iter()
            .flat_map(|(kind, body)| message(*kind, body))
            .collect()
    };
    (request, reply)
}

fn redis(kind: u8, ask: usize, answer: usize) -> Exchange {
    let value = |n: usize| format!("${n}\r\n{}\r\n", "v".repeat(n));
    match kind {
        0 => (
            format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n{}", value(ask)).into(),
            b"+OK\r\n".to_vec(),
        ),
        1 => (
            b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n".to_vec(),
            value(answer).into(),
        ),
        2 => (
            format!(
                "*5\r\n$3\r\nSET\r\n$1\r\nk\r\n{}$2\r\nEX\r\n$1\r\n9\r\n",
                value(ask)
            )
            .into(),
            b"+OK\r\n".to_vec(),
        ),
        _ => (
            b"*4\r\n$6\r\nLRANGE\r\n$1\r\nl\r\n$1\r\n0\r\n$1\r\n9\r\n".to_vec(),
            format!("*{}\r\n{}", answer / 20, value(12).repeat(answer / 20)).into(),
        ),
    }
}

/// Pairs frames: an answer belongs to the oldest request that has none.
#[derive(Default)]
struct Pairs {
    open: VecDeque<u64>,
    answers: BTreeMap<u64, (u64, Option<u64>)>,
    now: Option<u64>,
}

impl Pairs {
    fn take(&mut self, frame: &Frame) {
        match frame {
            Frame::Request { at, .. } => self.open.push_back(*at),
            Frame::Response { at, .. } => {
                self.now = self.open.pop_front();
                self.now
                    .map(|request| self.answers.insert(request, (*at, None)));
            }
            Frame::ResponseEnd { at } => {
                if let Some(answer) = self.now.take().and_then(|r| self.answers.get_mut(&r)) {
                    answer.1 = Some(*at);
                }
            }
            Frame::NoResponse => drop(self.open.pop_front()),
            Frame::Lost {
                from: Speaker::Server,
                ..
            } => {
                self.open.clear();
                self.now.take().map(|request| self.answers.remove(&request));
            }
            _ => {}
        }
    }
}

/// A connection of which the kernel copies what the parser wants, at most `most` bytes a turn.
struct Wire {
    parser: Box<dyn Conversation>,
    said: [u64; 2],
    last: Option<Speaker>,
    budget: usize,
    most: usize,
    pairs: Pairs,
}

impl Wire {
    fn say(&mut self, from: Speaker, data: &[u8], write: usize) {
        for part in data.chunks(write) {
            let turn = self.last != Some(from);
            let want = self.parser.want();
            let report = if from == Speaker::Client {
                want.client
            } else {
                want.server
            };
            if let (true, Report::Turns { head_bytes }) = (turn, report) {
                self.budget = self.most.min(head_bytes.into());
            }
            self.last = Some(from);
            let seen = &part[..part.len().min(self.budget)];
            self.budget -= seen.len();
            let tail = if seen.len() < part.len() {
                &part[part.len().saturating_sub(8)..]
            } else {
                &[]
            };
            let offset = &mut self.said[usize::from(from == Speaker::Server)];
            let piece = Piece {
                from,
                offset: *offset,
                len: part.len() as u64,
                data: seen,
                tail,
                turn,
            };
            *offset += part.len() as u64;
            let mut frames = Vec::new();
            self.parser.feed(&piece, &mut frames);
            frames.iter().for_each(|frame| self.pairs.take(frame));
        }
    }
}

/// Rounds of exchanges, each asked at once and answered at once, then half a dozen single ones.
fn check(protocol: &str, rounds: &[Vec<Exchange>], last: &Exchange, write: usize, most: usize) {
    let Some(protocol) = PROTOCOLS.iter().find(|p| p.name == protocol) else {
        panic!("{protocol} is not in the table");
    };
    let mut wire = Wire {
        parser: (protocol.open)(),
        said: [1000, 1000],
        last: None,
        budget: 0,
        most,
        pairs: Pairs::default(),
    };
    let mut truth = BTreeMap::new();
    let singles = std::iter::repeat_n(vec![last.clone()], 6);
    let mut last_at = 0;
    for round in rounds.iter().cloned().chain(singles) {
        let (mut c, mut s) = (wire.said[0], wire.said[1]);
        for (ask, answer) in &round {
            last_at = c;
            truth.insert(c, (s, s + answer.len() as u64));
            c += ask.len() as u64;
            s += answer.len() as u64;
        }
        let (asks, answers): (Vec<_>, Vec<_>) = round.into_iter().unzip();
        wire.say(Speaker::Client, &asks.concat(), write);
        wire.say(Speaker::Server, &answers.concat(), write);
    }
    for (request, (at, end)) in &wire.pairs.answers {
        let (true_at, true_end) = truth[request];
        assert_eq!(*at, true_at, "request at {request}");
        // The unseen rest of a request may be followed by others: their answers, unseen too, then
        // count as its own. Taking it for several would lose every request with a large vector.
        let end = end.unwrap_or(true_end);
        assert!(
            end >= true_end,
            "request at {request}: {end}, not {true_end}"
        );
    }
    assert!(
        wire.pairs.answers.contains_key(&last_at),
        "never found its place again"
    );
}

fn rounds(kinds: u8) -> impl Strategy<Value = Vec<Vec<(u8, usize, usize)>>> {
    let one = (0..kinds, 0usize..700, 0usize..900);
    prop::collection::vec(prop::collection::vec(one, 1..6), 1..6)
}

proptest! {
    #[test]
    fn postgresql_answers_are_their_requests(rounds in rounds(2), write in 50usize..3000, most in 64usize..4096) {
        let make = |&(kind, ask, answer): &(u8, usize, usize)| postgresql(kind, ask, answer);
        let rounds: Vec<Vec<_>> = rounds.iter().map(|round| round.iter().map(make).collect()).collect();
        check("postgresql", &rounds, &postgresql(0, 2, 0), write, most);
    }

    #[test]
    fn redis_answers_are_their_requests(rounds in rounds(4), write in 50usize..3000, most in 64usize..4096) {
        let make = |&(kind, ask, answer): &(u8, usize, usize)| redis(kind, ask, answer);
        let rounds: Vec<Vec<_>> = rounds.iter().map(|round| round.iter().map(make).collect()).collect();
        check("redis", &rounds, &redis(1, 0, 9), write, most);
    }
}
