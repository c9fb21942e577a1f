//! `forebay policy check`: what is wrong with files.

use super::cases::line;
use super::{ONLY_JUDGED, count, sources};
use crate::show::failure::Failure;
use crate::show::observe::output::print;
use clap::Args;
use forebay_core::policy::Api;
use forebay_core::policy::read::Files;
use serde_json::json;
use std::path::PathBuf;

/// What else the help says.
pub const DETAILS: &str = "Reads NetworkPolicy (networking.k8s.io/v1) and ClusterNetworkPolicy\n\
    (policy.networking.k8s.io/v1alpha2), Namespaces, Pods and what makes them, Nodes and\n\
    Inventories; other kinds are counted. Each mistake is printed with file, line, field and cure.\n\n\
    Examples:\n  forebay policy check policies/\n  kubectl get netpol -A -o yaml | forebay policy check -\n  \
    forebay policy check --strict --json policies/*.yaml";

/// Its flags.
#[derive(Args)]
pub struct Flags {
    /// Files or folders, YAML or JSON; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Let warnings fail too
    #[arg(long)]
    strict: bool,
    /// Print JSON, one problem a line, then the counts
    #[arg(long)]
    json: bool,
}

/// Does it.
///
/// # Errors
/// When a file can't be read or has an error.
pub fn run(flags: &Flags) -> Result<(), Failure> {
    let (files, read) = sources::load(&flags.files)?;
    let (errors, warnings) = files.counts();
    let mut text = String::new();
    for problem in files.problems() {
        text.push_str(&if flags.json {
            line(problem)
        } else {
            format!("{problem}\n")
        });
    }
    let unsaid = errors + warnings - files.problems().len();
    let counts = counts(&files, read);
    if flags.json {
        text.push_str(&line(&json!({
            "files": read,
            "documents": files.documents,
            "network_policies": of(&files, Api::NetworkPolicy),
            "cluster_network_policies": of(&files, Api::ClusterNetworkPolicy),
            "workloads": files.world.workloads.len(),
            "skipped": files.skipped,
            "errors": errors,
            "warnings": warnings,
            "not_printed": unsaid,
        })));
    } else {
        if unsaid > 0 {
            text.push_str(&format!("and {unsaid} more\n"));
        }
        text.push_str(&counts);
        let (errors, warnings) = (
            count(errors, "error", "errors"),
            count(warnings, "warning", "warnings"),
        );
        text.push_str(&format!("{errors}, {warnings}\n{ONLY_JUDGED}\n"));
    }
    print(&text)?;
    let bad = files
        .problems()
        .iter()
        .any(|problem| sources::is_error(problem.severity));
    if bad || errors > 0 || (flags.strict && warnings > 0) {
        Err(Failure::Said)
    } else {
        Ok(())
    }
}

fn of(files: &Files, api: Api) -> usize {
    files
        .policies
        .all
        .iter()
        .filter(|policy| policy.name.api == api)
        .count()
}

fn counts(files: &Files, read: usize) -> String {
    let world = &files.world;
    let mut parts = vec![
        count(
            of(files, Api::NetworkPolicy),
            "NetworkPolicy",
            "NetworkPolicies",
        ),
        count(
            of(files, Api::ClusterNetworkPolicy),
            "ClusterNetworkPolicy",
            "ClusterNetworkPolicies",
        ),
        count(world.namespaces().count(), "namespace", "namespaces"),
        count(world.workloads.len(), "workload", "workloads"),
        count(world.nodes.len(), "node", "nodes"),
        count(world.hosts.len(), "host", "hosts"),
    ];
    let tests: usize = files.assertions.iter().map(|one| one.all.len()).sum();
    if tests > 0 {
        parts.push(count(tests, "assertion", "assertions"));
    }
    let skipped: Vec<String> = files
        .skipped
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    let skipped = match skipped.is_empty() {
        true => String::new(),
        false => format!("; not used: {}", skipped.join(", ")),
    };
    format!(
        "{} in {}: {}{skipped}\n",
        count(files.documents, "document", "documents"),
        count(read, "file", "files"),
        parts.join(", ")
    )
}
