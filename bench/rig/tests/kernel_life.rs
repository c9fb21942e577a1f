//! Beginnings and ends: of connections, and of the agent itself.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use forebay_rig::client::{Ask, ClientConfig, Request, Session};
use forebay_rig::observer::{Observer, program};
use forebay_rig::server::{Server, ServerConfig};
use forebay_rig::tools::{compile, run_line};
use forebay_rig::truth::{judge, read_lines};
use scene::{LOOPBACK, Traffic, alone, ask, counts, hold, loopback, strict, watch};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[test]
fn a_connection_older_than_the_agent() {
    let turn = alone();
    let server = Server::bind((LOOPBACK, 0).into(), ServerConfig::default()).unwrap();
    let config = ClientConfig::new(server.addr());
    let mut session = Session::connect(&config).unwrap();
    let request = |n: usize| {
        Request::new(
            &format!("old-{n}"),
            "/rig/{id}",
            config.addr,
            &ask("think=2ms,size=100"),
        )
    };
    let before = session.exchange(&[request(0)], 0);
    assert_eq!(before[0].error, None);
    let observer = Observer::start(&[]).unwrap_or_else(|error| panic!("{error}"));
    let client: Vec<_> = (1..50)
        .flat_map(|n| session.exchange(&[request(n)], 0))
        .collect();
    let records = observer.stop().unwrap();
    drop((session, turn));
    let report = judge(&records, &client, &server.stop(), &strict());
    assert!(report.broken.is_empty(), "{}", report.table());
    assert_eq!(report.matched, 49);
}

#[test]
fn a_listener_that_defers_accept() {
    let wrapper = compile("defer_accept").unwrap();
    let log = std::env::temp_dir().join(format!("rig-defer-{}.ndjson", std::process::id()));
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let report = hold(&strict(), || {
        let mut child = Command::new(&wrapper)
            .args([
                &port.to_string(),
                env!("CARGO_BIN_EXE_rig"),
                "server",
                "--listen-stdin",
                "--log",
            ])
            .arg(&log)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stderr.take().unwrap())
            .read_line(&mut ready)
            .unwrap();
        assert!(ready.starts_with("ready on"), "{ready}");
        let mut config = ClientConfig::new((LOOPBACK, port).into());
        (config.requests, config.short, config.prefix) = (50, true, "defer-".into());
        config.asks = vec![
            ask("think=1ms,size=100"),
            Ask {
                send_late_ns: 0,
                body_bytes: 5000,
                ..ask("size=5000")
            },
        ];
        let client = forebay_rig::client::run(&config).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        child.kill().unwrap();
        child.wait().unwrap();
        Traffic {
            client,
            server: read_lines(&log).unwrap(),
        }
    });
    let _ = std::fs::remove_file(&log);
    assert_eq!(report.matched, 50);
}

#[test]
fn half_closed_connections() {
    let half = Ask {
        half_close: true,
        ..ask("think=3ms,size=200")
    };
    let report = hold(&strict(), || {
        loopback(LOOPBACK, ServerConfig::default(), |config| {
            (config.requests, config.asks, config.prefix) = (30, vec![half.clone()], "half-".into())
        })
    });
    assert_eq!(report.matched, 30);
}

#[test]
fn resets_in_mid_response_are_errors_and_are_there() {
    let (records, traffic) = watch(|| {
        loopback(LOOPBACK, ServerConfig::default(), |config| {
            (config.requests, config.asks, config.prefix) =
                (20, vec![ask("think=1ms,size=40000,end=rst")], "rst-".into());
        })
    });
    assert!(traffic.client.iter().all(|line| line.error.is_some()));
    let report = judge(&records, &traffic.client, &traffic.server, &counts());
    assert_eq!(
        (report.matched, report.missing, report.extra),
        (20, 0, 0),
        "{}",
        report.table()
    );
    let named = records
        .records
        .iter()
        .filter(|record| record.op.contains("/rig/rst-") && record.error.is_some())
        .count();
    assert_eq!(named, 20, "a cut response has an error type");
}

/// Ids of the programs, links or maps that a process holds, by its descriptors.
fn held(kind: &str, pid: u32) -> BTreeSet<u64> {
    let key = format!("{kind}_id:");
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap();
    descriptors
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok())
        .filter_map(|info| {
            let line = info.lines().find(|line| line.starts_with(&key))?;
            line[key.len()..].trim().parse().ok()
        })
        .collect()
}

fn existing(kind: &str) -> BTreeSet<u64> {
    let text = run_line("bpf", &format!("bpftool -j {kind} list")).unwrap();
    let all: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    all.iter().filter_map(|item| item["id"].as_u64()).collect()
}

#[test]
fn a_killed_agent_leaves_nothing_in_the_kernel() {
    let _turn = alone();
    let observer = Observer::start(&[]).unwrap_or_else(|error| panic!("{error}"));
    let kinds = ["prog", "link", "map"];
    let ours = kinds.map(|kind| held(kind, observer.pid()));
    assert!(
        !ours[0].is_empty() && !ours[2].is_empty(),
        "the observer holds no program or map: {ours:?}"
    );
    observer.kill().unwrap();
    // The kernel frees programs after a grace period.
    let begin = Instant::now();
    loop {
        let left: Vec<_> = kinds
            .iter()
            .zip(&ours)
            .map(|(kind, ours)| {
                existing(kind)
                    .intersection(ours)
                    .copied()
                    .collect::<Vec<_>>()
            })
            .collect();
        if left.iter().all(Vec::is_empty) {
            return;
        }
        assert!(
            begin.elapsed() < Duration::from_secs(5),
            "left behind (programs, links, maps): {left:?}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Sends small messages to itself as fast as it can until told to end.
fn storm(ends: &AtomicBool) {
    let listener = TcpListener::bind((LOOPBACK, 0)).unwrap();
    let mut writer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    writer.set_nodelay(true).unwrap();
    let (mut reader, _) = listener.accept().unwrap();
    let mut message = [b'x'; 64];
    while !ends.load(Ordering::Relaxed) {
        // Each way once: every message begins a turn, and is reported.
        writer.write_all(&message).unwrap();
        reader.read_exact(&mut message).unwrap();
        reader.write_all(&message).unwrap();
        writer.read_exact(&mut message).unwrap();
    }
}

#[test]
fn an_agent_ends_although_traffic_goes_on_faster_than_it_can_follow() {
    let _turn = alone();
    let ends = AtomicBool::new(false);
    let said = std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| storm(&ends));
        }
        let run = Command::new(program())
            .args(["observe", "--json", "--duration", "2s"])
            .output();
        ends.store(true, Ordering::Relaxed);
        run.unwrap()
    });
    let errors = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{}: {errors}", said.status);
}

#[test]
fn a_second_agent_is_refused_and_told_who_runs() {
    let _turn = alone();
    let first = Observer::start_verb(&["run"]).unwrap_or_else(|error| panic!("{error}"));
    let mut second = Command::new(program())
        .arg("run")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while second.try_wait().unwrap().is_none() {
        if begin.elapsed() > Duration::from_secs(10) {
            second.kill().unwrap();
            second.wait().unwrap();
            panic!("a second agent runs beside the first");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let output = second.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains(&first.pid().to_string()),
        "{said}"
    );
}
