//! Who there is: namespaces, workloads, nodes and named hosts outside.

use super::binding::Binding;
use super::cidr::unmapped;
use super::domain::Answers;
use super::flow::{End, Protocol, Who};
use super::selector::Labels;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

/// The label with its own name that every namespace has.
pub const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Everyone that policies can speak about.
#[derive(Debug, Clone, Default)]
pub struct World {
    namespaces: BTreeMap<String, Namespace>,
    /// Namespace and name of pods by their UID.
    uids: BTreeMap<String, (String, String)>,
    /// In the order they were found.
    pub workloads: Vec<Workload>,
    /// Hosts of the cluster.
    pub nodes: Vec<Node>,
    /// Names for addresses outside.
    pub hosts: Vec<Host>,
    /// Addresses of Services: policies are about whom they lead to.
    pub services: BTreeSet<IpAddr>,
}

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// [`NAME_LABEL`] among them.
    pub labels: Labels,
}

/// A pod, container, unit or process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workload {
    /// Its namespace.
    pub namespace: String,
    /// Its name there.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
    /// Its addresses, of both families.
    pub addresses: Vec<IpAddr>,
    /// Its ports with names.
    pub ports: Vec<NamedPort>,
    /// It shares the network of its host.
    pub host_network: bool,
    /// Where it runs.
    pub node: Option<String>,
    /// How its processes are found on a host without Kubernetes.
    pub binding: Option<Binding>,
}

impl fmt::Display for Workload {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.namespace, self.name)
    }
}

/// A port with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPort {
    /// The name.
    pub name: String,
    /// TCP, UDP or SCTP.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
}

/// A host of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
    /// All its addresses.
    pub addresses: Vec<IpAddr>,
}

/// A name for addresses outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

impl World {
    /// Adds a namespace or gives it these labels. False where it had others before.
    pub fn add_namespace(&mut self, name: &str, labels: Labels) -> bool {
        let new = Namespace::new(name, labels);
        let before = self.namespaces.insert(name.to_owned(), new.clone());
        before.is_none_or(|before| before == new)
    }

    /// Those that were added.
    pub fn namespaces(&self) -> impl Iterator<Item = &Namespace> {
        self.namespaces.values()
    }

