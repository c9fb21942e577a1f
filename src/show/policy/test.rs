//! `forebay policy test`: assertions, and tables of cases.

use super::cases::{self, Kernel, Reference, line};
use super::{ONLY_JUDGED, PolicyError, count, sources};
use crate::show::failure::Failure;
use crate::show::observe::output::print;
use clap::Args;
use forebay_core::policy::read::{Assertion, Files};
use forebay_core::policy::{Flow, Judge, Settings, Verdict, Why, ends};
use serde_json::json;
use std::path::{Path, PathBuf};

/// What else the help says.
pub const DETAILS: &str = "FILE holds a PolicyTest: the files that it judges and what must hold.\n\n  \
    apiVersion: forebay.dev/v1alpha1\n  kind: PolicyTest\n  files: [policies.yaml, inventory.yaml]\n  tests:\n  \
    - {from: rag/api, to: rag/qdrant, port: 6333, expect: allow}\n  \
    - {from: rag/api, to: 192.0.2.9, port: 443, expect: deny, because: rag/api-egress}\n\n\
    `because` is the policy that must decide; `default` means none. --cases takes tables in the\n\
    two formats of docs/policy.md and ends with the line `N rows, N mismatches`.\n\
    Exit code 1: something does not hold.\n\n\
    Examples:\n  forebay policy test tests.yaml\n  forebay policy test --cases networkpolicy-v1-cases.jsonl.gz";

/// Its flags.
#[derive(Args)]
pub struct Flags {
    /// Files with assertions
    #[arg(required_unless_present = "cases", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A table of cases: .jsonl, or packed with gzip
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    cases: Option<PathBuf>,
    /// Judge the cases by this kernel's programs: needs root, attaches nothing
    #[arg(long, requires = "cases")]
    kernel: bool,
    /// Let every workload reach the node it runs on
    #[arg(long)]
    node_local_egress: bool,
    /// Print JSON, one result a line, then the counts
    #[arg(long)]
    json: bool,
}

/// Does it.
///
/// # Errors
/// When a file can't be read, or something does not hold.
pub fn run(flags: &Flags) -> Result<(), Failure> {
    let settings = Settings {
        node_local_egress: flags.node_local_egress,
    };
    if let Some(path) = &flags.cases {
        return if flags.kernel {
            cases::run(path, &mut Kernel::load(settings)?, flags.json)
        } else {
            cases::run(path, &mut Reference(settings), flags.json)
        };
    }
    let (mut held, mut failed) = (0, 0);
    for path in &flags.files {
        for (tests, files) in tests_of(path)? {
            for assertion in &tests {
                let good = judge(path, assertion, &files, settings, flags.json)?;
                held += usize::from(good);
                failed += usize::from(!good);
            }
        }
    }
    if flags.json {
        print(&line(
            &json!({"assertions": held + failed, "failed": failed}),
        ))?;
    } else {
        let all = count(held + failed, "assertion", "assertions");
        print(&format!("{all}, {failed} failed\n{ONLY_JUDGED}\n"))?;
    }
    if failed > 0 {
        Err(Failure::Said)
    } else {
        Ok(())
    }
}

/// The assertions of a file, and what each of its lists is about.
fn tests_of(path: &Path) -> Result<Vec<(Vec<Assertion>, Files)>, PolicyError> {
    let file = path.display().to_string();
    let (own, _) = sources::load(&[path.to_owned()])?;
    if own.counts().0 > 0 {
        sources::judgeable(&[&own], &file)?;
    }
    if own.assertions.is_empty() {
        return Err(PolicyError::NoTests(file));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut found = Vec::new();
    for assertions in own.assertions {
        let named = assertions.files.iter().map(|name| folder.join(name));
        // The file itself may hold policies and workloads too.
        let all: Vec<PathBuf> = std::iter::once(path.to_owned()).chain(named).collect();
        found.push((assertions.all, sources::load_valid(&all)?));
    }
    Ok(found)
}

fn judge(
    path: &Path,
    assertion: &Assertion,
    files: &Files,
    settings: Settings,
    json: bool,
) -> Result<bool, Failure> {
    let Assertion {
        line: number,
        from,
        to,
        protocol,
        port,
        allow,
        because,
    } = assertion;
    let place = format!("{}:{number}", path.display());
    let (a, b) = ends(&files.world, from, to).map_err(|error| PolicyError::Cases {
        file: path.display().to_string(),
        line: *number as usize,
        what: error.to_string(),
    })?;
    let answers = files.world.host_answers();
    let judge = Judge::new(&files.policies, &files.world, &answers, settings);
    let verdict = judge.judge(&Flow {
        from: a,
        to: b,
        protocol: *protocol,
        port: *port,
    });
    let decides = because
        .as_ref()
        .is_none_or(|name| decided_by(&verdict, name));
    let good = verdict.allowed == *allow && decides;
    if json {
        print(&line(&json!({
            "at": place, "from": from, "to": to, "protocol": protocol, "port": port,
            "expect": if *allow { "allow" } else { "deny" }, "because": because, "holds": good, "verdict": verdict,
        })))?;
        return Ok(good);
    }
    if good {
        return Ok(true);
    }
    let wanted = if *allow { "allow" } else { "deny" };
    let reason = because
        .as_ref()
        .map(|name| format!(" because of {name}"))
        .unwrap_or_default();
    let mut text =
        format!("{place}: {from} to {to} {protocol}/{port}: expected {wanted}{reason}, but:\n");
    for side in verdict.sides() {
        text.push_str(&format!("  {side}\n"));
        if let Some(nearest) = &side.nearest {
            text.push_str(&format!("    {}\n", super::explain::nearest_words(nearest)));
        }
    }
    print(&text)?;
    Ok(false)
}

/// Whether the policy of that name decided at either end: `namespace/name`, `name`, or `default`.
fn decided_by(verdict: &Verdict, name: &str) -> bool {
    let is = |policy: &forebay_core::policy::PolicyName| match &policy.namespace {
        Some(namespace) => format!("{namespace}/{}", policy.name) == name || policy.name == name,
        None => policy.name == name,
    };
    let sides = if verdict.allowed {
        verdict.sides().to_vec()
    } else {
        vec![verdict.deciding()]
    };
    sides.iter().any(|side| match &side.why {
        Why::Rule { rule, .. } => is(&rule.policy),
        Why::Isolated { policies } => policies.iter().any(is),
        Why::Default => name == "default",
        Why::Itself | Why::NodeLocal | Why::NotGoverned => false,
    })
}
