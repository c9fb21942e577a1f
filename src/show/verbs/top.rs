//! `forebay top`: the service edges of this host, live.

use super::{Verb, parsed};
use crate::agent::AgentError;
use crate::show::cli::Global;
use crate::show::client::{Api, Session, answers};
use crate::show::failure::Failure;
use crate::show::observe::output::print;
use crate::show::top::{self, TopView};
use clap::{ArgMatches, Args};
use std::time::Duration;

/// The verb.
pub static VERB: Verb = Verb {
    name: "top",
    about: "Show live who talks to whom: rate, latency, phases, stalls, losses",
    details: "Examples:\n  sudo forebay top\n  sudo forebay top --json",
    flags: Flags::augment_args,
    hidden: false,
    run,
};

/// How long an agent of our own looks before its table is printed once.
const WATCH: Duration = Duration::from_secs(10);

#[derive(Args)]
struct Flags {
    /// Print the table once, as JSON
    #[arg(long)]
    json: bool,
}

fn run(matches: &ArgMatches, global: &Global) -> Result<(), Failure> {
    let flags: Flags = parsed(matches)?;
    let session = Session::start()?;
    let fresh = !answers(global)?;
    let api = Api::reach(global)?;
    if flags.json {
        session.run(async {
            if fresh {
                api.text("/v1/status").await?;
                api.announce();
                eprintln!("watching for {} s", WATCH.as_secs());
                tokio::time::sleep(WATCH).await;
            }
            print(&api.text("/v1/top").await?)
        })?;
    } else {
        api.announce();
        show(&api)?;
    }
    api.end()
}

/// The screen; its fetches run on a thread of their own, with a loop of their own.
fn show(api: &Api) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| AgentError::Start {
            what: "event loop",
            source,
        })?;
    let fetch = || {
        let view = runtime.block_on(api.json::<TopView>("/v1/top"));
        view.map_err(|failure| failure.to_string())
    };
    Ok(top::run(fetch)?)
}
