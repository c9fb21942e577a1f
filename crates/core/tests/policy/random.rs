//! Random policies, workloads and flows: few words and addresses, so that they meet.

use forebay_core::policy::{
    Action, Answers, Api, Cidr, End, Flow, Judge, Labels, NamedPort, Node, Peer, Peers, Policies,
    Policy, PolicyName, PortMatch, Ports, Protocol, Requirement, Rule, Selector, Settings, Subject,
    Tier, Verdict, Who, Workload, World,
};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub const KEYS: [&str; 2] = ["a", "b"];
pub const VALUES: [&str; 2] = ["x", "y"];

pub fn word(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(of).prop_map(str::to_owned)
}

pub fn selector() -> impl Strategy<Value = Selector> {
    let values = || prop::collection::btree_set(word(&VALUES), 1..3);
    let one = prop_oneof![
        (word(&KEYS), values()).prop_map(|(key, values)| Requirement::In(key, values)),
        (word(&KEYS), values()).prop_map(|(key, values)| Requirement::NotIn(key, values)),
        word(&KEYS).prop_map(Requirement::Exists),
        word(&KEYS).prop_map(Requirement::DoesNotExist),
    ];
    prop::collection::vec(one, 0..3).prop_map(|requirements| Selector { requirements })
}

/// Few addresses, so that blocks meet them.
pub fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0..16u8).prop_map(|last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))),
        (0..16u16).prop_map(|last| IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last))),
    ]
}

pub fn block() -> impl Strategy<Value = Cidr> {
    (address(), 0..6u8).prop_map(|(address, free)| {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        Cidr::new(address, bits - free).unwrap()
    })
}

pub fn protocol() -> impl Strategy<Value = Protocol> {
    prop::sample::select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Sctp])
}

pub fn ports() -> impl Strategy<Value = Ports> {
    let one = prop_oneof![
        protocol().prop_map(PortMatch::Protocol),
        (protocol(), 1..6u16, 0..3u16).prop_map(|(of, first, more)| PortMatch::Range(
            of,
            first,
            first + more
        )),
        protocol().prop_map(|of| PortMatch::Named(of, "web".to_owned())),
    ];
    prop_oneof![
        2 => Just(Ports::All),
        3 => prop::collection::vec(one, 1..3).prop_map(Ports::Any),
    ]
}

pub fn peers(cluster: bool) -> impl Strategy<Value = Peers> {
    let workloads = if cluster {
        (selector(), selector())
            .prop_map(|(n, w)| (Some(n), Some(w)))
            .boxed()
    } else {
        (prop::option::of(selector()), prop::option::of(selector())).boxed()
    };
    let one = prop_oneof![
        3 => workloads.prop_map(|(namespaces, workloads)| Peer::Workloads { namespaces, workloads }),
        1 => (block(), prop::collection::vec(block(), 0..2)).prop_map(|(cidr, except)| Peer::Block { cidr, except }),
    ];
    prop_oneof![
        1 => Just(Peers::All),
        4 => prop::collection::vec(one, 1..3).prop_map(Peers::Any),
    ]
}

pub fn rule(cluster: bool) -> impl Strategy<Value = Rule> {
    let actions = if cluster {
        vec![Action::Accept, Action::Deny, Action::Pass]
    } else {
        vec![Action::Accept]
    };
    (prop::sample::select(actions), peers(cluster), ports()).prop_map(|(action, peers, ports)| {
        Rule {
            name: None,
            action,
            peers,
            ports,
        }
    })
}

pub fn network_policy() -> impl Strategy<Value = Policy> {
    let rules = || prop::option::of(prop::collection::vec(rule(false), 0..3));
    (word(&["n", "m"]), selector(), rules(), rules()).prop_map(
        |(namespace, subject, ingress, egress)| Policy {
            name: PolicyName {
                api: Api::NetworkPolicy,
                namespace: Some(namespace.clone()),
                name: String::new(),
            },
            tier: Tier::NetworkPolicy,
            priority: 0,
            subject: Subject::InNamespace(namespace, subject),
            ingress,
            egress,
        },
    )
}

