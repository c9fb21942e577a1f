//! `forebay record`: keeps what the kernel said in a file.

use super::Verb;
use crate::keep::time::parse_duration;
use crate::show::cli::Global;
use crate::show::failure::Failure;
use clap::{ArgMatches, Args};
use std::path::PathBuf;
use std::time::Duration;

/// The verb.
pub static VERB: Verb = Verb {
    name: "record",
    about: "Record what the kernel reports into a capture file",
    details: "The file (.fbcap) gives the same requests again with `forebay replay`, byte for byte. Without\n\
        --payload it holds times and sizes only: no bytes of any message.\n\n\
        Example:\n  sudo forebay record slow.fbcap --duration 30s",
    flags: Flags::augment_args,
    hidden: false,
    run,
};

#[derive(Args)]
struct Flags {
    /// The capture file
    file: PathBuf,
    /// End after this time
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Keep the first bytes of messages as well; they can hold secrets
    #[arg(long)]
    payload: bool,
}

fn run(_: &ArgMatches, _: &Global) -> Result<(), Failure> {
    Err(Failure::NotBuilt(VERB.name))
}
