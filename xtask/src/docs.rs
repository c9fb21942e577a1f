//! Writes the generated documents, or says which is stale.

use std::path::Path;
use std::process::Command;

/// A document and the hidden verb of the binary that prints it.
const DOCUMENTS: [(&str, &str); 3] = [
    ("docs/cli.md", "reference"),
    ("docs/metrics.md", "reference --page=metrics"),
    ("docs/explain.md", "reference --page=explain"),
];

/// Writes every document that is stale.
///
/// # Errors
/// When the binary can't be built or a file not be written.
pub fn write(root: &Path) -> Result<(), String> {
    for (name, verb) in DOCUMENTS {
        let fresh = printed_by(root, verb)?;
        refresh(root, name, &fresh)?;
    }
    Ok(())
}

/// Fails when a document is stale, naming each.
///
/// # Errors
/// When one is, or the binary can't be built.
pub fn check(root: &Path) -> Result<(), String> {
    let mut stale = Vec::new();
    for (name, verb) in DOCUMENTS {
        if std::fs::read(root.join(name)).unwrap_or_default() == printed_by(root, verb)? {
            println!("{name} is fresh");
        } else {
            stale.push(name);
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!("stale: {}. Next: make docs", stale.join(", ")))
}

fn refresh(root: &Path, name: &str, fresh: &[u8]) -> Result<(), String> {
    let path = root.join(name);
    if std::fs::read(&path).unwrap_or_default() == fresh {
        println!("{name} is fresh");
        return Ok(());
    }
    let written = std::fs::create_dir_all(path.parent().unwrap_or(root))
        .and_then(|()| std::fs::write(&path, fresh));
    written.map_err(|error| format!("cannot write {name}: {error}"))?;
    println!("{name} written");
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
