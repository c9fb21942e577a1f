//! From files to policies and a world: native Kubernetes YAML or JSON, and inventories.
//!
//! Everything that is wrong in a file is found, not only the first: each [`Problem`] names file,
//! document, field, what is wrong and what to do. A field that nobody knows is a warning, as it is
//! most likely mistyped. An object with an error is left out.

mod assertions;
mod cluster_peer;
mod cluster_policy;
mod cluster_port;
mod inventory;
mod labels;
mod metadata;
mod names;
mod network_policy;
mod network_port;
mod node;
mod objects;
mod overlaps;
mod problem;
mod typos;
mod walk;
mod yaml;

pub use assertions::{Assertion, Assertions, port};
pub use node::{Node as Tree, Value};
pub use problem::{MAX_PROBLEMS, Problem, Severity};
pub use yaml::MAX_BYTES;

use super::model::{Api, Policies, PolicyName};
use super::world::World;
use problem::Log;
use std::collections::BTreeMap;
use walk::{At, Fields};

/// The group and version of our own kinds.
pub const OUR_API: &str = "forebay.dev/v1alpha1";
const NETWORK_POLICY: &str = "networking.k8s.io/v1";
const CLUSTER_POLICY: &str = "policy.networking.k8s.io/v1alpha2";

/// What files say, together.
#[derive(Debug, Default)]
pub struct Files {
    /// Those without an error.
    pub policies: Policies,
    /// Everyone they name.
    pub world: World,
    /// What `policy test` runs.
    pub assertions: Vec<Assertions>,
    /// Kinds that nothing is done with, and how many there were.
    pub skipped: BTreeMap<String, usize>,
    /// Documents with something in them.
    pub documents: usize,
    log: Log,
    /// Where each policy stood: file, document and line.
    origins: Vec<(PolicyName, String, usize, u32)>,
    finished: bool,
}

impl Files {
    /// Reads a file.
    pub fn add(&mut self, file: &str, text: &str) {
        file.clone_into(&mut self.log.file);
        let (documents, broken) = yaml::documents(text);
        let count = documents.len();
        for (index, document) in documents.iter().enumerate() {
            self.log.document = index + 1;
            self.document(document);
        }
        if let Some(broken) = broken {
            self.log.document = count + 1;
            self.log.object.clear();
            let cure = "correct the line, or see whether the lines before it are indented alike";
            self.log.error(
                ("", broken.line),
                format!("this is no YAML: {}", broken.what),
                cure,
            );
        }
    }

    /// Takes one object, as the API server sends it.
    pub fn add_object(&mut self, from: &str, object: &Tree) {
        from.clone_into(&mut self.log.file);
        self.log.document = 1;
        self.document(object);
    }

    /// Looks at all of it together. Must come last.
    pub fn finish(&mut self) {
        if !self.finished {
            self.finished = true;
            overlaps::find(self);
        }
    }

