//! The client took long between the first and the last byte of its own request.

use super::{Info, Rule};
use crate::explain::case::{Case, Found, STARVED_MIN};
use crate::explain::culprit::Culprit;
use crate::explain::finding::{Finding, percent};

/// The rule.
pub const RULE: Rule = Rule {
    info: Info {
        name: "client_writes_late",
        about: "The client takes long to write its requests.",
        evidence: "time between the client's first and last write of a request",
        culprits: &[Culprit::ClientWriter],
    },
    find,
};

fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    let lost_ns = case.of_culprit(Culprit::ClientWriter);
    let seen = case.view.sums().seen.of(Culprit::ClientWriter);
    if !case.matters(lost_ns, seen) {
        return;
    }
    let client = &case.view.key.client;
    let advice = match case.client_cpu.filter(|cpu| cpu.share() >= STARVED_MIN) {
        Some(cpu) => format!(
            "{client} waited {} of its runnable time for a CPU: give it more CPU first",
            percent(cpu.share())
        ),
        None => format!(
            "look for work between the parts of a request in {client}, such as a slow upload"
        ),
    };
    out.push(case.finding(Found {
        rule: RULE.info.name,
        lost_ns,
        seen,
        sentence: format!(
            "{} spends {} of its time before {client} has written its requests: the client writes late",
            case.subject(),
            case.percent(lost_ns)
        ),
        advice,
    }));
}
