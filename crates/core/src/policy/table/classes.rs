//! Classes of addresses: those that no rule of any policy tells apart.

use super::places::{Ends, Place};
use super::ports::{Named, named};
use super::subjects::Sets;
use super::{ANYONE, Peer as Entry};
use crate::policy::evaluate::Judge;
use crate::policy::flow::{End, Who};
use crate::policy::model::{Peer, Policy, Subject};
use crate::policy::selector::Labels;
use rustc_hash::{FxHashMap, FxHashSet};

/// Each peer that any rule names, once; its place is its number.
#[derive(Default)]
pub(super) struct Tests<'a> {
    numbers: FxHashMap<(Option<&'a str>, &'a Peer), u32>,
    all: Vec<(&'a Policy, &'a Peer)>,
}

impl<'a> Tests<'a> {
    pub fn of(&mut self, policy: &'a Policy, peer: &'a Peer) -> u32 {
        // Without a selector for namespaces the policy's own is meant.
        let own = match (peer, &policy.subject) {
            (
                Peer::Workloads {
                    namespaces: None, ..
                },
                Subject::InNamespace(own, _),
            ) => Some(own.as_str()),
            _ => None,
        };
        *self.numbers.entry((own, peer)).or_insert_with(|| {
            self.all.push((policy, peer));
            self.all.len() as u32 - 1
        })
    }
}

/// What tells classes apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    /// The tests that hold, one bit each.
    holds: Vec<u64>,
    /// What names of ports stand for there.
    pub named: Vec<Named>,
}

impl Kind {
    fn of(tests: usize) -> Kind {
        Kind {
            holds: vec![0; tests.div_ceil(64)],
            named: Vec::new(),
        }
    }

    fn set(&mut self, test: usize) {
        if let Some(word) = self.holds.get_mut(test / 64) {
            *word |= 1 << (test % 64);
        }
    }

    pub fn holds(&self, test: u32) -> bool {
        let word = self.holds.get(test as usize / 64).copied();
        word.unwrap_or_default() >> (test % 64) & 1 == 1
    }
}

/// Tests by what they look at.
pub(super) struct Classes<'s, 'a> {
    tests: &'s Tests<'a>,
    names: &'s FxHashSet<&'a str>,
    /// Those about labels alone: the same for all workloads with the same.
    by_labels: Vec<usize>,
    by_address: Vec<usize>,
}

/// The classes that there are.
pub(super) struct Kinds<'w> {
    numbers: FxHashMap<Kind, u32>,
    all: Vec<Kind>,
    by_labels: FxHashMap<(&'w str, &'w Labels), Kind>,
}

impl<'s, 'a> Classes<'s, 'a> {
    pub fn new(sets: &'s Sets<'a>) -> Self {
        let tests = &sets.tests;
        let is_label = |test: &usize| matches!(tests.all[*test].1, Peer::Workloads { .. });
        let (by_labels, by_address) = (0..tests.all.len()).partition(is_label);
        Classes {
            tests,
            names: &sets.names_out,
            by_labels,
            by_address,
        }
    }

    pub fn empty<'w>(&self) -> Kinds<'w> {
        Kinds {
            numbers: FxHashMap::default(),
            all: Vec::new(),
            by_labels: FxHashMap::default(),
        }
    }

    fn hold(&self, judge: &Judge<'_>, end: &End<'_>, which: &[usize], kind: &mut Kind) {
        for test in which {
            let (policy, peer) = self.tests.all[*test];
            if judge.is_peer(policy, peer, end) {
                kind.set(*test);
            }
        }
    }
}

impl<'w> Kinds<'w> {
    /// Who is at a place, and of which class.
    pub fn peer(
        &mut self,
        judge: &Judge<'_>,
        classes: &Classes<'_, '_>,
        ends: &Ends<'w>,
        place: &Place,
    ) -> Entry {
        let end = ends.at(place.sample);
        let workload = ends.workload_at(&end);
        let node = ends.node(end.node_name());
        // Loopback is nobody's: the class that no rule names.
        let nobody = Kind::of(classes.tests.all.len());
        let kind = if workload == ANYONE {
            nobody
        } else {
            let mut kind = match end.who {
                Who::Workload(one) if !one.host_network => self
                    .by_labels
                    .entry((&one.namespace, &one.labels))
                    .or_insert_with(|| {
                        let mut kind = nobody;
                        classes.hold(judge, &end, &classes.by_labels, &mut kind);
                        kind
                    })
                    .clone(),
                _ => nobody,
            };
            classes.hold(judge, &end, &classes.by_address, &mut kind);
            if let Some(one) = end.workload() {
                kind.named = named(one, classes.names);
            }
            kind
        };
        let next = self.all.len() as u32;
        let class = *self.numbers.entry(kind).or_insert_with_key(|kind| {
            self.all.push(kind.clone());
            next
        });
        Entry {
            class,
            workload,
            node,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Kind> {
        self.all.iter()
    }

    pub fn len(&self) -> u32 {
        self.all.len() as u32
    }
}
