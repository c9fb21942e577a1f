//! Requests to causes: sums records per service edge and says in sentences where the time went.
//!
//! [`edges::EdgeTable`] takes every record; [`explain`] turns a window of it into ranked findings.
//! A request's time is split into exclusive slots ([`blame`]), each owned by one culprit
//! ([`culprit`]), each read by one rule ([`rules`]): no millisecond is blamed twice.

pub mod blame;
pub mod case;
pub mod cell;
pub mod culprit;
pub mod durations;
pub mod edge;
pub mod edges;
pub mod finding;
pub mod process;
pub mod recall;
pub mod rules;
pub mod view;

pub use edge::EdgeKey;
pub use edges::{EdgeTable, Overflow, Sizes};
pub use finding::{Finding, Severity};
pub use process::{ProcessSample, ProcessTable};
pub use view::EdgeView;

use case::{Case, Window};

/// Findings of a window, most lost time first. `views` are those of [`EdgeTable::window`] for the
/// same `now_ns` and `span_ns`.
pub fn explain(
    views: &[EdgeView],
    processes: &ProcessTable,
    now_ns: u64,
    span_ns: u64,
) -> Vec<Finding> {
    let window = Window {
        views,
        processes,
        now_ns,
        span_ns,
    };
    let mut findings = Vec::new();
    for view in views {
        let case = Case::of(view, &window);
        for rule in rules::RULES {
            (rule.find)(&case, &mut findings);
        }
    }
    finding::rank(&mut findings);
    findings
}

#[cfg(test)]
mod testing;