    /// What was found, in the order of the files.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.log.problems
    }

    /// How many errors and warnings there were, those beyond [`MAX_PROBLEMS`] included.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.log.errors, self.log.warnings)
    }

    fn document(&mut self, node: &Tree) {
        if node.value == Value::Null {
            return;
        }
        self.documents += 1;
        let at = At {
            node,
            path: String::new(),
        };
        self.object(&at, None);
    }

    /// `listed`: version and kind of the items of the list that it stands in, where all have the same.
    fn object(&mut self, at: &At<'_>, listed: Option<(&str, &str)>) {
        self.log.object.clear();
        let Some(mut fields) = at.map(&mut self.log) else {
            return;
        };
        let Some((api, kind)) = self.type_of(&mut fields, listed) else {
            return;
        };
        kind.clone_into(&mut self.log.object);
        if let (Some(one), Some(items)) = (kind.strip_suffix("List"), fields.get("items")) {
            for item in items.list(&mut self.log) {
                self.object(&item, (!one.is_empty()).then_some((api, one)));
            }
            return;
        }
        let errors = self.log.errors;
        match (api, kind) {
            (NETWORK_POLICY, "NetworkPolicy") => self.policy(at, Api::NetworkPolicy, errors),
            (CLUSTER_POLICY, "ClusterNetworkPolicy") => {
                self.policy(at, Api::ClusterNetworkPolicy, errors)
            }
            (_, "NetworkPolicy") => self.wrong_version(at, api, kind, NETWORK_POLICY),
            (_, "ClusterNetworkPolicy") if api.starts_with("policy.networking.k8s.io/") => {
                self.wrong_version(at, api, kind, CLUSTER_POLICY);
            }
            (_, "AdminNetworkPolicy" | "BaselineAdminNetworkPolicy") => {
                let what = format!("{kind} was replaced by ClusterNetworkPolicy and is not judged");
                let cure = "write it as ClusterNetworkPolicy of policy.networking.k8s.io/v1alpha2, with its tier";
                self.log.error(at.place(), what, cure);
            }
            (OUR_API, "Inventory" | "PolicyTest") => self.ours(at, kind),
            (_, "Inventory" | "PolicyTest") if api.starts_with("forebay") => {
                self.wrong_version(at, api, kind, OUR_API);
            }
            _ => self.other(at, kind),
        }
    }

    /// Version and kind. The API server leaves them out of the items of a list of one kind.
    fn type_of<'d>(
        &mut self,
        fields: &mut Fields<'d>,
        listed: Option<(&'d str, &'d str)>,
    ) -> Option<(&'d str, &'d str)> {
        if let (None, Some(listed)) = (fields.get("kind"), listed) {
            return Some(listed);
        }
        let api = fields.need(
            &mut self.log,
            "apiVersion",
            "write it, as `apiVersion: networking.k8s.io/v1`",
        );
        let kind = fields.need(&mut self.log, "kind", "write it, as `kind: NetworkPolicy`");
        let api = api.and_then(|at| at.text(&mut self.log));
        let kind = kind.and_then(|at| at.text(&mut self.log));
        api.zip(kind)
    }

    fn wrong_version(&mut self, at: &At<'_>, api: &str, kind: &str, known: &str) {
        let what = format!("{kind} of {:?} is not known", walk::shortened(api));
        self.log
            .error(at.place(), what, format!("write apiVersion: {known}"));
    }

    fn policy(&mut self, at: &At<'_>, api: Api, errors: usize) {
        let Some(mut fields) = at.map(&mut self.log) else {
            return;
        };
        fields.skip(&["apiVersion", "kind", "status"]);
        let namespaced = api == Api::NetworkPolicy;
        let name = metadata::read(&mut fields, namespaced, &mut self.log);
        let empty = Tree {
            line: at.node.line,
            value: Value::Map(Vec::new()),
        };
        let spec = match fields.get("spec") {
            None if namespaced => {
                let what =
                    "without a spec, it refuses all ingress of all workloads of its namespace";
                let cure = "write what the policy says, or spec: {} if that is meant";
                self.log.warning(("spec", at.node.line), what, cure);
                Some(At {
                    node: &empty,
                    path: "spec".to_owned(),
                })
            }
            Some(spec) => Some(spec),
            None => fields.need(&mut self.log, "spec", "write what the policy says"),
        };
        fields.end(&mut self.log);
        let Some(spec) = spec else { return };
        // Without a name, what else is wrong is still to be said.
        let (namespace, name) = name.unwrap_or_default();
        let policy = match api {
            Api::NetworkPolicy => network_policy::read(&spec, &namespace, &name, &mut self.log),
            Api::ClusterNetworkPolicy => cluster_policy::read(&spec, &name, &mut self.log),
        };
        if let (Some(policy), true) = (policy, self.log.errors == errors) {
            let (file, document) = (self.log.file.clone(), self.log.document);
            self.origins
                .push((policy.name.clone(), file, document, at.node.line));
            self.policies.all.push(policy);
        }
    }

    fn ours(&mut self, at: &At<'_>, kind: &str) {
        let log = &mut self.log;
        let Some(mut fields) = at.map(log) else {
            return;
        };
        fields.skip(&["apiVersion", "kind", "metadata"]);
        if kind == "Inventory" {
            inventory::read(&mut fields, &mut self.world, log);
        } else {
            self.assertions.push(assertions::read(&mut fields, log));
        }
        fields.end(log);
    }

    /// Who there is, by Kubernetes' own objects; other kinds are counted.
    fn other(&mut self, at: &At<'_>, kind: &str) {
        let log = &mut self.log;
        let template = objects::template(kind);
        if kind == "Service" {
            // Of use for what was seen on its way there; policies do not know them.
            self.world.services.extend(objects::service(at, log));
        }
        if template.is_none() && !matches!(kind, "Namespace" | "Pod" | "Node") {
            *self.skipped.entry(walk::shortened(kind)).or_default() += 1;
            return;
        }
        let text = |path: &[&'static str], log: &mut Log| {
            objects::find(at, path, log)
                .and_then(|at| at.text(log))
                .map(str::to_owned)
        };
        let Some(name) = text(&["metadata", "name"], log) else {
            log.error(at.place(), "metadata.name is missing", "give it a name");
            return;
        };
        let namespace =
            text(&["metadata", "namespace"], log).unwrap_or_else(|| "default".to_owned());
        let labels = objects::find(at, &["metadata", "labels"], log);
        let labels = |log: &mut Log| {
            labels
                .map(|at| labels::labels(&at, log))
                .unwrap_or_default()
        };
        match (kind, template) {
            ("Namespace", _) => {
                let place = ("metadata.labels", at.node.line);
                let labels = labels(log);
                inventory::add_namespace(place, &name, labels, &mut self.world, log);
            }
            ("Node", _) => {
                let labels = labels(log);
                self.world.nodes.push(objects::node(at, &name, labels, log));
            }
            ("Pod", _) => {
                let pod = objects::workload(at, &namespace, &name, log);
                if let (Some(_), Some(uid)) = (&pod, text(&["metadata", "uid"], log)) {
                    self.world.add_uid(&uid, &namespace, &name);
                }
                self.world.workloads.extend(pod);
            }
            (_, Some(path)) => {
                if let Some(pod) = objects::find(at, path, log) {
                    self.world
                        .workloads
                        .extend(objects::workload(&pod, &namespace, &name, log));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
