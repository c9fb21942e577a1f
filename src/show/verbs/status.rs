//! `forebay status`: what the agent is and has done.

use super::{Verb, parsed};
use crate::show::cli::Global;
use crate::show::client::{Api, Session};
use crate::show::failure::Failure;
use crate::show::observe::output::print;
use crate::show::status::Status;
use clap::{ArgMatches, Args};

/// The verb.
pub static VERB: Verb = Verb {
    name: "status",
    about: "Show what the running agent is and has done",
    details: "Examples:\n  forebay status\n  forebay status --json",
    flags: Flags::augment_args,
    hidden: false,
    run,
};

#[derive(Args)]
struct Flags {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn run(matches: &ArgMatches, global: &Global) -> Result<(), Failure> {
    let flags: Flags = parsed(matches)?;
    let session = Session::start()?;
    let api = Api::running(global)?;
    session.run(async {
        if flags.json {
            return print(&format!("{}\n", api.text("/v1/status").await?));
        }
        let status: Status = api.json("/v1/status").await?;
        print(&status.text())
    })
}
