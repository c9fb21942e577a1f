//! The request lay in the server's socket, or could not leave because that socket was full.

use super::{Info, Rule};
use crate::explain::blame::Slot;
use crate::explain::case::{Case, Found};
use crate::explain::culprit::Culprit;
use crate::explain::finding::Finding;

/// The rule.
pub const RULE: Rule = Rule {
    info: Info {
        name: "server_reads_late",
        about: "The server leaves arrived requests unread.",
        evidence: "receive queue of the request's way, and sending held by the server's window",
        culprits: &[Culprit::ServerReader],
    },
    find,
};

fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    let lost_ns = case.of_culprit(Culprit::ServerReader);
    let seen = case.view.sums().seen.of(Culprit::ServerReader);
    if !case.matters(lost_ns, seen) {
        return;
    }
    let server = &case.view.key.server;
    let place = if case.ns(Slot::RecvServer) >= case.ns(Slot::SendServerWindow) {
        format!("in {server}'s receive queue")
    } else {
        format!("held back by {server}'s full receive window")
    };
    out.push(case.finding(Found {
        rule: RULE.info.name,
        lost_ns,
        seen,
        sentence: format!(
            "{} spends {} of its time {place}: the server reads late",
            case.subject(),
            case.percent(lost_ns)
        ),
        advice: advice(case),
    }));
}

fn advice(case: &Case<'_>) -> String {
    let server = &case.view.key.server;
    match case
        .server_cpu
        .filter(|cpu| cpu.share() >= crate::explain::case::STARVED_MIN)
    {
        Some(cpu) => format!(
            "{server} waited {} of its runnable time for a CPU: give it more CPU first",
            crate::explain::finding::percent(cpu.share())
        ),
        None => format!(
            "look for a busy event loop, a full worker or connection pool, or a lock in {server}"
        ),
    }
}
