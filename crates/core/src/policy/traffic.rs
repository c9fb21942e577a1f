//! What was seen on the wire, as policies look at it: who began with whom, on which port, how often.

mod places;

pub use places::{How, Places, Unplaced};

use super::cidr::unmapped;
use super::flow::Protocol;
use crate::decode::Role;
use crate::exchange::record::{Party, Record, Time};
use std::collections::BTreeMap;
use std::collections::hash_map::{Entry, HashMap};
use std::net::IpAddr;

/// Most flows that are told apart. With texts of 100 bytes each, about 40 MB.
pub const MAX_FLOWS: usize = 65_536;

/// What a record tells of one end. A client's port says nothing and is left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seen {
    /// Its address.
    pub address: IpAddr,
    /// The pod's UID, or its name where its namespace is known.
    pub pod: Option<Box<str>>,
    /// The pod's namespace.
    pub namespace: Option<Box<str>>,
    /// systemd unit.
    pub unit: Option<Box<str>>,
    /// Container id, its first characters.
    pub container: Option<Box<str>>,
}

impl From<&Party> for Seen {
    fn from(party: &Party) -> Seen {
        Seen {
            address: unmapped(party.addr.ip()),
            pod: party.pod.clone(),
            namespace: party.namespace.clone(),
            unit: party.unit.clone(),
            container: party.container.clone(),
        }
    }
}

/// What requests have in common that policies cannot tell apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Talk {
    /// Who asks: the one who begins.
    pub from: Seen,
    /// Who answers.
    pub to: Seen,
    /// The protocol.
    pub protocol: Protocol,
    /// The one who answers listens there.
    pub port: u16,
}

/// How much of it there was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Amount {
    /// Requests.
    pub requests: u64,
    /// When the first began; none without requests.
    pub first: Option<Time>,
    /// When the last began.
    pub last: Option<Time>,
    /// What they were for.
    pub roles: BTreeMap<Role, u64>,
}

impl Amount {
    fn add(&mut self, at: Time, role: Role) {
        self.merge(&Amount {
            requests: 1,
            first: Some(at),
            last: Some(at),
            roles: BTreeMap::from([(role, 1)]),
        });
    }

    /// Both together.
    pub fn merge(&mut self, other: &Amount) {
        self.requests = self.requests.saturating_add(other.requests);
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
        for (role, count) in &other.roles {
            *self.roles.entry(*role).or_default() += count;
        }
    }

    /// What they were for, the commonest first; nothing where nobody knows.
    #[must_use]
    pub fn role_names(&self) -> Vec<&'static str> {
        let known = self.roles.iter().filter(|(role, _)| **role != Role::Other);
        let mut known: Vec<_> = known.collect();
        known.sort_by_key(|(role, count)| (std::cmp::Reverse(**count), **role));
        known.into_iter().map(|(role, _)| role.name()).collect()
    }
}

/// Everything that was seen.
#[derive(Debug)]
pub struct Traffic {
    talks: HashMap<Talk, Amount>,
    max_flows: usize,
    /// Requests that were not kept, as too many flows were there before them.
    pub beyond: u64,
    /// What the source says that it lost.
    pub lost: u64,
}

impl Default for Traffic {
    fn default() -> Self {
        Traffic::with_bound(MAX_FLOWS)
    }
}

impl Traffic {
    /// Keeps at most so many flows.
    #[must_use]
    pub fn with_bound(max_flows: usize) -> Traffic {
        Traffic {
            talks: HashMap::new(),
            max_flows,
            beyond: 0,
            lost: 0,
        }
    }

    /// Takes a request. All that is recorded is TCP.
    pub fn add(&mut self, record: &Record) {
        let talk = Talk {
            from: Seen::from(&record.client),
            to: Seen::from(&record.server),
            protocol: Protocol::Tcp,
            port: record.server.addr.port(),
        };
        self.add_talk(talk, record.ts, record.role);
    }

    /// Takes a request of any protocol.
    pub fn add_talk(&mut self, talk: Talk, at: Time, role: Role) {
        let full = self.talks.len() >= self.max_flows;
        match self.talks.entry(talk) {
            Entry::Occupied(mut here) => here.get_mut().add(at, role),
            Entry::Vacant(_) if full => self.beyond += 1,
            Entry::Vacant(free) => free.insert(Amount::default()).add(at, role),
        }
    }

    /// In an order that depends on nothing but themselves.
    #[must_use]
    pub fn talks(&self) -> Vec<(&Talk, &Amount)> {
        let mut all: Vec<_> = self.talks.iter().collect();
        all.sort_by_key(|(talk, _)| *talk);
        all
    }

    /// How many flows at most.
    #[must_use]
    pub fn max_flows(&self) -> usize {
        self.max_flows
    }
}

#[cfg(test)]
pub(super) mod tests;
