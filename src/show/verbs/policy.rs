//! `forebay policy`: checks, judges and explains network policies, tries them on real requests, and holds
//! them in force. Only what is live needs an agent, and only the last needs rights.

use super::{Verb, parsed};
use crate::show::cli::Global;
use crate::show::failure::Failure;
use crate::show::policy::{apply, check, diff, explain, suggest, test};
use clap::{ArgMatches, Args, Subcommand};

/// The verb.
pub static VERB: Verb = Verb {
    name: "policy",
    about: "Check, test, explain and apply Kubernetes network policies, and try them on real traffic",
    details: "All but `apply` only judge. `apply` holds policies in force as long as it runs.\n\
        docs/policy.md says how flows are judged.\n\n\
        Examples:\n  forebay policy check policies/\n  forebay policy test tests.yaml\n  \
        forebay policy explain --from rag/api --to rag/qdrant --port TCP/6333 policies/\n  \
        forebay policy diff --from now.yaml --to policies/ --flows day.fbcap\n  \
        forebay policy suggest who.yaml --flows day.fbcap\n  \
        sudo forebay policy apply policies/ inventory.yaml",
    flags: Flags::augment_args,
    hidden: false,
    run,
};

#[derive(Args)]
struct Flags {
    #[command(subcommand)]
    verb: What,
}

#[derive(Subcommand)]
enum What {
    /// Say what is wrong with policy files
    #[command(after_help = check::DETAILS)]
    Check(check::Flags),
    /// Judge flows and compare with what must come of them
    #[command(after_help = test::DETAILS)]
    Test(test::Flags),
    /// Walk through the decision about one flow
    #[command(after_help = explain::DETAILS)]
    Explain(explain::Flags),
    /// Show what other policies would do to real traffic
    #[command(after_help = diff::DETAILS)]
    Diff(diff::Flags),
    /// Draft policies from real traffic
    #[command(after_help = suggest::DETAILS)]
    Suggest(suggest::Flags),
    /// Hold policies in force as long as this runs, and say what they refuse
    #[command(after_help = apply::DETAILS)]
    Apply(apply::Flags),
}

fn run(matches: &ArgMatches, global: &Global) -> Result<(), Failure> {
    let flags: Flags = parsed(matches)?;
    match flags.verb {
        What::Check(flags) => check::run(&flags),
        What::Test(flags) => test::run(&flags),
        What::Explain(flags) => explain::run(&flags),
        What::Diff(flags) => diff::run(&flags, global),
        What::Suggest(flags) => suggest::run(&flags, global),
        What::Apply(flags) => apply::run(&flags, global),
    }
}
