//! `forebay man`: writes the man pages.

use super::{Verb, parsed};
use crate::show::cli::{self, Global};
use crate::show::failure::Failure;
use clap::{ArgMatches, Args};
use std::path::PathBuf;

/// The verb.
pub static VERB: Verb = Verb {
    name: "man",
    about: "Write the man pages into a directory",
    details: "Example:\n  forebay man /usr/local/share/man/man1",
    flags: Flags::augment_args,
    hidden: false,
    run,
};

#[derive(Args)]
struct Flags {
    /// The directory; made if it is missing
    directory: PathBuf,
}

fn run(matches: &ArgMatches, _: &Global) -> Result<(), Failure> {
    let flags: Flags = parsed(matches)?;
    let written = std::fs::create_dir_all(&flags.directory)
        .and_then(|()| clap_mangen::generate_to(cli::command(), &flags.directory));
    written.map_err(|source| Failure::Write {
        what: flags.directory.display().to_string(),
        source,
    })
}
