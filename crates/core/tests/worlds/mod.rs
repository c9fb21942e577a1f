//! Random clusters, policies and flows, with what tables of others leave out: IPv6 and v4-mapped addresses,
//! the host's network, nodes, names outside, `except`, named ports of several numbers, tiers, Pass and
//! what this version does not know.

#![allow(dead_code, reason = "each test uses a part")]

pub mod large;
mod rules;

use forebay_core::policy::{
    Answers, Binding, Host, Labels, NamedPort, Node, Policies, Protocol, Workload, World,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The same numbers for the same seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

pub const NAMESPACES: [&str; 3] = ["a", "b", "c"];
pub const KEYS: [&str; 3] = ["app", "env", "team"];
pub const VALUES: [&str; 3] = ["x", "y", "z"];
pub const PORT_NAMES: [&str; 3] = ["http", "dns", "rpc"];
pub const PORTS: [u16; 12] = [0, 1, 53, 79, 80, 81, 443, 5000, 5050, 5100, 8080, 65535];
pub const PROTOCOLS: [Protocol; 4] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Icmp];
const NODES: [&str; 2] = ["n1", "n2"];
const HOSTS: [&str; 3] = ["pay.example", "api.pay.example", "mail.example"];

/// One random cluster with its policies.
pub struct Cluster {
    pub world: World,
    pub policies: Policies,
    pub answers: Answers,
}

/// An address of a small space, so that names and blocks meet.
pub fn address(random: &mut Random) -> IpAddr {
    let low = random.below(12) as u16;
    let v4 = Ipv4Addr::new(10, 0, random.below(3) as u8, low as u8);
    match random.below(8) {
        0 | 1 => IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, low)),
        2 => IpAddr::V6(v4.to_ipv6_mapped()),
        3 if low == 0 => IpAddr::V4(Ipv4Addr::LOCALHOST),
        3 if low == 1 => IpAddr::V6(Ipv6Addr::LOCALHOST),
        3 => IpAddr::V4(Ipv4Addr::new(192, 0, 2, low as u8)),
        _ => IpAddr::V4(v4),
    }
}

pub fn labels(random: &mut Random) -> Labels {
    let mut labels = Labels::new();
    for key in KEYS {
        if !random.one_in(3) {
            labels.insert(key.to_owned(), random.of(&VALUES).to_owned());
        }
    }
    labels
}

pub fn cluster(random: &mut Random) -> Cluster {
    let mut world = World::default();
    for name in NAMESPACES {
        if !random.one_in(4) {
            world.add_namespace(name, labels(random));
        }
    }
    for number in 0..2 + random.below(7) {
        let one = workload(random, number);
        world.workloads.push(one);
    }
    for name in NODES {
        world.nodes.push(Node {
            name: name.to_owned(),
            labels: labels(random),
            addresses: (0..random.below(3)).map(|_| address(random)).collect(),
        });
    }
    for name in HOSTS {
        world.hosts.push(Host {
            name: name.to_owned(),
            addresses: (0..random.below(3)).map(|_| address(random)).collect(),
        });
    }
    let answers = world.host_answers();
    let policies = (0..2 + random.below(8)).map(|number| rules::policy(random, number));
    Cluster {
        policies: Policies {
            all: policies.collect(),
        },
        world,
        answers,
    }
}

fn workload(random: &mut Random, number: usize) -> Workload {
    let port = |random: &mut Random| NamedPort {
        name: random.of(&PORT_NAMES).to_owned(),
        protocol: random.of(&PROTOCOLS[..3]),
        port: random.of(&PORTS),
    };
    Workload {
        namespace: random.of(&NAMESPACES).to_owned(),
        name: format!("w{number}"),
        labels: labels(random),
        addresses: (0..1 + random.below(2)).map(|_| address(random)).collect(),
        ports: (0..random.below(4)).map(|_| port(random)).collect(),
        host_network: random.one_in(10),
        node: random.one_in(2).then(|| random.of(&NODES).to_owned()),
        binding: random
            .one_in(9)
            .then(|| Binding::Unit("some.service".to_owned())),
    }
}
