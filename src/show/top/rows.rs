//! Which edges are shown, and in which order.

use super::names;
use super::view::{EdgeRow, TopView};
use std::cmp::Ordering;

/// Order of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Time spent in requests.
    #[default]
    Time,
    /// Requests a second.
    Rate,
    /// 99th percentile.
    P99,
    /// Stalls.
    Stalls,
    /// Failed requests.
    Errors,
    /// Name of the edge.
    Name,
}

impl Sort {
    /// The next one in the cycle.
    pub fn next(self) -> Self {
        match self {
            Sort::Time => Sort::Rate,
            Sort::Rate => Sort::P99,
            Sort::P99 => Sort::Stalls,
            Sort::Stalls => Sort::Errors,
            Sort::Errors => Sort::Name,
            Sort::Name => Sort::Time,
        }
    }
    /// What people call it.
    pub fn word(self) -> &'static str {
        match self {
            Sort::Time => "time",
            Sort::Rate => "rate",
            Sort::P99 => "p99",
            Sort::Stalls => "stalls",
            Sort::Errors => "errors",
            Sort::Name => "name",
        }
    }
    fn compare(self, a: &EdgeRow, b: &EdgeRow) -> Ordering {
        let by_name = a.edge.cmp(&b.edge);
        let order = match self {
            Sort::Time => b.duration_ns.cmp(&a.duration_ns),
            Sort::Rate => b.rate.total_cmp(&a.rate),
            Sort::P99 => b.p99_ns.cmp(&a.p99_ns),
            Sort::Stalls => b.stalls.total().cmp(&a.stalls.total()),
            Sort::Errors => b.errors.cmp(&a.errors),
            Sort::Name => Ordering::Equal,
        };
        order.then(by_name)
    }
}

/// Rows of which edge, protocol or role contains `filter`, in order.
pub fn visible<'a>(view: &'a TopView, filter: &str, sort: Sort) -> Vec<&'a EdgeRow> {
    let filter = filter.to_lowercase();
    let matches = |row: &&EdgeRow| {
        let name = names::edge(&row.edge).to_lowercase();
        let kind = format!("{} {}", row.edge.protocol, row.edge.role.name());
        name.contains(&filter) || kind.contains(&filter)
    };
    let mut rows: Vec<&EdgeRow> = view.edges.iter().filter(matches).collect();
    rows.sort_by(|a, b| sort.compare(a, b));
    rows
}
