//! `observe` against an agent.

use crate::agent::{Agent, line, record};
use crate::{err, out};
use forebay_core::decode::Role;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// Records that differ in everything a filter looks at.
fn mixed() -> Vec<forebay_core::exchange::record::Record> {
    let mut records: Vec<_> = (0..4).map(record).collect();
    records[1].role = Role::Model;
    records[1].op = "POST /v1/chat/completions".into();
    records[2].status = Some("503".into());
    records[2].error = Some("503".into());
    records[3].duration_ns = 3_000_000_000;
    records[3].server.workload = "postgres".into();
    records[3].server.comm = Some("postgres".into());
    records
}

fn ids(text: &str) -> Vec<u64> {
    let id = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        u64::from_str_radix(record["id"].as_str().unwrap(), 16).unwrap()
    };
    text.lines().map(id).collect()
}

#[test]
fn json_is_the_record_itself_live_and_from_the_past() {
    let mut agent = Agent::start();
    let records: Vec<_> = (0..5).map(record).collect();
    let expected: String = records.iter().map(line).collect();
    let live = agent
        .client(&["observe", "--json", "-n", "5"])
        .stdout(Stdio::piped())
        .spawn();
    agent.wait_for_readers(1);
    agent.feed(&records);
    let live = live.unwrap().wait_with_output().unwrap();
    assert!(live.status.success());
    assert_eq!(out(&live), expected);
    let past = agent
        .client(&["observe", "-o", "json", "--since", "5m", "-n", "5"])
        .output();
    assert_eq!(out(&past.unwrap()), expected);
}

#[test]
fn each_filter_is_applied_by_the_agent() {
    let mut agent = Agent::start();
    agent.feed(&mixed());
    let cases: [(&[&str], &[u64]); 9] = [
        (&[], &[0, 1, 2, 3]),
        (&["--role", "model"], &[1]),
        (&["--op", "POST /v1/emb*"], &[0, 2, 3]),
        (&["--status", "error"], &[2]),
        (&["--status", "5xx"], &[2]),
        (&["--status", "200", "--slower-than", "1s"], &[3]),
        (&["--workload", "postgres"], &[3]),
        (&["--protocol", "tcp", "--workload", "nobody"], &[]),
        (&["-n", "2"], &[0, 1]),
    ];
    for (flags, wanted) in cases {
        let mut client = agent.client(&["observe", "--json", "--since", "5m"]);
        let done = client
            .args(["--duration", "100ms"])
            .args(flags)
            .output()
            .unwrap();
        assert!(done.status.success(), "{flags:?}: {}", err(&done));
        assert_eq!(ids(&out(&done)), wanted, "{flags:?}");
    }
}

#[test]
fn the_table_shows_requests_and_losses_each_on_a_line() {
    let mut agent = Agent::start();
    let lost = "{\"lost\":{\"records\":7,\"why\":\"ring_full\",\"since\":\"2099-01-02T03:04:05.678901234Z\"}}\n";
    agent.feed_lines(lost);
    agent.feed(&[record(1)]);
    let done = agent
        .client(&["observe", "--since", "1h", "-n", "1"])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", err(&done));
    let text = out(&done);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(
        lines[0].starts_with("TIME") && lines[0].ends_with("EVIDENCE"),
        "{text}"
    );
    assert_eq!(
        lines[1],
        "!! lost since 03:04:05.678: 7 records: the kernel's ring was full"
    );
    for part in [
        "rag → embedder",
        "POST /v1/embeddings",
        "200",
        "10.0ms",
        "wwSSSS",
        "exact",
    ] {
        assert!(lines[2].contains(part), "{part}: {text}");
    }
}

#[test]
fn texts_from_the_network_cannot_steer_the_terminal() {
    let mut agent = Agent::start();
    let mut evil = record(1);
    evil.op = "GET /\u{1b}[2J\u{7}".into();
    evil.client.workload = "a\u{202e}b\nc".into();
    agent.feed(&[evil]);
    for form in ["table", "wide"] {
        let done = agent
            .client(&["observe", "--since", "1h", "-n", "1", "-o", form])
            .output();
        let text = out(&done.unwrap());
        assert_eq!(text.lines().count(), 2, "{text:?}");
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
    }
}

#[test]
fn a_closed_pipe_ends_it_quietly_even_when_nothing_happens() {
    let mut agent = Agent::start();
    let mut client = agent.client(&["observe", "--json"]);
    let child = client.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    agent.wait_for_readers(1);
    agent.feed(&[record(1)]);
    let mut first = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut first).unwrap();
    drop(reader);
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(0));
    assert_eq!(err(&done), "");
    agent.wait_for_readers(0);
}

#[test]
fn ctrl_c_is_a_good_end() {
    let agent = Agent::start();
    let mut client = agent
        .client(&["observe"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    agent.wait_for_readers(1);
    let pid = rustix::process::Pid::from_child(&client);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(client.wait().unwrap().code(), Some(0));
}
