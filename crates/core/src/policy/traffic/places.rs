//! Which workload, node or address outside an end of a record is.
//!
//! What the record says of the process (pod, container, unit) goes before its address: several units
//! can share one. Where that leaves doubt nobody is chosen.

use super::Seen;
use crate::policy::binding::Binding;
use crate::policy::cidr::unmapped;
use crate::policy::flow::{End, Who};
use crate::policy::world::{Node, Workload, World};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;

/// Characters of a container's id that records have.
const CONTAINER_ID: usize = 12;

/// How an end was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// By the pod's UID, or by its namespace and name.
    Pod,
    /// By the container's id that the inventory has.
    Container,
    /// By the systemd unit that the inventory has.
    Unit,
    /// By the unit's usual control group, which the inventory's pattern fits.
    Cgroup,
    /// By the address of a workload.
    Address,
    /// By the address of a node.
    Node,
    /// Nobody here has the address.
    Outside,
}

impl fmt::Display for How {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            How::Pod => "by pod",
            How::Container => "by container",
            How::Unit => "by unit",
            How::Cgroup => "by control group",
            How::Address => "by a workload's address",
            How::Node => "by a node's address",
            How::Outside => "outside",
        })
    }
}

/// Why nobody can say who an end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unplaced {
    /// Several workloads have what it was looked for by.
    Several,
    /// A loopback address, and nothing says whose.
    Loopback,
    /// The address of a Service: seen before it was translated to that of whom it leads to.
    Service,
    /// The record has no address.
    NoAddress,
    /// Whoever has the address is somebody else by the rest of the record.
    SomebodyElse,
}

impl fmt::Display for Unplaced {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Unplaced::Several => "several workloads fit an end",
            Unplaced::Loopback => "a loopback address, and nothing says whose",
            Unplaced::Service => "a Service's address, seen before its translation",
            Unplaced::NoAddress => "an end without an address",
            Unplaced::SomebodyElse => "a workload's address, used by somebody else",
        })
    }
}

/// Finds who is who in a world.
#[derive(Debug)]
pub struct Places<'w> {
    /// By namespace and name.
    names: HashMap<(&'w str, &'w str), &'w Workload>,
    uids: HashMap<&'w str, &'w Workload>,
    with_uid: HashSet<(&'w str, &'w str)>,
    units: HashMap<&'w str, Vec<&'w Workload>>,
    containers: HashMap<String, Vec<&'w Workload>>,
    cgroups: Vec<(&'w Workload, &'w Binding)>,
    /// With networks of their own.
    workloads: HashMap<IpAddr, Vec<&'w Workload>>,
    /// In the network of a host.
    shared: HashMap<IpAddr, &'w Workload>,
    nodes: HashMap<IpAddr, &'w Node>,
    services: HashSet<IpAddr>,
}

