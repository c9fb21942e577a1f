//! What is counted per service edge, for a bounded number of edges.

use super::buckets::{Buckets, PHASE};
use super::variants::Variants;
use super::{database, gen_ai, http};
use forebay_core::decode::Role;
use forebay_core::exchange::record::{Cause, Record};
use forebay_core::explain::edge::{EdgeKey, EdgeRef};
use forebay_core::explain::recall::Recall;
use hashbrown::HashTable;

/// An edge without requests for this long gives its place to a new one.
const IDLE_NS: u64 = 3_600_000_000_000;
/// Idle edges are looked for at most this often, for the search walks over all edges.
const SEARCH_EVERY_NS: u64 = 10_000_000_000;

/// Figures of one edge.
#[derive(Debug)]
pub struct Edge {
    pub key: EdgeKey,
    last_ns: u64,
    pub requests: u64,
    pub errors: u64,
    pub phases: [Buckets; 7],
    pub retransmits: u64,
    pub min_rtt_ns: u64,
    /// By cause, in the order engine, wire, reader.
    pub stalls_ns: [u64; 3],
    pub http: Variants<http::Figures>,
    pub database: Variants<Buckets>,
    pub gen_ai: Variants<gen_ai::Figures>,
}

impl Edge {
    fn new(key: EdgeKey) -> Self {
        Self {
            key,
            last_ns: 0,
            requests: 0,
            errors: 0,
            phases: std::array::from_fn(|_| Buckets::new(PHASE)),
            retransmits: 0,
            min_rtt_ns: 0,
            stalls_ns: [0; 3],
            http: Variants::default(),
            database: Variants::default(),
            gen_ai: Variants::default(),
        }
    }

    /// The labels that name the edge.
    pub fn labels(&self) -> [(&str, &str); 4] {
        [
            ("client", &self.key.client),
            ("server", &self.key.server),
            ("protocol", &self.key.protocol),
            ("role", self.key.role.name()),
        ]
    }

    fn observe(&mut self, record: &Record, now_ns: u64) {
        self.last_ns = now_ns;
        self.requests += 1;
        self.errors += u64::from(record.error.is_some());
        for (phase, (_, ns)) in self.phases.iter_mut().zip(record.phases_ns.named()) {
            phase.add_ns(ns);
        }
        self.retransmits += u64::from(record.tcp.retransmits);
        if record.tcp.min_rtt_ns > 0 {
            self.min_rtt_ns = record.tcp.min_rtt_ns;
        }
        for stall in record.gen_ai.iter().flat_map(|call| &call.stalls) {
            let cause = match stall.cause {
                Cause::Engine => 0,
                Cause::Wire => 1,
                Cause::Reader => 2,
            };
            self.stalls_ns[cause] += stall.gap_ns;
        }
        http::observe(&mut self.http, record);
        database::observe(&mut self.database, record);
        gen_ai::observe(&mut self.gen_ai, record);
    }
}

/// The edges.
#[derive(Debug)]
pub struct Edges {
    edges_max: usize,
    index: HashTable<usize>,
    /// The first is `other`.
    edges: Vec<Edge>,
    searched_ns: u64,
    recall: Recall,
    /// Requests counted as `other` because the edges ran out.
    pub in_other: u64,
}

impl Edges {
    pub fn new(edges_max: usize) -> Self {
        let other = Edge::new(EdgeKey::other());
        let index = HashTable::new();
        Self {
            edges_max,
            index,
            edges: vec![other],
            searched_ns: 0,
            recall: Recall::default(),
            in_other: 0,
        }
    }

    /// Counts a request.
    pub fn observe(&mut self, record: &Record, now_ns: u64) {
        let place = self.recall.find(record).map(|number| number as usize);
        let place = place.or_else(|| self.search(record, now_ns));
        self.in_other += u64::from(place.is_none());
        self.edges[place.unwrap_or(0)].observe(record, now_ns);
    }

    fn search(&mut self, record: &Record, now_ns: u64) -> Option<usize> {
        let key = EdgeRef::without_addresses(record);
        let hash = key.hash();
        let known = self
            .index
            .find(hash, |place| key.is(&self.edges[*place].key))
            .copied();
        let place = known.or_else(|| self.place_for(key, hash, now_ns))?;
        self.recall.put(record, place as u32);
        Some(place)
    }

    /// A place for a new edge, unless all are busy.
    fn place_for(&mut self, key: EdgeRef<'_>, hash: u64, now_ns: u64) -> Option<usize> {
        let place = if self.index.len() < self.edges_max {
            self.edges.push(Edge::new(key.to_key()));
            self.edges.len() - 1
        } else {
            let place = self.idle(now_ns)?;
            let old = self.edges[place].key.to_ref().hash();
            if let Ok(entry) = self.index.find_entry(old, |other| *other == place) {
                entry.remove();
            }
            self.edges[place] = Edge::new(key.to_key());
            self.recall.clear();
            place
        };
        let edges = &self.edges;
        self.index
            .insert_unique(hash, place, |place| edges[*place].key.to_ref().hash());
        Some(place)
    }

    fn idle(&mut self, now_ns: u64) -> Option<usize> {
        if now_ns < self.searched_ns + SEARCH_EVERY_NS {
            return None;
        }
        let idle = |edge: &Edge| now_ns.saturating_sub(edge.last_ns) >= IDLE_NS;
        let found = self
            .edges
            .iter()
            .skip(1)
            .position(idle)
            .map(|place| place + 1);
        if found.is_none() {
            self.searched_ns = now_ns;
        }
        found
    }

    /// Edges with requests.
    pub fn iter(&self) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(|edge| edge.requests > 0)
    }
}

/// Whether a record is of a role that databases have.
pub fn is_database(role: Role) -> bool {
    matches!(role, Role::VectorSearch | Role::Cache | Role::Database)
}
