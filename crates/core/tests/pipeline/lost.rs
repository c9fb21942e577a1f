//! Records that never arrive, or arrive in another order: less is known, nothing is wrong.

use crate::said::Said;
use crate::truth::{Speaks, Talk, Truth};
use crate::world::{At, How, View, World, get};
use forebay_core::decode::Speaker::{Client, Server};
use forebay_core::exchange::record::{Record, Side};
use proptest::prelude::*;
use std::collections::HashMap;

/// Longer than a pipelining connection must be silent to be understood again.
const SILENCE_US: u64 = 1_500_000;

/// A run of everything that can vary.
#[derive(Clone, Debug)]
struct Play {
    speaks: Speaks,
    /// The connections were there before.
    old: bool,
    /// The client asks before it has its answers.
    overlaps: bool,
    /// Each step: bodies that are asked for in one write, and whether it is silent afterwards.
    steps: Vec<(Vec<usize>, bool)>,
    /// Each request in a write of its own.
    apart: bool,
    mss: usize,
    eager: bool,
    shuffled: bool,
    /// Runs of ring records that get lost: first and number.
    lose: Vec<(usize, usize)>,
}

fn play() -> impl Strategy<Value = Play> {
    let speaks = prop_oneof![
        Just(Speaks::Http),
        Just(Speaks::Postgresql),
        Just(Speaks::Redis)
    ];
    let body = prop_oneof![3 => 0usize..100, 1 => 0usize..5000];
    let step = (
        prop::collection::vec(body, 1..4),
        prop::bool::weighted(0.15),
    );
    let run = prop_oneof![2 => 1usize..2, 1 => 1usize..20];
    (
        (speaks, any::<bool>(), any::<bool>()),
        prop::collection::vec(step, 1..9),
        any::<bool>(),
        200usize..9000,
        (any::<bool>(), any::<bool>()),
        prop::collection::vec((0usize..300, run), 0..8),
    )
        .prop_map(
            |((speaks, old, overlaps), steps, apart, mss, (eager, shuffled), lose)| Play {
                speaks,
                old,
                overlaps,
                steps,
                apart,
                mss,
                eager,
                shuffled,
                lose,
            },
        )
}

/// One connection after the other, the last first, and of an end both servers' closing first.
fn other_order(ring: &mut [Said]) {
    let closed = |said: &Said| matches!(said, Said::Close(_));
    ring.sort_by_key(|said| {
        let (connection, server) = ((said.cookie() - 1) / 2, said.cookie() % 2 == 0);
        (
            std::cmp::Reverse(connection),
            closed(said),
            closed(said) && !server,
        )
    });
}

struct Stage {
    world: World,
    talks: Vec<Talk>,
    us: u64,
    apart: bool,
}

impl Stage {
    fn new(play: &Play) -> Self {
        let mut world = World::new();
        (world.mss, world.eager) = (play.mss, play.eager);
        world.shuffle = play.shuffled.then_some(other_order);
        let view = if play.old { View::Old } else { View::New };
        let talks = [0u32, 1].map(|n| {
            let how = How {
                bases: (0xffff_ff00 + n, 1000 + n),
                before: if play.old { (500, 70_000) } else { (0, 0) },
                client: view,
                server: view,
                ..How::default()
            };
            Talk::open(&mut world, play.speaks, u64::from(n) * 7, how)
        });
        Self {
            world,
            talks: talks.into(),
            us: 1000,
            apart: play.apart,
        }
    }

    fn ask(&mut self, n: usize, bodies: &[usize]) {
        let each = if self.apart { 1 } else { bodies.len() };
        for some in bodies.chunks(each) {
            self.us += 40;
            self.talks[n].ask(&mut self.world, self.us, some);
        }
    }

    fn answer(&mut self, n: usize, left: usize) {
        while self.talks[n].waiting() > left {
            self.us += 40;
            self.talks[n].answer(&mut self.world, self.us);
        }
    }

    fn step(&mut self, bodies: &[usize], overlaps: bool) {
        for n in 0..self.talks.len() {
            self.ask(n, bodies);
            // An overlapping client goes on while its last answers are on their way.
            self.answer(n, if overlaps { 1 } else { 0 });
        }
        self.world.drain();
    }

    fn silence(&mut self) {
        for n in 0..self.talks.len() {
            self.answer(n, 0);
        }
        self.us += SILENCE_US;
        self.world.tick(self.us);
    }

    fn end(mut self) -> (Vec<Record>, HashMap<String, Truth>, World) {
        self.silence();
        for talk in &self.talks {
            talk.close(&mut self.world, self.us);
        }
        let records = self.world.end(self.us + 5_000_000);
        let truths = self.talks.into_iter().flat_map(|talk| talk.truths);
        (records, truths.collect(), self.world)
    }
}

