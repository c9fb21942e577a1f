//! The server's own work takes longer than such work should.

use super::{Info, Rule};
use crate::decode::Role;
use crate::explain::blame::Slot;
use crate::explain::case::{Case, Found};
use crate::explain::culprit::Culprit;
use crate::explain::finding::{Finding, duration};

/// The rule.
pub const RULE: Rule = Rule {
    info: Info {
        name: "engine_slow",
        about: "The server's own work is slow; its waits for other services and for CPU are taken out.",
        evidence: "server time, token gaps written late and the rest of responses; lost is what \
                   exceeds the budget of the role",
        culprits: &[Culprit::Engine],
    },
    find,
};

/// Time between chunks that no reader notices: ten chunks a second outrun the fastest reader.
const CHUNK_BUDGET_NS: u64 = 100_000_000;

/// What a request of a role may take before it is called slow.
fn budget_ns(role: Role) -> u64 {
    match role {
        // Memory lookups.
        Role::Cache => 1_000_000,
        // Indexed lookups with a cold page or two.
        Role::Database | Role::VectorSearch | Role::Queue => 10_000_000,
        // A small model on a CPU.
        Role::Embedding | Role::Rerank => 50_000_000,
        // Feels instant to people (Nielsen's 0.1 s).
        Role::Web | Role::Other => 100_000_000,
        // Keeps a person's train of thought (Nielsen's 1 s).
        Role::Model => 1_000_000_000,
    }
}

fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    let sums = case.view.sums();
    let work_ns = case.of_culprit(Culprit::Engine);
    let gaps_ns = case.ns(Slot::GapEngine);
    let requests = sums.requests - sums.errors;
    let request_budget = (requests - sums.streams.min(requests)) * budget_ns(case.view.key.role);
    let too_long = (work_ns - gaps_ns).saturating_sub(request_budget);
    let lost_ns = too_long + gaps_ns.saturating_sub(sums.chunks * CHUNK_BUDGET_NS);
    let seen = sums.seen.of(Culprit::Engine);
    if !case.matters(lost_ns, seen) {
        return;
    }
    let server = &case.view.key.server;
    let pace = if gaps_ns * 2 > work_ns {
        format!("a chunk every {}", duration(gaps_ns / sums.chunks.max(1)))
    } else {
        format!("{} per request", case.per_request(work_ns))
    };
    out.push(case.finding(Found {
        rule: RULE.info.name,
        lost_ns,
        seen,
        sentence: format!(
            "{} spends {} of its time in {server}'s own work: {pace}",
            case.subject(),
            case.percent(work_ns)
        ),
        advice: format!("profile {server}; neither the network nor a reader holds it back"),
    }));
}
