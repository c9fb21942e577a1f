//! Workloads that are copies of each other, and the labels that tell them from others for good.

use crate::policy::selector::Labels;
use crate::policy::world::{Workload, World};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Labels of the recommended kind, where a workload has the first.
const RECOMMENDED: [&str; 3] = [
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/component",
];
/// The first of these that a workload has says what it is,
const NAMES: [&str; 4] = ["app", "k8s-app", "name", "run"];
/// and these which part of it.
const PARTS: [&str; 2] = ["component", "tier"];
/// Change with each version, copy or run: a policy by them would soon select nobody.
const PASSING: [&str; 14] = [
    "pod-template-hash",
    "pod-template-generation",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "batch.kubernetes.io/job-completion-index",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "app.kubernetes.io/version",
    "app.kubernetes.io/managed-by",
    "helm.sh/chart",
    "version",
];

/// Workloads of one namespace that the same labels select.
#[derive(Debug)]
pub struct App<'w> {
    /// Theirs.
    pub namespace: &'w str,
    /// All of them have these.
    pub labels: BTreeMap<&'w str, &'w str>,
    /// None of them has these; others with the same labels have.
    pub lacks: BTreeSet<&'w str>,
    /// In the order of the world.
    pub workloads: Vec<&'w Workload>,
}

impl App<'_> {
    /// What people call it: the label that says what it is.
    pub fn title(&self) -> String {
        let first = NAMES.iter().chain(&RECOMMENDED[..1]);
        let named = first.filter_map(|key| self.labels.get(key));
        let parts = [RECOMMENDED[2], RECOMMENDED[1]].into_iter().chain(PARTS);
        let parts = parts.filter_map(|key| self.labels.get(key));
        let mut words: Vec<&str> = named.chain(parts).copied().collect();
        if words.is_empty() {
            words = self.labels.values().copied().collect();
        }
        words.dedup();
        words.join("-")
    }
}

/// Every app of a world.
#[derive(Debug)]
pub struct Apps<'w> {
    /// By namespace and labels.
    pub all: Vec<App<'w>>,
    of: HashMap<(&'w str, &'w str), usize>,
}

impl<'w> Apps<'w> {
    /// Workloads in their host's network, and those without a lasting label, belong to none.
    pub fn new(world: &'w World) -> Apps<'w> {
        let mut found: BTreeMap<_, Vec<&Workload>> = BTreeMap::new();
        for workload in world.workloads.iter().filter(|one| !one.host_network) {
            let labels = lasting(&workload.labels);
            if !labels.is_empty() {
                let key = (workload.namespace.as_str(), labels);
                found.entry(key).or_default().push(workload);
            }
        }
        let mut apps = Apps {
            all: Vec::with_capacity(found.len()),
            of: HashMap::new(),
        };
        for ((namespace, labels), workloads) in found {
            for one in &workloads {
                apps.of.insert((namespace, &one.name), apps.all.len());
            }
            apps.all.push(App {
                namespace,
                labels,
                lacks: BTreeSet::new(),
                workloads,
            });
        }
        let lacks: Vec<_> = apps.all.iter().map(|app| apps.lacks(app)).collect();
        for (app, lacks) in apps.all.iter_mut().zip(lacks) {
            app.lacks = lacks;
        }
        apps
    }

    /// Which of all it belongs to.
    pub fn of(&self, workload: &Workload) -> Option<usize> {
        let key = (workload.namespace.as_str(), workload.name.as_str());
        self.of.get(&key).copied()
    }

    /// Keys of others whom this app's labels would select as well. What an app is selected by depends
    /// on which keys it has, so at least one of theirs is missing here.
    fn lacks(&self, app: &App<'w>) -> BTreeSet<&'w str> {
        let fits = |one: &&Workload| {
            let mut labels = app.labels.iter();
            labels.all(|(key, value)| one.labels.get(*key).is_some_and(|its| its == value))
        };
        let others = self.all.iter().filter(|other| {
            other.namespace == app.namespace
                && other.labels != app.labels
                && other.workloads.iter().any(&fits)
        });
        let keys = others.flat_map(|other| other.labels.keys().copied());
        keys.filter(|key| !app.labels.contains_key(key)).collect()
    }
}

/// The labels to select it by; which keys depends only on which it has.
fn lasting(labels: &Labels) -> BTreeMap<&str, &str> {
    let having = |keys: &mut dyn Iterator<Item = &str>| -> BTreeMap<&str, &str> {
        let found = keys.filter_map(|key| labels.get_key_value(key));
        found.map(|(key, value)| (&**key, &**value)).collect()
    };
    if labels.contains_key(RECOMMENDED[0]) {
        return having(&mut RECOMMENDED.into_iter());
    }
    if let Some(name) = NAMES.into_iter().find(|key| labels.contains_key(*key)) {
        return having(&mut PARTS.into_iter().chain([name]));
    }
    let all = labels.iter().map(|(key, value)| (&**key, &**value));
    all.filter(|(key, _)| !PASSING.contains(key)).collect()
}
