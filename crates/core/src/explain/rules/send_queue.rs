//! The bytes could not leave the sending host: congestion window, a reader's window, or local queues.

use super::{Info, Rule};
use crate::explain::blame::Slot;
use crate::explain::case::{Case, Found};
use crate::explain::culprit::Culprit;
use crate::explain::finding::Finding;

/// The rule.
pub const RULE: Rule = Rule {
    info: Info {
        name: "send_queue",
        about: "Bytes wait in the sending host's stack, and for what.",
        evidence: "send queue, split by the time TCP was held by the congestion window or by the \
                   reader's window",
        culprits: &[Culprit::SendQueue],
    },
    find,
};

fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    let lost_ns = case.of_culprit(Culprit::SendQueue);
    let seen = case.view.sums().seen.of(Culprit::SendQueue);
    if !case.matters(lost_ns, seen) {
        return;
    }
    let causes = [
        (
            case.ns(Slot::SendWindow),
            "the far end's receive window is full, so the far reader is slow",
            "look at the reader's CPU and event loop",
        ),
        (
            case.ns(Slot::SendCongestion),
            "the congestion window is too small for what is sent",
            "check the path for loss, and idle connections for slow start (net.ipv4.tcp_slow_start_after_idle)",
        ),
        (
            case.ns(Slot::SendLocal),
            "the sending host holds it back",
            "check send buffers, pacing and queueing disciplines (tc -s qdisc)",
        ),
    ];
    let Some((_, cause, advice)) = causes.into_iter().max_by_key(|(ns, ..)| *ns) else {
        return;
    };
    out.push(case.finding(Found {
        rule: RULE.info.name,
        lost_ns,
        seen,
        sentence: format!(
            "{} spends {} of its time in a send queue: {cause}",
            case.subject(),
            case.percent(lost_ns)
        ),
        advice: advice.into(),
    }));
}
