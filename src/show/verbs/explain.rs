//! `forebay explain`: findings ranked by lost milliseconds.

use super::{Verb, parsed};
use crate::keep::time::parse_duration;
use crate::show::cli::Global;
use crate::show::client::{Api, Session, answers};
use crate::show::explain::{ExplainView, json_lines, text};
use crate::show::failure::Failure;
use crate::show::observe::output::{print, wants_colour, width};
use clap::{ArgMatches, Args};
use std::time::Duration;

/// The verb.
pub static VERB: Verb = Verb {
    name: "explain",
    about: "Say where the milliseconds of the last minutes went, worst first, with evidence",
    details: "Examples:\n  sudo forebay explain\n  sudo forebay explain --since 2m --json",
    flags: Flags::augment_args,
    hidden: false,
    run,
};

#[derive(Args)]
struct Flags {
    /// Look at this much of the past, at most 5m; counted in steps of 10 s, of which whole ones are taken: the first line says how much that is
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    since: Duration,
    /// Print JSON, one finding a line
    #[arg(long)]
    json: bool,
    /// With no agent running: watch this long first
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    duration: Duration,
}

fn run(matches: &ArgMatches, global: &Global) -> Result<(), Failure> {
    let flags: Flags = parsed(matches)?;
    let session = Session::start()?;
    let fresh = !answers(global)?;
    let api = Api::reach(global)?;
    let path = format!("/v1/explain?since={}ms", flags.since.as_millis());
    session.run(async {
        if fresh {
            api.text("/v1/status").await?;
            api.announce();
            eprintln!("watching for {} s", flags.duration.as_secs());
            tokio::time::sleep(flags.duration).await;
        }
        let view: ExplainView = api.json(&path).await?;
        if flags.json {
            return print(&json_lines(&view).map_err(|error| api.broken(&error))?);
        }
        print(&text(&view, width(), wants_colour()))
    })?;
    api.end()
}
