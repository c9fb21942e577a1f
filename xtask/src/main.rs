//! Chores of the repository; `make help` lists those that people type.

mod chores;
mod count;
mod docs;
mod layout;
mod step;
mod suite;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo run -p xtask -- docs [--check] | check | test | build | demo \
                     [WORDS] | bench [WORDS] | fuzz [WORDS]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["docs"] => docs::write(&root()),
        ["docs", "--check"] => docs::check(&root()),
        ["check"] => layout::report(&root()),
        ["test"] => suite::run(&root()),
        ["build"] => chores::build(&root()),
        ["demo", rest @ ..] => chores::demo(&root(), rest),
        ["bench", rest @ ..] => chores::bench(&root(), rest),
        ["fuzz", rest @ ..] => chores::fuzz(&root(), rest),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            if !sentence.is_empty() {
                eprintln!("xtask: {sentence}");
            }
            ExitCode::FAILURE
        }
    }
}

/// The repository's root.
fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}
