//! Commands and small C programs of the harness.

use crate::{Result, RigError};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a command to its end and returns its standard output; `place` names where, for errors.
///
/// # Errors
/// When it cannot start or fails; with the command line and its standard error.
pub fn run(place: &str, command: &mut Command) -> Result<String> {
    let line = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|part| part.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ");
    let fail = |output: String| RigError::Command {
        place: place.to_owned(),
        command: line.clone(),
        output,
    };
    let output = command.output().map_err(|error| fail(error.to_string()))?;
    if !output.status.success() {
        return Err(fail(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs `program` with arguments split at spaces.
///
/// # Errors
/// As [`run`].
pub fn run_line(place: &str, line: &str) -> Result<String> {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    run(place, command.args(words))
}

/// Compiles `c/<name>.c` unless the program is newer than its source; returns the program.
///
/// # Errors
/// When there is no `cc` or it complains.
pub fn compile(name: &str) -> Result<PathBuf> {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = crate_dir.join("c").join(name).with_extension("c");
    let into = crate_dir.join("../../target/rig-c");
    let program = into.join(name);
    let modified = |path: &Path| {
        std::fs::metadata(path)
            .and_then(|data| data.modified())
            .ok()
    };
    if modified(&program) > modified(&source) {
        return Ok(program);
    }
    std::fs::create_dir_all(&into).map_err(RigError::io(format!("create {}", into.display())))?;
    // Tests run side by side: each builds its own file, the last rename wins.
    let own = into.join(format!(
        "{name}.{:?}.{}",
        std::thread::current().id(),
        std::process::id()
    ));
    let mut command = Command::new("cc");
    command
        .args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&own)
        .arg(&source);
    run("target/rig-c", &mut command)?;
    std::fs::rename(&own, &program)
        .map_err(RigError::io(format!("rename to {}", program.display())))?;
    Ok(program)
}

/// Refuses to go on without root rights.
///
/// # Errors
/// Names the command that works.
pub fn require_root() -> Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let root = status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .and_then(|ids| ids.split_whitespace().nth(1))
        == Some("0");
    if root {
        return Ok(());
    }
    Err(RigError::Command {
        place: "this test".into(),
        command: "network namespaces and eBPF".into(),
        output: "needs root; run: sudo -E env \"PATH=$PATH\" cargo test -p forebay-rig --features kernel".into(),
    })
}
