//! `forebay policy diff`: what other policies would do to real traffic.

use super::cases::line;
use super::explain::{nearest_words, wrapped};
use super::flows::{Source, missing};
use super::{ONLY_JUDGED, PolicyError, count, sources};
use crate::show::cli::Global;
use crate::show::failure::Failure;
use crate::show::observe::output::{print, width};
use clap::Args;
use forebay_core::policy::compare::{Change, Comparison, Set, Tally, compare};
use forebay_core::policy::read::Files;
use forebay_core::policy::traffic::{Places, Traffic};
use forebay_core::policy::{Answers, Judge, Settings, Verdict};
use serde_json::json;
use std::path::PathBuf;

/// What else the help says.
pub const DETAILS: &str = "Each flow (from, to, protocol, port) is judged once under both sets. FILE says who there is and\n\
    holds policies that are in both sets. The sets may name workloads too: a set's own are its own,\n\
    and those that only the other has are added. docs/policy.md says how ends of requests are found.\n\
    All that is recorded is TCP. Exit code 1 with --fail-on-denied: something is newly denied.\n\n\
    Examples:\n  kubectl get ns,po,no,svc,netpol -A -o yaml > now.yaml\n  \
    sudo forebay policy diff --from now.yaml --to policies/ --live --duration 5m\n  \
    forebay policy diff --from now.yaml --to policies/ --flows day.fbcap --fail-on-denied";

/// Flows of each kind that are printed for people.
const PRINTED: usize = 50;

/// Its flags.
#[derive(Args)]
pub struct Flags {
    /// Policies as they are: a file or folder; may be repeated
    #[arg(long, value_name = "FILE", required = true)]
    from: Vec<PathBuf>,
    /// Policies as they would be; may be repeated
    #[arg(long, value_name = "FILE", required = true)]
    to: Vec<PathBuf>,
    /// Files or folders that both sets have: Pods, Nodes, Inventories; - is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    source: Source,
    /// Fail where something is newly denied
    #[arg(long)]
    fail_on_denied: bool,
    /// Let every workload reach the node it runs on
    #[arg(long)]
    node_local_egress: bool,
    /// Print JSON, one flow that changes a line, then the counts
    #[arg(long)]
    json: bool,
}

/// Does it.
///
/// # Errors
/// When something can't be read or has an error, or on request when a flow is newly denied.
pub fn run(flags: &Flags, global: &Global) -> Result<(), Failure> {
    flags.source.with(&[&flags.from, &flags.to, &flags.files])?;
    let shared = sources::texts(&flags.files)?;
    let mut before = sources::files_of(&[&sources::texts(&flags.from)?, &shared]);
    let mut after = sources::files_of(&[&sources::texts(&flags.to)?, &shared]);
    sources::judgeable(&[&before, &after], "the files")?;
    let first = before.world.clone();
    before.world.fill(&after.world);
    after.world.fill(&first);
    if after.world.workloads.is_empty() {
        return Err(PolicyError::Nobody.into());
    }
    let traffic = flags.source.traffic(global)?;
    let answers = [before.world.host_answers(), after.world.host_answers()];
    let settings = Settings {
        node_local_egress: flags.node_local_egress,
    };
    let found = compare(
        &traffic,
        &set(&before, &answers[0], settings),
        &set(&after, &answers[1], settings),
    );
    if flags.json {
        print(&lines(&found, &traffic))?;
    } else {
        print(&wrapped(&text(&found, &traffic), width()))?;
    }
    if flags.fail_on_denied && !found.denied.is_empty() {
        return Err(Failure::Said);
    }
    Ok(())
}

fn set<'a>(files: &'a Files, answers: &'a Answers, settings: Settings) -> Set<'a> {
    Set {
        judge: Judge::new(&files.policies, &files.world, answers, settings),
        places: Places::new(&files.world),
    }
}