    /// The labels of a namespace; of one that was never added, its name.
    #[must_use]
    pub fn namespace_labels(&self, name: &str) -> std::borrow::Cow<'_, Labels> {
        match self.namespaces.get(name) {
            Some(namespace) => std::borrow::Cow::Borrowed(&namespace.labels),
            None => std::borrow::Cow::Owned(Namespace::new(name, Labels::new()).labels),
        }
    }

    /// The workload of that name.
    #[must_use]
    pub fn workload(&self, namespace: &str, name: &str) -> Option<&Workload> {
        self.workloads
            .iter()
            .find(|one| one.namespace == namespace && one.name == name)
    }

    /// Says which UID a pod has.
    pub fn add_uid(&mut self, uid: &str, namespace: &str, name: &str) {
        let pod = (namespace.to_owned(), name.to_owned());
        self.uids.insert(uid.to_lowercase(), pod);
    }

    /// Every UID that is known, with the pod's namespace and name.
    pub fn uids(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let all = self.uids.iter();
        all.map(|(uid, (namespace, name))| (uid.as_str(), namespace.as_str(), name.as_str()))
    }

    /// Adds whoever the other knows and this one does not.
    pub fn fill(&mut self, other: &World) {
        for (name, namespace) in &other.namespaces {
            let here = self.namespaces.entry(name.clone());
            here.or_insert_with(|| namespace.clone());
        }
        for (uid, pod) in &other.uids {
            self.uids.entry(uid.clone()).or_insert_with(|| pod.clone());
        }
        self.services.extend(&other.services);
        let name = |one: &Workload| (one.namespace.clone(), one.name.clone());
        let known: BTreeSet<_> = self.workloads.iter().map(name).collect();
        let new = |one: &&Workload| !known.contains(&name(one));
        self.workloads
            .extend(other.workloads.iter().filter(new).cloned());
        let known: BTreeSet<String> = self.nodes.iter().map(|one| one.name.clone()).collect();
        let new = |one: &&Node| !known.contains(&one.name);
        self.nodes.extend(other.nodes.iter().filter(new).cloned());
        let known: BTreeSet<String> = self.hosts.iter().map(|one| one.name.clone()).collect();
        let new = |one: &&Host| !known.contains(&one.name);
        self.hosts.extend(other.hosts.iter().filter(new).cloned());
    }

    /// The hosts' names as answers of DNS, for where no real ones were seen.
    #[must_use]
    pub fn host_answers(&self) -> Answers {
        let mut answers = Answers::default();
        for host in &self.hosts {
            host.addresses
                .iter()
                .for_each(|address| answers.add(&host.name, *address));
        }
        answers
    }

    /// Whoever has the address. Workloads in their host's network share it with their node, who then
    /// counts.
    #[must_use]
    pub fn at(&self, address: IpAddr) -> End<'_> {
        let address = unmapped(address);
        let has = |all: &[IpAddr]| all.iter().any(|one| unmapped(*one) == address);
        let own = |one: &&Workload| !one.host_network && has(&one.addresses);
        let shared = |one: &&Workload| one.host_network && has(&one.addresses);
        let who = if let Some(workload) = self.workloads.iter().find(own) {
            Who::Workload(workload)
        } else if let Some(node) = self.nodes.iter().find(|node| has(&node.addresses)) {
            Who::Node(node)
        } else if let Some(workload) = self.workloads.iter().find(shared) {
            Who::Workload(workload)
        } else {
            Who::Outside
        };
        End {
            who,
            address: Some(address),
        }
    }

    /// Two ends with addresses of one family: IPv4 where both have one, else IPv6. A given address
    /// stays. Where they share none, the second end's is unknown.
    #[must_use]
    pub fn pair<'w>(&'w self, mut from: End<'w>, mut to: End<'w>) -> (End<'w>, End<'w>) {
        let (mine, theirs) = (self.addresses(&from), self.addresses(&to));
        let fits = |a: &IpAddr, b: &IpAddr| a.is_ipv4() == b.is_ipv4();
        let pairs = mine
            .iter()
            .flat_map(|a| theirs.iter().map(move |b| (*a, *b)));
        let best = pairs
            .filter(|(a, b)| fits(a, b))
            .min_by_key(|(a, _)| a.is_ipv6());
        if let Some((a, b)) = best {
            (from.address, to.address) = (Some(a), Some(b));
        } else {
            from.address = from.address.or(mine.first().copied());
            to.address = to.address.or(if mine.is_empty() {
                theirs.first().copied()
            } else {
                None
            });
        }
        (from, to)
    }

    fn addresses(&self, end: &End<'_>) -> Vec<IpAddr> {
        let all: &[IpAddr] = match (end.address, end.who) {
            (Some(address), _) => return vec![unmapped(address)],
            (None, Who::Outside) => &[],
            (None, Who::Node(node)) => &node.addresses,
            (None, Who::Workload(workload)) => {
                let node = || {
                    self.nodes
                        .iter()
                        .find(|node| Some(&node.name) == workload.node.as_ref())
                };
                match node() {
                    Some(node) if workload.host_network && workload.addresses.is_empty() => {
                        &node.addresses
                    }
                    _ => &workload.addresses,
                }
            }
        };
        all.iter().copied().map(unmapped).collect()
    }
}

impl Namespace {
    fn new(name: &str, mut labels: Labels) -> Namespace {
        labels.insert(NAME_LABEL.to_owned(), name.to_owned());
        Namespace {
            name: name.to_owned(),
            labels,
        }
    }
}
