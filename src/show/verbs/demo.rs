//! `forebay demo`: a real retrieval stack, its faults, and what Forebay says about them.

use super::{Verb, parsed};
use crate::show::cli::Global;
use crate::show::client::{Api, Session};
use crate::show::demo::DemoError;
use crate::show::demo::report::tell_json;
use crate::show::demo::script::{Demo, Wish};
use crate::show::demo::stack::Stack;
use crate::show::demo::teller::Teller;
use crate::show::demo::verdict::{EXPECTED, Expected};
use crate::show::failure::Failure;
use crate::show::observe::output::{wants_colour, width};
use clap::builder::PossibleValuesParser;
use clap::{ArgMatches, Args};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Instant;

/// The verb.
pub static VERB: Verb = Verb {
    name: "demo",
    about: "Start a real retrieval stack on this machine and explain its faults",
    details: "Needs Linux, Python 3.11 or newer with venv, iproute2, and a package index for pip. Everything it\n\
        installs lies in .forebay/demo/ of the checkout; Ctrl-C takes everything down. Exit code 1: a\n\
        fault was not named.\n\n\
        Examples:\n  \
        sudo forebay demo\n  \
        sudo forebay demo --tiny --faults slow-reader,throttled-link\n  \
        sudo forebay demo --tiny --json",
    flags: Flags::augment_args,
    hidden: false,
    run,
};

#[derive(Args)]
struct Flags {
    /// Use a chat model of 2 MB with random weights: quick, its answers are nonsense
    #[arg(long)]
    tiny: bool,
    /// Leave the stack up at the end
    #[arg(long)]
    keep: bool,
    /// Print JSON, one act a line; what happens goes to standard error
    #[arg(long)]
    json: bool,
    /// The faults to try, in this order
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = faults(), default_values_t = usual())]
    faults: Vec<String>,
    /// Questions asked in each act
    #[arg(long, value_name = "COUNT", default_value_t = 12, value_parser = clap::value_parser!(u64).range(4..=1000))]
    questions: u64,
    /// The folder of the stack, demo/ of a checkout
    #[arg(long, value_name = "DIR")]
    stack: Option<PathBuf>,
}

fn faults() -> PossibleValuesParser {
    PossibleValuesParser::new(EXPECTED.iter().map(|expected| expected.fault))
}

fn usual() -> Vec<String> {
    let usual = EXPECTED.iter().filter(|expected| expected.usual);
    usual.map(|expected| expected.fault.to_owned()).collect()
}

fn run(matches: &ArgMatches, global: &Global) -> Result<(), Failure> {
    let flags: Flags = parsed(matches)?;
    let teller = Teller {
        width: width(),
        colour: wants_colour() && !flags.json,
        json: flags.json,
        mute: false,
    };
    let stack = Stack::find(flags.stack.as_deref())?;
    let wish = Wish {
        tiny: flags.tiny,
        faults: flags
            .faults
            .iter()
            .filter_map(|name| Expected::of(name))
            .collect(),
        questions: flags.questions,
    };
    let session = Session::start()?;
    // Before the stack: connections are best understood from their first byte on.
    let api = Api::reach(global)?;
    let mut demo = Demo::new(&stack, teller, wish);
    let mut played = None;
    let ended = session.run(async {
        played = Some(demo.play(&api).await);
        Ok(())
    });
    let whole = matches!(played, Some(Ok(())));
    if played.is_none() {
        teller.act("Interrupted");
    }
    let down = if flags.keep && whole {
        teller
            .say("The stack stays up (--keep). Take it down: sudo python3 -m stack down, in demo/");
        Ok(())
    } else {
        take_down(&mut demo, teller)
    };
    ended.and(played.unwrap_or(Ok(()))).and(down)?;
    if whole {
        summarise(&demo, teller)?;
    }
    api.end()?;
    if demo.missed.is_empty() {
        return Ok(());
    }
    Err(DemoError::NotNamed(demo.missed.join(",")).into())
}

fn take_down(demo: &mut Demo<'_>, teller: Teller) -> Result<(), Failure> {
    let begun = Instant::now();
    teller.gap();
    let _: Value = demo.stack.call_blocking(&["down", "--json"], &teller)?;
    let result = "nothing of it runs any more".to_owned();
    demo.report
        .add("take it down", begun.elapsed(), true, result);
    tell_json(
        &teller,
        &json!({"act": "down", "seconds": begun.elapsed().as_secs_f64()}),
    )
}

fn summarise(demo: &Demo<'_>, teller: Teller) -> Result<(), Failure> {
    let total: f64 = demo.report.steps.iter().map(|step| step.seconds).sum();
    teller.act(&format!("What was done, in {total:.0} s"));
    demo.report.table(&teller);
    tell_json(&teller, &demo.report.json())
}
