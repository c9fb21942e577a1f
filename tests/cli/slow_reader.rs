//! A reader that does not keep up loses records, is told how many, and holds up nobody.

use crate::agent::{Agent, record};
use std::process::Stdio;

#[test]
fn it_is_told_what_it_missed() {
    const RECORDS: u64 = 16_000;
    let mut agent = Agent::start();
    let mut slow = agent.client(&["observe", "--json", "--duration", "1s"]);
    let slow = slow.stdout(Stdio::piped()).spawn().unwrap();
    agent.wait_for_readers(1);
    // Nothing reads the pipe while the agent takes 13 MB of lines: more than all buffers on the way.
    for first in (0..RECORDS).step_by(1000) {
        let records: Vec<_> = (first..first + 1000).map(record).collect();
        agent.feed(&records);
    }
    let missed = agent_missed(&agent);
    assert!(missed > 0);
    let text = crate::out(&slow.wait_with_output().unwrap());
    let (mut got, mut lost) = (0, 0);
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        match line.get("lost") {
            None => got += 1,
            Some(loss) => {
                assert_eq!(loss["why"], "slow_reader");
                assert!(loss["since"].as_str().unwrap().starts_with("20"));
                lost += loss["records"].as_u64().unwrap();
            }
        }
    }
    assert_eq!(got + lost, RECORDS);
    assert_eq!(lost, missed);
}

#[test]
fn ctrl_c_ends_a_stream_that_nobody_takes() {
    let mut agent = Agent::start();
    let mut stuck = agent.client(&["observe", "--json"]);
    let mut stuck = stuck.stdout(Stdio::piped()).spawn().unwrap();
    agent.wait_for_readers(1);
    // More than a pipe holds.
    agent.feed(&(0..1000).map(record).collect::<Vec<_>>());
    std::thread::sleep(std::time::Duration::from_millis(100));
    let pid = rustix::process::Pid::from_child(&stuck);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(stuck.wait().unwrap().code(), Some(0));
}

fn agent_missed(agent: &Agent) -> u64 {
    let (_, body) = crate::agent::get(&agent.socket(), "/v1/status");
    let status: serde_json::Value = serde_json::from_str(&body).unwrap();
    status["lost"]["slow_reader"].as_u64().unwrap_or(0)
}