/// Plays it. Returns the records and what was to be seen at the end, after all that was lost.
fn run(play: &Play) -> (Vec<Record>, usize, Vec<String>, World) {
    let mut stage = Stage::new(play);
    if play.overlaps {
        // A connection that pipelines is known by it before anything is lost.
        stage.step(&[0], false);
        stage.silence();
        for _ in 0..3 {
            stage.step(&[0, 0], true);
        }
        for n in 0..2 {
            stage.answer(n, 0);
        }
    }
    let from = if play.overlaps { stage.world.said } else { 0 };
    let lose = play.lose.iter().flat_map(|(at, n)| *at..at + n);
    stage.world.lose = lose.map(|at| from + at).collect();
    for (bodies, silent) in &play.steps {
        stage.step(bodies, play.overlaps);
        if *silent {
            stage.silence();
        }
    }
    stage.silence();
    // What comes now is not lost: after two turns everything must be understood again.
    stage.world.lose.clear();
    for _ in 0..2 {
        stage.step(&[3], false);
        stage.us += SILENCE_US;
    }
    let known: Vec<String> = stage
        .talks
        .iter()
        .flat_map(|talk| talk.truths.keys().cloned())
        .collect();
    stage.step(&[3, 4], false);
    stage.us += SILENCE_US;
    stage.step(&[5], false);
    let last = stage.talks.iter().flat_map(|talk| talk.truths.keys());
    let last: Vec<String> = last.filter(|id| !known.contains(id)).cloned().collect();
    let (records, truths, world) = stage.end();
    for record in records.iter().filter(|r| !is_session(r)) {
        let truth = truths.get(&record.wire_id.to_string());
        truth
            .unwrap_or_else(|| panic!("nobody asked: {record:?}"))
            .check(record);
    }
    (records, truths.len(), last, world)
}

fn is_session(record: &Record) -> bool {
    &*record.op == "STARTUP"
}

fn cases(few: u32) -> ProptestConfig {
    let many = std::env::var("FOREBAY_CASES").ok();
    ProptestConfig::with_cases(many.and_then(|n| n.parse().ok()).unwrap_or(few))
}

proptest! {
    #![proptest_config(cases(400))]
    #[test]
    fn whatever_is_lost_no_record_is_wrong(play in play()) {
        let (records, asked, last, world) = run(&play);
        // A socket whose announcement is lost is not seen at all.
        if !world.lost_open {
            for id in &last {
                let seen = records.iter().find(|r| r.wire_id.to_string() == **id);
                prop_assert!(seen.is_some_and(|r| r.side == Side::Both), "{id} {seen:?} {:?}", world.losses);
            }
        }
        let mine = records.iter().filter(|r| !is_session(r)).count();
        prop_assert!(mine == asked || !world.losses.is_empty(), "{mine} of {asked}");
    }

    #[test]
    fn the_order_between_sockets_does_not_matter(play in play()) {
        let of = |shuffled| {
            let (mut records, ..) = run(&Play { lose: Vec::new(), eager: false, shuffled, ..play.clone() });
            records.sort_by_key(|record| record.wire_id);
            records
        };
        let (one, other) = (of(false), of(true));
        prop_assert!(one.iter().all(|r| r.side == Side::Both));
        prop_assert_eq!(one, other);
    }
}

#[test]
fn a_half_whose_other_half_is_lost_still_comes_out() {
    // Records 2.. of the connection; the server's first segment goes.
    let mut world = World::new();
    let conn = world.connect(0, How::default());
    let next = world.said;
    world.lose.insert(next + 1);
    world.say(conn, Client, At::from(0), &get("/a"));
    world.say(conn, Server, At::from(100), &crate::world::ok(3));
    for i in 1..20 {
        world.tick(i * 100_000);
    }
    assert_eq!(world.records.len(), 1);
    assert_eq!(world.records[0].side, Side::Client);
    assert_eq!(world.losses["RingFull"], 1);
}

/// Losses that once gave an answer to the wrong request.
#[test]
fn losses_that_were_paired_wrongly_once() {
    use Speaks::{Http, Postgresql, Redis};
    let run_of =
        |speaks, old, overlaps, apart, mss, steps: &[&[usize]], lose: &[(usize, usize)]| {
            run(&Play {
                speaks,
                old,
                overlaps,
                steps: steps.iter().map(|s| (s.to_vec(), false)).collect(),
                apart,
                mss,
                eager: false,
                shuffled: false,
                lose: lose.to_vec(),
            });
        };
    for apart in [false, true] {
        let (one, three) = (&[0][..], &[0, 0, 0][..]);
        for speaks in [Http, Postgresql, Redis] {
            let lose = [(9, 1), (34, 1), (49, 1)];
            run_of(
                speaks,
                false,
                false,
                apart,
                200,
                &[three, three, one],
                &lose,
            );
            let steps = [three, &[659, 3369, 0], one, one];
            run_of(
                speaks,
                false,
                false,
                apart,
                3404,
                &steps,
                &[(38, 1), (57, 1)],
            );
        }
        // The first of the server's records on a connection that was there before.
        run_of(Http, true, false, apart, 200, &[&[0, 0]], &[(8, 1)]);
        run_of(Http, false, false, apart, 200, &[three], &[(13, 8)]);
        run_of(
            Redis,
            false,
            false,
            apart,
            2909,
            &[&[0, 0], &[0, 1171, 2885]],
            &[(30, 1)],
        );
        let hidden = [one, &[2643, 0, 0], one];
        run_of(Http, false, true, apart, 488, &hidden, &[]);
    }
}
