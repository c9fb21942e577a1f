//! Secrets in every place of every protocol come out nowhere.

use crate::agent::{Agent, answer, answer_as, own_records, said};
use crate::capture::unpacked;
use crate::programs;
use crate::scripts::SCRIPTS;
use crate::talk::Talk;
use std::net::TcpStream;
use std::time::Duration;

/// What the scripts ask, and in which protocol: all of it must have been seen.
const ASKED: &[(&str, &str)] = &[
    ("http", "GET /items/7"),
    ("http", "POST /orders"),
    ("http", "DELETE /orders/9"),
    ("http", "POST /v1/chat/completions"),
    ("http", "POST /api/chat"),
    (
        "postgresql",
        "SELECT * FROM orders WHERE token = ? AND note = ?",
    ),
    ("postgresql", "UPDATE users SET token = $1 WHERE name = ?"),
    ("postgresql", "SELECT ?, ?, ?, ? FROM logs WHERE b = ? …"),
    ("postgresql", "INSERT INTO users VALUES (?)"),
    ("redis", "AUTH"),
    ("redis", "SET"),
    ("redis", "GET"),
    ("redis", "HSET"),
    // A command that nobody knows could be a password, typed in the wrong place.
    ("redis", "other"),
    ("tcp", "exchange"),
];

/// A word that is nowhere else.
fn secret() -> String {
    let mut random = [0; 8];
    let source = std::fs::File::open("/dev/urandom").unwrap();
    std::io::Read::read_exact(&mut &source, &mut random).unwrap();
    format!("S3CR3T{:016x}", u64::from_ne_bytes(random))
}

/// Whether it, its beginning or its end is in there, in any case of letters.
fn holds(bytes: &[u8], secret: &str) -> bool {
    let bytes = bytes.to_ascii_lowercase();
    let secret = secret.to_ascii_lowercase();
    let parts = [&secret[..6], &secret[secret.len() - 10..]];
    parts
        .iter()
        .any(|part| bytes.windows(part.len()).any(|at| at == part.as_bytes()))
}

/// Plays everything while a recording is made.
fn play(agent: &Agent, secret: &str, recording: &[&str]) -> String {
    let recorder = agent.spawn(recording);
    std::thread::sleep(Duration::from_millis(700));
    for (_, script) in SCRIPTS {
        Talk::open().play(&script(secret));
    }
    programs::run(agent.dir.path(), secret);
    said(recorder)
}

fn all_were_seen(observed: &str) {
    let own = own_records(observed);
    let seen: Vec<_> = own
        .iter()
        .map(|(_, r)| (r["protocol"].as_str().unwrap(), r["op"].as_str().unwrap()))
        .collect();
    for asked in ASKED {
        assert!(seen.contains(asked), "no {asked:?} among {seen:#?}");
    }
    for op in programs::OPS {
        let of_a_shell = |r: &serde_json::Value| r["op"] == op && r["client"]["comm"] == "bash";
        assert!(own.iter().any(|(_, r)| of_a_shell(r)), "no {op} of a shell");
    }
}

#[test]
fn no_secret_of_any_protocol_comes_out_anywhere() {
    let mut agent = Agent::start();
    let secret = &secret();
    let for_a_while = ["--duration", "5s"];
    let observe = |flags: &[&str]| agent.spawn(&[&["observe"], flags, &for_a_while].concat());
    let observers = [observe(&["--json"]), observe(&["-o", "wide"]), observe(&[])];
    let recorded = play(
        &agent,
        secret,
        &["record", "plain.fbcap", "--duration", "4s"],
    );
    let [json, wide, table] = observers.map(said);
    all_were_seen(&json);
    for (_, op) in ASKED.iter().filter(|(protocol, _)| *protocol != "tcp") {
        assert!(wide.contains(op), "no {op} in {wide}");
    }
    let payload = ["record", "bytes.fbcap", "--payload", "--duration", "4s"];
    let with_bytes = play(&agent, secret, &payload);

    let replayed = agent.client(&["replay", "plain.fbcap", "--json"]);
    all_were_seen(&replayed);
    let metrics = || TcpStream::connect(agent.metrics).unwrap();
    let protobuf = answer_as(metrics(), "/metrics", "application/vnd.google.protobuf");
    assert!(protobuf.contains("type: application/vnd.google.protobuf;"));
    let mut told = vec![
        ("observe --json", json),
        ("observe -o wide", wide),
        ("observe", table),
        ("record", recorded),
        ("record --payload", with_bytes),
        ("replay --json", replayed),
        ("replay", agent.client(&["replay", "plain.fbcap"])),
        (
            "replay of bytes",
            agent.client(&["replay", "bytes.fbcap", "--json"]),
        ),
        ("/metrics over TCP", answer(metrics(), "/metrics")),
        ("/metrics in protobuf", protobuf),
    ];
    let verbs = [
        ["observe", "--since=5m", "--duration=1s"],
        ["top", "--json", ""],
        ["explain", "--json", ""],
        ["explain", "", ""],
        ["status", "--json", ""],
        ["status", "", ""],
        ["doctor", "--json", ""],
    ];
    for verb in &verbs {
        let words: Vec<&str> = verb
            .iter()
            .copied()
            .filter(|word| !word.is_empty())
            .collect();
        told.push((verb[0], agent.client(&words)));
    }
    for path in [
        "/metrics",
        "/v1/top",
        "/v1/explain",
        "/v1/status",
        "/v1/doctor",
    ] {
        told.push((path, agent.get(path)));
    }
    told.push(("the agent", agent.end()));
    for (who, text) in &told {
        assert!(!text.is_empty(), "{who} said nothing");
        assert!(
            !holds(text.as_bytes(), secret),
            "{who} tells the secret:\n{text}"
        );
    }
    let file = |name: &str| unpacked(&agent.path(name));
    assert!(
        !holds(&file("plain.fbcap"), secret),
        "the file without bytes holds it"
    );
    assert!(
        holds(&file("bytes.fbcap"), secret),
        "the file with bytes does not hold it"
    );
}
