//! The response lay in the client's socket, or could not leave because that socket was full.

use super::{Info, Rule};
use crate::explain::blame::Slot;
use crate::explain::case::{Case, Found, STARVED_MIN};
use crate::explain::culprit::Culprit;
use crate::explain::finding::{Finding, percent};

/// The rule.
pub const RULE: Rule = Rule {
    info: Info {
        name: "client_reads_late",
        about: "The client leaves arrived responses or chunks unread.",
        evidence: "receive queue of the response's way, unread token gaps, and sending held by the \
                   client's window",
        culprits: &[Culprit::ClientReader],
    },
    find,
};

fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    let lost_ns = case.of_culprit(Culprit::ClientReader);
    let seen = case.view.sums().seen.of(Culprit::ClientReader);
    if !case.matters(lost_ns, seen) {
        return;
    }
    let client = &case.view.key.client;
    let unread = case.ns(Slot::RecvClient) + case.ns(Slot::GapReader);
    let place = if unread * 2 >= lost_ns {
        format!("in {client}'s receive queue")
    } else {
        format!("held back by {client}'s full receive window")
    };
    let advice = match case.client_cpu.filter(|cpu| cpu.share() >= STARVED_MIN) {
        Some(cpu) => format!(
            "{client} waited {} of its runnable time for a CPU: give it more CPU first",
            percent(cpu.share())
        ),
        None => {
            format!("look for blocking work between reads in {client}, such as a busy event loop")
        }
    };
    out.push(case.finding(Found {
        rule: RULE.info.name,
        lost_ns,
        seen,
        sentence: format!(
            "{} spends {} of its time {place}: the client reads late",
            case.subject(),
            case.percent(lost_ns)
        ),
        advice,
    }));
}
