//! The judge accepts records that are right and refuses each way of being wrong.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use forebay_rig::client::{Ask, ClientConfig, run};
use forebay_rig::server::{Server, ServerConfig};
use forebay_rig::stamp::{ClientLine, ServerLine};
use forebay_rig::truth::{Bounds, Points, RecordFile, Report, judge, true_stalls};
use serde_json::{Value, json};

struct Run {
    client: Vec<ClientLine>,
    server: Vec<ServerLine>,
}

fn traffic() -> Run {
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), ServerConfig::default()).unwrap();
    let ask = |plan: &str| Ask {
        plan: plan.into(),
        ..Ask::default()
    };
    let stalled = Ask {
        injected: Some("engine".into()),
        ..ask("tokens=6x5ms+120ms+3x5ms")
    };
    let asks = vec![ask("think=2ms,size=200"), ask("tokens=4x2ms"), stalled];
    let config = ClientConfig {
        requests: 6,
        asks,
        ..ClientConfig::new(server.addr())
    };
    let client = run(&config).unwrap();
    Run {
        client,
        server: server.stop(),
    }
}

/// Records as a perfect observer would write them.
fn perfect(run: &Run) -> Vec<Value> {
    run.client
        .iter()
        .zip(&run.server)
        .map(|(client, server)| {
            let p = Points::new(client, server).unwrap();
            let phases = p.phases().unwrap();
            let content: Vec<_> = client.chunks.iter().filter(|chunk| chunk.content).collect();
            let stalls: Vec<Value> =
                true_stalls(client, server).iter().map(|stall| json!({"at_ns": 1, "gap_ns": stall.gap_ns, "cause": stall.cause()})).collect();
            let gen_ai = content.first().map(|first| {
                json!({"chunks": content.len(), "time_to_first_chunk_ns": first.read_ns - p.c0, "stalls": stalls})
            });
            let sum = phases.client + phases.send_queue + phases.wire + phases.recv_queue + phases.server + phases.stream;
            json!({
                "ts": format!("2026-01-01T00:00:00.{:09}Z", client.nth), "side": "both", "op": format!("GET /rig/{}", client.id),
                "client": {"addr": client.local}, "bytes": {"request": client.request_bytes, "response": client.response_bytes},
                "duration_ns": sum, "evidence": "exact", "gen_ai": gen_ai,
                "phases_ns": {"client": phases.client, "send_queue": phases.send_queue, "wire": phases.wire, "recv_queue": phases.recv_queue,
                    "server": phases.server, "stream": phases.stream, "remote": 0},
            })
        })
        .collect()
}

fn verdict(run: &Run, records: &[Value]) -> Report {
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    judge(
        &RecordFile::parse(&text).unwrap(),
        &run.client,
        &run.server,
        &Bounds::default(),
    )
}

#[test]
fn accepts_the_truth() {
    let run = traffic();
    let report = verdict(&run, &perfect(&run));
    assert_eq!(report.broken, Vec::<String>::new(), "{}", report.table());
    assert_eq!(
        (
            report.matched,
            report.missing,
            report.extra,
            report.without_points
        ),
        (6, 0, 0, 0)
    );
    assert_eq!(report.confusion["engine"]["engine"], 2);
}

/// Changes a perfect set of records and names the complaint that must come.
type Wrong = (&'static str, fn(&mut Vec<Value>));

#[test]
fn refuses_every_way_of_being_wrong() {
    let wrongs: [Wrong; 11] = [
        ("requests without a record", |all| drop(all.remove(2))),
        ("records without a request", |all| all.push(all[0].clone())),
        ("records without a request", |all| {
            all[0]["op"] = json!("GET /rig/never")
        }),
        ("wrong byte counts", |all| {
            all[3]["bytes"]["response"] = json!(1)
        }),
        ("phases do not add up", |all| {
            all[0]["duration_ns"] = json!(7)
        }),
        ("server:", |all| {
            all[0]["phases_ns"]["server"] =
                json!(all[0]["phases_ns"]["server"].as_u64().unwrap() + 150_000)
        }),
        ("wire:", |all| {
            all[0]["phases_ns"]["wire"] =
                json!(all[0]["phases_ns"]["wire"].as_u64().unwrap() + 101_000)
        }),
        ("request.recv_queue:", |all| {
            let right = all[0]["phases_ns"]["recv_queue"].as_u64().unwrap();
            let way = json!({"send_queue": 0, "wire": 0, "recv_queue": right + 200_000});
            all[0]["directions_ns"] = json!({"request": way, "response": way});
        }),
        ("wrong chunk count", |all| {
            all[1]["gen_ai"]["chunks"] = json!(99)
        }),
        ("time_to_first_chunk:", |all| {
            all[1]["gen_ai"]["time_to_first_chunk_ns"] =
                json!(all[1]["gen_ai"]["time_to_first_chunk_ns"].as_u64().unwrap() + 51_000);
        }),
        ("blamed wrongly", |all| {
            all[2]["gen_ai"]["stalls"][0]["cause"] = json!("wire")
        }),
    ];
    let run = traffic();
    for (complaint, break_it) in wrongs {
        let mut records = perfect(&run);
        break_it(&mut records);
        let report = verdict(&run, &records);
        assert!(
            report.broken.iter().any(|text| text.contains(complaint)),
            "{complaint}: {:?}",
            report.broken
        );
    }
}

#[test]
fn small_errors_are_allowed_and_losses_are_counted() {
    let run = traffic();
    let mut records = perfect(&run);
    let server = records[0]["phases_ns"]["server"].as_u64().unwrap();
    records[0]["phases_ns"]["server"] = json!(server + 80_000);
    records[0]["duration_ns"] = json!(records[0]["duration_ns"].as_u64().unwrap() + 80_000);
    records
        .push(json!({"lost": {"records": 3, "why": "ring_full", "since": "2026-01-01T00:00:00Z"}}));
    let report = verdict(&run, &records);
    assert_eq!(report.broken, Vec::<String>::new());
    assert_eq!(report.lost["ring_full"], 3);
    assert_eq!(report.phases["server"].max_ns, 80_000);
}

#[test]
fn joins_by_place_on_the_connection_when_the_path_is_hidden() {
    let run = traffic();
    let mut records = perfect(&run);
    for record in &mut records {
        record["op"] = json!("POST /v1/chat/completions");
    }
    let report = verdict(&run, &records);
    assert_eq!(report.broken, Vec::<String>::new(), "{}", report.table());
    records.push(json!({"ts": "2026", "side": "both", "op": "GET /elsewhere", "client": {"addr": "127.0.0.1:1"},
        "bytes": {"request": 1, "response": 1}, "duration_ns": 0, "evidence": "none", "gen_ai": null,
        "phases_ns": {"client": 0, "send_queue": 0, "wire": 0, "recv_queue": 0, "server": 0, "stream": 0, "remote": 0}}));
    assert_eq!(
        verdict(&run, &records).extra,
        0,
        "other programs' traffic is not this run's"
    );
}

#[test]
fn a_renamed_field_is_an_error() {
    let run = traffic();
    let mut record = perfect(&run)[0].clone();
    record["phases_ns"]["network"] = record["phases_ns"]["wire"].take();
    record["phases_ns"].as_object_mut().unwrap().remove("wire");
    assert!(
        RecordFile::parse(&record.to_string())
            .unwrap_err()
            .to_string()
            .contains("wire")
    );
}
