//! `forebay reference`: the generated pages of docs/, made from the definitions they describe.

use super::{VERBS, Verb, parsed};
use crate::capture;
use crate::show::cli::{self, Global};
use crate::show::failure::{EXIT_CODES, Failure};
use crate::show::observe::output::print;
use crate::show::{doctor, metrics};
use clap::{ArgMatches, Args, ValueEnum};
use forebay_core::decode::protocols;
use forebay_core::explain::rules;
use std::fmt::Write;

/// The verb.
pub static VERB: Verb = Verb {
    name: "reference",
    about: "Print the command line's reference, Markdown",
    details: "",
    flags: Flags::augment_args,
    hidden: true,
    run,
};

#[derive(Args)]
struct Flags {
    /// Which page
    #[arg(long, value_enum, default_value_t = Page::Cli)]
    page: Page,
}

#[derive(Clone, Copy, ValueEnum)]
enum Page {
    Cli,
    Metrics,
    Explain,
    Protocols,
    Features,
}

fn run(matches: &ArgMatches, _: &Global) -> Result<(), Failure> {
    let flags: Flags = parsed(matches)?;
    print(&match flags.page {
        Page::Cli => text(),
        Page::Metrics => metrics::markdown(),
        Page::Explain => rules::markdown(),
        Page::Protocols => protocols::markdown(),
        Page::Features => doctor::markdown(&capture::probe(), &capture::probe_enforce()),
    })
}

const START: &str = "# Command line\n\n\
    <!-- Made by `cargo run -p xtask -- docs`; change the verbs in src/show/verbs instead. -->\n\n";

/// Routes of the API and what they answer.
const ROUTES: [(&str, &str); 7] = [
    ("/v1/status", "the agent's own state, JSON"),
    (
        "/v1/observe",
        "requests as they end and losses, NDJSON; parameters are the filters of `observe` without dashes, such as `?role=model&slower-than=20ms&since=5m`",
    ),
    ("/v1/top", "the table of service edges, JSON"),
    ("/v1/explain?since=5m", "findings, JSON"),
    (
        "/v1/record?payload=false&duration=30s",
        "what the kernel reports, in the form of a capture file",
    ),
    (
        "/v1/doctor",
        "the kernel programs and what became of them, JSON",
    ),
    (
        "/metrics",
        "for Prometheus; over TCP as well with `run --listen-metrics`",
    ),
];

fn text() -> String {
    let mut out = START.to_owned();
    let mut root = cli::command().term_width(100);
    let mut section = |title: &str, help: String| {
        let help: Vec<&str> = help.lines().map(str::trim_end).collect();
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "## {title}\n\n```text\n{}\n```\n\n",
            help.join("\n").trim_end()
        );
    };
    section("forebay", root.render_help().to_string());
    // Passes the flags of every verb down to each.
    root.build();
    for verb in VERBS.iter().filter(|verb| !verb.hidden) {
        if let Some(command) = root.find_subcommand_mut(verb.name) {
            let name = format!("forebay {}", verb.name);
            section(&name, command.render_help().to_string());
            for part in command
                .get_subcommands_mut()
                .filter(|part| part.get_name() != "help")
            {
                let name = format!("{name} {}", part.get_name());
                section(&name, part.render_help().to_string());
            }
        }
    }
    out.push_str("## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for (code, meaning) in EXIT_CODES {
        let _ = writeln!(out, "| {code} | {meaning} |");
    }
    out.push_str("\n## API\n\nHTTP on the agent's unix socket, for root and its group: `curl --unix-socket /run/forebay/api.sock http://forebay/v1/status`.\n\n| route | answer |\n|---|---|\n");
    for (route, answer) in ROUTES {
        let _ = writeln!(out, "| `GET {route}` | {answer} |");
    }
    out
}
