//! One agent per socket, and a clean end.

use crate::agent::{Agent, run_command};
use crate::err;
use rustix::process::Signal;

#[test]
fn the_second_agent_says_who_runs() {
    let agent = Agent::start();
    let done = run_command(agent.dir.path()).output().unwrap();
    assert_eq!(done.status.code(), Some(3));
    let (said, pid) = (err(&done), agent.pid());
    let parts = [
        format!("forebay run: an agent is already running (pid {pid}, since 20"),
        format!("socket {}", agent.socket().display()),
        format!("Next: use it with `forebay observe`, or stop it with `kill {pid}`"),
    ];
    for part in parts {
        assert!(said.contains(&part), "{said}");
    }
    assert_eq!(agent.status("records"), 0, "the first still answers");
}

#[test]
fn signals_end_it_well_and_take_the_socket_away() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut agent = Agent::start();
        let mut reader = agent.client(&["observe", "--json"]).spawn().unwrap();
        agent.wait_for_readers(1);
        assert!(agent.end(signal).success());
        assert!(!agent.socket().exists());
        assert_eq!(reader.wait().unwrap().code(), Some(1), "the stream was cut");
    }
}

#[test]
fn after_a_kill_the_next_agent_starts_over_the_stale_socket() {
    let mut agent = Agent::start();
    agent.end(Signal::KILL);
    assert!(agent.socket().exists());
    let agent = Agent::start_in(agent.into_dir(), &[]);
    assert_eq!(agent.status("records"), 0);
}
