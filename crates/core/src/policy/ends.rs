//! The ends of a flow, by what people call them.

use super::flow::{End, Who};
use super::world::World;
use std::fmt;
use std::net::IpAddr;

/// Most names that an error lists.
const MAX_NAMES: usize = 8;

/// Nobody is called that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownEnd {
    /// What was asked for.
    pub name: String,
    /// Who there is, some of them.
    pub known: Vec<String>,
    /// How many there are.
    pub count: usize,
}

impl fmt::Display for UnknownEnd {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "nobody is called {:?}", self.name)?;
        if self.known.is_empty() {
            return out.write_str(
                ": the files name no workloads. Next: add a file with Pods, Deployments or an Inventory, or give an address",
            );
        }
        let rest = self.count - self.known.len();
        let more = if rest > 0 {
            format!(" and {rest} more")
        } else {
            String::new()
        };
        write!(
            out,
            ": there are {}{more}. Next: write one of them, an address, or node/NAME",
            self.known.join(", ")
        )
    }
}

impl std::error::Error for UnknownEnd {}

/// Both ends, with addresses of one family where they have such: each is `namespace/name` of a
/// workload, an address, `node/NAME`, or the name of a host outside.
///
/// # Errors
/// When nobody is called that.
pub fn ends<'w>(world: &'w World, from: &str, to: &str) -> Result<(End<'w>, End<'w>), UnknownEnd> {
    let (from, to) = (candidates(world, from)?, candidates(world, to)?);
    let pairs = from
        .iter()
        .flat_map(|a| to.iter().map(move |b| world.pair(*a, *b)));
    let both = |(a, b): &(End<'_>, End<'_>)| match (a.address, b.address) {
        (Some(a), Some(b)) => a.is_ipv4() == b.is_ipv4(),
        _ => false,
    };
    let mut pairs: Vec<_> = pairs.collect();
    let best = pairs.iter().position(both).unwrap_or(0);
    Ok(pairs.swap_remove(best))
}

fn candidates<'w>(world: &'w World, name: &str) -> Result<Vec<End<'w>>, UnknownEnd> {
    let unplaced = |who| Ok(vec![End { who, address: None }]);
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(vec![world.at(address)]);
    }
    if let Some((before, after)) = name.split_once('/') {
        if let Some(workload) = world.workload(before, after) {
            return unplaced(Who::Workload(workload));
        }
        if let Some(node) = world
            .nodes
            .iter()
            .find(|node| before == "node" && node.name == after)
        {
            return unplaced(Who::Node(node));
        }
    }
    if let Some(host) = world
        .hosts
        .iter()
        .find(|host| host.name == name && !host.addresses.is_empty())
    {
        return Ok(host
            .addresses
            .iter()
            .map(|address| world.at(*address))
            .collect());
    }
    let workloads = world.workloads.iter().map(ToString::to_string);
    let nodes = world.nodes.iter().map(|node| format!("node/{}", node.name));
    let all = workloads
        .chain(nodes)
        .chain(world.hosts.iter().map(|host| host.name.clone()));
    Err(UnknownEnd {
        name: name.to_owned(),
        known: all.take(MAX_NAMES).collect(),
        count: world.workloads.len() + world.nodes.len() + world.hosts.len(),
    })
}
