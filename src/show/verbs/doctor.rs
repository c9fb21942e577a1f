//! `forebay doctor`: what this kernel and host can and cannot do, and why.

use super::{Verb, parsed};
use crate::agent::privilege;
use crate::capture::{self, Feature};
use crate::show::cli::Global;
use crate::show::client::{Api, Session, answers};
use crate::show::doctor::text;
use crate::show::failure::Failure;
use crate::show::observe::output::print;
use clap::{ArgMatches, Args};

/// The verb.
pub static VERB: Verb = Verb {
    name: "doctor",
    about: "Show what this kernel and host can and cannot observe, and why",
    details: "With an agent running: what its programs became. Without: what they could become.\n\n\
        Examples:\n  sudo forebay doctor\n  sudo forebay doctor --json",
    flags: Flags::augment_args,
    hidden: false,
    run,
};

/// Between what observes and what would enforce.
const ENFORCE: &str = "policies in the kernel: what `policy apply` can use here";

#[derive(Args)]
struct Flags {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn run(matches: &ArgMatches, global: &Global) -> Result<(), Failure> {
    let flags: Flags = parsed(matches)?;
    // Without rights to ask an agent the kernel can still be looked at.
    let features = if answers(global).unwrap_or(false) {
        let session = Session::start()?;
        let api = Api::running(global)?;
        let mut features: Vec<Feature> = Vec::new();
        session.run(async {
            features = api.json("/v1/doctor").await?;
            Ok(())
        })?;
        features
    } else {
        let features = capture::probe();
        if let Err(missing) = privilege::check(&global.line) {
            eprintln!("forebay doctor: {missing}");
        }
        features
    };
    if flags.json {
        let json = serde_json::to_string(&features);
        let json = json.map_err(|error| Failure::stdout(error.into()))?;
        return print(&format!("{json}\n"));
    }
    let enforce = text(&capture::probe_enforce());
    print(&format!("{}\n{ENFORCE}\n{enforce}", text(&features)))
}
