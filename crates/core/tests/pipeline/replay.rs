//! A recording gives the same requests again, byte for byte.

use crate::world::{At, Bare, How, START_NS, View, World, answer, get, ns};
use forebay_core::decode::Speaker::{Client, Server};
use forebay_core::event::LossReason;
use forebay_core::exchange::record::Record;
use forebay_core::pipeline::{Output, Pipeline};
use forebay_core::tape::Entry;
use proptest::prelude::*;

/// A step of a conversation.
#[derive(Clone, Debug)]
enum Step {
    Ask(usize, u8),
    Answer(usize, usize),
    Chunked(usize),
    UntilClose(usize),
    Nonsense(usize, bool, usize),
    Fin(usize),
    Close(usize),
    Tick(u64),
    Lose,
}

fn step() -> impl Strategy<Value = Step> {
    let conn = 0usize..3;
    prop_oneof![
        6 => (conn.clone(), any::<u8>()).prop_map(|(c, n)| Step::Ask(c, n)),
        6 => (conn.clone(), 0usize..6000).prop_map(|(c, n)| Step::Answer(c, n)),
        1 => conn.clone().prop_map(Step::Chunked),
        1 => conn.clone().prop_map(Step::UntilClose),
        1 => (conn.clone(), any::<bool>(), 1usize..3000).prop_map(|(c, s, n)| Step::Nonsense(c, s, n)),
        1 => conn.clone().prop_map(Step::Fin),
        1 => conn.prop_map(Step::Close),
        2 => (1u64..3_000_000).prop_map(Step::Tick),
        1 => Just(Step::Lose),
    ]
}

struct Play {
    world: World,
    conns: Vec<usize>,
    us: u64,
    tape: Vec<Entry>,
}

impl Play {
    fn new(old: bool, mss: usize) -> Self {
        let mut world = World::new();
        world.mss = mss;
        let client = if old { View::Old } else { View::New };
        let conns = (0..3).map(|n| {
            let bases = (1000 + n, 0xffff_fff0 + n);
            world.connect(
                1,
                How {
                    bases,
                    client,
                    ..How::default()
                },
            )
        });
        let conns = conns.collect();
        Self {
            world,
            conns,
            us: 1000,
            tape: Vec::new(),
        }
    }

    fn play(&mut self, step: &Step) {
        self.us += 100;
        let (at, world) = (At::from(self.us), &mut self.world);
        match step {
            Step::Ask(c, n) => world.say(
                self.conns[*c],
                Client,
                at,
                &get(&format!("/{}", char::from(b'g' + n % 16))),
            ),
            Step::Answer(c, n) => world.say(self.conns[*c], Server, at, &answer(200, *n)),
            Step::Chunked(c) => {
                let bytes =
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
                world.say(self.conns[*c], Server, at, bytes);
            }
            Step::UntilClose(c) => {
                let bytes = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end";
                world.write(self.conns[*c], Server, at.0, bytes);
                world.leave(self.conns[*c], Server, at.1);
                world.arrive(self.conns[*c], Client, at.2);
                world.fin(self.conns[*c], Client, at.2);
                world.read(self.conns[*c], Client, at.3);
            }
            Step::Nonsense(c, server, n) => {
                let from = if *server { Server } else { Client };
                world.say(self.conns[*c], from, at, &vec![0xee; *n]);
            }
            Step::Fin(c) => world.fin(self.conns[*c], Client, at.0),
            Step::Close(c) => {
                world.close(self.conns[*c], at.0);
                let base = self.us as u32;
                self.conns[*c] = world.connect(
                    self.us + 10,
                    How {
                        bases: (base, !base),
                        ..How::default()
                    },
                );
            }
            Step::Tick(us) => {
                self.us += us;
                world.tick(self.us);
            }
            Step::Lose => {
                world.lose.insert(world.said + 1);
            }
        }
        self.tape
            .extend(self.world.pipeline.take_tape().unwrap_or_default());
    }

    fn end(mut self) -> (Vec<Record>, Vec<Entry>) {
        let records = self.world.end(self.us + 1_000_000);
        self.tape
            .extend(self.world.pipeline.take_tape().unwrap_or_default());
        (records, self.tape)
    }
}

/// What a tape gives after the way to a file and back.
fn replayed(tape: &[Entry]) -> Vec<String> {
    let mut pipeline = Pipeline::new(Box::new(Bare));
    for entry in tape {
        let bytes = postcard::to_stdvec(entry).unwrap();
        pipeline.replay(postcard::from_bytes(&bytes).unwrap());
    }
    let mut outputs = Vec::new();
    pipeline.take_outputs(&mut outputs);
    let lines = outputs.iter().filter_map(|output| match output {
        Output::Record(record) => Some(serde_json::to_string(record).unwrap()),
        Output::Lost { .. } => None,
    });
    lines.collect()
}

