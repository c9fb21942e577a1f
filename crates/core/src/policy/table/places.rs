//! The space of addresses, cut where any rule or name tells two apart.

use super::{ANYONE, NOBODY, address_key};
use crate::policy::cidr::{Cidr, unmapped};
use crate::policy::evaluate::Judge;
use crate::policy::flow::{End, Who};
use crate::policy::model::{Direction, Peer, Peers};
use crate::policy::world::{Workload, World};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A prefix, without the longer ones inside of it.
pub(super) struct Place {
    pub base: u128,
    pub bits: u8,
    /// An address of it: as it is treated, so are all.
    pub sample: IpAddr,
}

/// Those prefixes that have any address of their own.
pub(super) fn places(judge: &Judge<'_>) -> Vec<Place> {
    let cuts: Vec<(u128, u8)> = cuts(judge).into_iter().collect();
    let sampled = cuts.iter().enumerate().filter_map(|(index, (base, bits))| {
        let sample = free(*base, *bits, &cuts[index + 1..])?;
        Some(Place {
            base: *base,
            bits: *bits,
            sample: Ipv6Addr::from_bits(sample).to_canonical(),
        })
    });
    sampled.collect()
}

/// Every prefix that anything names, outer ones before those inside.
fn cuts(judge: &Judge<'_>) -> BTreeSet<(u128, u8)> {
    let mut cuts = BTreeSet::from([(0, 0)]);
    let mut add = |address: IpAddr, bits: u8| {
        let bits = if address.is_ipv4() { bits + 96 } else { bits };
        cuts.insert((address_key(address), bits));
    };
    add(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    // A process that connects to these talks to its own host.
    add(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 32);
    add(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8);
    add(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 128);
    add(IpAddr::V6(Ipv6Addr::LOCALHOST), 128);
    let mut one = |address: IpAddr| match unmapped(address) {
        v4 @ IpAddr::V4(_) => add(v4, 32),
        v6 @ IpAddr::V6(_) => add(v6, 128),
    };
    let world = judge.world;
    let workloads = world.workloads.iter().flat_map(|one| &one.addresses);
    let nodes = world.nodes.iter().flat_map(|node| &node.addresses);
    workloads.chain(nodes).for_each(|address| one(*address));
    judge.answers.addresses().for_each(&mut one);
    for block in blocks(judge) {
        add(block.base(), block.bits());
    }
    cuts
}

fn blocks<'j>(judge: &'j Judge<'_>) -> impl Iterator<Item = &'j Cidr> {
    let rules = judge.ordered.iter().flat_map(|policy| {
        let rules = |direction| policy.rules(direction).unwrap_or_default().iter();
        rules(Direction::Egress).chain(rules(Direction::Ingress))
    });
    rules.flat_map(|rule| {
        let peers: &[Peer] = match &rule.peers {
            Peers::All => &[],
            Peers::Any(peers) => peers,
        };
        peers.iter().flat_map(|peer| match peer {
            Peer::Block { cidr, except } => std::slice::from_ref(cidr).iter().chain(except),
            _ => [].iter().chain(&[]),
        })
    })
}

/// The first address of a prefix that lies in none of those that follow it.
fn free(base: u128, bits: u8, following: &[(u128, u8)]) -> Option<u128> {
    let end = last(base, bits);
    let mut next = base;
    for (inner, bits) in following {
        if *inner > end || *inner > next {
            break;
        }
        next = next.max(last(*inner, *bits).checked_add(1)?);
    }
    (next <= end).then_some(next)
}

fn last(base: u128, bits: u8) -> u128 {
    base | u128::MAX.checked_shr(u32::from(bits)).unwrap_or(0)
}

/// Whoever has an address, and everybody's number.
pub(super) struct Ends<'w> {
    by_address: FxHashMap<IpAddr, Who<'w>>,
    workloads: FxHashMap<(&'w str, &'w str), u32>,
    names: Vec<(String, String)>,
    nodes: FxHashMap<&'w str, u32>,
}

impl<'w> Ends<'w> {
    pub fn new(world: &'w World) -> Self {
        let mut ends = Ends {
            by_address: FxHashMap::default(),
            workloads: FxHashMap::default(),
            names: Vec::new(),
            nodes: FxHashMap::default(),
        };
        // As `World::at` has it: of several the first, and a node before who shares its network.
        let shared = world.workloads.iter().rev().filter(|one| one.host_network);
        shared.for_each(|one| ends.place(&one.addresses, Who::Workload(one)));
        for node in world.nodes.iter().rev() {
            ends.place(&node.addresses, Who::Node(node));
        }
        let own = world.workloads.iter().rev().filter(|one| !one.host_network);
        own.for_each(|one| ends.place(&one.addresses, Who::Workload(one)));
        for one in &world.workloads {
            let next = ends.names.len() as u32 + 1;
            let name = (one.namespace.as_str(), one.name.as_str());
            if *ends.workloads.entry(name).or_insert(next) == next {
                ends.names.push((one.namespace.clone(), one.name.clone()));
            }
        }
        let of_nodes = world.nodes.iter().map(|node| node.name.as_str());
        let of_workloads = world.workloads.iter().filter_map(|one| one.node.as_deref());
        for name in of_nodes.chain(of_workloads) {
            let next = ends.nodes.len() as u32 + 1;
            ends.nodes.entry(name).or_insert(next);
        }
        ends
    }

    fn place(&mut self, addresses: &[IpAddr], who: Who<'w>) {
        for address in addresses {
            self.by_address.insert(unmapped(*address), who);
        }
    }

    pub fn at(&self, address: IpAddr) -> End<'w> {
        let who = self.by_address.get(&address).copied();
        End {
            who: who.unwrap_or(Who::Outside),
            address: Some(address),
        }
    }

    /// The workload's number at an end: of its own network or not.
    pub fn workload_at(&self, end: &End<'_>) -> u32 {
        let own_host = |one: IpAddr| one.is_loopback() || one.is_unspecified();
        match end.who {
            Who::Workload(one) => self.workload(one),
            Who::Outside if end.address.is_some_and(own_host) => ANYONE,
            _ => NOBODY,
        }
    }

    pub fn workload(&self, one: &Workload) -> u32 {
        let name = (one.namespace.as_str(), one.name.as_str());
        self.workloads.get(&name).copied().unwrap_or(NOBODY)
    }

    pub fn node(&self, name: Option<&str>) -> u32 {
        let number = name.and_then(|name| self.nodes.get(name));
        number.copied().unwrap_or(0)
    }

    pub fn names(&self) -> Vec<(String, String)> {
        self.names.clone()
    }

    pub fn numbers(&self) -> FxHashMap<(String, String), u32> {
        let owned = |((space, name), number): (&(&str, &str), &u32)| {
            (((*space).to_owned(), (*name).to_owned()), *number)
        };
        self.workloads.iter().map(owned).collect()
    }
}
