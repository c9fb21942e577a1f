//! `networking.k8s.io/v1` `NetworkPolicy`, with the defaults and checks of the API server.

use super::labels::{cidr, selector};
use super::network_port::port;
use super::node::Value;
use super::problem::Log;
use super::walk::{At, Fields, join};
use crate::policy::model::{
    Action, Api, Direction, Peer, Peers, Policy, PolicyName, PortMatch, Ports, Rule, Subject, Tier,
};
use crate::policy::selector::Selector;

const TYPES: [(&str, Direction); 2] = [
    ("Ingress", Direction::Ingress),
    ("Egress", Direction::Egress),
];

/// The policy of that name; what is wrong is logged.
pub(super) fn read(spec: &At<'_>, namespace: &str, name: &str, log: &mut Log) -> Option<Policy> {
    let mut fields = spec.map(log)?;
    let subject = fields
        .get("podSelector")
        .map(|at| selector(&at, log))
        .unwrap_or_default();
    let ingress = fields.get("ingress");
    let egress = fields.get("egress");
    let types = fields
        .get("policyTypes")
        .map(|at| policy_types(&at, log))
        .filter(|all| !all.is_empty());
    let ingress = ingress.map(|at| rules(&at, "from", log));
    let egress = egress.map(|at| rules(&at, "to", log));
    fields.end(log);
    let is = |direction, default| {
        types
            .as_ref()
            .map_or(default, |all| all.contains(&direction))
    };
    // The server's defaults: ingress always, egress where there is a rule for it.
    let out = is(
        Direction::Egress,
        egress.as_ref().is_some_and(|rules| !rules.is_empty()),
    );
    let inward = is(Direction::Ingress, true);
    unused(&fields, "ingress", ingress.as_ref(), inward, log);
    unused(
        &fields,
        "egress",
        egress.as_ref(),
        out || types.is_none(),
        log,
    );
    if types.is_none() && egress.as_ref().is_some_and(Vec::is_empty) {
        let path = join(&fields.path, "egress");
        let what = "without policyTypes, an egress list without rules refuses nothing";
        log.warning(
            (&path, fields.line),
            what,
            "add policyTypes: [Ingress, Egress] to refuse all egress",
        );
    }
    Some(Policy {
        name: PolicyName {
            api: Api::NetworkPolicy,
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
        },
        tier: Tier::NetworkPolicy,
        priority: 0,
        subject: Subject::InNamespace(namespace.to_owned(), subject),
        ingress: inward.then(|| ingress.unwrap_or_default()),
        egress: out.then(|| egress.unwrap_or_default()),
    })
}

fn unused(fields: &Fields<'_>, name: &str, rules: Option<&Vec<Rule>>, active: bool, log: &mut Log) {
    if !active && rules.is_some_and(|rules| !rules.is_empty()) {
        let path = join(&fields.path, name);
        let what = "policyTypes leaves this direction out, so these rules do nothing";
        log.warning(
            (&path, fields.line),
            what,
            "name the direction in policyTypes, or remove the rules",
        );
    }
}

fn policy_types(at: &At<'_>, log: &mut Log) -> Vec<Direction> {
    let all = at.list(log);
    if all.len() > TYPES.len() {
        log.error(
            at.place(),
            "more than two policyTypes",
            "use Ingress, Egress or both",
        );
    }
    all.iter().filter_map(|at| at.one_of(log, &TYPES)).collect()
}

fn rules(at: &At<'_>, way: &'static str, log: &mut Log) -> Vec<Rule> {
    at.list(log)
        .iter()
        .filter_map(|at| rule(at, way, log))
        .collect()
}

fn rule(at: &At<'_>, way: &'static str, log: &mut Log) -> Option<Rule> {
    if at.node.value == Value::Null {
        return Some(Rule {
            name: None,
            action: Action::Accept,
            peers: Peers::All,
            ports: Ports::All,
        });
    }
    let mut fields = at.map(log)?;
    let ports = fields
        .get("ports")
        .map(|at| at.list(log))
        .unwrap_or_default();
    let ports: Vec<(At<'_>, Option<PortMatch>)> = ports
        .into_iter()
        .map(|at| (at.clone(), port(&at, log)))
        .collect();
    let peers = fields.get(way).map(|at| at.list(log)).unwrap_or_default();
    let count = peers.len();
    let peers: Vec<Peer> = peers.iter().filter_map(|at| peer(at, log)).collect();
    fields.end(log);
    if count > 0 && way == "to" && peers.iter().all(|peer| matches!(peer, Peer::Block { .. })) {
        for (at, _) in ports
            .iter()
            .filter(|(_, port)| matches!(port, Some(PortMatch::Named(..))))
        {
            let what = "a port's name never matches an ipBlock that is no workload's address";
            log.warning(at.place(), what, "write the port's number");
        }
    }
    Some(Rule {
        name: None,
        action: Action::Accept,
        peers: if count == 0 {
            Peers::All
        } else {
            Peers::Any(peers)
        },
        ports: if ports.is_empty() {
            Ports::All
        } else {
            Ports::Any(ports.into_iter().filter_map(|(_, port)| port).collect())
        },
    })
}

fn peer(at: &At<'_>, log: &mut Log) -> Option<Peer> {
    let choose = "name a podSelector, a namespaceSelector or an ipBlock";
    if at.node.value == Value::Null {
        log.error(at.place(), "a peer must say who it is", choose);
        return None;
    }
    let mut fields = at.map(log)?;
    let [workloads, namespaces, block] =
        ["podSelector", "namespaceSelector", "ipBlock"].map(|name| fields.get(name));
    fields.end(log);
    let labelled = workloads.is_some() || namespaces.is_some();
    match block {
        Some(block) if labelled => {
            let what = "ipBlock stands beside a selector";
            log.error(
                block.place(),
                what,
                "make two list items of it: each begins with `- `",
            );
            None
        }
        Some(block) => ip_block(&block, log),
        None if labelled => {
            let mut read =
                |at: Option<At<'_>>| -> Option<Selector> { at.map(|at| selector(&at, log)) };
            Some(Peer::Workloads {
                namespaces: read(namespaces),
                workloads: read(workloads),
            })
        }
        None => {
            log.error(at.place(), "a peer must say who it is", choose);
            None
        }
    }
}

fn ip_block(at: &At<'_>, log: &mut Log) -> Option<Peer> {
    let mut fields = at.map(log)?;
    let block = fields.need(log, "cidr", "write one such as 10.0.0.0/8");
    let block = block.and_then(|at| cidr(&at, log));
    let mut except = Vec::new();
    for at in fields
        .get("except")
        .map(|at| at.list(log))
        .unwrap_or_default()
    {
        let Some(inner) = cidr(&at, log) else {
            continue;
        };
        if let Some(outer) = block.filter(|outer| !outer.strictly_holds(&inner)) {
            let what = format!("{inner} is no smaller part of {outer}");
            log.error(
                at.place(),
                what,
                format!("name a block inside {outer}, or remove it"),
            );
        }
        except.push(inner);
    }
    fields.end(log);
    Some(Peer::Block {
        cidr: block?,
        except,
    })
}
