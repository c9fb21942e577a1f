//! Requests fail; their time is wasted whatever it was spent on.

use super::{Info, Rule};
use crate::explain::case::{Case, Found};
use crate::explain::culprit::Culprit;
use crate::explain::finding::Finding;

/// The rule.
pub const RULE: Rule = Rule {
    info: Info {
        name: "errors",
        about: "Requests fail.",
        evidence: "the protocol's own error status; lost is all time of failed requests",
        culprits: &[Culprit::Failure],
    },
    find,
};

/// Rarer failures are a matter for logs.
const RATE_MIN: f64 = 0.01;

fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    let sums = case.view.sums();
    let rate = sums.errors as f64 / sums.requests.max(1) as f64;
    if sums.errors == 0 || rate < RATE_MIN {
        return;
    }
    let lost_ns = case.of_culprit(Culprit::Failure);
    let server = &case.view.key.server;
    out.push(case.finding(Found {
        rule: RULE.info.name,
        lost_ns,
        seen: sums.errors,
        sentence: format!(
            "{} fails at {server}: {} of its requests, {} of its time",
            case.subject(),
            crate::explain::finding::percent(rate),
            case.percent(lost_ns)
        ),
        advice: format!("list them with `forebay observe` and read the log of {server}"),
    }));
}
