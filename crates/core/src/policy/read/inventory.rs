//! The file that says who runs on hosts without Kubernetes, and who is known outside.

use super::labels::{addresses, labels};
use super::names::{
    NAMESPACE, OBJECT_NAME, PORT_NAME, checked, is_dns_label, is_dns_subdomain, is_port_name,
};
use super::network_port::PROTOCOLS;
use super::problem::Log;
use super::walk::{At, Fields};
use crate::policy::binding::Binding;
use crate::policy::flow::Protocol;
use crate::policy::selector::Labels;
use crate::policy::world::{Host, NamedPort, Node, Workload, World};

/// Fewest characters of a container's id: what tools print.
const MIN_CONTAINER_ID: usize = 12;

/// Adds everyone the inventory names.
pub(super) fn read(fields: &mut Fields<'_>, world: &mut World, log: &mut Log) {
    for at in list(fields, "namespaces", log) {
        namespace(&at, world, log);
    }
    for at in list(fields, "nodes", log) {
        world.nodes.extend(node(&at, log));
    }
    for at in list(fields, "workloads", log) {
        world.workloads.extend(workload(&at, log));
    }
    for at in list(fields, "hosts", log) {
        world.hosts.extend(host(&at, log));
    }
}

fn list<'d>(fields: &mut Fields<'d>, name: &'static str, log: &mut Log) -> Vec<At<'d>> {
    fields.get(name).map(|at| at.list(log)).unwrap_or_default()
}

fn name<'d>(fields: &mut Fields<'d>, log: &mut Log) -> Option<&'d str> {
    let at = fields.need(log, "name", "give it a name")?;
    checked(&at, log, is_dns_subdomain, "name", OBJECT_NAME)
}

fn labels_of(fields: &mut Fields<'_>, log: &mut Log) -> Labels {
    fields
        .get("labels")
        .map(|at| labels(&at, log))
        .unwrap_or_default()
}

fn addresses_of(fields: &mut Fields<'_>, log: &mut Log) -> Vec<std::net::IpAddr> {
    fields
        .get("addresses")
        .map(|at| addresses(&at, log))
        .unwrap_or_default()
}

fn namespace(at: &At<'_>, world: &mut World, log: &mut Log) {
    let Some(mut fields) = at.map(log) else {
        return;
    };
    let name = fields.need(log, "name", "give it a name");
    let name = name.and_then(|at| checked(&at, log, is_dns_label, "namespace", NAMESPACE));
    let labels = labels_of(&mut fields, log);
    fields.end(log);
    if let Some(name) = name {
        add_namespace(at.place(), name, labels, world, log);
    }
}

/// Which of two labellings counts would else depend on the files' order unseen.
pub(super) fn add_namespace(
    place: (&str, u32),
    name: &str,
    labels: Labels,
    world: &mut World,
    log: &mut Log,
) {
    if !world.add_namespace(name, labels) {
        let what = format!("the namespace {name} is there before with other labels; these count");
        log.warning(place, what, "keep one of them");
    }
}

fn node(at: &At<'_>, log: &mut Log) -> Option<Node> {
    let mut fields = at.map(log)?;
    let name = name(&mut fields, log);
    let (labels, addresses) = (labels_of(&mut fields, log), addresses_of(&mut fields, log));
    fields.end(log);
    Some(Node {
        name: name?.to_owned(),
        labels,
        addresses,
    })
}

fn host(at: &At<'_>, log: &mut Log) -> Option<Host> {
    let mut fields = at.map(log)?;
    let name = name(&mut fields, log);
    let given = fields.need(log, "addresses", "list its addresses");
    let addresses = given.map(|at| addresses(&at, log)).unwrap_or_default();
    fields.end(log);
    Some(Host {
        name: name?.to_owned(),
        addresses,
    })
}

fn workload(at: &At<'_>, log: &mut Log) -> Option<Workload> {
    let mut fields = at.map(log)?;
    let name = name(&mut fields, log);
    let namespace = match fields.get("namespace") {
        Some(at) => checked(&at, log, is_dns_label, "namespace", NAMESPACE),
        None => Some("default"),
    };
    let (labels, addresses) = (labels_of(&mut fields, log), addresses_of(&mut fields, log));
    let ports = list(&mut fields, "ports", log);
    let ports = ports.iter().filter_map(|at| port(at, log)).collect();
    let host_network = fields
        .get("hostNetwork")
        .and_then(|at| at.boolean(log))
        .unwrap_or_default();
    let node = fields
        .get("node")
        .and_then(|at| at.text(log))
        .map(str::to_owned);
    let binding = fields.get("match").map(|at| binding(&at, log));
    fields.end(log);
    Some(Workload {
        namespace: namespace?.to_owned(),
        name: name?.to_owned(),
        labels,
        addresses,
        ports,
        host_network,
        node,
        binding: binding.flatten(),
    })
}

fn port(at: &At<'_>, log: &mut Log) -> Option<NamedPort> {
    let mut fields = at.map(log)?;
    let name = fields.need(
        log,
        "name",
        "give the port a name; ports without one need not be listed",
    );
    let name = name.and_then(|at| checked(&at, log, is_port_name, "port's name", PORT_NAME));
    let port = fields
        .need(log, "port", "write the port's number")
        .and_then(|at| at.number(log, 1, 65535));
    let protocol = fields
        .get("protocol")
        .map_or(Some(Protocol::Tcp), |at| at.one_of(log, &PROTOCOLS));
    fields.end(log);
    Some(NamedPort {
        name: name?.to_owned(),
        protocol: protocol?,
        port: u16::try_from(port?).ok()?,
    })
}

fn binding(at: &At<'_>, log: &mut Log) -> Option<Binding> {
    let mut fields = at.map(log)?;
    let [cgroup, unit, container] = ["cgroup", "unit", "container"].map(|name| fields.get(name));
    fields.end(log);
    match (cgroup, unit, container) {
        (Some(at), None, None) => {
            let is = |text: &str| text.starts_with('/') && text.len() > 1;
            let cure =
                "write the path from the hierarchy's root, such as /system.slice/qdrant*.service";
            let text = checked(&at, log, is, "path of a control group", cure)?;
            Some(Binding::Cgroup(text.to_owned()))
        }
        (None, Some(at), None) => {
            let is =
                |text: &str| text.contains('.') && !text.contains('/') && !text.starts_with('.');
            let cure = "write it with its kind, such as qdrant.service";
            Some(Binding::Unit(
                checked(&at, log, is, "systemd unit", cure)?.to_owned(),
            ))
        }
        (None, None, Some(at)) => {
            let is = |text: &str| {
                text.len() >= MIN_CONTAINER_ID && text.bytes().all(|byte| byte.is_ascii_hexdigit())
            };
            let cure = "write at least the first 12 characters of the id, in quotes if they are all digits";
            Some(Binding::Container(
                checked(&at, log, is, "container's id", cure)?.to_owned(),
            ))
        }
        _ => {
            log.error(
                at.place(),
                "match needs one way to find the workload",
                "write cgroup, unit or container",
            );
            None
        }
    }
}
