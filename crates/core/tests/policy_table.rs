//! The tables for the kernel say what the evaluator says, of every flow and for the same reason.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod worlds;

use forebay_core::policy::Why;
use forebay_core::policy::table::{Reason, UNDECIDED};
use forebay_core::policy::{
    Action, Api, Direction, End, Flow, Judge, Labels, Peer, Peers, Policies, Policy, PolicyName,
    Ports, Protocol, Requirement, Rule, Selector, Settings, Side, Subject, Table, Tier, Workload,
    World,
};
use std::net::{IpAddr, Ipv4Addr};
use worlds::{Cluster, PORTS, PROTOCOLS, Random, address, cluster};

const CLUSTERS: u64 = 3000;
const FLOWS: usize = 50;

/// Compares one side; whether it was refused.
fn compare(table: &Table, one: &End<'_>, peer: &End<'_>, flow: &Flow<'_>, side: &Side) -> bool {
    let (Some(peer), forebay_core::policy::Who::Workload(workload)) = (peer.address, one.who)
    else {
        return false;
    };
    let number = table.workload(&workload.namespace, &workload.name).unwrap();
    let answer = table.judge(number, side.direction, peer, flow.protocol, flow.port);
    let reason = table.reason(answer.reason);
    let expected = (side.allowed, Some(Reason::Why(side.why.clone())));
    assert_eq!((answer.allowed, reason), expected, "{flow:#?}");
    !side.allowed
}

#[test]
fn tables_say_what_the_evaluator_says() {
    let (mut flows, mut sides, mut refused) = (0, 0, 0);
    for seed in 0..CLUSTERS {
        let mut random = Random::new(seed);
        let Cluster {
            world,
            policies,
            answers,
        } = cluster(&mut random);
        let settings = Settings {
            node_local_egress: random.one_in(2),
        };
        let judge = Judge::new(&policies, &world, &answers, settings);
        let table = Table::compile(&judge, None);
        let known: Vec<IpAddr> = world
            .workloads
            .iter()
            .flat_map(|one| one.addresses.clone())
            .collect();
        let pick = |random: &mut Random| match known.len() {
            0 => address(random),
            _ if random.one_in(4) => address(random),
            count => known[random.below(count)],
        };
        for _ in 0..FLOWS {
            let flow = Flow {
                from: world.at(pick(&mut random)),
                to: world.at(pick(&mut random)),
                protocol: random.of(&PROTOCOLS),
                port: random.of(&PORTS),
            };
            let verdict = judge.judge(&flow);
            flows += 1;
            let egress = compare(&table, &flow.from, &flow.to, &flow, &verdict.egress);
            let ingress = compare(&table, &flow.to, &flow.from, &flow, &verdict.ingress);
            sides += 2;
            refused += usize::from(egress) + usize::from(ingress);
        }
    }
    assert!(flows >= 100_000, "{flows} flows");
    // Else the generator has become too tame to find anything.
    assert!(refused > sides / 10, "{refused} of {sides} sides refused");
}

fn replicas(count: u32, kinds: u32) -> World {
    let mut world = World::default();
    for number in 0..count {
        let mut labels = Labels::new();
        labels.insert("app".to_owned(), format!("app{}", number % kinds));
        world.workloads.push(Workload {
            namespace: "shop".to_owned(),
            name: format!("w{number}"),
            labels,
            addresses: vec![IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number))],
            ..Workload::default()
        });
    }
    world
}

fn selecting(app: u32) -> Selector {
    let value = [format!("app{app}")].into_iter().collect();
    Selector {
        requirements: vec![Requirement::In("app".to_owned(), value)],
    }
}

/// Each kind lets only the next one in.
fn chain(kinds: u32) -> Policies {
    let policy = |app: u32| {
        let next = Peer::Workloads {
            namespaces: None,
            workloads: Some(selecting((app + 1) % kinds)),
        };
        Policy {
            name: PolicyName {
                api: Api::NetworkPolicy,
                namespace: Some("shop".to_owned()),
                name: format!("p{app}"),
            },
            tier: Tier::NetworkPolicy,
            priority: 0,
            subject: Subject::InNamespace("shop".to_owned(), selecting(app)),
            ingress: Some(vec![Rule {
                name: None,
                action: Action::Accept,
                peers: Peers::Any(vec![next]),
                ports: Ports::All,
            }]),
            egress: None,
        }
    };
    Policies {
        all: (0..kinds).map(policy).collect(),
    }
}

#[test]
fn tables_grow_with_classes_and_never_with_pairs_of_peers() {
    let (few, many) = (replicas(40, 20), replicas(4000, 20));
    let (policies, answers) = (chain(20), forebay_core::policy::Answers::default());
    let table = |world: &World| {
        let judge = Judge::new(&policies, world, &answers, Settings::default());
        Table::compile(&judge, None)
    };
    let (few, many) = (table(&few), table(&many));
    let size = |table: &Table| (table.classes, table.pairs.len(), table.ports.len());
    assert_eq!(size(&few), size(&many));
    // Twenty kinds and everybody else; for each kind the one that it lets in.
    assert_eq!(size(&few).0, 21);
    assert_eq!(size(&few).1, 20);
    assert_eq!(many.peers.len() - few.peers.len(), 3960);
}

#[test]
fn loopback_passes_and_who_is_undecided_reaches_nothing_else() {
    let world = replicas(2, 2);
    let (policies, answers) = (chain(2), forebay_core::policy::Answers::default());
    let judge = Judge::new(&policies, &world, &answers, Settings::default());
    let table = Table::compile(&judge, None);
    let local = [
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "0.0.0.0",
        "::",
        "::ffff:127.0.0.1",
    ];
    for workload in [1, UNDECIDED] {
        for address in local {
            let address: IpAddr = address.parse().unwrap();
            for direction in [Direction::Egress, Direction::Ingress] {
                let answer = table.judge(workload, direction, address, Protocol::Tcp, 80);
                assert_eq!(
                    table.reason(answer.reason),
                    Some(Reason::Why(Why::Itself)),
                    "{address}"
                );
            }
        }
    }
    let other = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    let answer = table.judge(UNDECIDED, Direction::Egress, other, Protocol::Tcp, 80);
    assert!(!answer.allowed);
    assert_eq!(table.reason(answer.reason), Some(Reason::Pending));
    let answer = table.judge(77, Direction::Egress, other, Protocol::Tcp, 80);
    assert!(answer.allowed);
}

#[test]
fn only_workloads_of_the_node_become_subjects() {
    let mut world = replicas(3, 3);
    world.workloads[0].node = Some("n1".to_owned());
    world.workloads[1].node = Some("n2".to_owned());
    let (policies, answers) = (chain(3), forebay_core::policy::Answers::default());
    let judge = Judge::new(&policies, &world, &answers, Settings::default());
    let table = Table::compile(&judge, Some("n1"));
    let subjects: Vec<u32> = table.subjects.keys().copied().collect();
    assert_eq!(subjects, [1, 3, UNDECIDED]);
    let peer = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    assert!(
        table
            .judge(1, Direction::Ingress, peer, Protocol::Udp, 9)
            .allowed
    );
    assert!(
        !table
            .judge(3, Direction::Ingress, peer, Protocol::Udp, 9)
            .allowed
    );
}
