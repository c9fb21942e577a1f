//! Peers and protocols of `ClusterNetworkPolicy`.

use super::cluster_policy::both;
use super::labels::{cidr, selector};
use super::problem::Log;
use super::walk::{At, Fields};
use crate::policy::domain::DomainPattern;
use crate::policy::model::Peer;
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

/// The value of the only known field, once the others were named.
pub(super) fn finish<T>(fields: &Fields<'_>, log: &mut Log, read: impl FnOnce(&mut Log) -> T) -> T {
    fields.end(log);
    read(log)
}

/// Something newer than this version, or nothing at all.
pub(super) fn unknown(
    fields: &Fields<'_>,
    at: &At<'_>,
    egress: bool,
    log: &mut Log,
) -> Option<String> {
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
