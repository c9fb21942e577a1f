//! The rules: evidence to findings. One rule is one file in `rules/` and one line in [`RULES`].

use super::case::Case;
use super::culprit::Culprit;
use super::finding::Finding;

mod client_reads_late;
mod client_writes_late;
mod cpu_starved;
mod engine_slow;
mod errors;
mod send_queue;
mod server_reads_late;
mod slow_first_chunk;
mod slow_wire;
mod token_stalls;
mod unsplit;

/// The one definition of a rule: docs and help are made from it.
pub struct Info {
    /// Name in JSON and filters.
    pub name: &'static str,
    /// What it says, one sentence.
    pub about: &'static str,
    /// What it looks at and when it speaks.
    pub evidence: &'static str,
    /// Whose time it counts; each culprit has one rule.
    pub culprits: &'static [Culprit],
}

/// A rule.
pub struct Rule {
    /// What it is.
    pub info: Info,
    /// Appends what it finds.
    pub find: fn(&Case<'_>, &mut Vec<Finding>),
}

/// Every rule, in the order of a request's life.
pub static RULES: &[Rule] = &[
    client_writes_late::RULE,
    send_queue::RULE,
    slow_wire::RULE,
    server_reads_late::RULE,
    cpu_starved::RULE,
    engine_slow::RULE,
    slow_first_chunk::RULE,
    token_stalls::RULE,
    client_reads_late::RULE,
    errors::RULE,
    unsplit::RULE,
];

/// `docs/explain.md`: every rule, made from its [`Info`].
pub fn markdown() -> String {
    let mut out = String::from(INTRO.trim_start());
    for rule in RULES {
        let Info {
            name,
            about,
            evidence,
            ..
        } = rule.info;
        out.push_str(&format!("\n## `{name}`\n\n{about} Evidence: {evidence}.\n"));
    }
    out
}

const INTRO: &str = "
# What `explain` finds

Each request's time is split into exclusive parts, and each part belongs to one rule: findings of
an edge never count the same millisecond twice. A rule speaks when its cause takes a tenth of the
edge's time and was seen, with 1 ms and a tenth of the request at least, in some request. Findings
are ranked by the time lost in the window. A server is not blamed for the time it spends as a
client of other services, nor for time without a CPU: those have findings of their own.

`exact` says that both ends were seen; `rtt` that one was, and the wire is TCP's smallest round
trip. This page is generated from the rules in `crates/core/src/explain/rules/`;
`UPDATE=1 cargo test -p forebay-core rules` writes it anew.
";

#[cfg(test)]
#[path = "rules/tests.rs"]
mod tests;
