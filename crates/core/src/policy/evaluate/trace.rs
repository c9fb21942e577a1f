//! The steps to a verdict, for people who ask how it came.

use super::fit::Fit;
use super::named;
use crate::policy::model::{
    Action, Direction, Peer, Peers, Policy, PolicyName, PortMatch, Ports, Rule, Subject, Tier,
};
use crate::policy::selector::Selector;
use crate::policy::verdict::{Missed, RuleName};
use serde::Serialize;

/// The steps, if they are wanted.
pub struct Trace {
    steps: Option<Vec<Step>>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// A tier is asked.
    Tier {
        /// For which direction.
        direction: Direction,
        /// Which.
        tier: Tier,
    },
    /// A policy of it is looked at.
    Policy {
        /// Which.
        policy: PolicyName,
        /// Its priority in its tier.
        priority: u16,
        /// Whether it is about the workload.
        selects: bool,
        /// Whether it is about the direction.
        speaks: bool,
    },
    /// A rule is tried.
    Rule {
        /// Which.
        rule: RuleName,
        /// What it does.
        action: Action,
        /// What of it does not fit; nothing: it matches.
        missed: Vec<Missed>,
        /// What it is about, in words.
        about: String,
    },
}

impl Trace {
    /// Keeps the steps.
    #[must_use]
    pub fn on() -> Trace {
        Trace {
            steps: Some(Vec::new()),
        }
    }

    /// Keeps nothing.
    #[must_use]
    pub fn off() -> Trace {
        Trace { steps: None }
    }

    /// What was kept.
    #[must_use]
    pub fn steps(self) -> Vec<Step> {
        self.steps.unwrap_or_default()
    }

    pub(super) fn tier(&mut self, direction: Direction, tier: Tier) {
        if let Some(steps) = &mut self.steps {
            steps.push(Step::Tier { direction, tier });
        }
    }

    pub(super) fn policy(&mut self, policy: &Policy, selects: bool, speaks: bool) {
        if let Some(steps) = &mut self.steps {
            let (policy, priority) = (policy.name.clone(), policy.priority);
            steps.push(Step::Policy {
                policy,
                priority,
                selects,
                speaks,
            });
        }
    }

    pub(super) fn rule(&mut self, policy: &Policy, index: usize, rule: &Rule, fit: &Fit) {
        let Some(steps) = &mut self.steps else { return };
        let direction = steps.iter().rev().find_map(|step| match step {
            Step::Tier { direction, .. } => Some(*direction),
            _ => None,
        });
        steps.push(Step::Rule {
            rule: named(policy, index, rule),
            action: rule.action,
            missed: fit.missed(),
            about: words(policy, rule, direction.unwrap_or(Direction::Egress)),
        });
    }
}

/// What a rule is about: its traffic and its peers.
pub(super) fn words(policy: &Policy, rule: &Rule, direction: Direction) -> String {
    let way = match direction {
        Direction::Egress => "to",
        Direction::Ingress => "from",
    };
    let peers = match &rule.peers {
        Peers::Any(peers) => peers
            .iter()
            .map(|one| peer(policy, one))
            .collect::<Vec<_>>()
            .join(" or "),
        Peers::All => "everyone".to_owned(),
    };
    let ports = match &rule.ports {
        Ports::All => "everything".to_owned(),
        Ports::Any(ports) => ports.iter().map(port).collect::<Vec<_>>().join(", "),
    };
    format!("{ports} {way} {peers}")
}

fn peer(policy: &Policy, peer: &Peer) -> String {
    match peer {
        Peer::Workloads {
            namespaces,
            workloads,
        } => {
            let place = match (namespaces, &policy.subject) {
                (Some(selector), _) => named_or_all("namespaces", Some(selector)),
                (None, Subject::InNamespace(own, _)) => format!("namespace {own}"),
                (None, Subject::Across(..)) => "all namespaces".to_owned(),
            };
            format!(
                "{} in {place}",
                named_or_all("workloads", workloads.as_ref())
            )
        }
        Peer::Block { cidr, except } if except.is_empty() => cidr.to_string(),
        Peer::Block { cidr, except } => {
            let except: Vec<String> = except.iter().map(ToString::to_string).collect();
            format!("{cidr} except {}", except.join(" "))
        }
        Peer::Nodes(selector) => named_or_all("nodes", Some(selector)),
        Peer::Domains(names) => names
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" or "),
        Peer::Unknown(what) => format!("{what:?}, which this version does not know"),
    }
}

fn named_or_all(what: &str, selector: Option<&Selector>) -> String {
    match selector {
        Some(selector) if !selector.requirements.is_empty() => format!("{what} with {selector}"),
        _ => format!("all {what}"),
    }
}

fn port(port: &PortMatch) -> String {
    match port {
        PortMatch::Protocol(protocol) => protocol.to_string(),
        PortMatch::Range(protocol, first, last) if first == last => format!("{protocol}/{first}"),
        PortMatch::Range(protocol, first, last) => format!("{protocol}/{first}-{last}"),
        PortMatch::Named(protocol, name) => format!("{protocol}/{name}"),
        PortMatch::NamedAny(name) => format!("port {name}"),
        PortMatch::Unknown(what) => format!("{what:?}, which this version does not know"),
    }
}
