//! Policies as they are judged, whichever API they come from.

use super::cidr::Cidr;
use super::domain::DomainPattern;
use super::flow::Protocol;
use super::selector::Selector;
use serde::{Deserialize, Serialize};
use std::fmt;

/// All policies in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policies {
    /// In any order: tier, priority and name decide.
    pub all: Vec<Policy>,
}

/// One policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Where it comes from and what it is called.
    pub name: PolicyName,
    /// When it is asked.
    pub tier: Tier,
    /// Among those of its tier, lower first. 0 where the API has none.
    pub priority: u16,
    /// Whose traffic it is about.
    pub subject: Subject,
    /// What may or may not come in; `None`: it says nothing about that. In the `NetworkPolicy` tier
    /// `Some` isolates, even without rules.
    pub ingress: Option<Vec<Rule>>,
    /// The same of what goes out.
    pub egress: Option<Vec<Rule>>,
}

impl Policy {
    /// Its rules for one direction.
    #[must_use]
    pub fn rules(&self, direction: Direction) -> Option<&[Rule]> {
        match direction {
            Direction::Ingress => self.ingress.as_deref(),
            Direction::Egress => self.egress.as_deref(),
        }
    }
}

/// What a policy is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PolicyName {
    /// Its API.
    pub api: Api,
    /// Its namespace; none for cluster-wide ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl fmt::Display for PolicyName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(out, "{} {namespace}/{}", self.api, self.name),
            None => write!(out, "{} {}", self.api, self.name),
        }
    }
}

/// Where a policy comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Api {
    /// `networking.k8s.io/v1`
    NetworkPolicy,
    /// `policy.networking.k8s.io/v1alpha2`
    ClusterNetworkPolicy,
}

impl fmt::Display for Api {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Api::NetworkPolicy => "NetworkPolicy",
            Api::ClusterNetworkPolicy => "ClusterNetworkPolicy",
        })
    }
}

/// Asked in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tier {
    /// Cannot be overridden.
    Admin,
    /// Decides for every workload that one of its policies selects.
    NetworkPolicy,
    /// Holds where the others say nothing.
    Baseline,
}

impl Tier {
    /// In their order.
    pub const ALL: [Tier; 3] = [Tier::Admin, Tier::NetworkPolicy, Tier::Baseline];
}

impl fmt::Display for Tier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Tier::Admin => "Admin",
            Tier::NetworkPolicy => "NetworkPolicy",
            Tier::Baseline => "Baseline",
        })
    }
}

/// Seen from the subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Out of the subject.
    Egress,
    /// Into the subject.
    Ingress,
}

impl fmt::Display for Direction {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Direction::Egress => "egress",
            Direction::Ingress => "ingress",
        })
    }
}

/// Whose traffic a policy is about. Workloads in the network of their host are never subjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Of one namespace, by its name.
    InNamespace(String, Selector),
    /// Of every namespace that the first selects, those that the second selects.
    Across(Selector, Selector),
}

/// One rule; its index is its place in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What the operator calls it.
    pub name: Option<String>,
    /// What happens to what it matches; `NetworkPolicy` only accepts.
    pub action: Action,
    /// Who is at the other end.
    pub peers: Peers,
    /// The traffic.
    pub ports: Ports,
}

/// What a rule does with what it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Action {
    /// Lets it pass, for good.
    Accept,
    /// Refuses it, for good.
    Deny,
    /// Leaves it to the next tier.
    Pass,
}

impl fmt::Display for Action {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Action::Accept => "Accept",
            Action::Deny => "Deny",
            Action::Pass => "Pass",
        })
    }
}

/// The other ends that a rule names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peers {
    /// Everyone, in the cluster or not.
    All,
    /// Whom at least one of these names.
    Any(Vec<Peer>),
}

/// One kind of other end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Peer {
    /// Workloads that are not in the network of their host.
    Workloads {
        /// Absent: the policy's own namespace.
        namespaces: Option<Selector>,
        /// Absent: no constraint.
        workloads: Option<Selector>,
    },
    /// Addresses, whoever has them.
    Block {
        /// These,
        cidr: Cidr,
        /// but not those.
        except: Vec<Cidr>,
    },
    /// Nodes, by their addresses.
    Nodes(Selector),
    /// Addresses outside that DNS gave to these names.
    Domains(Vec<DomainPattern>),
    /// Something of an API newer than this version: the whole rule fails closed.
    Unknown(String),
}

/// The traffic that a rule names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ports {
    /// All of it, whatever the protocol.
    All,
    /// What at least one of these names.
    Any(Vec<PortMatch>),
}

/// One kind of traffic. ICMP has no ports: none of these match it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortMatch {
    /// Every port of the protocol.
    Protocol(Protocol),
    /// Ports from the first to the last, both included.
    Range(Protocol, u16, u16),
    /// The port that the destination gives this name for this protocol.
    Named(Protocol, String),
    /// The port that the destination gives this name, and the protocol that goes with it.
    NamedAny(String),
    /// Something of an API newer than this version: the whole rule fails closed.
    Unknown(String),
}