pub fn cluster_policy() -> impl Strategy<Value = Policy> {
    let rules = || prop::option::of(prop::collection::vec(rule(true), 1..3));
    let tier = prop::sample::select(vec![Tier::Admin, Tier::Baseline]);
    (tier, 0..4u16, selector(), selector(), rules(), rules()).prop_map(
        |(tier, priority, namespaces, workloads, ingress, egress)| Policy {
            name: PolicyName {
                api: Api::ClusterNetworkPolicy,
                namespace: None,
                name: String::new(),
            },
            tier,
            priority,
            subject: Subject::Across(namespaces, workloads),
            ingress,
            egress,
        },
    )
}

/// With names that tell them apart.
pub fn policies() -> impl Strategy<Value = Vec<Policy>> {
    let one = prop_oneof![network_policy(), cluster_policy()];
    prop::collection::vec(one, 0..6).prop_map(|mut all| {
        for (index, policy) in all.iter_mut().enumerate() {
            policy.name.name = format!("p{index}");
        }
        all
    })
}

pub fn labels() -> impl Strategy<Value = Labels> {
    prop::collection::btree_map(word(&KEYS), word(&VALUES), 0..3)
}

pub fn world() -> impl Strategy<Value = World> {
    let one = (
        word(&["n", "m", "o"]),
        labels(),
        1..6u16,
        prop::bool::weighted(0.2),
        any::<bool>(),
    );
    (prop::collection::vec(one, 2..5), labels(), labels()).prop_map(|(all, n, m)| {
        let mut world = World::default();
        world.add_namespace("n", n);
        world.add_namespace("m", m);
        world.nodes.push(Node {
            name: "node".to_owned(),
            labels: Labels::new(),
            addresses: vec![IpAddr::V4(Ipv4Addr::new(10, 0, 0, 15))],
        });
        for (index, (namespace, labels, port, host_network, placed)) in all.into_iter().enumerate()
        {
            let last = u8::try_from(index).unwrap();
            world.workloads.push(Workload {
                namespace,
                name: format!("w{index}"),
                labels,
                addresses: vec![
                    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)),
                    IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, u16::from(last))),
                ],
                ports: vec![NamedPort {
                    name: "web".to_owned(),
                    protocol: Protocol::Tcp,
                    port,
                }],
                host_network,
                node: placed.then(|| "node".to_owned()),
                binding: None,
            });
        }
        world
    })
}

/// Which ends, of which family, and the traffic.
#[derive(Debug, Clone)]
pub struct Wish {
    pub from: usize,
    pub to: usize,
    pub v6: bool,
    pub protocol: Protocol,
    pub port: u16,
}

pub fn wish() -> impl Strategy<Value = Wish> {
    let all = vec![Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Icmp];
    (
        0..7usize,
        0..7usize,
        any::<bool>(),
        prop::sample::select(all),
        1..8u16,
    )
        .prop_map(|(from, to, v6, protocol, port)| Wish {
            from,
            to,
            v6,
            protocol,
            port,
        })
}

pub fn end(world: &World, index: usize, v6: bool) -> End<'_> {
    if let Some(workload) = world.workloads.get(index) {
        let address = workload.addresses.iter().find(|one| one.is_ipv6() == v6);
        return End {
            who: Who::Workload(workload),
            address: address.copied(),
        };
    }
    let last = if index == 6 { 15 } else { 14 };
    world.at(if v6 {
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last))
    } else {
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, u8::try_from(last).unwrap()))
    })
}

pub fn judged(all: &[Policy], world: &World, wish: &Wish) -> Verdict {
    let flow = Flow {
        from: end(world, wish.from, wish.v6),
        to: end(world, wish.to, wish.v6),
        protocol: wish.protocol,
        port: if wish.protocol == Protocol::Icmp {
            0
        } else {
            wish.port
        },
    };
    let (policies, answers) = (Policies { all: all.to_vec() }, Answers::default());
    Judge::new(&policies, world, &answers, Settings::default()).judge(&flow)
}
