//! `forebay completions`: what a shell needs to complete our command lines.

use super::{Verb, parsed};
use crate::show::cli::{self, Global};
use crate::show::failure::Failure;
use crate::show::observe::output::print;
use clap::{ArgMatches, Args};
use clap_complete::Shell;

/// The verb.
pub static VERB: Verb = Verb {
    name: "completions",
    about: "Print completions for a shell",
    details: "Examples:\n  \
        forebay completions bash > /etc/bash_completion.d/forebay\n  \
        source <(forebay completions zsh)",
    flags: Flags::augment_args,
    hidden: false,
    run,
};

#[derive(Args)]
struct Flags {
    /// The shell
    shell: Shell,
}

fn run(matches: &ArgMatches, _: &Global) -> Result<(), Failure> {
    let flags: Flags = parsed(matches)?;
    let mut script = Vec::new();
    clap_complete::generate(
        flags.shell,
        &mut cli::command_shown(),
        "forebay",
        &mut script,
    );
    print(&String::from_utf8_lossy(&script))
}
