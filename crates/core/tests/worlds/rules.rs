//! Random policies.

use super::{KEYS, NAMESPACES, PORT_NAMES, PORTS, PROTOCOLS, Random, VALUES, address};
use forebay_core::policy::{
    Action, Api, Cidr, DomainPattern, Peer, Peers, Policy, PolicyName, PortMatch, Ports,
    Requirement, Rule, Selector, Subject, Tier,
};

pub fn policy(random: &mut Random, number: usize) -> Policy {
    let tier = random.of(&Tier::ALL);
    let kubernetes = tier == Tier::NetworkPolicy;
    let namespace = random.of(&NAMESPACES).to_owned();
    let rules = |random: &mut Random| {
        let count = random.below(4);
        (!random.one_in(3)).then(|| (0..count).map(|_| rule(random, kubernetes)).collect())
    };
    Policy {
        name: PolicyName {
            api: if kubernetes {
                Api::NetworkPolicy
            } else {
                Api::ClusterNetworkPolicy
            },
            namespace: kubernetes.then(|| namespace.clone()),
            name: format!("p{number}"),
        },
        tier,
        priority: if kubernetes {
            0
        } else {
            random.below(3) as u16
        },
        subject: if kubernetes {
            Subject::InNamespace(namespace, selector(random))
        } else {
            Subject::Across(selector(random), selector(random))
        },
        ingress: rules(random),
        egress: rules(random),
    }
}

fn rule(random: &mut Random, kubernetes: bool) -> Rule {
    let peers = match random.below(4) {
        0 => Peers::All,
        _ => Peers::Any(
            (0..random.below(3))
                .map(|_| peer(random, kubernetes))
                .collect(),
        ),
    };
    let ports = match random.below(3) {
        0 => Ports::All,
        _ => Ports::Any((0..1 + random.below(3)).map(|_| port(random)).collect()),
    };
    let actions = [Action::Accept, Action::Deny, Action::Pass];
    Rule {
        name: random.one_in(3).then(|| "some rule".to_owned()),
        action: if kubernetes {
            Action::Accept
        } else {
            random.of(&actions)
        },
        peers,
        ports,
    }
}

fn peer(random: &mut Random, kubernetes: bool) -> Peer {
    let kinds = if random.one_in(12) { 6 } else { 5 };
    match random.below(kinds) {
        0 | 1 => Peer::Workloads {
            namespaces: (!kubernetes || random.one_in(2)).then(|| selector(random)),
            workloads: (!random.one_in(3)).then(|| selector(random)),
        },
        2 => {
            let cidr = block(random, 0);
            let inside = (0..random.below(3)).map(|_| block(random, cidr.bits()));
            Peer::Block {
                cidr,
                except: inside.collect(),
            }
        }
        3 => Peer::Nodes(selector(random)),
        4 => {
            let names = ["pay.example", "*.pay.example", "*.example", "mail.example"];
            let name = random.of(&names);
            Peer::Domains(DomainPattern::new(name).into_iter().collect())
        }
        _ => Peer::Unknown("somethingNew".to_owned()),
    }
}

fn block(random: &mut Random, least: u8) -> Cidr {
    loop {
        let address = address(random);
        let all: &[u8] = if address.is_ipv4() {
            &[0, 8, 16, 22, 24, 28, 30, 31, 32]
        } else {
            &[0, 7, 64, 96, 112, 120, 124, 126, 127, 128]
        };
        let bits = random.of(all);
        if let Some(block) = Cidr::new(address, bits).filter(|_| bits >= least || least > 32) {
            return block;
        }
    }
}

fn port(random: &mut Random) -> PortMatch {
    let protocol = random.of(&PROTOCOLS[..3]);
    let name = random.of(&PORT_NAMES).to_owned();
    let kinds = if random.one_in(12) { 8 } else { 7 };
    match random.below(kinds) {
        0 => PortMatch::Protocol(protocol),
        1 | 2 => {
            let port = random.of(&PORTS);
            PortMatch::Range(protocol, port, port)
        }
        3 | 4 => {
            let (a, b) = (random.of(&PORTS), random.of(&PORTS));
            PortMatch::Range(protocol, a.min(b), a.max(b))
        }
        5 => PortMatch::Named(protocol, name),
        6 => PortMatch::NamedAny(name),
        _ => PortMatch::Unknown("somethingNew".to_owned()),
    }
}

fn selector(random: &mut Random) -> Selector {
    let requirement = |random: &mut Random| {
        let key = random.of(&KEYS).to_owned();
        let values = (0..1 + random.below(2))
            .map(|_| random.of(&VALUES).to_owned())
            .collect();
        match random.below(4) {
            0 => Requirement::NotIn(key, values),
            1 => Requirement::Exists(key),
            2 => Requirement::DoesNotExist(key),
            _ => Requirement::In(key, values),
        }
    };
    Selector {
        requirements: (0..[0, 0, 1, 2][random.below(4)])
            .map(|_| requirement(random))
            .collect(),
    }
}
