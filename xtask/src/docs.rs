//! Writes the generated documents, or says which is stale.

use std::path::Path;
use std::process::Command;

/// A document and the hidden verb of the binary that prints it.
const DOCUMENTS: [(&str, &str); 5] = [
    ("docs/cli.md", "reference"),
    ("docs/metrics.md", "reference --page=metrics"),
    ("docs/explain.md", "reference --page=explain"),
    ("docs/protocols.md", "reference --page=protocols"),
    ("docs/features.md", "reference --page=features"),
];

/// Real output of `forebay explain`, made by the demo.
const SAMPLE: &str = "demo/explain-sample.txt";
/// Where it stands in the README, between a line that says so and the end of the code block.
const SAMPLE_BEGINS: &str = "<!-- demo/explain-sample.txt -->\n```text\n";
const SAMPLE_ENDS: &str = "```\n";

/// Writes every document that is stale.
///
/// # Errors
/// When the binary can't be built or a file not be written.
pub fn write(root: &Path) -> Result<(), String> {
    for (name, verb) in DOCUMENTS {
        let fresh = printed_by(root, verb)?;
        refresh(root, name, &fresh)?;
    }
    let readme = readme(root)?;
    refresh(root, "README.md", readme.as_bytes())
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
    if std::fs::read(root.join("README.md")).unwrap_or_default() == readme(root)?.as_bytes() {
        println!("README.md shows {SAMPLE}");
    } else {
        stale.push("README.md");
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

/// The README with the sample as it is now.
fn readme(root: &Path) -> Result<String, String> {
    let read = |name: &str| {
        let text = std::fs::read_to_string(root.join(name));
        text.map_err(|error| format!("cannot read {name}: {error}"))
    };
    let readme = read("README.md")?;
    if !root.join(SAMPLE).exists() {
        println!("README.md stays as it is: there is no {SAMPLE}. Next: make demo");
        return Ok(readme);
    }
    let sample = read(SAMPLE)?;
    with_sample(&readme, &sample)
        .ok_or_else(|| format!("README.md has no place for {SAMPLE}: {SAMPLE_BEGINS:?}"))
}

fn with_sample(readme: &str, sample: &str) -> Option<String> {
    let (head, rest) = readme.split_once(SAMPLE_BEGINS)?;
    let tail = match rest.strip_prefix(SAMPLE_ENDS) {
        Some(tail) => tail,
        None => rest.split_once(&format!("\n{SAMPLE_ENDS}"))?.1,
    };
    let sample = sample.trim_end();
    Some(format!(
        "{head}{SAMPLE_BEGINS}{sample}\n{SAMPLE_ENDS}{tail}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_replaces_what_stood_there() {
        let want = format!("a\n{SAMPLE_BEGINS}new\n lines\n{SAMPLE_ENDS}z\n");
        for old in ["", "old\n", "old `x`\nlines\n"] {
            let readme = format!("a\n{SAMPLE_BEGINS}{old}{SAMPLE_ENDS}z\n");
            assert_eq!(
                with_sample(&readme, "new\n lines\n\n").as_ref(),
                Some(&want)
            );
        }
        assert_eq!(with_sample(&want, "new\n lines").as_ref(), Some(&want));
        assert_eq!(with_sample("a\n", "new"), None);
    }
}