fn lines(records: &[Record]) -> Vec<String> {
    records
        .iter()
        .map(|r| serde_json::to_string(r).unwrap())
        .collect()
}

/// The records that began at `start_ns` or later.
fn later(mut lines: Vec<String>, start_ns: u64) -> Vec<String> {
    lines.retain(|line| {
        let record: Record = serde_json::from_str(line).unwrap();
        record.ts.0 >= start_ns
    });
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn from_the_beginning_it_is_identical(
        steps in prop::collection::vec(step(), 1..60), old: bool, payload: bool, mss in 300usize..9000,
    ) {
        let mut play = Play::new(old, mss);
        // Nothing has happened yet but the opening, which a tape repeats.
        play.world.pipeline.start_tape(payload);
        for step in &steps {
            play.play(step);
        }
        let (records, tape) = play.end();
        prop_assert_eq!(replayed(&tape), lines(&records));
    }

    #[test]
    fn from_the_middle_it_is_identical_for_what_began_later(
        before in prop::collection::vec(step(), 1..40), after in prop::collection::vec(step(), 1..40),
        old: bool, payload: bool, mss in 300usize..9000,
    ) {
        let mut play = Play::new(old, mss);
        for step in &before {
            play.play(step);
        }
        play.us += 1000;
        let start_ns = ns(play.us);
        play.world.pipeline.start_tape(payload);
        for step in &after {
            play.play(step);
        }
        let (records, tape) = play.end();
        prop_assert_eq!(later(replayed(&tape), start_ns), later(lines(&records), start_ns));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn behind_a_hole_it_is_identical_for_what_began_later(
        before in prop::collection::vec(step(), 1..30), hole in prop::collection::vec(step(), 1..30),
        after in prop::collection::vec(step(), 1..30), old: bool, payload: bool, mss in 300usize..9000,
    ) {
        let mut play = Play::new(old, mss);
        let whole = |step: &&Step| !matches!(step, Step::Lose);
        play.world.pipeline.start_tape(payload);
        for step in before.iter().filter(whole) {
            play.play(step);
        }
        let good = play.tape.len();
        for step in hole.iter().filter(whole) {
            play.play(step);
        }
        play.us += 1000;
        let (start_ns, missed) = (ns(play.us), (play.tape.len() - good) as u64);
        play.tape.truncate(good);
        play.tape.push(Entry::Lost(missed, LossReason::SlowRecording, start_ns));
        play.world.pipeline.restart_tape();
        for step in after.iter().filter(whole) {
            play.play(step);
        }
        let (records, tape) = play.end();
        prop_assert_eq!(later(replayed(&tape), start_ns), later(lines(&records), start_ns));
    }
}

#[test]
fn a_recording_tells_of_a_connection_when_it_is_heard_of() {
    let mut world = World::new();
    let conns = world.connect_many(200);
    world.pipeline.start_tape(false);
    assert_eq!(
        world.pipeline.waiting_entries(),
        0,
        "not all of them at once"
    );
    world.say(conns[7], Client, At::from(1000), &get("/"));
    world.say(conns[7], Server, At::from(1100), &answer(200, 5));
    let tape = world.pipeline.take_tape().unwrap();
    let opened = tape.iter().filter(|entry| matches!(entry, Entry::Open(_)));
    assert_eq!(opened.count(), 2);
    assert_eq!(replayed(&tape), lines(&world.records));
}

#[test]
fn without_payload_no_byte_of_a_message_is_kept() {
    for payload in [false, true] {
        let mut play = Play::new(false, 9000);
        play.world.pipeline.start_tape(payload);
        let conn = play.conns[0];
        let request = b"GET /a?key=SECRET-q HTTP/1.1\r\nAuthorization: SECRET-h\r\n\r\n";
        play.world.say(conn, Client, At::from(2000), request);
        let body = b"HTTP/1.1 200 OK\r\nSet-Cookie: SECRET-c\r\nContent-Length: 8\r\n\r\nSECRET-b";
        play.world.say(conn, Server, At::from(3000), body);
        play.world.pipeline.lost(1, LossReason::RingFull, START_NS);
        let (records, tape) = play.end();
        assert_eq!((records.len(), &*records[0].op), (1, "GET /a"));
        let bytes = postcard::to_stdvec(&tape).unwrap();
        let found = bytes.windows(6).any(|window| window == b"SECRET");
        assert_eq!(found, payload);
    }
}