impl<'w> Places<'w> {
    /// Remembers where everyone is.
    #[must_use]
    pub fn new(world: &'w World) -> Places<'w> {
        let mut places = Places {
            names: HashMap::new(),
            uids: HashMap::new(),
            with_uid: HashSet::new(),
            units: HashMap::new(),
            containers: HashMap::new(),
            cgroups: Vec::new(),
            workloads: HashMap::new(),
            shared: HashMap::new(),
            nodes: HashMap::new(),
            services: world.services.iter().copied().map(unmapped).collect(),
        };
        world.workloads.iter().for_each(|one| places.add(one));
        for (uid, namespace, name) in world.uids() {
            places.with_uid.insert((namespace, name));
            if let Some(workload) = places.names.get(&(namespace, name)) {
                places.uids.insert(uid, workload);
            }
        }
        for node in &world.nodes {
            for address in &node.addresses {
                places.nodes.entry(unmapped(*address)).or_insert(node);
            }
        }
        places
    }

    fn add(&mut self, one: &'w Workload) {
        self.names.entry((&one.namespace, &one.name)).or_insert(one);
        match &one.binding {
            Some(Binding::Unit(unit)) => self.units.entry(unit).or_default().push(one),
            Some(Binding::Container(id)) => {
                self.containers.entry(short(id)).or_default().push(one);
            }
            Some(binding) => self.cgroups.push((one, binding)),
            None => {}
        }
        for address in &one.addresses {
            let address = unmapped(*address);
            if one.host_network {
                self.shared.entry(address).or_insert(one);
            } else {
                self.workloads.entry(address).or_default().push(one);
            }
        }
    }

    /// Who it is, and how that is known.
    ///
    /// # Errors
    /// When nobody can say.
    pub fn find(&self, seen: &Seen) -> Result<(End<'w>, How), Unplaced> {
        let address = Some(seen.address).filter(|one| !one.is_unspecified());
        let end = |who| End { who, address };
        if let Some((workload, how)) = self.by_name(seen)? {
            return Ok((end(Who::Workload(workload)), how));
        }
        let Some(address) = address else {
            return Err(Unplaced::NoAddress);
        };
        let here = self.workloads.get(&address).map_or(&[][..], Vec::as_slice);
        let mut may = here.iter().filter(|one| !self.is_other(one, seen));
        match (may.next(), may.next(), self.nodes.get(&address)) {
            (Some(_), Some(_), _) => Err(Unplaced::Several),
            (Some(workload), None, _) => Ok((end(Who::Workload(workload)), How::Address)),
            (None, _, Some(node)) => Ok((end(Who::Node(node)), How::Node)),
            (None, _, None) if !here.is_empty() => Err(Unplaced::SomebodyElse),
            (None, _, None) => match self.shared.get(&address) {
                Some(workload) => Ok((end(Who::Workload(workload)), How::Address)),
                None if self.services.contains(&address) => Err(Unplaced::Service),
                None if address.is_loopback() => Err(Unplaced::Loopback),
                None => Ok((end(Who::Outside), How::Outside)),
            },
        }
    }

    /// By what the record says of the process.
    fn by_name(&self, seen: &Seen) -> Result<Option<(&'w Workload, How)>, Unplaced> {
        if let Some(pod) = &seen.pod {
            let named = |namespace| self.names.get(&(namespace, &**pod));
            let by_uid = self.uids.get(&*pod.to_lowercase());
            let found = by_uid.or_else(|| seen.namespace.as_deref().and_then(named));
            if let Some(workload) = found {
                return Ok(Some((workload, How::Pod)));
            }
        }
        let container = seen.container.as_deref().map(short);
        let in_it = container.and_then(|id| self.containers.get(&id));
        if let Some(workload) = only(in_it)? {
            return Ok(Some((workload, How::Container)));
        }
        let Some(unit) = seen.unit.as_deref() else {
            return Ok(None);
        };
        if let Some(workload) = only(self.units.get(unit))? {
            return Ok(Some((workload, How::Unit)));
        }
        // Records have no path; services stand there unless somebody moved them.
        let path = format!("/system.slice/{unit}");
        let fits = self.cgroups.iter().filter(|(_, one)| one.matches(&path));
        let fits: Vec<&Workload> = fits.map(|(workload, _)| *workload).collect();
        Ok(only(Some(&fits))?.map(|workload| (workload, How::Cgroup)))
    }

    /// Whether the record says that its process is none of this workload, whose address it uses.
    fn is_other(&self, workload: &Workload, seen: &Seen) -> bool {
        let bound = workload.binding.is_some();
        let told = seen.unit.is_some() || seen.container.is_some() || seen.pod.is_some();
        let name = (workload.namespace.as_str(), workload.name.as_str());
        (bound && told) || (seen.pod.is_some() && self.with_uid.contains(&name))
    }
}

fn short(id: &str) -> String {
    id.chars()
        .take(CONTAINER_ID)
        .collect::<String>()
        .to_lowercase()
}

fn only<'w>(found: Option<&Vec<&'w Workload>>) -> Result<Option<&'w Workload>, Unplaced> {
    match found.map_or(&[][..], Vec::as_slice) {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => Err(Unplaced::Several),
    }
}
