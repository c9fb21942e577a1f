//! Builds, the demo, benchmarks and fuzzing: what make's other targets call.

use crate::step;
use std::path::Path;
use std::time::Instant;

/// Builds the release binary.
///
/// # Errors
/// When the build fails.
pub fn build(root: &Path) -> Result<(), String> {
    let words = [
        "cargo",
        "build",
        "--release",
        "--locked",
        "--package",
        "forebay",
    ];
    step::run(
        "building the release binary (2 cores, nothing built before: 4 to 6 minutes)",
        step::command(root, &words),
    )?;
    println!("   target/release/forebay");
    Ok(())
}

/// Builds, then runs the demo; `words` go to the verb.
///
/// # Errors
/// When a part fails.
pub fn demo(root: &Path, words: &[&str]) -> Result<(), String> {
    let begun = Instant::now();
    build(root)?;
    let all = [&as_root()[..], &["target/release/forebay", "demo"], words].concat();
    let mut command = std::process::Command::new(all[0]);
    // The demo is for who watches it: its terminal and its Ctrl-C are theirs.
    command.args(&all[1..]).current_dir(root);
    let done = step::run("the demo", command);
    let s = begun.elapsed().as_secs();
    println!("\nbuild and demo took {} min {} s", s / 60, s % 60);
    done
}

fn as_root() -> Vec<&'static str> {
    let id = std::process::Command::new("id").arg("-u").output();
    match id {
        Ok(output) if output.stdout == b"0\n" => Vec::new(),
        _ => vec!["sudo"],
    }
}

/// Runs the benchmarks.
///
/// # Errors
/// When one fails.
pub fn bench(root: &Path, words: &[&str]) -> Result<(), String> {
    build(root)?;
    let all = [&as_root()[..], &["bench/run"], words].concat();
    let mut command = std::process::Command::new(all[0]);
    command.args(&all[1..]).current_dir(root);
    step::run("the benchmarks", command)
}

/// Fuzzes the parsers.
///
/// # Errors
/// When a target crashes.
pub fn fuzz(root: &Path, words: &[&str]) -> Result<(), String> {
    let mut command = std::process::Command::new("fuzz/run");
    command.args(words).current_dir(root);
    step::run("fuzzing", command)
}
