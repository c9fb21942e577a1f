//! The API itself, as other programs use it.

use crate::agent::{Agent, answer, exchange, get, record, wait_for};
use crate::out;
use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::MetricFamily;
use prost::Message;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};
use tempfile::TempDir;

#[test]
fn status_counts_and_is_the_same_in_both_forms() {
    let mut agent = Agent::start();
    agent.feed(&[record(1), record(2)]);
    let done = agent.client(&["status", "--json"]).output().unwrap();
    let status: serde_json::Value = serde_json::from_str(&out(&done)).unwrap();
    assert_eq!(status["records"], 2);
    assert_eq!(status["recent_records"], 2);
    assert_eq!(status["pid"], agent.pid());
    assert!(status["memory_bytes"].as_u64().unwrap() > 1 << 20);
    let text = out(&agent.client(&["status"]).output().unwrap());
    assert!(
        text.contains("2 seen, 2 kept") && text.contains("lost      nothing"),
        "{text}"
    );
}

#[test]
fn the_socket_is_for_owner_and_group_only() {
    let agent = Agent::start();
    let mode = std::fs::metadata(agent.socket())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o660);
}

#[test]
fn wrong_questions_get_sentences() {
    let agent = Agent::start();
    let (code, body) = get(&agent.socket(), "/v1/observe?role=cook");
    assert_eq!(code, 400);
    assert!(body.contains("vector_search"), "{body}");
    let (code, body) = get(&agent.socket(), "/v1/observe?colour=red");
    assert_eq!(code, 400);
    assert!(body.contains("--colour"), "{body}");
    let (code, body) = get(&agent.socket(), "/v2");
    assert_eq!(code, 404);
    assert!(body.contains("/v2 is not part of this API"), "{body}");
}

#[test]
fn too_many_readers_are_refused() {
    let agent = Agent::start();
    let start = |_| agent.client(&["observe", "--json"]).spawn().unwrap();
    let mut readers: Vec<_> = (0..16).map(start).collect();
    agent.wait_for_readers(16);
    let done = agent.client(&["observe"]).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(
        crate::err(&done).contains("16 readers are connected"),
        "{}",
        crate::err(&done)
    );
    for reader in &mut readers {
        reader.kill().unwrap();
        reader.wait().unwrap();
    }
    agent.wait_for_readers(0);
}

#[test]
fn connections_that_only_wait_are_closed_and_cost_nobody_a_place() {
    let agent = Agent::start();
    // More than the bound; none of them asks anything.
    let idle: Vec<_> = (0..40)
        .map(|_| UnixStream::connect(agent.socket()).unwrap())
        .collect();
    let start = Instant::now();
    // Waits until the first idle ones are closed.
    assert_eq!(get(&agent.socket(), "/v1/status").0, 200);
    assert!(
        start.elapsed() > Duration::from_secs(2),
        "the bound was not reached"
    );
    drop(idle);
}

#[test]
fn tcp_serves_metrics_and_nothing_else() {
    // Free when asked for; whoever takes it in between makes the agent fail loudly.
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let address = free.to_string();
    let flags = ["--listen-metrics", &address];
    let _agent = Agent::start_in(TempDir::new().unwrap(), &flags);
    wait_for("TCP", || TcpStream::connect(free).is_ok());
    let ask = |path| exchange(&mut TcpStream::connect(free).unwrap(), path);
    assert_eq!(ask("/v1/status").0, 404);
    assert_eq!(ask("/v1/observe").0, 404);
    assert_ne!(ask("/metrics").0, 404);
}

#[test]
fn metrics_come_in_the_format_that_the_scraper_prefers() {
    let mut agent = Agent::start();
    agent.feed(&[record(1), record(2)]);
    let ask = |accept: &str| {
        let mut stream = UnixStream::connect(agent.socket()).unwrap();
        answer(&mut stream, "/metrics", &format!("Accept: {accept}\r\n"))
    };
    // What Prometheus sends with native histograms switched on.
    let protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                    encoding=delimited";
    let text = "application/openmetrics-text;version=1.0.0";
    let (head, body) = ask(&format!("{protobuf},{text};q=0.8,*/*;q=0.1"));
    assert!(
        head.contains("content-type: application/vnd.google.protobuf;"),
        "{head}"
    );
    let families = families(&body);
    let of = |name: &str| families.iter().find(|f| f.name == name).unwrap();
    let requests = of("forebay_requests_total");
    let ok = requests.metric[0].counter.as_ref().unwrap();
    assert_eq!(ok.value, 2.0);
    let phases = of("forebay_request_phase_seconds");
    let histogram = phases.metric[0].histogram.as_ref().unwrap();
    assert_eq!((histogram.schema, histogram.sample_count), (3, 2));
    assert!(!histogram.bucket.is_empty() && !histogram.positive_span.is_empty());

    for accept in [format!("{protobuf};q=0.5,{text}"), "*/*".into()] {
        let (head, body) = ask(&accept);
        assert!(
            head.contains("content-type: application/openmetrics-text;"),
            "{head}"
        );
        assert!(head.contains("vary: Accept"), "{head}");
        assert!(body.ends_with(b"# EOF\n"));
    }
}

/// Messages, each after its length.
fn families(mut body: &[u8]) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    while !body.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut body).unwrap());
    }
    families
}
