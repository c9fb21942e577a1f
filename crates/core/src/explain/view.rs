//! One service edge over a window of time, as rules and screens read it.

use super::cell::{Cell, Sums};
use super::edge::EdgeKey;
use crate::exchange::record::{Evidence, Id};

/// A service edge, merged over a window.
#[derive(Clone, Debug)]
pub struct EdgeView {
    /// Which edge.
    pub key: EdgeKey,
    /// Begin of the oldest bucket in it, monotonic nanoseconds.
    pub since_ns: u64,
    cell: Cell,
}

impl EdgeView {
    pub(super) fn new(key: EdgeKey, since_ns: u64) -> Self {
        Self {
            key,
            since_ns,
            cell: Cell::default(),
        }
    }
    pub(super) fn merge(&mut self, cell: &Cell) {
        self.cell.merge(cell);
    }
    #[cfg(test)]
    pub(super) fn add(&mut self, record: &crate::exchange::record::Record) {
        self.cell.add(record);
    }

    /// Its sums.
    pub fn sums(&self) -> &Sums {
        &self.cell.sums
    }
    /// Duration that `quantile` (0 to 1) of its requests do not exceed.
    pub fn duration_quantile_ns(&self, quantile: f64) -> Option<u64> {
        self.cell.durations.quantile_ns(quantile)
    }
    /// Time to first chunk that `quantile` (0 to 1) of its streams do not exceed.
    pub fn first_chunk_quantile_ns(&self, quantile: f64) -> Option<u64> {
        self.cell.first_chunks.as_ref()?.quantile_ns(quantile)
    }
    /// The evidence most of its requests have.
    pub fn evidence(&self) -> Evidence {
        let sums = self.sums();
        let none = sums.requests - sums.exact - sums.rtt;
        if sums.exact >= sums.rtt && sums.exact >= none {
            Evidence::Exact
        } else if sums.rtt >= none {
            Evidence::Rtt
        } else {
            Evidence::None
        }
    }
    /// Part of the edge's time, 0 to 1.
    pub fn share(&self, ns: u64) -> f64 {
        ns as f64 / self.sums().duration_ns.max(1) as f64
    }
    /// Record ids of the slowest requests, slowest first.
    pub fn exemplars(&self) -> Vec<Id> {
        let kept = self
            .sums()
            .exemplars
            .iter()
            .filter(|exemplar| exemplar.id != 0);
        kept.map(|exemplar| Id(exemplar.id)).collect()
    }
}
