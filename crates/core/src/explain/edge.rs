//! What a service edge is: who asks whom, in which protocol, for what.

use crate::decode::Role;
use crate::exchange::record::Record;
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use std::hash::BuildHasher;

/// Workload name of the edge that takes what fits nowhere else.
pub const OTHER: &str = "other";
/// Workload name of clients on other hosts of which only the address is known.
pub const EXTERNAL: &str = "external";
/// Names are cut to this length, so that an edge's memory is bounded.
pub const NAME_BYTES_MAX: usize = 128;

/// A service edge.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EdgeKey {
    /// Who asks.
    pub client: Box<str>,
    /// Who answers.
    pub server: Box<str>,
    /// Protocol name.
    pub protocol: Box<str>,
    /// What its requests are for.
    pub role: Role,
}

/// A service edge without its own strings: finds one in a table without building a key.
#[derive(Clone, Copy, Debug)]
pub struct EdgeRef<'a> {
    client: &'a str,
    server: &'a str,
    protocol: &'a str,
    role: Role,
}

impl<'a> EdgeRef<'a> {
    /// The edge of a record. A client known only by address is `external`, or every scanner would
    /// be an edge; a server keeps its address, for that is what people call it.
    pub fn of(record: &'a Record) -> Self {
        let client = &record.client;
        Self {
            client: if client.is_address() {
                EXTERNAL
            } else {
                cut(&client.workload)
            },
            server: cut(&record.server.workload),
            protocol: cut(&record.protocol),
            role: record.role,
        }
    }
    /// As [`EdgeRef::of`], with servers known by address only as `external` too: for outputs that
    /// must not carry addresses.
    pub fn without_addresses(record: &'a Record) -> Self {
        let server = if record.server.is_address() {
            EXTERNAL
        } else {
            cut(&record.server.workload)
        };
        Self {
            server,
            ..Self::of(record)
        }
    }
    /// Hash of the edge; the same in every process.
    pub fn hash(&self) -> u64 {
        // A fixed seed: the table is bounded, so chosen names can make it slow but not large.
        FixedState::default().hash_one((self.client, self.server, self.protocol, self.role as u8))
    }
    /// Whether it is the edge `key`.
    pub fn is(&self, key: &EdgeKey) -> bool {
        self.role == key.role
            && self.server == &*key.server
            && self.client == &*key.client
            && self.protocol == &*key.protocol
    }
    /// The edge with its own strings.
    pub fn to_key(self) -> EdgeKey {
        EdgeKey {
            client: self.client.into(),
            server: self.server.into(),
            protocol: self.protocol.into(),
            role: self.role,
        }
    }
}

impl EdgeKey {
    /// The edge without its own strings.
    pub fn to_ref(&self) -> EdgeRef<'_> {
        EdgeRef {
            client: &self.client,
            server: &self.server,
            protocol: &self.protocol,
            role: self.role,
        }
    }
    /// The edge that takes what fits nowhere else.
    pub fn other() -> Self {
        Self {
            client: OTHER.into(),
            server: OTHER.into(),
            protocol: OTHER.into(),
            role: Role::Other,
        }
    }
    /// Heap bytes of the names.
    pub fn heap_bytes(&self) -> usize {
        self.client.len() + self.server.len() + self.protocol.len()
    }
}

fn cut(name: &str) -> &str {
    let mut end = name.len().min(NAME_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}
