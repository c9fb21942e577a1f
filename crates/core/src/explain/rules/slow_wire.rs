//! The bytes travelled late: loss, a queue on the path, or plain distance.

use super::{Info, Rule};
use crate::explain::blame::Slot;
use crate::explain::case::{Case, Found};
use crate::explain::culprit::Culprit;
use crate::explain::finding::{Finding, duration};

/// The rule.
pub const RULE: Rule = Rule {
    info: Info {
        name: "slow_wire",
        about: "The path between the hosts is slow, and whether by loss, by a queue or by distance.",
        evidence: "wire time up to the smallest round trip is distance; beyond it, loss in requests \
                   with retransmissions or late by TCP's retransmission timer, and a queue in the \
                   others; where the others lose a third as much, all is the queue's",
        culprits: &[Culprit::Wire],
    },
    find,
};

fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    let lost_ns = case.of_culprit(Culprit::Wire);
    let seen = case.view.sums().seen.of(Culprit::Wire);
    if !case.matters(lost_ns, seen) {
        return;
    }
    let key = &case.view.key;
    let (cause, advice) = cause(case);
    out.push(case.finding(Found {
        rule: RULE.info.name,
        lost_ns,
        seen,
        sentence: format!(
            "{} spends {} of its time on the wire between {} and {}: {cause}",
            case.subject(),
            case.percent(lost_ns),
            key.client,
            key.server
        ),
        advice,
    }));
}

/// A loss delays only those requests that were sent again; a queue delays the others as well, and
/// long waits in it make TCP repeat segments needlessly. So many times more must the former lose.
const LOSS_TO_QUEUE_MIN: u64 = 3;

/// Names the largest part and says what to do about it.
fn cause(case: &Case<'_>) -> (String, String) {
    let sums = case.view.sums();
    let rtt = duration(sums.min_rtt_sum_ns / sums.min_rtts.max(1));
    let loss_ns = case.ns(Slot::WireLoss);
    // Queued time is what neither loss nor distance explains, in requests and in streams.
    let waited_ns = case.ns(Slot::WireQueue);
    let streamed_ns = case.ns(Slot::BodyCongestion) + case.ns(Slot::GapWire);
    let delay_ns = case.ns(Slot::WireDelay);
    let of = format!("{} of {} requests", sums.retransmitted, sums.requests);
    let beyond_ns = loss_ns + waited_ns + streamed_ns;
    let lossy = if streamed_ns > loss_ns + waited_ns {
        // A stream with a loss has late chunks and a small congestion window: no round trip tells.
        sums.retransmitted * 2 > sums.requests
    } else {
        loss_ns >= LOSS_TO_QUEUE_MIN * waited_ns
    };
    if beyond_ns > delay_ns && lossy {
        let cause = match sums.retransmits {
            0 => "packets get lost, for they come as late as TCP sends again".to_owned(),
            n => format!("packets get lost ({n} retransmissions in {of})"),
        };
        return (
            cause,
            "check the path for drops: full queues, policers, a bad link".into(),
        );
    }
    if beyond_ns > delay_ns {
        let cause = format!("packets wait in a queue on the path, whose round trip alone is {rtt}");
        return (
            cause,
            "look for bulk transfers or a rate limit on the same path".into(),
        );
    }
    if delay_ns > 0 {
        let cause = format!("the path is long, its round trip is {rtt}");
        return (
            cause,
            "move both ends closer, or ask less often: batch or pipeline".into(),
        );
    }
    (
        "no round trip time is known to compare with".into(),
        "measure the path with ping or tracepath".into(),
    )
}
