//! Without rights: what is missing, and the command that works.

use crate::agent::Agent;
use crate::{err, forebay};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// Runs the binary without rights: as nobody when this test runs as root.
pub fn unprivileged(dir: &Path, args: &[&str]) -> Output {
    if !rustix::process::geteuid().is_root() {
        return forebay().args(args).output().unwrap();
    }
    // The build directory may be closed to others.
    let copy = dir.join("forebay");
    std::fs::copy(env!("CARGO_BIN_EXE_forebay"), &copy).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
    command.arg(copy).args(args).env_remove("FOREBAY_SOCKET");
    command.output().unwrap()
}

/// A directory that everybody can enter.
pub fn open_dir() -> TempDir {
    let dir = TempDir::new().unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    dir
}

#[test]
fn observe_without_an_agent_names_what_is_missing() {
    let dir = open_dir();
    let socket: PathBuf = dir.path().join("api.sock");
    let socket = socket.to_str().unwrap();
    for verb in ["observe", "top", "explain", "run"] {
        let done = unprivileged(dir.path(), &[verb, "--socket", socket]);
        let said = err(&done);
        assert_eq!(done.status.code(), Some(4), "{said}");
        assert!(
            said.contains("lacks CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN"),
            "{said}"
        );
        assert!(
            said.contains(&format!("Next: `sudo forebay {verb}")),
            "{said}"
        );
    }
}

#[test]
fn a_running_agent_is_closed_to_others() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("needs root to have somebody else: not run");
        return;
    }
    let agent = Agent::start_in(open_dir(), &[]);
    let socket = agent.socket();
    let args = [
        "observe",
        "--op",
        "GET /a b",
        "--socket",
        socket.to_str().unwrap(),
    ];
    let done = unprivileged(agent.dir.path(), &args);
    let said = err(&done);
    assert_eq!(done.status.code(), Some(4), "{said}");
    assert!(said.contains("(uid 65534) may not use it"), "{said}");
    assert!(
        said.contains("Next: `sudo forebay observe --op 'GET /a b'"),
        "{said}"
    );
}
