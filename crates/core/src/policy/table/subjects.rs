//! Workloads that the same rules are about, and those rules in the order in which they are asked.

use super::classes::{Kinds, Tests};
use super::places::Ends;
use super::ports::{Named, PortTables, Says, Step, named};
use super::reasons::Reasons;
use super::{Subject, UNDECIDED};
use crate::policy::evaluate::{Judge, fit, why};
use crate::policy::model::{Action, Direction, Peers, Policy, PortMatch, Ports, Rule, Tier};
use crate::policy::selector::Labels;
use crate::policy::verdict::Why;
use crate::policy::world::Workload;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;

/// The policies about a workload, by their places, and what its own names for ports stand for.
type Key = (Direction, Vec<u32>, Vec<Named>);

/// Rules for one direction of the workloads that share them.
pub(super) struct Set<'a> {
    pub direction: Direction,
    pub steps: Vec<Step<'a>>,
    /// What names of ports stand for where the subject is the destination.
    pub own: Vec<Named>,
}

pub(super) struct Sets<'a> {
    pub all: Vec<Set<'a>>,
    pub tests: Tests<'a>,
    /// Names of ports that rules about traffic out use.
    pub names_out: FxHashSet<&'a str>,
    /// Every subject's sets, by [`super::side`].
    of: Vec<(&'a Workload, [u32; 2])>,
}

impl<'a> Sets<'a> {
    pub fn new(
        judge: &Judge<'a>,
        ends: &Ends<'a>,
        here: Option<&str>,
        reasons: &mut Reasons,
    ) -> Self {
        let mut sets = Sets {
            all: Vec::new(),
            tests: Tests::default(),
            names_out: names(judge, Direction::Egress),
            of: Vec::new(),
        };
        let names_in = names(judge, Direction::Ingress);
        let mut about: FxHashMap<(&str, &Labels), Vec<u32>> = FxHashMap::default();
        let mut numbers: FxHashMap<Key, u32> = FxHashMap::default();
        let mut rules: FxHashMap<(u32, Direction), Vec<Step<'a>>> = FxHashMap::default();
        let mut seen = FxHashSet::default();
        let local =
            |one: &&Workload| here.is_none() || one.node.is_none() || one.node.as_deref() == here;
        let subjects = judge.world.workloads.iter().filter(|one| !one.host_network);
        for one in subjects.filter(local) {
            if !seen.insert(ends.workload(one)) {
                continue;
            }
            let speaking = about
                .entry((&one.namespace, &one.labels))
                .or_insert_with(|| speaking(judge, one));
            let set = [Direction::Egress, Direction::Ingress].map(|direction| {
                let own = match direction {
                    Direction::Egress => Vec::new(),
                    Direction::Ingress => named(one, &names_in),
                };
                let of = |place: &&u32| judge.ordered[**place as usize].rules(direction).is_some();
                let policies: Vec<u32> = speaking.iter().filter(of).copied().collect();
                let key = (direction, policies, own);
                if let Some(number) = numbers.get(&key) {
                    return *number;
                }
                let steps = steps(judge, &key, &mut rules, &mut sets.tests, reasons);
                let own = key.2.clone();
                sets.all.push(Set {
                    direction,
                    steps,
                    own,
                });
                let number = sets.all.len() as u32 - 1;
                numbers.insert(key, number);
                number
            });
            sets.of.push((one, set));
        }
        sets
    }

    /// The port table of every set and class; gives each set's most frequent one.
    pub fn tables(
        &self,
        kinds: &Kinds,
        tables: &mut PortTables,
        pairs: &mut BTreeMap<(u32, u32), u32>,
    ) -> Vec<u32> {
        let each = self.all.iter().enumerate().map(|(number, set)| {
            let of: Vec<u32> = kinds.iter().map(|kind| tables.of(set, kind)).collect();
            let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
            of.iter()
                .for_each(|table| *counts.entry(*table).or_default() += 1);
            let most = counts.into_iter().max_by_key(|(_, count)| *count);
            let most = most.map_or(0, |(table, _)| table);
            for (class, table) in of.iter().enumerate().filter(|(_, table)| **table != most) {
                pairs.insert((number as u32, class as u32), *table);
            }
            tables.forget_set();
            most
        });
        each.collect()
    }

