//! `forebay top`: the service edges of this host, live.

use super::{Verb, parsed};
use crate::show::cli::Global;
use crate::show::client::{Api, Session};
use crate::show::failure::Failure;
use crate::show::observe::output::print;
use clap::{ArgMatches, Args};

/// The verb.
pub static VERB: Verb = Verb {
    name: "top",
    about: "Show live who talks to whom: rate, latency, phases, stalls, losses",
    details: "Examples:\n  sudo forebay top\n  sudo forebay top --json",
    flags: Flags::augment_args,
    hidden: false,
    run,
};

#[derive(Args)]
struct Flags {
    /// Print the table once, as JSON
    #[arg(long)]
    json: bool,
}

fn run(matches: &ArgMatches, global: &Global) -> Result<(), Failure> {
    let _flags: Flags = parsed(matches)?;
    let session = Session::start()?;
    let api = Api::reach(global)?;
    session.run(async { print(&api.text("/v1/top").await?) })
}
