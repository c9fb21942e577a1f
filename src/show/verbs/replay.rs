//! `forebay replay`: the requests of a capture file.

use super::Verb;
use crate::show::cli::Global;
use crate::show::failure::Failure;
use clap::{ArgMatches, Args};
use std::path::PathBuf;

/// The verb.
pub static VERB: Verb = Verb {
    name: "replay",
    about: "Print the requests of a capture file, NDJSON",
    details: "Needs no agent and no rights.\n\nExample:\n  forebay replay slow.fbcap",
    flags: Flags::augment_args,
    hidden: false,
    run,
};

#[derive(Args)]
struct Flags {
    /// The capture file
    file: PathBuf,
}

fn run(_: &ArgMatches, _: &Global) -> Result<(), Failure> {
    Err(Failure::NotBuilt(VERB.name))
}
