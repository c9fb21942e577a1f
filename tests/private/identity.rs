//! A recording gives the observed requests again, byte for byte.

use crate::agent::{Agent, own_records, said};
use crate::scripts::SCRIPTS;
use crate::talk::{Talk, Turn, client, server};
use std::collections::BTreeSet;
use std::time::Duration;

const REQUESTS: usize = 40;

fn get(n: usize) -> [Turn; 2] {
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {n}\r\n\r\n{}",
        "x".repeat(n)
    );
    [
        client(format!("GET /identity/{n} HTTP/1.1\r\nHost: test\r\n\r\n")),
        server(answer).after_ms(2),
    ]
}

/// The lines of requests that began at `from` or later.
fn lines<'a>(text: &'a str, from: &str) -> BTreeSet<&'a str> {
    let began = |value: &serde_json::Value| value["ts"].as_str().unwrap() >= from;
    let own = own_records(text).into_iter();
    own.filter(|(_, value)| began(value))
        .map(|(line, _)| line)
        .collect()
}

fn replayed_is_observed(record_flags: &[&str]) {
    let agent = Agent::start();
    // Two connections that are there before the recording: one in use, one still silent.
    let (mut used, mut silent) = (Talk::open(), Talk::open());
    used.play(&get(0));
    let observer = agent.spawn(&["observe", "--json", "--duration", "5s"]);
    let args = [&["record", "same.fbcap", "--duration", "4s"], record_flags].concat();
    let recorder = agent.spawn(&args);
    std::thread::sleep(Duration::from_millis(1000));
    let from = format!("{:.9}", jiff::Timestamp::now());
    for n in 1..=REQUESTS {
        used.play(&get(n));
    }
    silent.play(&get(REQUESTS + 1));
    for (_, script) in SCRIPTS {
        Talk::open().play(&script("made-up"));
    }
    said(recorder);
    let observed = said(observer);
    let replayed = agent.client(&["replay", "same.fbcap", "--json"]);
    let (observed, replayed) = (lines(&observed, &from), lines(&replayed, &from));
    let missing: Vec<_> = observed.difference(&replayed).collect();
    let surplus: Vec<_> = replayed.difference(&observed).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "observed only: {missing:#?}\nreplayed only: {surplus:#?}"
    );
    let gets = observed
        .iter()
        .filter(|line| line.contains("GET /identity/"));
    assert_eq!(gets.count(), REQUESTS + 1);
    for protocol in ["http", "postgresql", "redis", "tcp"] {
        let part = format!("\"protocol\":\"{protocol}\"");
        assert!(
            observed.iter().any(|line| line.contains(&part)),
            "no {protocol}"
        );
    }
}

#[test]
fn a_recording_without_bytes_replays_as_observed() {
    replayed_is_observed(&[]);
}

#[test]
fn a_recording_with_bytes_replays_as_observed() {
    replayed_is_observed(&["--payload"]);
}
