//! Who depends on whom, as cargo resolves it.

use super::{Found, Source, sources};
use std::path::Path;
use std::process::Command;

/// Other than the standard library's: what a pure core has no use for.
const IMPURE: [&str; 7] = [
    "forebay-kernel",
    "libbpf-rs",
    "libbpf-sys",
    "tokio",
    "async-std",
    "smol",
    "futures-executor",
];

/// Nothing impure below the core, however deep.
pub(super) fn core_is_pure(root: &Path) -> Result<Found, String> {
    let tree = tree(root, "forebay-core")?;
    let broken = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| IMPURE.contains(name))
        .map(|name| format!("forebay-core depends on {name}"))
        .collect();
    Ok(Found {
        broken,
        ..Found::default()
    })
}

/// Every crate that a crate is built with, one a line.
fn tree(root: &Path, package: &str) -> Result<String, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "tree",
            "--locked",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--package",
            package,
        ])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!(
        "cargo tree failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

/// Named in one manifest alone.
pub(super) fn libbpf_stays_in_the_kernel_half(root: &Path) -> Result<Found, String> {
    let mut found = Found::default();
    for manifest in manifests(root)? {
        let names = |line: &&str| line.starts_with("libbpf-");
        if !manifest.path.starts_with("crates/kernel") {
            let lines = manifest.text.lines().filter(names);
            found
                .broken
                .extend(lines.map(|line| format!("{}: {line}", manifest.name())));
        }
    }
    Ok(found)
}

/// Else clippy's denials would not hold there.
pub(super) fn lints_are_shared(root: &Path) -> Result<Found, String> {
    let mut found = Found::default();
    for manifest in manifests(root)? {
        // Fuzz targets are a workspace of their own: they need another compiler.
        let ours = !manifest.text.contains("\n[workspace]\n");
        if ours && !manifest.text.contains("[lints]\nworkspace = true") {
            found.broken.push(format!(
                "{} lacks `[lints] workspace = true`",
                manifest.name()
            ));
        }
    }
    Ok(found)
}

fn manifests(root: &Path) -> Result<Vec<Source>, String> {
    sources(root, ".", &["Cargo.toml"])
}
