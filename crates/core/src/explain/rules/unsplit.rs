//! Time that cannot be split because one end was not seen; says so instead of guessing.

use super::{Info, Rule};
use crate::explain::blame::Slot;
use crate::explain::case::{Case, Found};
use crate::explain::culprit::Culprit;
use crate::explain::finding::{Finding, duration};

/// The rule.
pub const RULE: Rule = Rule {
    info: Info {
        name: "unsplit",
        about: "Part of the time cannot be split, and what would split it.",
        evidence: "requests seen at one end only: wire and server of the far side are one sum",
        culprits: &[Culprit::Unknown],
    },
    find,
};

fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    let lost_ns = case.of_culprit(Culprit::Unknown);
    let sums = case.view.sums();
    let seen = sums.seen.of(Culprit::Unknown);
    if !case.matters(lost_ns, seen) {
        return;
    }
    let key = &case.view.key;
    let (place, why) = if case.ns(Slot::Remote) * 2 >= lost_ns {
        (
            format!("beyond this host, at {}", key.server),
            "one end alone cannot split wire from server",
        )
    } else {
        (
            format!("unread at {} or {}", key.client, key.server),
            "which end reads late is not known",
        )
    };
    let rtt = match sums.min_rtt_sum_ns.checked_div(sums.min_rtts) {
        Some(ns) => format!("; the smallest round trip is {}", duration(ns)),
        None => String::new(),
    };
    let losses = match sums.retransmits {
        0 => String::new(),
        n => format!(", TCP sent {n} segments again"),
    };
    out.push(case.finding(Found {
        rule: RULE.info.name,
        lost_ns,
        seen,
        sentence: format!(
            "{} spends {} of its time {place}: {why}",
            case.subject(),
            case.percent(lost_ns)
        ),
        advice: format!("run forebay on the other host too to split it{rtt}{losses}"),
    }));
}
