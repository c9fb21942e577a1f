//! What is printed of rows and their count.

use super::{Answer, Count, Row, Step, line};
use crate::show::failure::Failure;
use crate::show::observe::output::print;
use forebay_core::policy::{Protocol, Verdict};
use serde::Serialize;

/// Most mismatches that are printed for people.
const SHOWN: usize = 20;

#[derive(Serialize)]
struct Mismatch<'m> {
    step: &'m str,
    line: usize,
    from: &'m str,
    to: &'m str,
    protocol: Protocol,
    port: u16,
    expected: &'static str,
    judged: &'static str,
    verdict: Option<&'m Verdict>,
}

pub(super) fn show(
    step: &Step,
    row: &Row,
    answer: &Answer,
    json: bool,
    number: usize,
) -> Result<(), Failure> {
    let word = |allowed| if allowed { "allowed" } else { "denied" };
    let verdict = answer.verdict.as_ref();
    let mismatch = Mismatch {
        step: &step.name,
        line: row.line,
        from: &row.from,
        to: &row.to,
        protocol: row.protocol,
        port: row.port,
        expected: word(row.allowed),
        judged: word(answer.allowed),
        verdict,
    };
    if json {
        return print(&line(&mismatch));
    }
    if number > SHOWN {
        return Ok(());
    }
    let Mismatch {
        step,
        line,
        from,
        to,
        protocol,
        port,
        expected,
        judged,
        ..
    } = mismatch;
    let mut text = format!(
        "mismatch, line {line}, {step}: {from} to {to} {protocol}/{port}: expected {expected}, judged {judged}\n"
    );
    for side in verdict.iter().flat_map(|verdict| verdict.sides()) {
        text.push_str(&format!("  {side}\n"));
    }
    print(&text)
}

pub(super) fn end(count: &Count, json: bool) -> Result<(), Failure> {
    if json {
        return print(&line(count));
    }
    let mut text = String::new();
    if count.mismatches > SHOWN {
        text.push_str(&format!(
            "{} more mismatches: --json prints all\n",
            count.mismatches - SHOWN
        ));
    }
    if count.loopback > 0 {
        text.push_str(&format!(
            "{} of the rows go from a workload to itself: allowed, whatever the table says\n",
            count.loopback
        ));
    }
    text.push_str(&format!(
        "{} rows, {} mismatches\n",
        count.rows, count.mismatches
    ));
    print(&text)
}
