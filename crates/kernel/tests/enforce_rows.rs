//! The kernel's programs say what the evaluator says: random policies, judged by the hooks' own code.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../core/tests/worlds/mod.rs"]
mod worlds;

use forebay_core::policy::table::{Answer, BROKEN, DENY};
use forebay_core::policy::{Direction, Flow, Judge, Settings, Table, Who};
use forebay_kernel::{Enforce, EnforceError, Question};
use std::time::Instant;
use worlds::{Cluster, PORTS, PROTOCOLS, Random, address, cluster};

const CLUSTERS: u64 = 150;
const FLOWS: usize = 400;

/// Each side's question, with whether the evaluator lets it pass.
fn questions(
    random: &mut Random,
    judge: &Judge<'_>,
    table: &Table,
    cluster: &Cluster,
) -> Vec<(Question, bool)> {
    let mut all = Vec::new();
    let owned = cluster.world.workloads.iter();
    let known: Vec<_> = owned.flat_map(|one| one.addresses.clone()).collect();
    let pick = |random: &mut Random| match known.len() {
        0 => address(random),
        _ if random.one_in(4) => address(random),
        count => known[random.below(count)],
    };
    for _ in 0..FLOWS {
        let flow = Flow {
            from: cluster.world.at(pick(random)),
            to: cluster.world.at(pick(random)),
            protocol: random.of(&PROTOCOLS),
            port: random.of(&PORTS),
        };
        let verdict = judge.judge(&flow);
        for (one, other, side) in [
            (flow.from, flow.to, verdict.egress),
            (flow.to, flow.from, verdict.ingress),
        ] {
            let (Who::Workload(one), Some(peer)) = (one.who, other.address) else {
                continue;
            };
            let question = Question {
                workload: table.workload(&one.namespace, &one.name).unwrap(),
                direction: side.direction,
                peer,
                protocol: flow.protocol,
                port: flow.port,
            };
            all.push((question, side.allowed));
        }
    }
    all
}

#[test]
fn the_kernel_says_what_the_evaluator_says() {
    let mut enforce = Enforce::load().unwrap();
    let off: Vec<_> = enforce.table().iter().filter(|f| !f.active).collect();
    assert!(off.is_empty(), "{off:#?}");
    let (mut sides, mut refused) = (0, 0);
    for seed in 1_000_000..1_000_000 + CLUSTERS {
        let mut random = Random::new(seed);
        let cluster = cluster(&mut random);
        let settings = Settings {
            node_local_egress: random.one_in(2),
        };
        let judge = Judge::new(
            &cluster.policies,
            &cluster.world,
            &cluster.answers,
            settings,
        );
        let table = Table::compile(&judge, None);
        let installed = enforce.install(&table, &[]).unwrap();
        assert_eq!(installed.revision, enforce.revision());
        let asked = questions(&mut random, &judge, &table, &cluster);
        let only: Vec<Question> = asked.iter().map(|(question, _)| *question).collect();
        let answers = enforce.judge(&only).unwrap();
        for ((question, allowed), answer) in asked.iter().zip(&answers) {
            let q = question;
            let expected = table.judge(q.workload, q.direction, q.peer, q.protocol, q.port);
            assert_eq!(
                (answer.allowed, *answer),
                (*allowed, expected),
                "{seed} {q:?}"
            );
            refused += usize::from(!allowed);
        }
        sides += answers.len();
    }
    println!("{sides} sides, {refused} refused");
    assert!(
        sides > 50_000 && refused > sides / 10,
        "{sides} sides, {refused} refused"
    );
}

#[test]
fn without_tables_nobody_is_policed() {
    let mut enforce = Enforce::load().unwrap();
    let question = Question {
        workload: 1,
        direction: Direction::Egress,
        peer: "10.0.0.1".parse().unwrap(),
        protocol: PROTOCOLS[0],
        port: 80,
    };
    let answers = enforce.judge(&[question]).unwrap();
    assert!(answers[0].allowed);
    assert_ne!(answers[0], Answer::of(DENY | BROKEN));
    assert!(matches!(enforce.bind(1, 1), Err(EnforceError::NoTables)));
}

#[test]
fn what_does_not_fit_leaves_the_old_tables_in_force() {
    let mut enforce = Enforce::load().unwrap();
    let compile = |workloads, policies| {
        let (world, policies) = worlds::large::cluster(workloads, policies, 1);
        let answers = world.host_answers();
        let judge = Judge::new(&policies, &world, &answers, Settings::default());
        Table::compile(&judge, None)
    };
    let (good, huge) = (compile(30, 3), compile((1 << 16) + 1, 1));
    let installed = enforce.install(&good, &[]).unwrap();
    assert!(installed.fills.iter().all(|fill| !fill.is_nearly_full()));
    let question = |port| Question {
        workload: 1,
        direction: Direction::Ingress,
        peer: "10.0.0.1".parse().unwrap(),
        protocol: PROTOCOLS[0],
        port,
    };
    let before = enforce.judge(&[question(8000), question(9000)]).unwrap();
    assert!(before[0].allowed && !before[1].allowed, "{before:?}");
    let error = enforce.install(&huge, &[]).unwrap_err();
    let EnforceError::TooLarge {
        map: "subjects", ..
    } = error
    else {
        panic!("{error}");
    };
    assert!(error.to_string().contains("stays so"), "{error}");
    assert_eq!(enforce.revision(), installed.revision);
    assert_eq!(
        enforce.judge(&[question(8000), question(9000)]).unwrap(),
        before
    );
    let nearly = compile(46_000, 1);
    let fills = enforce.install(&nearly, &[]).unwrap().fills;
    let full: Vec<_> = fills.iter().filter(|fill| fill.is_nearly_full()).collect();
    assert_eq!(full.len(), 1, "{fills:?}");
}

/// Ten thousand workloads under a thousand policies, and a hundred thousand addresses. Prints figures:
/// `cargo test -p forebay-kernel --features kernel --test enforce_rows -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn figures_of_size() {
    for (workloads, policies, addresses) in [(100, 10, 1), (10_000, 1000, 1), (10_000, 1000, 10)] {
        let (world, policies) = worlds::large::cluster(workloads, policies, addresses);
        let answers = world.host_answers();
        let judge = Judge::new(&policies, &world, &answers, Settings::default());
        let begun = Instant::now();
        // A node has a hundred of them.
        let table = Table::compile(&judge, Some("n0"));
        let compiled = begun.elapsed();
        let mut enforce = Enforce::load().unwrap();
        let begun = Instant::now();
        let installed = enforce.install(&table, &[]).unwrap();
        let put = begun.elapsed();
        let mut random = Random::new(1);
        let subjects: Vec<u32> = table.subjects.keys().copied().collect();
        let question = |_| Question {
            workload: random.of(&subjects),
            direction: random.of(&[Direction::Egress, Direction::Ingress]),
            peer: world.workloads[random.below(world.workloads.len())].addresses[0],
            protocol: random.of(&PROTOCOLS),
            port: random.of(&PORTS),
        };
        let questions: Vec<Question> = (0..4096).map(question).collect();
        enforce.judge(&questions).unwrap();
        let best = (0..20).map(|_| enforce.rejudge().unwrap()).min().unwrap();
        println!(
            "{workloads} workloads, {} policies, {} addresses: {} classes; compiled in {compiled:?}, put in force \
             in {put:?}; {:.0} ns a verdict; {:?}",
            policies.all.len(),
            world
                .workloads
                .iter()
                .map(|one| one.addresses.len())
                .sum::<usize>(),
            table.classes,
            best.as_nanos() as f64 / questions.len() as f64,
            installed.fills
        );
    }
}
