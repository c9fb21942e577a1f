//! What is judged: the beginning of an exchange between two ends.

use super::world::{Node, Workload};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// The beginning of a connection, or the first packet of an exchange without one. Replies are not
/// judged: they belong to what was let through.
#[derive(Debug, Clone, Copy)]
pub struct Flow<'w> {
    /// Who begins.
    pub from: End<'w>,
    /// Whom it is for, after any translation of a service's address.
    pub to: End<'w>,
    /// The protocol.
    pub protocol: Protocol,
    /// The destination's port; 0 for ICMP.
    pub port: u16,
}

/// One end.
#[derive(Debug, Clone, Copy)]
pub struct End<'w> {
    /// Who it is.
    pub who: Who<'w>,
    /// The address it uses here; unknown for a workload that has none (yet).
    pub address: Option<IpAddr>,
}

/// Who an end is.
#[derive(Debug, Clone, Copy)]
pub enum Who<'w> {
    /// A pod, container, unit or process.
    Workload(&'w Workload),
    /// A host of the cluster itself.
    Node(&'w Node),
    /// Anybody else.
    Outside,
}

impl<'w> End<'w> {
    /// A workload with a network of its own: what policies can be about.
    #[must_use]
    pub fn workload(&self) -> Option<&'w Workload> {
        match self.who {
            Who::Workload(workload) if !workload.host_network => Some(workload),
            _ => None,
        }
    }

    /// The node that this is, or whose network the workload is in.
    #[must_use]
    pub fn node_name(&self) -> Option<&'w str> {
        match self.who {
            Who::Node(node) => Some(&node.name),
            Who::Workload(workload) if workload.host_network => workload.node.as_deref(),
            _ => None,
        }
    }
}

impl fmt::Display for End<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.who, self.address) {
            (Who::Workload(workload), None) => write!(out, "{workload}"),
            (Who::Workload(workload), Some(address)) => write!(out, "{workload} ({address})"),
            (Who::Node(node), None) => write!(out, "node {}", node.name),
            (Who::Node(node), Some(address)) => write!(out, "node {} ({address})", node.name),
            (Who::Outside, Some(address)) => write!(out, "{address}"),
            (Who::Outside, None) => out.write_str("an unknown address"),
        }
    }
}

/// What policies tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// TCP
    Tcp,
    /// UDP
    Udp,
    /// SCTP
    Sctp,
    /// ICMP and ICMPv6
    Icmp,
}

impl Protocol {
    /// In any case of letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Protocol> {
        let all = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Icmp];
        all.into_iter()
            .find(|one| one.name().eq_ignore_ascii_case(text))
    }

    /// As Kubernetes writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
            Protocol::Sctp => "SCTP",
            Protocol::Icmp => "ICMP",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
