//! Policies that let pass what was seen and nothing else: a draft for somebody to read.
//!
//! Copies of a workload are one: what one of them did, all may do.

mod apps;
mod yaml;

use super::flow::{End, Protocol};
use super::traffic::{Amount, Places, Traffic, Unplaced};
use super::world::World;
use apps::Apps;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What to draft.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only for these namespaces; all where there are none.
    pub namespaces: Vec<String>,
    /// Let everyone ask the cluster's DNS, which no recorded request shows.
    pub dns: bool,
}

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Peer {
    /// By its place among the apps.
    App(usize),
    /// A node, somebody outside, or a workload that no label selects.
    Address(IpAddr),
}

/// What was seen in one direction: with whom, on which port, how much.
type Rules = BTreeMap<Peer, BTreeMap<(Protocol, u16), Amount>>;

/// What was seen of one app.
#[derive(Debug, Default)]
struct Draft {
    ingress: Rules,
    egress: Rules,
}

/// Drafts of policies.
#[derive(Debug)]
pub struct Suggestion<'w> {
    world: &'w World,
    options: Options,
    apps: Apps<'w>,
    drafts: BTreeMap<usize, Draft>,
    /// Who has an address that a rule names.
    names: BTreeMap<IpAddr, BTreeSet<String>>,
    /// Requests whose ends nobody can name, by why: no rule lets them pass.
    pub unplaced: BTreeMap<Unplaced, u64>,
    /// Workloads with traffic that no label selects for good.
    unselected: BTreeSet<String>,
    all: Amount,
    beyond: u64,
    lost: u64,
}

/// Drafts policies for everyone who was seen.
#[must_use]
pub fn suggest<'w>(world: &'w World, traffic: &Traffic, options: Options) -> Suggestion<'w> {
    let places = Places::new(world);
    let mut found = Suggestion {
        world,
        options,
        apps: Apps::new(world),
        drafts: BTreeMap::new(),
        names: BTreeMap::new(),
        unplaced: BTreeMap::new(),
        unselected: BTreeSet::new(),
        all: Amount::default(),
        beyond: traffic.beyond,
        lost: traffic.lost,
    };
    for (talk, amount) in traffic.talks() {
        found.all.merge(amount);
        let ends = places
            .find(&talk.from)
            .and_then(|(from, _)| Ok((from, places.find(&talk.to)?.0)));
        match ends {
            Ok((from, to)) => found.add(from, to, (talk.protocol, talk.port), amount),
            Err(why) => *found.unplaced.entry(why).or_default() += amount.requests,
        }
    }
    found
}

impl<'w> Suggestion<'w> {
    /// How many policies there are.
    #[must_use]
    pub fn policies(&self) -> usize {
        self.drafts.len()
    }

    /// As native Kubernetes YAML with comments.
    #[must_use]
    pub fn text(&self) -> String {
        yaml::text(self)
    }

    fn add(&mut self, from: End<'w>, to: End<'w>, at: (Protocol, u16), amount: &Amount) {
        let (mine, theirs) = (from.workload(), to.workload());
        if let (Some(a), Some(b)) = (mine, theirs)
            && (&a.namespace, &a.name) == (&b.namespace, &b.name)
        {
            return; // a workload always reaches itself
        }
        for (subject, other, is_egress) in [(from, to, true), (to, from, false)] {
            let Some(workload) = subject.workload() else {
                continue;
            };
            let drafted = &self.options.namespaces;
            if !drafted.is_empty() && !drafted.contains(&workload.namespace) {
                continue;
            }
            let Some(app) = self.apps.of(workload) else {
                self.unselected.insert(workload.to_string());
                continue;
            };
            let Some(peer) = self.peer(other) else {
                continue;
            };
            let draft = self.drafts.entry(app).or_default();
            let rules = if is_egress {
                &mut draft.egress
            } else {
                &mut draft.ingress
            };
            let ports = rules.entry(peer).or_default();
            ports.entry(at).or_default().merge(amount);
        }
    }

    /// Every end that was found has labels or an address.
    fn peer(&mut self, end: End<'w>) -> Option<Peer> {
        if let Some(app) = end.workload().and_then(|one| self.apps.of(one)) {
            return Some(Peer::App(app));
        }
        let address = end.address?;
        let names = self.names.entry(address).or_default();
        names.insert(end.to_string());
        let hosts = self.world.hosts.iter();
        let here = hosts.filter(|host| host.addresses.contains(&address));
        names.extend(here.map(|host| host.name.clone()));
        Some(Peer::Address(address))
    }
}

#[cfg(test)]
mod tests;
