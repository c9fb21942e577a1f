//! One step a line: namespaces, pods, policies and the verdict of every pair of pods.

use super::lines::{Lines, each_line};
use super::{Row, Step};
use crate::show::failure::Failure;
use crate::show::policy::{PolicyError, count};
use forebay_core::policy::read::{Files, Tree, Value, port};
use forebay_core::policy::{Labels, NamedPort, Node, Protocol, Workload, World};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    case: serde_json::Value,
    #[serde(default)]
    step: Option<serde_json::Value>,
    #[serde(default)]
    desc: Option<String>,
    #[serde(flatten)]
    cluster: Cluster,
    #[serde(default)]
    policies: Option<Vec<Tree>>,
    rows: Vec<Line1>,
}

/// Who there is, in either format.
#[derive(Deserialize)]
pub(super) struct Cluster {
    namespaces: BTreeMap<String, Labels>,
    pods: Vec<Pod>,
    #[serde(default)]
    nodes: Vec<Host>,
}

#[derive(Deserialize)]
struct Pod {
    #[serde(alias = "ns")]
    namespace: String,
    name: String,
    #[serde(default)]
    labels: Labels,
    /// Some other text where the pod has none yet.
    #[serde(default)]
    ip: Option<String>,
    #[serde(default)]
    ips: Vec<IpAddr>,
    #[serde(default)]
    ports: Vec<Port>,
    #[serde(default, rename = "hostNetwork")]
    host_network: bool,
    #[serde(default)]
    node: Option<String>,
}

#[derive(Deserialize)]
struct Host {
    name: String,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    addresses: Vec<IpAddr>,
}

#[derive(Deserialize)]
struct Port {
    #[serde(default)]
    name: Option<String>,
    port: u16,
    protocol: Protocol,
}

#[derive(Deserialize)]
struct Line1 {
    from: String,
    to: String,
    key: String,
    c: Expected,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Allowed,
    Blocked,
}

/// Whether a file's first line is of this format.
pub(super) fn is(first: &str) -> bool {
    first.contains("\"rows\"")
}

pub(super) fn read(
    path: &Path,
    lines: Lines,
    judge: &mut dyn FnMut(Step) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let file = path.display().to_string();
    each_line(path, lines, &mut |number, text| {
        let wrong = |what: String| PolicyError::Cases {
            file: file.clone(),
            line: number,
            what,
        };
        let line: Line = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let mut files = Files::default();
        for policy in line.policies.into_iter().flatten() {
            files.add_object(&file, &typed(policy));
        }
        files.finish();
        let (errors, _) = files.counts();
        if errors > 0 {
            let first = files
                .problems()
                .first()
                .map(ToString::to_string)
                .unwrap_or_default();
            let what = format!(
                "{} in its policies; the first: {first}",
                count(errors, "error", "errors")
            );
            return Err(wrong(what).into());
        }
        let mut rows = Vec::with_capacity(line.rows.len());
        for row in line.rows {
            let (protocol, port) = port(&row.key).map_err(wrong)?;
            let allowed = matches!(row.c, Expected::Allowed);
            rows.push(Row {
                line: number,
                from: row.from,
                to: row.to,
                protocol,
                port,
                allowed,
            });
        }
        let step = line.step.unwrap_or_default();
        let name = format!(
            "case {} step {step} ({})",
            line.case,
            line.desc.unwrap_or_default()
        );
        judge(Step {
            name,
            world: line.cluster.world(),
            policies: files.policies,
            rows,
        })
    })
}

/// Programs leave out what an object's type already says; here that is `NetworkPolicy`.
fn typed(mut policy: Tree) -> Tree {
    if let Value::Map(fields) = &mut policy.value {
        for (name, value) in [
            ("apiVersion", "networking.k8s.io/v1"),
            ("kind", "NetworkPolicy"),
        ] {
            if !fields.iter().any(|(field, _)| field == name) {
                let value = Value::Text(value.to_owned());
                fields.push((name.to_owned(), Tree { line: 0, value }));
            }
        }
    }
    policy
}

impl Cluster {
    pub(super) fn world(self) -> World {
        let mut world = World::default();
        for (name, labels) in self.namespaces {
            world.add_namespace(&name, labels);
        }
        world.workloads = self.pods.into_iter().map(Pod::workload).collect();
        let node = |host: Host| Node {
            name: host.name,
            labels: host.labels,
            addresses: host.addresses,
        };
        world.nodes = self.nodes.into_iter().map(node).collect();
        world
    }
}

impl Pod {
    fn workload(self) -> Workload {
        let port = |port: Port| {
            Some(NamedPort {
                name: port.name?,
                protocol: port.protocol,
                port: port.port,
            })
        };
        let address = self.ip.and_then(|text| text.parse().ok());
        Workload {
            namespace: self.namespace,
            name: self.name,
            labels: self.labels,
            addresses: address.into_iter().chain(self.ips).collect(),
            ports: self.ports.into_iter().filter_map(port).collect(),
            host_network: self.host_network,
            node: self.node,
            binding: None,
        }
    }
}
