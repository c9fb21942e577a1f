//! Findings as text for people and as JSON lines for scripts.

use super::cells::clean;
use anstyle::{AnsiColor, Style};
use forebay_core::explain::finding::duration;
use forebay_core::explain::{EdgeView, Finding, Severity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What `/v1/explain` answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExplainView {
    /// The time looked at.
    pub span_ns: u64,
    /// Service edges with requests in it.
    pub edges: u64,
    /// Their requests.
    pub requests: u64,
    /// Losses of the agent by reason, since its start: what is lost is not explained.
    pub lost: BTreeMap<String, u64>,
    /// Causes, most lost time first.
    pub findings: Vec<Finding>,
}

impl ExplainView {
    /// Findings of a window with what it covers.
    pub fn of(
        views: &[EdgeView],
        findings: Vec<Finding>,
        span_ns: u64,
        lost: BTreeMap<String, u64>,
    ) -> Self {
        let requests = views.iter().map(|view| view.sums().requests).sum();
        Self {
            span_ns,
            edges: views.len() as u64,
            requests,
            lost,
            findings,
        }
    }
}

/// One finding a line.
///
/// # Errors
/// None in practice: findings hold nothing that JSON can't.
pub fn json_lines(view: &ExplainView) -> Result<String, serde_json::Error> {
    let mut out = String::new();
    for finding in &view.findings {
        out.push_str(&serde_json::to_string(finding)?);
        out.push('\n');
    }
    Ok(out)
}

/// Columns that text never gets narrower than.
const WIDTH_MIN: usize = 40;
/// Longer lines read badly.
const WIDTH_MAX: usize = 100;
/// What belongs to a finding stands this far in.
const INDENT: &str = "   ";

/// For people: `width` columns at most, coloured if `colour`.
pub fn text(view: &ExplainView, width: usize, colour: bool) -> String {
    let width = width.clamp(WIDTH_MIN, WIDTH_MAX);
    let mut out = String::new();
    paragraph(&mut out, "", &summary(view), width, Style::new(), false);
    for (i, finding) in view.findings.iter().enumerate() {
        out.push('\n');
        one(&mut out, i + 1, finding, width, colour);
    }
    out
}

fn summary(view: &ExplainView) -> String {
    let past = format!("the last {}", span(view.span_ns));
    let of = format!(
        "{} on {}",
        count(view.requests, "request"),
        count(view.edges, "edge")
    );
    let lost: u64 = view.lost.values().sum();
    let missing = match lost {
        0 => String::new(),
        n => format!("; {n} lost records are not in it"),
    };
    if view.requests == 0 {
        return format!("no requests in {past}{missing}");
    }
    if view.findings.is_empty() {
        return format!("{past}: {of}, nothing slow{missing}");
    }
    let lost_ns: u64 = view.findings.iter().map(|finding| finding.lost_ns).sum();
    let findings = count(view.findings.len() as u64, "finding");
    format!(
        "{past}: {of}, {findings}, {} lost{missing}",
        duration(lost_ns)
    )
}

fn one(out: &mut String, number: usize, finding: &Finding, width: usize, colour: bool) {
    let (word, paint) = match finding.severity {
        Severity::Critical => ("CRITICAL", AnsiColor::Red),
        Severity::Warning => ("WARNING", AnsiColor::Yellow),
        Severity::Notice => ("NOTICE", AnsiColor::Cyan),
    };
    let strong = Style::new().fg_color(Some(paint.into())).bold();
    let each = finding.lost_ns / finding.seen.max(1);
    let head = format!(
        "{number}. {word} {} lost, {} a request",
        duration(finding.lost_ns),
        duration(each)
    );
    let edge = &finding.edge;
    let place = format!(
        "{} → {} ({}, {}), rule {}",
        edge.client,
        edge.server,
        edge.protocol,
        edge.role.name(),
        finding.rule
    );
    let plain = Style::new();
    paragraph(out, "", &head, width, strong, colour);
    paragraph(out, INDENT, &finding.title, width, plain.bold(), colour);
    paragraph(out, INDENT, &place, width, plain.dimmed(), colour);
    paragraph(
        out,
        INDENT,
        &format!("next: {}", finding.advice),
        width,
        plain,
        colour,
    );
    if !finding.exemplars.is_empty() {
        let slowest = format!("slowest: {}", finding.exemplars.join(" "));
        paragraph(out, INDENT, &slowest, width, plain.dimmed(), colour);
    }
}

/// A wrapped paragraph, every line styled for itself so that pagers show it right.
fn paragraph(out: &mut String, indent: &str, text: &str, width: usize, style: Style, colour: bool) {
    let options = textwrap::Options::new(width.saturating_sub(indent.len()));
    for line in textwrap::wrap(&clean(text), options) {
        // Writing to a string cannot fail.
        let _ = if colour {
            writeln!(out, "{indent}{style}{line}{style:#}")
        } else {
            writeln!(out, "{indent}{line}")
        };
    }
}

fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn span(ns: u64) -> String {
    match ns / 1_000_000_000 {
        seconds if seconds % 60 == 0 && seconds > 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests;
