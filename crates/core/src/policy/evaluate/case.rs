//! A flow seen from one of its ends, and the rules that are tried on it.

use crate::policy::cidr::unmapped;
use crate::policy::flow::{End, Flow, Who};
use crate::policy::model::{Action, Direction, Policy, Rule, Tier};
use crate::policy::verdict::{RuleName, Why};
use crate::policy::world::Workload;

/// A flow seen from one of its ends.
#[derive(Clone, Copy)]
pub(super) struct Case<'f> {
    pub(super) flow: &'f Flow<'f>,
    pub(super) direction: Direction,
}

impl<'f> Case<'f> {
    pub(super) fn subject(&self) -> &End<'f> {
        match self.direction {
            Direction::Egress => &self.flow.from,
            Direction::Ingress => &self.flow.to,
        }
    }

    pub(super) fn peer(&self) -> &End<'f> {
        match self.direction {
            Direction::Egress => &self.flow.to,
            Direction::Ingress => &self.flow.from,
        }
    }
}

/// A workload is the same by its name; what it sends to a loopback address stays with it.
pub(super) fn is_same(subject: &Workload, peer: &End<'_>) -> bool {
    match peer.who {
        Who::Workload(peer) => peer.namespace == subject.namespace && peer.name == subject.name,
        Who::Outside => peer
            .address
            .is_some_and(|address| unmapped(address).is_loopback()),
        Who::Node(_) => false,
    }
}

/// Every rule of the policies, with its place.
pub(super) fn rules<'p>(
    policies: &[&'p Policy],
    direction: Direction,
) -> impl Iterator<Item = (&'p Policy, usize, &'p Rule)> {
    policies.iter().flat_map(move |policy| {
        let rules = policy.rules(direction).unwrap_or_default();
        rules
            .iter()
            .enumerate()
            .map(move |(index, rule)| (*policy, index, rule))
    })
}

pub(in crate::policy) fn why(
    policy: &Policy,
    index: usize,
    rule: &Rule,
    action: Action,
    fails_closed: bool,
) -> Why {
    Why::Rule {
        rule: named(policy, index, rule),
        action,
        fails_closed,
    }
}

pub(super) fn named(policy: &Policy, index: usize, rule: &Rule) -> RuleName {
    RuleName {
        policy: policy.name.clone(),
        tier: policy.tier,
        priority: (policy.tier != Tier::NetworkPolicy).then_some(policy.priority),
        index,
        name: rule.name.clone(),
    }
}
