//! The form in which the ring keeps a record: a party is told once per block, then by its place.

use compact_str::CompactString;
use forebay_core::decode::Role;
use forebay_core::exchange::record::{
    Bytes, Directions, Evidence, Id, ModelCall, Party, Phases, Record, Side, Tcp, Time, Who,
};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::sync::Arc;

/// Parties that a block tells by their place; further ones are written out.
const TOLD_MAX: usize = 32;

/// The parties of a block.
pub type Told = Vec<Arc<Who>>;

/// One end of a request.
#[derive(Serialize, Deserialize)]
enum End<P> {
    /// Its place among the block's parties, and its address.
    Told(u8, SocketAddr),
    Whole(P),
}

impl<'a> End<&'a Party> {
    fn of(party: &'a Party, told: &mut Told) -> Self {
        let known = told.iter().position(|who| Arc::ptr_eq(who, &party.who));
        let place = known.or_else(|| {
            (told.len() < TOLD_MAX).then(|| {
                told.push(Arc::clone(&party.who));
                told.len() - 1
            })
        });
        place.map_or(Self::Whole(party), |at| Self::Told(at as u8, party.addr))
    }
}

impl End<Party> {
    /// `None`: there is no such place.
    fn party(self, told: &Told) -> Option<Party> {
        Some(match self {
            Self::Told(at, addr) => Party {
                who: Arc::clone(told.get(usize::from(at))?),
                addr,
            },
            Self::Whole(party) => party,
        })
    }
}

/// A record with its texts as `T`, its ends as `P` and what is known of a model call as `G`.
#[derive(Serialize, Deserialize)]
pub struct Short<T, P, G> {
    ts: Time,
    id: Id,
    wire_id: Id,
    side: Side,
    protocol: T,
    op: T,
    status: Option<T>,
    error: Option<T>,
    client: End<P>,
    server: End<P>,
    bytes: Bytes,
    duration_ns: u64,
    phases_ns: Phases,
    directions_ns: Option<Directions>,
    evidence: Evidence,
    tcp: Tcp,
    server_run_delay_ns: Option<u64>,
    gen_ai: Option<G>,
    role: Role,
}

/// As it is written.
pub type ShortRef<'a> = Short<&'a str, &'a Party, &'a ModelCall>;
/// As it is read.
pub type ShortOwned = Short<CompactString, Party, Box<ModelCall>>;

impl<'a> ShortRef<'a> {
    /// Of a record; adds parties that are new to the block to `told`.
    pub fn of(record: &'a Record, told: &mut Told) -> Self {
        Self {
            ts: record.ts,
            id: record.id,
            wire_id: record.wire_id,
            side: record.side,
            protocol: &record.protocol,
            op: &record.op,
            status: record.status.as_deref(),
            error: record.error.as_deref(),
            client: End::of(&record.client, told),
            server: End::of(&record.server, told),
            bytes: record.bytes,
            duration_ns: record.duration_ns,
            phases_ns: record.phases_ns,
            directions_ns: record.directions_ns,
            evidence: record.evidence,
            tcp: record.tcp,
            server_run_delay_ns: record.server_run_delay_ns,
            gen_ai: record.gen_ai.as_deref(),
            role: record.role,
        }
    }
}

impl ShortOwned {
    /// When the request began.
    pub fn ts(&self) -> Time {
        self.ts
    }

    /// The record again; `None` if it is of another block.
    pub fn record(self, told: &Told) -> Option<Record> {
        Some(Record {
            ts: self.ts,
            id: self.id,
            wire_id: self.wire_id,
            side: self.side,
            protocol: self.protocol.into(),
            op: self.op,
            status: self.status,
            error: self.error,
            client: self.client.party(told)?,
            server: self.server.party(told)?,
            bytes: self.bytes,
            duration_ns: self.duration_ns,
            phases_ns: self.phases_ns,
            directions_ns: self.directions_ns,
            evidence: self.evidence,
            tcp: self.tcp,
            server_run_delay_ns: self.server_run_delay_ns,
            gen_ai: self.gen_ai,
            role: self.role,
            query: None,
        })
    }
}
