//! Policies as tables that a kernel can look up: what [`Judge`] says of every flow, without labels,
//! selectors or lists of rules.
//!
//! An address falls into a *class*: all addresses that every rule treats alike. Workloads that the same
//! rules are about share a *set*. A set and a class give a *port table*, and that a verdict. Tiers, order,
//! `Pass`, `except` and named ports are resolved here, once; size follows the classes, never the pairs of
//! peers. `docs/decisions/010-policy-as-tables.md` says why.

mod classes;
mod places;
mod ports;
mod prefixes;
mod reasons;
mod subjects;

pub use prefixes::Prefixes;
pub use reasons::{BROKEN, DEFAULT, FIRST_RULE, ITSELF, NODE_LOCAL, NOT_GOVERNED, PENDING, Reason};

use super::evaluate::Judge;
use super::flow::Protocol;
use super::model::Direction;
use classes::Classes;
use places::{Ends, places};
use ports::PortTables;
use reasons::Reasons;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::net::IpAddr;
use subjects::Sets;

/// Of an address: nobody whom policies know.
pub const NOBODY: u32 = 0;
/// Of an address: whoever asks, as loopback is.
pub const ANYONE: u32 = u32::MAX;
/// A subject that no verdict stands for yet.
pub const UNDECIDED: u32 = u32::MAX - 1;
/// Marks a verdict that refuses; the rest of it is the reason.
pub const DENY: u32 = 1 << 31;

/// Who has an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// What rules make of it.
    pub class: u32,
    /// [`NOBODY`], [`ANYONE`] or a workload of [`Table::workloads`].
    pub workload: u32,
    /// The node whose network it is in, of those that are nodes or share its network; 0: none.
    pub node: u32,
}

/// A workload that policies can be about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Subject {
    /// Where it runs; 0: not known.
    pub node: u32,
    /// Its set, by [`side`].
    pub set: [u32; 2],
    /// The port table of most classes for it, by [`side`].
    pub table: [u32; 2],
    /// It may always reach its own node.
    pub node_local_egress: bool,
    /// Everything but loopback and its node is refused, whatever the tables say.
    pub pending: bool,
}

/// Policies, compiled.
#[derive(Debug, Clone)]
pub struct Table {
    /// Namespace and name of every workload; its number is its place plus 1.
    pub workloads: Vec<(String, String)>,
    /// By address: IPv4 as v4-mapped IPv6.
    pub peers: Prefixes<Peer>,
    /// By workload.
    pub subjects: BTreeMap<u32, Subject>,
    /// By set and class; what is missing is the subject's `table`.
    pub pairs: BTreeMap<(u32, u32), u32>,
    /// By [`port_key`].
    pub ports: Prefixes<u32>,
    reasons: Reasons,
    numbers: FxHashMap<(String, String), u32>,
    /// How many classes of addresses there are.
    pub classes: u32,
}

/// What a table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Whether it passes.
    pub allowed: bool,
    /// For [`Table::reason`].
    pub reason: u32,
}

impl Answer {
    /// From a table's entry.
    #[must_use]
    pub fn of(verdict: u32) -> Answer {
        Answer {
            allowed: verdict & DENY == 0,
            reason: verdict & !DENY,
        }
    }
}

/// Place of a direction in arrays.
#[must_use]
pub fn side(direction: Direction) -> usize {
    match direction {
        Direction::Egress => 0,
        Direction::Ingress => 1,
    }
}

/// The protocol's number; all that policies can't name is as ICMP.
#[must_use]
pub fn number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Sctp => 132,
        Protocol::Icmp => 1,
    }
}

/// An address as the tables have it.
#[must_use]
pub fn address_key(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// Key of [`Table::ports`]: 32 bits of table, 16 of protocol, 16 of port.
#[must_use]
pub fn port_key(table: u32, protocol: Protocol, port: u16) -> u128 {
    u128::from(table) << 32 | u128::from(number(protocol)) << 16 | u128::from(port)
}

impl Table {
    /// Compiles what a judge knows. With the name of a node, only workloads that run there, or nobody
    /// knows where, become subjects; everyone stays a peer.
    #[must_use]
    pub fn compile(judge: &Judge<'_>, here: Option<&str>) -> Table {
        let ends = Ends::new(judge.world);
        let mut reasons = Reasons::default();
        let sets = Sets::new(judge, &ends, here, &mut reasons);
        let classes = Classes::new(&sets);
        let mut peers = Prefixes::new(128);
        let mut known = classes.empty();
        for place in places(judge) {
            let peer = known.peer(judge, &classes, &ends, &place);
            peers.insert(place.base, place.bits, peer);
        }
        let mut tables = PortTables::default();
        let mut pairs = BTreeMap::new();
        let defaults = sets.tables(&known, &mut tables, &mut pairs);
        Table {
            subjects: sets.subjects(judge, &ends, here, &defaults),
            classes: known.len(),
            ports: tables.prefixes(),
            numbers: ends.numbers(),
            workloads: ends.names(),
            peers,
            pairs,
            reasons,
        }
    }

    /// The number of a workload.
    #[must_use]
    pub fn workload(&self, namespace: &str, name: &str) -> Option<u32> {
        self.numbers
            .get(&(namespace.to_owned(), name.to_owned()))
            .copied()
    }

    /// What a reason's number means.
    #[must_use]
    pub fn reason(&self, number: u32) -> Option<Reason> {
        self.reasons.get(number)
    }

    /// How many reasons there are.
    #[must_use]
    pub fn reasons(&self) -> usize {
        self.reasons.len()
    }

    /// What the kernel does, step by step: the verdict for a workload about an address.
    #[must_use]
    pub fn judge(
        &self,
        workload: u32,
        direction: Direction,
        peer: IpAddr,
        protocol: Protocol,
        port: u16,
    ) -> Answer {
        let side = side(direction);
        let Some(subject) = self.subjects.get(&workload) else {
            return Answer::of(NOT_GOVERNED);
        };
        let Some(peer) = self.peers.get(address_key(peer)) else {
            return Answer::of(DENY | BROKEN);
        };
        if peer.workload == workload || peer.workload == ANYONE {
            return Answer::of(ITSELF);
        }
        let free = direction == Direction::Ingress || subject.node_local_egress;
        if free && peer.node != 0 && peer.node == subject.node {
            return Answer::of(NODE_LOCAL);
        }
        if subject.pending {
            return Answer::of(DENY | PENDING);
        }
        let pair = (subject.set[side], peer.class);
        let table = self.pairs.get(&pair).unwrap_or(&subject.table[side]);
        let verdict = self.ports.get(port_key(*table, protocol, port));
        Answer::of(verdict.copied().unwrap_or(DENY | BROKEN))
    }
}