    pub fn subjects(
        &self,
        judge: &Judge<'_>,
        ends: &Ends<'_>,
        here: Option<&str>,
        defaults: &[u32],
    ) -> BTreeMap<u32, Subject> {
        let node_local_egress = judge.settings.node_local_egress;
        let table = |set: u32| defaults.get(set as usize).copied().unwrap_or_default();
        let of = self.of.iter().map(|(workload, set)| {
            let subject = Subject {
                node: ends.node(workload.node.as_deref()),
                set: *set,
                table: set.map(table),
                node_local_egress,
                pending: false,
            };
            (ends.workload(workload), subject)
        });
        let undecided = Subject {
            node: ends.node(here),
            node_local_egress: true,
            pending: true,
            ..Subject::default()
        };
        of.chain([(UNDECIDED, undecided)]).collect()
    }
}

/// The places of the policies that select a workload, in order.
fn speaking(judge: &Judge<'_>, one: &Workload) -> Vec<u32> {
    let all = judge.ordered.iter().zip(0..);
    let mine = all.filter(|(policy, _)| judge.selects(&policy.subject, one));
    mine.map(|(_, place)| place).collect()
}

fn steps<'a>(
    judge: &Judge<'a>,
    (direction, policies, _): &Key,
    rules: &mut FxHashMap<(u32, Direction), Vec<Step<'a>>>,
    tests: &mut Tests<'a>,
    reasons: &mut Reasons,
) -> Vec<Step<'a>> {
    let mut steps = Vec::new();
    for tier in Tier::ALL {
        let of_tier = |place: &&u32| judge.ordered[**place as usize].tier == tier;
        let mut names = Vec::new();
        for place in policies.iter().filter(of_tier) {
            let policy = judge.ordered[*place as usize];
            let own = rules
                .entry((*place, *direction))
                .or_insert_with(|| of_policy(policy, *direction, tests, reasons));
            steps.extend(own.iter().cloned());
            names.push(policy.name.clone());
        }
        if tier == Tier::NetworkPolicy && !names.is_empty() {
            let reason = reasons.number(Why::Isolated { policies: names });
            steps.push(Step::end(tier, Says::Deny(reason)));
        }
    }
    steps
}

fn of_policy<'a>(
    policy: &'a Policy,
    direction: Direction,
    tests: &mut Tests<'a>,
    reasons: &mut Reasons,
) -> Vec<Step<'a>> {
    let rules = policy.rules(direction).unwrap_or_default().iter();
    let step = |(index, rule): (usize, &'a Rule)| {
        let closed = fit::is_unknown(rule);
        let by_order = policy.tier != Tier::NetworkPolicy;
        let says = match rule.action {
            // In the tier of NetworkPolicy, rules only accept.
            _ if closed && (!by_order || rule.action == Action::Accept) => return None,
            _ if closed => {
                let why = why(policy, index, rule, Action::Deny, true);
                return Some(Step::end(policy.tier, Says::Deny(reasons.number(why))));
            }
            Action::Pass if by_order => Says::Pass,
            Action::Deny if by_order => {
                Says::Deny(reasons.number(why(policy, index, rule, rule.action, false)))
            }
            _ => Says::Accept(reasons.number(why(policy, index, rule, Action::Accept, false))),
        };
        let peers = match &rule.peers {
            Peers::All => None,
            Peers::Any(peers) => Some(peers.iter().map(|peer| tests.of(policy, peer)).collect()),
        };
        Some(Step {
            tier: policy.tier,
            peers,
            ports: Some(&rule.ports),
            says,
        })
    };
    rules.enumerate().filter_map(step).collect()
}

/// The names of ports that the rules for a direction use.
fn names<'a>(judge: &Judge<'a>, direction: Direction) -> FxHashSet<&'a str> {
    let policies = judge.ordered.iter();
    let rules = policies.flat_map(|policy| policy.rules(direction).unwrap_or_default());
    let ports = rules.flat_map(|rule| match &rule.ports {
        Ports::All => &[][..],
        Ports::Any(ports) => ports,
    });
    let named = ports.filter_map(|port| match port {
        PortMatch::Named(_, name) | PortMatch::NamedAny(name) => Some(name.as_str()),
        _ => None,
    });
    named.collect()
}
