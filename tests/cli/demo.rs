//! `demo` when it can't go as it should: what is missing is named, and nothing is left up.

use crate::agent::{Agent, wait_for};
use crate::privilege::{open_dir, unprivileged};
use crate::{err, output};
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A stack that only notes what it is asked; `up` does what it is told to.
fn stack(dir: &Path, up: &str) -> PathBuf {
    let folder = dir.join("demo");
    std::fs::create_dir_all(folder.join("stack")).unwrap();
    let main = format!(
        "import sys, time\n\
         def note(word): open({:?}, 'a').write(word + '\\n')\n\
         note(sys.argv[1])\n\
         if sys.argv[1] == 'up':\n    {up}\n\
         print('{{}}')\n",
        dir.join("asked")
    );
    std::fs::write(folder.join("stack/__main__.py"), main).unwrap();
    folder
}

fn asked(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("asked")).unwrap_or_default()
}

#[test]
fn a_missing_stack_and_an_unknown_fault_are_explained() {
    let done = output(&["demo", "--stack", "/nowhere"]);
    assert_eq!(done.status.code(), Some(1));
    let said = err(&done);
    assert!(said.contains("/nowhere/stack/__main__.py"), "{said}");
    assert!(
        said.contains("Next: ") && said.contains("--stack DIR"),
        "{said}"
    );
    let done = output(&["demo", "--faults", "slow-reader,earthquake"]);
    assert_eq!(done.status.code(), Some(2));
    let said = err(&done);
    assert!(
        said.contains("earthquake") && said.contains("lossy-link"),
        "{said}"
    );
}

#[test]
fn without_rights_it_says_so_before_anything_is_installed() {
    let dir = open_dir();
    let folder = stack(dir.path(), "pass");
    let socket = dir.path().join("none.sock");
    let words = ["demo", "--tiny", "--stack", folder.to_str().unwrap()];
    let done = unprivileged(
        dir.path(),
        &[&words[..], &["--socket", socket.to_str().unwrap()]].concat(),
    );
    assert_eq!(done.status.code(), Some(4), "{}", err(&done));
    assert!(err(&done).contains("lacks CAP_BPF"), "{}", err(&done));
    assert!(
        err(&done).contains("Next: `sudo forebay demo --tiny"),
        "{}",
        err(&done)
    );
    assert_eq!(asked(dir.path()), "");
}

#[test]
fn what_the_stack_says_of_its_failure_is_shown_and_all_is_taken_down() {
    let agent = Agent::start();
    let dir = open_dir();
    let folder = stack(
        dir.path(),
        "sys.exit('error: tc is missing: apt install iproute2')",
    );
    let mut demo = agent.client(&["demo", "--stack", folder.to_str().unwrap()]);
    let done = demo.output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    let told = crate::out(&done);
    assert!(told.contains("│ error: tc is missing"), "{told}");
    assert!(
        err(&done).contains("`python3 -m stack up --json` failed"),
        "{}",
        err(&done)
    );
    assert_eq!(asked(dir.path()), "up\ndown\n");
}

#[test]
fn a_stack_that_says_something_else_is_no_crash() {
    let agent = Agent::start();
    let dir = open_dir();
    let folder = stack(dir.path(), "pass");
    let mut demo = agent.client(&["demo", "--json", "--stack", folder.to_str().unwrap()]);
    let done = demo.output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(err(&done).contains("no readable result"), "{}", err(&done));
    assert_eq!(asked(dir.path()), "up\ndown\n");
}

#[test]
fn a_signal_ends_what_runs_and_takes_all_down() {
    for signal in [Signal::INT, Signal::TERM] {
        let agent = Agent::start();
        let dir = open_dir();
        let folder = stack(dir.path(), "time.sleep(600)");
        let mut demo = agent.client(&["demo", "--keep", "--stack", folder.to_str().unwrap()]);
        let child = demo.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child = child.unwrap();
        wait_for("up", || asked(dir.path()) == "up\n");
        kill_process(Pid::from_child(&child), signal).unwrap();
        let done = child.wait_with_output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{}", err(&done));
        assert_eq!(asked(dir.path()), "up\ndown\n");
    }
}
