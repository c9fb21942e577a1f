//! Whether a rule fits a flow, and what of it does not.

use super::{Case, Judge};
use crate::policy::flow::{End, Protocol};
use crate::policy::model::{Action, Peer, Peers, Policy, PortMatch, Ports, Rule, Subject};
use crate::policy::selector::Selector;
use crate::policy::verdict::Missed;
use crate::policy::world::Workload;

/// How a rule fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::policy) enum Fit {
    /// It has something this version does not know: it can't be judged.
    Unknown,
    /// What does not fit; nothing: it matches.
    Known(Vec<Missed>),
}

impl Fit {
    pub(super) fn is_match(&self) -> bool {
        matches!(self, Fit::Known(missed) if missed.is_empty())
    }

    /// What does not fit, unknown things included.
    pub(super) fn missed(&self) -> Vec<Missed> {
        match self {
            Fit::Unknown => vec![Missed::Unknown],
            Fit::Known(missed) => missed.clone(),
        }
    }
}

impl Judge<'_> {
    pub(super) fn fit(&self, policy: &Policy, rule: &Rule, case: Case<'_>) -> Fit {
        if is_unknown(rule) {
            return Fit::Unknown;
        }
        let mut missed = Vec::new();
        let peer = match &rule.peers {
            Peers::All => true,
            Peers::Any(peers) => peers
                .iter()
                .any(|peer| self.is_peer(policy, peer, case.peer())),
        };
        if !peer {
            missed.push(Missed::Peer);
        }
        missed.extend(misfit(&rule.ports, case));
        Fit::Known(missed)
    }

    pub(in crate::policy) fn is_peer(&self, policy: &Policy, peer: &Peer, end: &End<'_>) -> bool {
        let address = end.address;
        match peer {
            Peer::Workloads {
                namespaces,
                workloads,
            } => end.workload().is_some_and(|workload| {
                self.is_in(policy, namespaces.as_ref(), workload)
                    && workloads
                        .as_ref()
                        .is_none_or(|one| one.matches(&workload.labels))
            }),
            Peer::Block { cidr, except } => address.is_some_and(|address| {
                cidr.contains(address) && !except.iter().any(|block| block.contains(address))
            }),
            Peer::Nodes(selector) => self.is_node(selector, end),
            // A name must not open the way to whoever is known here: their labels say who they are, and
            // DNS is other people's word.
            Peer::Domains(patterns) => address.is_some_and(|address| {
                matches!(end.who, crate::policy::flow::Who::Outside)
                    && self
                        .answers
                        .names(address)
                        .any(|name| patterns.iter().any(|one| one.matches(name)))
            }),
            Peer::Unknown(_) => false,
        }
    }

    fn is_in(&self, policy: &Policy, namespaces: Option<&Selector>, workload: &Workload) -> bool {
        match (namespaces, &policy.subject) {
            (Some(selector), _) => {
                selector.matches(&self.world.namespace_labels(&workload.namespace))
            }
            (None, Subject::InNamespace(own, _)) => workload.namespace == *own,
            (None, Subject::Across(..)) => true,
        }
    }

    /// A node is known by its addresses, which workloads in its network share.
    fn is_node(&self, selector: &Selector, end: &End<'_>) -> bool {
        if end.workload().is_some() {
            return false;
        }
        let has = |all: &[std::net::IpAddr]| {
            end.address.is_some_and(|address| {
                all.iter()
                    .any(|one| crate::policy::unmapped(*one) == crate::policy::unmapped(address))
            })
        };
        let mut nodes = self.world.nodes.iter();
        nodes.any(|node| {
            let is = end.node_name() == Some(node.name.as_str()) || has(&node.addresses);
            is && selector.matches(&node.labels)
        })
    }
}

/// Whether it has something this version does not know.
pub(in crate::policy) fn is_unknown(rule: &Rule) -> bool {
    let peers = match &rule.peers {
        Peers::All => false,
        Peers::Any(peers) => peers.iter().any(|peer| match peer {
            Peer::Unknown(_) => true,
            // The API has names for what is accepted only.
            Peer::Domains(_) => rule.action != Action::Accept,
            _ => false,
        }),
    };
    let unknown = |port: &PortMatch| matches!(port, PortMatch::Unknown(_));
    peers || matches!(&rule.ports, Ports::Any(ports) if ports.iter().any(unknown))
}

fn misfit(ports: &Ports, case: Case<'_>) -> Option<Missed> {
    let Ports::Any(ports) = ports else {
        return None;
    };
    let flow = case.flow;
    // Named ports are those of the destination, in either direction.
    let named = |protocol: Option<Protocol>, name: &str| {
        flow.to.workload().is_some_and(|workload| {
            workload.ports.iter().any(|port| {
                port.name == name
                    && port.port == flow.port
                    && port.protocol == flow.protocol
                    && protocol.is_none_or(|protocol| protocol == port.protocol)
            })
        })
    };
    let mut missed = Some(Missed::Protocol);
    for port in ports {
        let (same_protocol, fits) = match port {
            PortMatch::Protocol(protocol) => (*protocol == flow.protocol, true),
            PortMatch::Range(protocol, first, last) => (
                *protocol == flow.protocol,
                (*first..=*last).contains(&flow.port),
            ),
            PortMatch::Named(protocol, name) => {
                (*protocol == flow.protocol, named(Some(*protocol), name))
            }
            PortMatch::NamedAny(name) => (flow.protocol != Protocol::Icmp, named(None, name)),
            PortMatch::Unknown(_) => (false, false),
        };
        // ICMP has no ports, and no policy can name it as a protocol.
        if flow.protocol == Protocol::Icmp || !same_protocol {
            continue;
        }
        if fits {
            return None;
        }
        missed = Some(Missed::Port);
    }
    missed
}
