//! Streams begin late because of the server's own work.

use super::{Info, Rule};
use crate::explain::case::{Case, Found};
use crate::explain::culprit::Culprit;
use crate::explain::finding::{Finding, duration};

/// The rule.
pub const RULE: Rule = Rule {
    info: Info {
        name: "slow_first_chunk",
        about: "Token streams begin late: the server queues or reads the prompt for long.",
        evidence: "server time and time from the response's first byte to the first chunk with \
                   content; lost is what exceeds one second a stream",
        culprits: &[Culprit::FirstChunk],
    },
    find,
};

/// Keeps a person's train of thought (Nielsen's 1 s).
const BUDGET_NS: u64 = 1_000_000_000;

fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    let sums = case.view.sums();
    let work_ns = case.of_culprit(Culprit::FirstChunk);
    let lost_ns = work_ns.saturating_sub(sums.streams * BUDGET_NS);
    let seen = sums.seen.of(Culprit::FirstChunk);
    if !case.matters(lost_ns, seen) {
        return;
    }
    let server = &case.view.key.server;
    let first = sums.first_chunk_sum_ns / sums.first_chunks.max(1);
    out.push(case.finding(Found {
        rule: RULE.info.name,
        lost_ns,
        seen,
        sentence: format!(
            "{} spends {} of its time before the first chunk, which comes after {}: {server} begins late",
            case.subject(),
            case.percent(work_ns),
            duration(first)
        ),
        advice: format!("look at the queue of {server}, the length of prompts and its prompt cache"),
    }));
}
