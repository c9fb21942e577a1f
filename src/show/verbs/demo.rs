//! `forebay demo`: a real retrieval stack, its faults, and what Forebay says about them.

use super::Verb;
use crate::show::cli::Global;
use crate::show::failure::Failure;
use clap::ArgMatches;

/// The verb.
pub static VERB: Verb = Verb {
    name: "demo",
    about: "Start a real retrieval stack on this machine and explain its faults",
    details: "Example:\n  sudo forebay demo",
    flags: |command| command,
    hidden: false,
    run,
};

fn run(_: &ArgMatches, _: &Global) -> Result<(), Failure> {
    Err(Failure::NotBuilt(VERB.name))
}
