//! From rules in order to disjoint ranges of ports with one verdict each, as blocks of a common prefix.

use super::classes::Kind;
use super::prefixes::Prefixes;
use super::reasons::DEFAULT;
use super::subjects::Set;
use super::{DENY, number, port_key};
use crate::policy::flow::Protocol;
use crate::policy::model::{Direction, PortMatch, Ports, Tier};
use crate::policy::world::Workload;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, BTreeSet};

/// What a name for a port stands for.
pub(super) type Named = (String, Protocol, u16);

const PROTOCOLS: [Protocol; 4] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Icmp];

/// A workload's ports of these names, in order.
pub(super) fn named(one: &Workload, names: &FxHashSet<&str>) -> Vec<Named> {
    let used = one
        .ports
        .iter()
        .filter(|port| names.contains(port.name.as_str()));
    let named = used.map(|port| (port.name.clone(), port.protocol, port.port));
    named.collect::<BTreeSet<_>>().into_iter().collect()
}

/// A rule, or the end of a tier.
#[derive(Clone)]
pub(super) struct Step<'a> {
    pub tier: Tier,
    /// The tests of which one must hold; none: everyone.
    pub peers: Option<Vec<u32>>,
    /// None: all traffic.
    pub ports: Option<&'a Ports>,
    pub says: Says,
}

/// With the reason's number.
#[derive(Clone, Copy)]
pub(super) enum Says {
    Accept(u32),
    Deny(u32),
    Pass,
}

impl Step<'_> {
    /// For all peers and traffic that come so far.
    pub fn end(tier: Tier, says: Says) -> Self {
        Step {
            tier,
            peers: None,
            ports: None,
            says,
        }
    }

    fn is_about(&self, kind: &Kind) -> bool {
        let peers = self.peers.as_ref();
        peers.is_none_or(|peers| peers.iter().any(|test| kind.holds(*test)))
    }
}

/// A prefix of protocol (16 bits) and port (16), its length, its verdict.
type Block = (u32, u8, u32);

/// Every port table, once.
#[derive(Default)]
pub(super) struct PortTables {
    numbers: FxHashMap<Vec<Block>, u32>,
    /// Of the set at hand: the steps that are about a class, and its names for ports.
    known: FxHashMap<(Vec<usize>, Vec<Named>), u32>,
}

impl PortTables {
    pub fn of(&mut self, set: &Set<'_>, kind: &Kind) -> u32 {
        let named = match set.direction {
            Direction::Egress => &kind.named,
            Direction::Ingress => &set.own,
        };
        let all = set.steps.iter().enumerate();
        let about = all.filter(|(_, step)| step.is_about(kind));
        let live: Vec<usize> = about.map(|(place, _)| place).collect();
        let key = (live, named.clone());
        if let Some(number) = self.known.get(&key) {
            return *number;
        }
        let live: Vec<&Step<'_>> = key.0.iter().map(|place| &set.steps[*place]).collect();
        let next = self.numbers.len() as u32;
        let number = *self.numbers.entry(blocks(&live, named)).or_insert(next);
        self.known.insert(key, number);
        number
    }

    /// Before another set.
    pub fn forget_set(&mut self) {
        self.known.clear();
    }

    pub fn prefixes(&self) -> Prefixes<u32> {
        let mut prefixes = Prefixes::new(64);
        for (blocks, table) in &self.numbers {
            for (key, bits, verdict) in blocks {
                let key = port_key(*table, Protocol::Icmp, 0) >> 32 << 32 | u128::from(*key);
                prefixes.insert(key, 32 + bits, *verdict);
            }
        }
        prefixes
    }
}

