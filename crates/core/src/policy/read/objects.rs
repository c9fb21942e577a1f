//! Namespaces, pods, what makes pods, and nodes: who the policies are about. Their schemas are large and
//! not ours to check; only what is used is read.

use super::labels::{address, labels};
use super::network_port::PROTOCOLS;
use super::problem::Log;
use super::walk::{At, Fields};
use crate::policy::flow::Protocol;
use crate::policy::selector::Labels;
use crate::policy::world::{NamedPort, Node, Workload};

/// A field of a mapping, however deep.
pub(super) fn find<'d>(at: &At<'d>, path: &[&'static str], log: &mut Log) -> Option<At<'d>> {
    let (first, rest) = path.split_first()?;
    let found = at.map(log)?.get(first)?;
    if rest.is_empty() {
        Some(found)
    } else {
        find(&found, rest, log)
    }
}

/// Where the pod's template stands in what makes pods.
pub(super) fn template(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "Deployment"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicaSet"
        | "ReplicationController"
        | "Job" => Some(&["spec", "template"]),
        "CronJob" => Some(&["spec", "jobTemplate", "spec", "template"]),
        _ => None,
    }
}

/// A pod, or the pods of a template. None where it has ended: nothing runs there any more.
pub(super) fn workload(
    pod: &At<'_>,
    namespace: &str,
    name: &str,
    log: &mut Log,
) -> Option<Workload> {
    let phase = find(pod, &["status", "phase"], log);
    if phase
        .and_then(|at| at.text(log))
        .is_some_and(|phase| matches!(phase, "Succeeded" | "Failed"))
    {
        return None;
    }
    let text = |path: &[&'static str], log: &mut Log| {
        find(pod, path, log)
            .and_then(|at| at.text(log))
            .map(str::to_owned)
    };
    Some(Workload {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        labels: find(pod, &["metadata", "labels"], log)
            .map(|at| labels(&at, log))
            .unwrap_or_default(),
        addresses: pod_addresses(pod, log),
        ports: named_ports(pod, log),
        host_network: find(pod, &["spec", "hostNetwork"], log)
            .and_then(|at| at.boolean(log))
            .unwrap_or_default(),
        node: text(&["spec", "nodeName"], log),
        binding: None,
    })
}

fn pod_addresses(pod: &At<'_>, log: &mut Log) -> Vec<std::net::IpAddr> {
    let all = find(pod, &["status", "podIPs"], log)
        .map(|at| at.list(log))
        .unwrap_or_default();
    let mut found: Vec<_> = all
        .iter()
        .filter_map(|at| find(at, &["ip"], log).and_then(|at| address(&at, log)))
        .collect();
    let one = find(pod, &["status", "podIP"], log).and_then(|at| address(&at, log));
    if let Some(one) = one.filter(|one| !found.contains(one)) {
        found.insert(0, one);
    }
    found
}

fn named_ports(pod: &At<'_>, log: &mut Log) -> Vec<NamedPort> {
    let mut found = Vec::new();
    for kind in ["initContainers", "containers"] {
        let containers = find(pod, &["spec", kind], log)
            .map(|at| at.list(log))
            .unwrap_or_default();
        for container in containers {
            // Of init containers, those that go on beside the others can be reached.
            let stays = kind == "containers"
                || find(&container, &["restartPolicy"], log).and_then(|at| at.text(log))
                    == Some("Always");
            let ports = find(&container, &["ports"], log)
                .map(|at| at.list(log))
                .unwrap_or_default();
            if stays {
                found.extend(
                    ports
                        .iter()
                        .filter_map(|at| named_port(at, "containerPort", log)),
                );
            }
        }
    }
    found
}

/// A port with a name; one without is of no use to policies.
pub(super) fn named_port(at: &At<'_>, number: &'static str, log: &mut Log) -> Option<NamedPort> {
    let mut fields = at.map(log)?;
    let protocol = port_protocol(&mut fields, log);
    let port = fields
        .need(log, number, "write the port's number")
        .and_then(|at| at.number(log, 1, 65535));
    let name = fields.get("name").and_then(|at| at.text(log));
    Some(NamedPort {
        name: name?.to_owned(),
        protocol: protocol?,
        port: u16::try_from(port?).ok()?,
    })
}

fn port_protocol(fields: &mut Fields<'_>, log: &mut Log) -> Option<Protocol> {
    fields
        .get("protocol")
        .map_or(Some(Protocol::Tcp), |at| at.one_of(log, &PROTOCOLS))
}

/// The addresses that stand for whomever a Service leads to; headless ones have none.
pub(super) fn service(at: &At<'_>, log: &mut Log) -> Vec<std::net::IpAddr> {
    let all = find(at, &["spec", "clusterIPs"], log)
        .map(|at| at.list(log))
        .unwrap_or_default();
    let one = find(at, &["spec", "clusterIP"], log);
    let texts = all.iter().chain(&one).filter_map(|at| at.text(log));
    texts.filter_map(|text| text.parse().ok()).collect()
}

/// A node with those of its addresses that are numbers.
pub(super) fn node(at: &At<'_>, name: &str, labels: Labels, log: &mut Log) -> Node {
    let all = find(at, &["status", "addresses"], log)
        .map(|at| at.list(log))
        .unwrap_or_default();
    let addresses = all
        .iter()
        .filter_map(|at| find(at, &["address"], log).and_then(|at| at.text(log)?.parse().ok()))
        .collect();
    Node {
        name: name.to_owned(),
        labels,
        addresses,
    }
}
