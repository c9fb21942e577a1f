//! `forebay policy`: checks, judges and explains network policies, for which no rights are needed, and
//! holds them in force, for which they are.

use super::{Verb, parsed};
use crate::show::cli::Global;
use crate::show::failure::Failure;
use crate::show::policy::{apply, check, explain, test};
use clap::{ArgMatches, Args, Subcommand};

/// The verb.
pub static VERB: Verb = Verb {
    name: "policy",
    about: "Check, test, explain and apply Kubernetes network policies",
    details: "All but `apply` judge from files alone. `apply` holds policies in force as long as it runs.\n\
        docs/policy.md says how flows are judged.\n\n\
        Examples:\n  forebay policy check policies/\n  forebay policy test tests.yaml\n  \
        forebay policy explain --from rag/api --to rag/qdrant --port TCP/6333 policies/\n  \
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
        What::Apply(flags) => apply::run(&flags, global),
    }
}
