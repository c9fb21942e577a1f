//! Chores of the repository. `cargo run -p xtask -- docs` writes the generated documents,
//! `… -- docs --check` fails when one is stale.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// A document and the hidden verb of the binary that prints it.
const DOCUMENTS: [(&str, &str); 3] = [
    ("docs/cli.md", "reference"),
    ("docs/metrics.md", "reference --page=metrics"),
    ("docs/explain.md", "reference --page=explain"),
];

const USAGE: &str = "usage: cargo run -p xtask -- docs [--check]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["docs"] => docs(false),
        ["docs", "--check"] => docs(true),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("xtask: {sentence}");
            ExitCode::FAILURE
        }
    }
}

/// Writes, or compares, every generated document.
fn docs(check: bool) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (name, verb) in DOCUMENTS {
        let path: PathBuf = root.join(name);
        let fresh = printed_by(&root, verb)?;
        let found = std::fs::read(&path).unwrap_or_default();
        if found == fresh {
            println!("{name} is fresh");
        } else if check {
            return Err(format!("{name} is stale. Next: cargo run -p xtask -- docs"));
        } else {
            let directory = path.parent().unwrap_or(&root);
            let written =
                std::fs::create_dir_all(directory).and_then(|()| std::fs::write(&path, &fresh));
            written.map_err(|error| format!("cannot write {name}: {error}"))?;
            println!("{name} written");
        }
    }
    Ok(())
}

/// What a verb of the binary prints; builds it first if need be.
fn printed_by(root: &Path, verb: &str) -> Result<Vec<u8>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--package", "forebay", "--"])
        .args(verb.split(' '))
        .current_dir(root)
        .env_remove("FOREBAY_SOCKET")
        .output()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("`forebay {verb}` failed: {}", said.trim()))
}