/// The most frequent verdict stands for the whole, then for a protocol; the rest is blocks.
fn blocks(live: &[&Step<'_>], named: &[Named]) -> Vec<Block> {
    let each = PROTOCOLS.map(|protocol| {
        let mut blocks = Vec::new();
        for (first, last, verdict) in ranges(live, named, protocol) {
            cut(first, last, |port, bits| blocks.push((port, bits, verdict)));
        }
        let most = most(blocks.iter().map(|block| block.2));
        blocks.retain(|block| block.2 != most);
        (protocol, most, blocks)
    });
    let whole = most(each.iter().map(|(_, most, _)| *most));
    let mut all = vec![(0, 0, whole)];
    for (protocol, most, blocks) in each {
        let key = u32::from(number(protocol)) << 16;
        if most != whole {
            all.push((key, 16, most));
        }
        let inside = blocks.into_iter();
        all.extend(inside.map(|(port, bits, verdict)| (key | u32::from(port), 16 + bits, verdict)));
    }
    all
}

fn most(all: impl Iterator<Item = u32>) -> u32 {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    all.for_each(|one| *counts.entry(one).or_default() += 1);
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map_or(DEFAULT, |(one, _)| one)
}

/// Ranges that follow each other and cover all ports, each with its verdict.
fn ranges(live: &[&Step<'_>], named: &[Named], protocol: Protocol) -> Vec<(u16, u16, u32)> {
    let mut starts = BTreeSet::from([0]);
    let mut edge = |first: u16, last: u16| {
        starts.insert(u32::from(first));
        starts.insert(u32::from(last) + 1);
    };
    for step in live {
        let Some(Ports::Any(ports)) = step.ports else {
            continue;
        };
        for port in ports {
            if let PortMatch::Range(_, first, last) = port {
                edge(*first, *last);
            }
        }
    }
    named.iter().for_each(|(_, _, port)| edge(*port, *port));
    let starts: Vec<u32> = starts
        .into_iter()
        .filter(|start| *start <= 0xffff)
        .collect();
    let mut ranges: Vec<(u16, u16, u32)> = Vec::new();
    for (place, start) in starts.iter().enumerate() {
        let last = starts.get(place + 1).map_or(0xffff, |next| next - 1) as u16;
        let verdict = verdict(live, named, protocol, *start as u16);
        match ranges.last_mut() {
            Some(range) if range.2 == verdict => range.1 = last,
            _ => ranges.push((*start as u16, last, verdict)),
        }
    }
    ranges
}

/// The first step that decides.
fn verdict(live: &[&Step<'_>], named: &[Named], protocol: Protocol, port: u16) -> u32 {
    let mut passed = None;
    for step in live {
        if passed == Some(step.tier) || !fits(step.ports, named, protocol, port) {
            continue;
        }
        match step.says {
            Says::Accept(reason) => return reason,
            Says::Deny(reason) => return DENY | reason,
            Says::Pass => passed = Some(step.tier),
        }
    }
    DEFAULT
}

fn fits(ports: Option<&Ports>, named: &[Named], protocol: Protocol, port: u16) -> bool {
    let Some(Ports::Any(ports)) = ports else {
        return true;
    };
    let is = |name: &str| {
        let mut all = named.iter();
        all.any(|one| one.0 == name && one.1 == protocol && one.2 == port)
    };
    let fits = |one: &PortMatch| match one {
        PortMatch::Protocol(theirs) => *theirs == protocol,
        PortMatch::Range(theirs, first, last) => {
            *theirs == protocol && (*first..=*last).contains(&port)
        }
        PortMatch::Named(theirs, name) => *theirs == protocol && is(name),
        PortMatch::NamedAny(name) => is(name),
        PortMatch::Unknown(_) => false,
    };
    // ICMP has no ports, and no policy can name it as a protocol.
    protocol != Protocol::Icmp && ports.iter().any(fits)
}

/// Cuts a range into blocks whose ports share their leading bits: at most 30.
fn cut(first: u16, last: u16, mut block: impl FnMut(u16, u8)) {
    let (mut next, end) = (u32::from(first), u32::from(last) + 1);
    while next < end {
        let aligned = if next == 0 { 16 } else { next.trailing_zeros() };
        let fits = (end - next).ilog2();
        let size = aligned.min(fits).min(16);
        block(next as u16, (16 - size) as u8);
        next += 1 << size;
    }
}
