//! Any events in any order: no panic, and phases that add up.
#![no_main]

use arbitrary::Arbitrary;
use forebay_core::event::{Close, Direction, End, Event, LossReason, Mark, Open, Segment, TcpState, Thread};
use forebay_core::exchange::join::WallClock;
use forebay_core::pipeline::{Output, Pipeline};
use libfuzzer_sys::fuzz_target;

struct Bare;

impl WallClock for Bare {
    fn unix_ns(&self, monotonic_ns: u64) -> u64 {
        monotonic_ns
    }
}

#[derive(Arbitrary, Debug)]
enum Step {
    Open { socket: u8, end: u8, old: bool, bases: (u32, u32) },
    Segment { socket: u8, out: bool, seq: u32, unseen: u32, times: [u32; 4], turn: bool, turns: u16, only: bool, head: Vec<u8>, tail: Vec<u8> },
    Mark { socket: u8, out: bool, seq: u32, at: u32 },
    Close { socket: u8, at: u32, half: bool, fin_seq: u32 },
    Tick(u32),
    Tape(bool),
    Lost(u8),
}

const START_NS: u64 = 1 << 40;

fn direction(out: bool) -> Direction {
    if out { Direction::Out } else { Direction::In }
}

fuzz_target!(|steps: Vec<Step>| {
    let mut pipeline = Pipeline::new(Box::new(Bare));
    let at = |at: u32| START_NS + u64::from(at);
    for step in &steps {
        match step {
            Step::Open { socket, end, old, bases } => pipeline.event(Event::Open(Open {
                cookie: u64::from(socket % 6),
                at_ns: START_NS,
                local: ([10, 0, 0, 1], 1).into(),
                peer: ([10, 0, 0, 2], 2).into(),
                netns: 1,
                cgroup: 0,
                end: [End::Client, End::Server, End::Unknown][usize::from(end % 3)],
                out_base: bases.0,
                in_base: bases.1,
                old: *old,
            })),
            Step::Segment { socket, out, seq, unseen, times, turn, turns, only, head, tail } => {
                pipeline.event(Event::Segment(Segment {
                    cookie: u64::from(socket % 6),
                    direction: direction(*out),
                    seq: *seq,
                    len: (head.len() as u32).saturating_add(*unseen),
                    app_ns: at(times[0]),
                    app_last_ns: at(times[1]),
                    net_ns: at(times[2]),
                    net_last_ns: at(times[3]),
                    turn: *turn,
                    turns: *turns,
                    bytes_only: *only,
                    head,
                    tail: &tail[..tail.len().min(8).min(*unseen as usize)],
                    tcp: TcpState::default(),
                    thread: Thread::default(),
                }));
            }
            Step::Mark { socket, out, seq, at: when } => pipeline.event(Event::Mark(Mark {
                cookie: u64::from(socket % 6),
                direction: direction(*out),
                seq: *seq,
                at_ns: at(*when),
            })),
            Step::Close { socket, at: when, half, fin_seq } => pipeline.event(Event::Close(Close {
                cookie: u64::from(socket % 6),
                at_ns: at(*when),
                half: *half,
                fin_seq: *fin_seq,
                tcp: TcpState::default(),
            })),
            Step::Tick(when) => drop(pipeline.tick(at(*when))),
            Step::Tape(payload) => pipeline.start_tape(*payload),
            Step::Lost(count) => pipeline.lost(u64::from(*count), LossReason::RingFull, START_NS),
        }
    }
    pipeline.finish_all(START_NS * 2);
    let mut outputs = Vec::new();
    pipeline.take_outputs(&mut outputs);
    for output in &outputs {
        if let Output::Record(record) = output {
            assert_eq!(record.phases_ns.total(), record.duration_ns);
        }
    }
});
