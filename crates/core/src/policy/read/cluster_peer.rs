//! Peers and protocols of `ClusterNetworkPolicy`.

use super::cluster_policy::both;
use super::labels::{cidr, selector};
use super::names::{PORT_NAME, is_port_name};
use super::problem::Log;
use super::walk::{At, Fields};
use crate::policy::domain::DomainPattern;
use crate::policy::flow::Protocol;
use crate::policy::model::{Peer, PortMatch};
use crate::policy::selector::Selector;

/// Most elements of any list of this API.
const MAX: usize = 25;

/// Lists as this API bounds them.
pub(super) trait At25<'d> {
    /// The list's elements; more than 25 are an error.
    fn at_most_25(&self, log: &mut Log, what: &str) -> Vec<At<'d>>;
    /// The same, and at least one.
    fn some_at_most_25(&self, log: &mut Log, what: &str) -> Vec<At<'d>>;
}

impl<'d> At25<'d> for At<'d> {
    fn at_most_25(&self, log: &mut Log, what: &str) -> Vec<At<'d>> {
        let all = self.list(log);
        if all.len() > MAX {
            let sentence = format!("{} {what}, where the API takes at most {MAX}", all.len());
            log.error(self.place(), sentence, "split the policy into several");
        }
        all
    }

    fn some_at_most_25(&self, log: &mut Log, what: &str) -> Vec<At<'d>> {
        let all = self.at_most_25(log, what);
        if all.is_empty() && matches!(self.node.value, super::node::Value::List(_)) {
            log.error(
                self.place(),
                format!("the list of {what} is empty"),
                "list at least one",
            );
        }
        all
    }
}

/// The peers of a rule; a kind that this version does not know makes its rule fail closed.
pub(super) fn peers(at: &At<'_>, egress: bool, log: &mut Log) -> Vec<Peer> {
    let all = at.some_at_most_25(log, "peers");
    all.iter().flat_map(|at| peer(at, egress, log)).collect()
}

fn peer(at: &At<'_>, egress: bool, log: &mut Log) -> Vec<Peer> {
    let Some(mut fields) = at.map(log) else {
        return Vec::new();
    };
    let [namespaces, pods] = ["namespaces", "pods"].map(|name| fields.get(name));
    let outside = ["networks", "nodes", "domainNames"];
    let [networks, nodes, domains] = if egress {
        outside.map(|name| fields.get(name))
    } else {
        [None, None, None]
    };
    let known = [&namespaces, &pods, &networks, &nodes, &domains];
    if known.iter().filter(|one| one.is_some()).count() > 1 {
        log.error(
            at.place(),
            "a peer names more than one kind",
            "make a list item of each",
        );
        return Vec::new();
    }
    let workloads = |namespaces, workloads| {
        vec![Peer::Workloads {
            namespaces: Some(namespaces),
            workloads: Some(workloads),
        }]
    };
    match (namespaces, pods, networks, nodes, domains) {
        (Some(at), ..) => finish(&fields, log, |log| {
            workloads(selector(&at, log), Selector::everything())
        }),
        (_, Some(at), ..) => finish(&fields, log, |log| {
            both(&at, log)
                .map(|(n, w)| workloads(n, w))
                .unwrap_or_default()
        }),
        (_, _, Some(at), ..) => finish(&fields, log, |log| blocks(&at, log)),
        (_, _, _, Some(at), _) => finish(&fields, log, |log| vec![Peer::Nodes(selector(&at, log))]),
        (.., Some(at)) => finish(&fields, log, |log| domain_names(&at, log)),
        _ => unknown(&fields, at, egress, log)
            .map(Peer::Unknown)
            .into_iter()
            .collect(),
    }
}

fn finish<T>(fields: &Fields<'_>, log: &mut Log, read: impl FnOnce(&mut Log) -> T) -> T {
    fields.end(log);
    read(log)
}

/// Something newer than this version, or nothing at all.
fn unknown(fields: &Fields<'_>, at: &At<'_>, egress: bool, log: &mut Log) -> Option<String> {
    let first = fields.unasked().next().map(|(key, _)| key.to_owned());
    match first {
        Some(key) if !egress && ["networks", "nodes", "domainNames"].contains(&key.as_str()) => {
            let what = format!("{key} is no peer of an ingress rule");
            log.error(at.place(), what, "name namespaces or pods");
            None
        }
        Some(key) => {
            fields.end(log);
            let what = format!(
                "this version does not know {key:?}, so the rule fails closed: Accept matches nothing, Deny and Pass deny everything"
            );
            log.warning(at.place(), what, "correct the name, or use a newer forebay");
            Some(key)
        }
        None => {
            log.error(
                at.place(),
                "it says nothing",
                "name one of those that the API knows",
            );
            None
        }
    }
}

