//! `policy.networking.k8s.io/v1alpha2` `ClusterNetworkPolicy`, with the checks of its definition.

use super::cluster_peer::{At25, peers};
use super::cluster_port::protocols;
use super::labels::selector;
use super::problem::Log;
use super::walk::{At, Fields};
use crate::policy::model::{
    Action, Api, Peer, Peers, Policy, PolicyName, PortMatch, Ports, Rule, Subject, Tier,
};
use crate::policy::selector::Selector;

const TIERS: [(&str, Tier); 2] = [("Admin", Tier::Admin), ("Baseline", Tier::Baseline)];
const ACTIONS: [(&str, Action); 3] = [
    ("Accept", Action::Accept),
    ("Deny", Action::Deny),
    ("Pass", Action::Pass),
];
/// Longest name of a rule.
const MAX_RULE_NAME: usize = 100;

/// The policy of that name; what is wrong is logged.
pub(super) fn read(spec: &At<'_>, name: &str, log: &mut Log) -> Option<Policy> {
    let mut fields = spec.map(log)?;
    let tier = fields.need(log, "tier", "write Admin or Baseline");
    let tier = tier.and_then(|at| at.one_of(log, &TIERS));
    let priority = fields.need(
        log,
        "priority",
        "write a number from 0 to 1000; lower ones are asked first",
    );
    let priority = priority.and_then(|at| at.number(log, 0, 1000));
    let subject = fields.need(
        log,
        "subject",
        "name namespaces or pods; `namespaces: {}` means all",
    );
    let subject = subject.and_then(|at| subject_of(&at, log));
    let ingress = fields.get("ingress").map(|at| rules(&at, "from", log));
    let egress = fields.get("egress").map(|at| rules(&at, "to", log));
    fields.end(log);
    // Without rules it says nothing about a direction.
    let speaking = |rules: Option<Vec<Rule>>| rules.filter(|rules| !rules.is_empty());
    Some(Policy {
        name: PolicyName {
            api: Api::ClusterNetworkPolicy,
            namespace: None,
            name: name.to_owned(),
        },
        tier: tier?,
        priority: u16::try_from(priority?).ok()?,
        subject: subject?,
        ingress: speaking(ingress),
        egress: speaking(egress),
    })
}

fn subject_of(at: &At<'_>, log: &mut Log) -> Option<Subject> {
    let mut fields = at.map(log)?;
    let namespaces = fields.get("namespaces");
    let pods = fields.get("pods");
    fields.end(log);
    match (namespaces, pods) {
        (Some(at), None) => Some(Subject::Across(selector(&at, log), Selector::everything())),
        (None, Some(at)) => {
            let (namespaces, workloads) = both(&at, log)?;
            Some(Subject::Across(namespaces, workloads))
        }
        (Some(_), Some(_)) => {
            let what = "namespaces and pods stand beside each other";
            log.error(
                at.place(),
                what,
                "keep one; pods has a namespaceSelector of its own",
            );
            None
        }
        (None, None) => {
            let cure = "name namespaces or pods; `namespaces: {}` means all";
            log.error(at.place(), "the subject says nothing", cure);
            None
        }
    }
}

/// A `pods` mapping: selectors of namespaces and of workloads.
pub(super) fn both(at: &At<'_>, log: &mut Log) -> Option<(Selector, Selector)> {
    let mut fields = at.map(log)?;
    let namespaces = fields.get("namespaceSelector").map(|at| selector(&at, log));
    let workloads = fields.need(
        log,
        "podSelector",
        "write `podSelector: {}` for all workloads",
    );
    let workloads = workloads.map(|at| selector(&at, log));
    fields.end(log);
    Some((namespaces.unwrap_or_default(), workloads?))
}

fn rules(at: &At<'_>, way: &'static str, log: &mut Log) -> Vec<Rule> {
    at.at_most_25(log, "rules")
        .iter()
        .filter_map(|at| rule(at, way, log))
        .collect()
}

fn rule(at: &At<'_>, way: &'static str, log: &mut Log) -> Option<Rule> {
    let mut fields = at.map(log)?;
    let action = fields.need(log, "action", "write Accept, Deny or Pass");
    let action = action.and_then(|at| at.one_of(log, &ACTIONS));
    let name = fields.get("name").and_then(|at| {
        let name = at.text(log)?;
        if name.chars().count() > MAX_RULE_NAME {
            log.error(
                at.place(),
                "the name is longer than 100 characters",
                "shorten it",
            );
        }
        Some(name.to_owned())
    });
    let cure = "list at least one peer; `- namespaces: {}` means all workloads";
    let peers = fields
        .need(log, way, cure)
        .map(|at| peers(&at, way == "to", log));
    let ports = fields.get("protocols").map(|at| protocols(&at, log));
    fields.end(log);
    let (action, peers) = (action?, peers?);
    contradictions(
        &fields,
        action,
        &peers,
        ports.as_deref().unwrap_or_default(),
        log,
    );
    Some(Rule {
        name,
        action,
        peers: Peers::Any(peers),
        ports: ports.map_or(Ports::All, Ports::Any),
    })
}

fn contradictions(
    fields: &Fields<'_>,
    action: Action,
    peers: &[Peer],
    ports: &[PortMatch],
    log: &mut Log,
) {
    let place = (fields.path.as_str(), fields.line);
    let portless =
        |peer: &Peer| matches!(peer, Peer::Block { .. } | Peer::Nodes(_) | Peer::Domains(_));
    let named = |port: &PortMatch| matches!(port, PortMatch::NamedAny(_));
    if peers.iter().any(portless) && ports.iter().any(named) {
        let what = "destinationNamedPort stands beside networks, nodes or domainNames, which have no named ports";
        log.error(
            place,
            what,
            "write the port's number, or make two rules of it",
        );
    }
    if action != Action::Accept && peers.iter().any(|peer| matches!(peer, Peer::Domains(_))) {
        let what = format!("domainNames can be accepted only, and this rule says {action}");
        log.error(
            place,
            what,
            "accept the names and let a later rule deny the rest",
        );
    }
}
