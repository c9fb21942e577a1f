//! The rules: evidence to findings. One rule is one file in `rules/` and one line in [`RULES`].

use super::case::Case;
use super::culprit::Culprit;
use super::finding::Finding;

mod client_reads_late;
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

#[cfg(test)]
#[path = "rules/tests.rs"]
mod tests;
