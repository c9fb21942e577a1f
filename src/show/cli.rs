//! The command line: built from the table of verbs; help, man pages and completions follow from it.

use super::failure::Failure;
use super::verbs::{VERBS, Verb};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use std::path::PathBuf;
use std::process::ExitCode;

/// Flags of every verb.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// The agent's socket
    #[arg(
        long,
        global = true,
        display_order = 900,
        value_name = "PATH",
        env = "FOREBAY_SOCKET",
        default_value = "/run/forebay/api.sock"
    )]
    pub socket: PathBuf,
    /// The command line, for sentences that repeat it.
    #[arg(skip)]
    pub line: String,
}

const ABOUT: &str = "Every request on this host and where its milliseconds went";
const AFTER: &str = "Try first: sudo forebay observe\n\
    With no agent running and enough rights, a verb observes with one of its own until it ends.";

/// The whole definition.
pub fn command() -> Command {
    command_of(|_| true)
}

/// What is not hidden: completion scripts list even hidden verbs.
pub fn command_shown() -> Command {
    command_of(|verb| !verb.hidden)
}

fn command_of(part: fn(&Verb) -> bool) -> Command {
    let verbs = VERBS.iter().filter(|verb| part(verb));
    // The flags' own type would put its doc in the place of ours: ours come last.
    Global::augment_args(Command::new("forebay"))
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .long_about(None)
        .after_help(AFTER)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .max_term_width(100)
        .subcommands(verbs.map(|verb| verb.command()))
}

/// Parses, runs, reports.
pub fn main() -> ExitCode {
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            // Help into a closed pipe is no failure.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let Some((name, flags)) = matches.subcommand() else {
        return ExitCode::from(2);
    };
    match dispatch(name, flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_quiet() {
                eprintln!("forebay {name}: {failure}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

fn dispatch(name: &str, flags: &ArgMatches) -> Result<(), Failure> {
    let verb: Option<&&Verb> = VERBS.iter().find(|verb| verb.name == name);
    let (Some(verb), Ok(mut global)) = (verb, Global::from_arg_matches(flags)) else {
        return Err(Failure::Usage(format!("there is no verb {name:?}")));
    };
    global.line = typed_line();
    (verb.run)(flags, &global)
}

/// What was typed after the program's name, quoted where a shell needs it.
fn typed_line() -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=/.,:+%".contains(c);
    let words = std::env::args_os().skip(1).map(|word| {
        let word = word.to_string_lossy().into_owned();
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    });
    words.collect::<Vec<_>>().join(" ")
}