fn blocks(at: &At<'_>, log: &mut Log) -> Vec<Peer> {
    let mut found = Vec::new();
    for at in at.some_at_most_25(log, "networks") {
        if let Some(cidr) = cidr(&at, log) {
            let peer = Peer::Block {
                cidr,
                except: Vec::new(),
            };
            if found.contains(&peer) {
                log.error(
                    at.place(),
                    format!("{cidr} is there twice"),
                    "keep one of them",
                );
            }
            found.push(peer);
        }
    }
    found
}

fn domain_names(at: &At<'_>, log: &mut Log) -> Vec<Peer> {
    let mut found = Vec::new();
    for at in at.some_at_most_25(log, "domainNames") {
        let Some(text) = at.text(log) else { continue };
        match DomainPattern::new(text) {
            Some(pattern) if found.contains(&pattern) => {
                log.error(
                    at.place(),
                    format!("{pattern} is there twice"),
                    "keep one of them",
                );
            }
            Some(pattern) => found.push(pattern),
            None => {
                let what = format!("{:?} is no domain name", super::walk::shortened(text));
                log.error(
                    at.place(),
                    what,
                    "write one such as example.com or *.example.com",
                );
            }
        }
    }
    vec![Peer::Domains(found)]
}

/// The `protocols` of a rule.
pub(super) fn protocols(at: &At<'_>, log: &mut Log) -> Vec<PortMatch> {
    let all = at.some_at_most_25(log, "protocols");
    all.iter().filter_map(|at| protocol(at, log)).collect()
}

fn protocol(at: &At<'_>, log: &mut Log) -> Option<PortMatch> {
    let mut fields = at.map(log)?;
    let named = fields.get("destinationNamedPort");
    let kinds = [
        ("tcp", Protocol::Tcp),
        ("udp", Protocol::Udp),
        ("sctp", Protocol::Sctp),
    ];
    let found: Vec<(At<'_>, Protocol)> = kinds
        .into_iter()
        .filter_map(|(name, protocol)| Some((fields.get(name)?, protocol)))
        .collect();
    if found.len() + usize::from(named.is_some()) > 1 {
        log.error(
            at.place(),
            "it names more than one protocol",
            "make a list item of each",
        );
        return None;
    }
    if let Some(at) = named {
        fields.end(log);
        let name = super::names::checked(&at, log, is_port_name, "port's name", PORT_NAME)?;
        return Some(PortMatch::NamedAny(name.to_owned()));
    }
    match found.first() {
        Some((at, protocol)) => finish(&fields, log, |log| ports(at, *protocol, log)),
        None => unknown(&fields, at, true, log).map(PortMatch::Unknown),
    }
}

fn ports(at: &At<'_>, protocol: Protocol, log: &mut Log) -> Option<PortMatch> {
    let mut fields = at.map(log)?;
    let cure =
        "write destinationPort with a number or a range; leave protocols out to mean all traffic";
    let port = fields.need(log, "destinationPort", cure);
    fields.end(log);
    let port = port?;
    let mut fields = port.map(log)?;
    let (number, range) = (fields.get("number"), fields.get("range"));
    fields.end(log);
    match (number, range) {
        (Some(at), None) => {
            let port = u16::try_from(at.number(log, 1, 65535)?).ok()?;
            Some(PortMatch::Range(protocol, port, port))
        }
        (None, Some(at)) => range_of(&at, protocol, log),
        (None, None) => {
            log.error(
                port.place(),
                "it names no port",
                "write a number or a range",
            );
            None
        }
        (Some(_), Some(_)) => {
            log.error(
                port.place(),
                "number and range stand beside each other",
                "keep one of them",
            );
            None
        }
    }
}

fn range_of(at: &At<'_>, protocol: Protocol, log: &mut Log) -> Option<PortMatch> {
    let mut fields = at.map(log)?;
    let start = fields.need(log, "start", "write the first port");
    let end = fields.need(log, "end", "write the last port");
    let start = start.and_then(|at| at.number(log, 1, 65535));
    let end = end.and_then(|at| at.number(log, 1, 65535));
    fields.end(log);
    let (start, end) = (u16::try_from(start?).ok()?, u16::try_from(end?).ok()?);
    if start >= end {
        let what = format!("the range from {start} to {end} does not go upwards");
        log.error(
            at.place(),
            what,
            "let end be larger than start, or write a number",
        );
        return None;
    }
    Some(PortMatch::Range(protocol, start, end))
}