fn text(found: &Comparison, traffic: &Traffic) -> String {
    let mut out = String::new();
    list(&mut out, "newly denied", &found.denied);
    list(&mut out, "newly allowed", &found.allowed);
    if found.refused.flows > 0 {
        let flows = number(found.refused.flows, "flow", "flows");
        out.push_str(&format!(
            "{flows} of the unchanged would pass under neither set\n"
        ));
    }
    let ends: Vec<String> = found
        .ends
        .iter()
        .map(|(how, ends)| format!("{ends} {how}"))
        .collect();
    if !ends.is_empty() {
        out.push_str(&format!("ends of flows were found: {}\n", ends.join(", ")));
    }
    out.push_str(&missing(traffic));
    out.push_str(&format!("{ONLY_JUDGED}\n{}\n", conclusion(found)));
    out
}

fn number(number: u64, one: &str, many: &str) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), one, many)
}

fn conclusion(found: &Comparison) -> String {
    let why: Vec<String> = found
        .not_judged
        .iter()
        .map(|(why, tally)| format!("{why}: {}", tally.flows))
        .collect();
    let why = if why.is_empty() {
        String::new()
    } else {
        format!(" ({})", why.join("; "))
    };
    format!(
        "{}, {}: {} newly denied, {} newly allowed, {} unchanged, {} not judged{why}",
        number(found.all.flows, "flow", "flows"),
        number(found.all.requests, "request", "requests"),
        found.denied.len(),
        found.allowed.len(),
        found.unchanged.flows,
        found
            .not_judged
            .values()
            .map(|tally| tally.flows)
            .sum::<u64>(),
    )
}

fn list(out: &mut String, title: &str, changes: &[Change]) {
    if changes.is_empty() {
        return;
    }
    out.push_str(&format!("{title}:\n"));
    for change in changes.iter().take(PRINTED) {
        let roles = change.amount.role_names();
        let roles = if roles.is_empty() {
            String::new()
        } else {
            format!(" ({})", roles.join(", "))
        };
        out.push_str(&format!(
            "  {} to {}, {}/{}: {}{roles}\n",
            change.from,
            change.to,
            change.protocol,
            change.port,
            number(change.amount.requests, "request", "requests"),
        ));
        let (refusing, letting) = if change.after.allowed {
            (("before", &change.before), ("now", &change.after))
        } else {
            (("now", &change.after), ("before", &change.before))
        };
        refusals(out, refusing.0, refusing.1);
        for side in letting.1.sides() {
            let other = if change.after.allowed {
                &change.before
            } else {
                &change.after
            };
            // The side that both let pass says nothing about the change.
            let same = other.sides().contains(&side);
            if !same {
                out.push_str(&format!("    {}: {side}\n", letting.0));
            }
        }
    }
    if changes.len() > PRINTED {
        let rest = changes.len() - PRINTED;
        out.push_str(&format!("  and {rest} more: --json prints all\n"));
    }
}

fn refusals(out: &mut String, when: &str, verdict: &Verdict) {
    for side in verdict.sides().into_iter().filter(|side| !side.allowed) {
        out.push_str(&format!("    {when}: {side}\n"));
        if let Some(nearest) = &side.nearest {
            out.push_str(&format!("    {}\n", nearest_words(nearest)));
        }
    }
}

fn lines(found: &Comparison, traffic: &Traffic) -> String {
    let mut out = String::new();
    for (word, changes) in [("denied", &found.denied), ("allowed", &found.allowed)] {
        for one in changes {
            out.push_str(&line(&json!({
                "change": word, "from": one.from, "to": one.to,
                "protocol": one.protocol, "port": one.port,
                "requests": one.amount.requests, "first": one.amount.first, "last": one.amount.last,
                "roles": one.amount.roles, "before": one.before, "after": one.after,
            })));
        }
    }
    let tally = |changes: &[Change]| Tally {
        flows: changes.len() as u64,
        requests: changes.iter().map(|one| one.amount.requests).sum(),
    };
    out.push_str(&line(&json!({
        "flows": found.all.flows, "requests": found.all.requests,
        "denied": tally(&found.denied), "allowed": tally(&found.allowed),
        "unchanged": found.unchanged, "refused_by_both": found.refused,
        "not_judged": found.not_judged, "ends": found.ends,
        "not_looked_at": {"max_flows": traffic.max_flows(), "requests": traffic.beyond},
        "lost": traffic.lost,
    })));
    out
}
