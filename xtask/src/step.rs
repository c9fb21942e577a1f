//! Runs one command as a step: says what it does, shows its output, times it, counts its tests.

use crate::count::{Count, Reader};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// A step may take this long where nobody watches; the longest one takes a third of it on 2 cores.
const LIMIT: &str = "1500";
/// For the last output of a command that has ended: a child of it can hold the pipe open.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// How a step is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is one test itself.
    Check,
    /// It runs tests, whose numbers are read from its output.
    Tests,
}

/// Begins a step; says what it does.
pub fn begin(title: &str) -> Instant {
    println!("\n── {title}");
    // Output is for people: a closed pipe shows at the next write that matters.
    let _ = std::io::stdout().flush();
    Instant::now()
}

/// Ends a step; says what came of it and how long it took.
pub fn end(outcome: &str, begun: Instant) {
    println!("   {outcome} in {:.1} s", begun.elapsed().as_secs_f64());
}

/// A command in the repository's root. Where nobody watches it is ended after 25 minutes.
pub fn command(root: &Path, words: &[&str]) -> Command {
    let mut all = Vec::new();
    if !std::io::stdin().is_terminal() {
        all.extend(["timeout", "--kill-after=10", LIMIT]);
    }
    all.extend(words);
    let mut command = Command::new(all[0]);
    command
        .args(&all[1..])
        .current_dir(root)
        .stdin(Stdio::null());
    // A failed test says what failed; where in the harness it did helps nobody.
    command.env("RUST_BACKTRACE", "0");
    // Cargo sets these for us; a cargo that runs inside would hand them on.
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_cargos(name)) {
        command.env_remove(name);
    }
    command
}

fn is_cargos(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_MANIFEST_")
        || name == "FOREBAY_SOCKET"
}

/// Runs a command whose output is its user's.
///
/// # Errors
/// When it can't be started or fails.
pub fn run(title: &str, mut command: Command) -> Result<(), String> {
    let begun = begin(title);
    let status = command
        .status()
        .map_err(|error| unstarted(&command, &error))?;
    end(if status.success() { "done" } else { "FAILED" }, begun);
    if status.success() {
        return Ok(());
    }
    Err(format!("{title}: {status}"))
}

fn unstarted(command: &Command, error: &std::io::Error) -> String {
    let program = command.get_program().display();
    format!("cannot start {program}: {error}. Next: make setup")
}

/// Runs a command and counts it, or the tests it runs.
pub fn counted(title: &str, kind: Kind, command: Command) -> Count {
    let begun = begin(title);
    let count = match watched(command) {
        Ok((success, reader)) if kind == Kind::Tests => reader.finish(success),
        Ok((true, _)) => Count {
            passed: 1,
            failed: 0,
        },
        Ok((false, _)) => Count {
            passed: 0,
            failed: 1,
        },
        Err(sentence) => {
            println!("{sentence}");
            Count {
                passed: 0,
                failed: 1,
            }
        }
    };
    let outcome = match (kind, count.failed) {
        (Kind::Check, 0) => "fine".to_owned(),
        (Kind::Check, _) => "FAILED".to_owned(),
        (Kind::Tests, failed) => format!("{} passed, {failed} failed", count.passed),
    };
    end(&outcome, begun);
    count
}

/// Runs a command, both its outputs copied to ours and read for counts.
fn watched(mut command: Command) -> Result<(bool, Reader), String> {
    let pipe = std::io::pipe().and_then(|(read, write)| Ok((read, write.try_clone()?, write)));
    let (read, stdout, stderr) = pipe.map_err(|error| format!("cannot make a pipe: {error}"))?;
    command.stdout(stdout).stderr(stderr);
    let mut child = command
        .spawn()
        .map_err(|error| unstarted(&command, &error))?;
    // Our ends of the pipe go with it.
    drop(command);
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(read).split(b'\n').map_while(Result::ok) {
            if send
                .send(String::from_utf8_lossy(&line).into_owned())
                .is_err()
            {
                return;
            }
        }
    });
    let ended = std::thread::spawn(move || child.wait());
    let mut reader = Reader::default();
    let mut deadline = None;
    loop {
        match lines.recv_timeout(Duration::from_millis(200)) {
            Ok(line) => {
                println!("{line}");
                reader.line(&line);
            }
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) if ended.is_finished() => {
                let until = *deadline.get_or_insert_with(|| Instant::now() + LAST_WORDS);
                if Instant::now() > until {
                    break;
                }
            }
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
        }
    }
    match ended.join() {
        Ok(Ok(status)) => Ok((status.success(), reader)),
        Ok(Err(error)) => Err(format!("lost sight of a command: {error}")),
        Err(_) => Err("lost sight of a command".to_owned()),
    }
}
