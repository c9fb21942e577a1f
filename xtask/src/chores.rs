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

/// Runs the benchmarks: `bench/run`.
///
/// # Errors
/// When one fails.
pub fn bench(root: &Path, words: &[&str]) -> Result<(), String> {
    build(root)?;
    let path = format!("PATH={}", std::env::var("PATH").unwrap_or_default());
    let all = [&as_root()[..], &["env", &path, "bench/run"], words].concat();
    let mut command = std::process::Command::new(all[0]);
    command.args(&all[1..]).current_dir(root);
    step::run(
        "the benchmarks (docs/benchmarks.md has their method)",
        command,
    )
}

/// Cases per property when we look for trouble; the tests run 256.
const FUZZ_CASES: &str = "50000";

/// Throws random conversations, cuts, losses and garbage at every parser: the property tests with
/// many more cases. `words` choose among them, as in `postgresql`; `target NAME` runs a fuzzer of
/// `fuzz/` instead, which is led by what its inputs reach.
///
/// # Errors
/// When a property does not hold; the smallest case that breaks it is printed.
pub fn fuzz(root: &Path, words: &[&str]) -> Result<(), String> {
    if let ["target", target] = words {
        return fuzz_target(root, target);
    }
    let mut all = vec![
        "cargo",
        "test",
        "--release",
        "--package",
        "forebay-core",
        "--no-fail-fast",
    ];
    all.extend(["--quiet", "--lib", "--tests", "--"]);
    all.extend(words);
    let mut command = step::command(root, &all);
    let cases = std::env::var("PROPTEST_CASES").unwrap_or_else(|_| FUZZ_CASES.to_owned());
    command.env("PROPTEST_CASES", &cases);
    step::run(
        &format!("the properties of every parser, {cases} random cases each"),
        command,
    )
}

/// Inputs longer than this only slow a fuzzer down.
const FUZZ_BYTES_MAX: &str = "-max_len=8192";

/// Runs one of the fuzzers: needs a nightly compiler and cargo-fuzz. `FUZZ_SECONDS` bounds it.
fn fuzz_target(root: &Path, target: &str) -> Result<(), String> {
    let targets = fuzz_targets(root);
    if !targets.iter().any(|known| known == target) {
        let names = targets.join(", ");
        return Err(format!(
            "no fuzzer is called {target:?}. Next: one of {names}"
        ));
    }
    let there = |words: &[&str]| {
        let output = step::command(root, words).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !there(&["cargo", "+nightly", "fuzz", "--version"]) {
        return Err(
            "a fuzzer needs a nightly compiler and cargo-fuzz. Next: rustup toolchain install \
                    nightly && cargo install --locked cargo-fuzz"
                .to_owned(),
        );
    }
    let seconds = std::env::var("FUZZ_SECONDS").unwrap_or_else(|_| "300".to_owned());
    let time = format!("-max_total_time={seconds}");
    let words = [
        "cargo",
        "+nightly",
        "fuzz",
        "run",
        target,
        "--",
        &time,
        FUZZ_BYTES_MAX,
    ];
    step::run(
        &format!("the fuzzer {target}, {seconds} s once it is built"),
        step::command(root, &words),
    )
}

/// Names of the fuzzers.
fn fuzz_targets(root: &Path) -> Vec<String> {
    let files = std::fs::read_dir(root.join("fuzz/fuzz_targets"))
        .into_iter()
        .flatten();
    let mut names: Vec<String> = files
        .filter_map(|file| Some(file.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}
