//! Token streams stop and go, and who makes them stop.

use super::{Info, Rule};
use crate::exchange::record::Cause;
use crate::explain::case::{Case, Found};
use crate::explain::cell::cause_index;
use crate::explain::culprit::Culprit;
use crate::explain::finding::Finding;

/// The rule.
pub const RULE: Rule = Rule {
    info: Info {
        name: "token_stalls",
        about: "Token streams stall, and whether by the engine, the wire or the reader.",
        evidence: "gaps beyond max(3 × median, 50 ms), each blamed on who made it",
        culprits: &[
            Culprit::StallEngine,
            Culprit::StallWire,
            Culprit::StallReader,
        ],
    },
    find,
};

fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    let key = &case.view.key;
    let causes = [
        (
            Cause::Engine,
            Culprit::StallEngine,
            format!("{} writes late (engine)", key.server),
            format!("look at batching and other requests on {}", key.server),
        ),
        (
            Cause::Wire,
            Culprit::StallWire,
            format!(
                "chunks travel late between {} and {} (wire)",
                key.server, key.client
            ),
            "check the path for drops and bulk transfers".to_string(),
        ),
        (
            Cause::Reader,
            Culprit::StallReader,
            format!("{} reads late (reader)", key.client),
            format!("look for blocking work between reads in {}", key.client),
        ),
    ];
    for (cause, culprit, who, advice) in causes {
        let sums = case.view.sums();
        let lost_ns = case.of_culprit(culprit);
        let seen = sums.seen.of(culprit);
        if !case.matters(lost_ns, seen) {
            continue;
        }
        let stalls = sums.stalls[cause_index(cause)];
        out.push(case.finding(Found {
            rule: RULE.info.name,
            lost_ns,
            seen,
            sentence: format!(
                "{} loses {} of its time in {stalls} stalls of its token streams: {who}",
                case.subject(),
                case.percent(lost_ns)
            ),
            advice,
        }));
    }
}
