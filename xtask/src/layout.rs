//! The layout rules: who depends on whom, what stands in which table, how large a file may be.

mod dependencies;
mod sizes;
mod tables;
mod words;

use std::path::{Path, PathBuf};

/// What a rule has to say of a repository.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    /// It is broken there.
    broken: Vec<String>,
    /// Not broken yet.
    warnings: Vec<String>,
}

struct Rule {
    says: &'static str,
    look: fn(&Path) -> Result<Found, String>,
}

const RULES: &[Rule] = &[
    Rule {
        says: "the core is pure: no kernel half, no async runtime",
        look: dependencies::core_is_pure,
    },
    Rule {
        says: "only crates/kernel depends on libbpf",
        look: dependencies::libbpf_stays_in_the_kernel_half,
    },
    Rule {
        says: "every crate takes the workspace's lints",
        look: dependencies::lints_are_shared,
    },
    Rule {
        says: "every protocol, rule, verb and hook is in its table",
        look: tables::are_complete,
    },
    Rule {
        says: "every hook says where it fires and what it costs, and bears its licence",
        look: tables::hooks_are_described,
    },
    Rule {
        says: "no file is longer than 400 lines",
        look: sizes::files_are_short,
    },
    Rule {
        says: "unsafe code is in crates/kernel alone",
        look: words::unsafe_stays_in_the_kernel_half,
    },
    Rule {
        says: "no unwrap and no expect outside tests",
        look: words::nothing_unwraps,
    },
];

/// Prints every rule and what breaks it.
///
/// # Errors
/// When one is broken.
pub fn report(root: &Path) -> Result<(), String> {
    let mut broken = 0;
    for rule in RULES {
        let found = (rule.look)(root)?;
        println!(
            "{}  {}",
            if found.broken.is_empty() {
                "ok    "
            } else {
                "BROKEN"
            },
            rule.says
        );
        for line in &found.broken {
            println!("          {line}");
        }
        for line in &found.warnings {
            println!("          warning: {line}");
        }
        broken += found.broken.len();
    }
    if broken == 0 {
        Ok(())
    } else {
        Err(format!("the layout rules are broken {broken} times"))
    }
}

/// A file and its text.
struct Source {
    /// From the root on.
    path: PathBuf,
    text: String,
}

impl Source {
    /// Its path, printed.
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// It holds tests, or what only tests use.
    fn is_test(&self) -> bool {
        let is = |name: &str| {
            matches!(
                name,
                "tests" | "tests.rs" | "testing" | "testing.rs" | "examples" | "benches"
            ) || name.ends_with("_tests.rs")
        };
        self.path.iter().any(|part| is(&part.to_string_lossy()))
    }
}

/// Every file below `folder` whose name ends in one of `endings`, in order of their names.
fn sources(root: &Path, folder: &str, endings: &[&str]) -> Result<Vec<Source>, String> {
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        let failed = |error| format!("cannot read {}: {error}", folder.display());
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            // Built, fetched or hidden: none of it is ours to judge.
            if name.starts_with('.') || matches!(name.as_str(), "target" | "corpus" | "__pycache__")
            {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let text = std::fs::read_to_string(&path);
                let text =
                    text.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                let path = path.strip_prefix(root).unwrap_or(&path).to_owned();
                found.push(Source { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

#[cfg(test)]
mod tests;
