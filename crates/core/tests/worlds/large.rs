//! A large cluster, regular enough to be reckoned with.

use forebay_core::policy::{
    Action, Api, Labels, Peer, Peers, Policies, Policy, PolicyName, PortMatch, Ports, Protocol,
    Requirement, Rule, Selector, Subject, Tier, Workload, World,
};
use std::net::{IpAddr, Ipv4Addr};

/// Workloads with that many addresses each, a hundred to a node, as many applications as policies: each
/// policy lets one application in to another on one port, and out to a third.
pub fn cluster(workloads: u32, policies: u32, addresses: u32) -> (World, Policies) {
    let mut world = World::default();
    for number in 0..workloads {
        let address = |which| Ipv4Addr::from_bits(0x0a00_0000 + number * addresses + which);
        let mut labels = Labels::new();
        labels.insert("app".to_owned(), format!("app{}", number % policies));
        world.workloads.push(Workload {
            namespace: "shop".to_owned(),
            name: format!("w{number}"),
            labels,
            addresses: (0..addresses).map(address).map(IpAddr::V4).collect(),
            node: Some(format!("n{}", number / 100)),
            ..Workload::default()
        });
    }
    let rule = |app: u32| Rule {
        name: None,
        action: Action::Accept,
        peers: Peers::Any(vec![Peer::Workloads {
            namespaces: None,
            workloads: Some(selecting(app % policies)),
        }]),
        ports: Ports::Any(vec![PortMatch::Range(
            Protocol::Tcp,
            8000,
            8000 + app as u16,
        )]),
    };
    let policy = |app: u32| Policy {
        name: PolicyName {
            api: Api::NetworkPolicy,
            namespace: Some("shop".to_owned()),
            name: format!("p{app}"),
        },
        tier: Tier::NetworkPolicy,
        priority: 0,
        subject: Subject::InNamespace("shop".to_owned(), selecting(app)),
        ingress: Some(vec![rule(app + 1)]),
        egress: Some(vec![rule(app + 2)]),
    };
    let policies = Policies {
        all: (0..policies).map(policy).collect(),
    };
    (world, policies)
}

fn selecting(app: u32) -> Selector {
    let value = [format!("app{app}")].into_iter().collect();
    Selector {
        requirements: vec![Requirement::In("app".to_owned(), value)],
    }
}
