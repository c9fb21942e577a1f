//! The exposition: names, labels, bounds, privacy, cost, and a fresh docs page.

use super::agent::ProgramStats;
use super::*;
use forebay_core::decode::Role;
use forebay_core::event::LossReason;
use forebay_core::exchange::record::*;

mod protobuf;

const MS: u64 = 1_000_000;

fn party(workload: &str) -> Party {
    let who = Who {
        workload: workload.into(),
        pid: Some(1),
        ..Who::default()
    };
    Party::new(who, "127.0.0.1:80".parse().unwrap())
}

fn record(change: impl FnOnce(&mut Record)) -> Record {
    let mut record = Record {
        ts: Time(1_767_323_045_678_901_234),
        id: Id(0xaa),
        wire_id: Id(0xbb),
        side: Side::Both,
        protocol: "http".into(),
        op: "POST /v1/chat/completions".into(),
        status: Some("200".into()),
        error: None,
        client: party("rag-app"),
        server: party("llama-server"),
        bytes: Bytes {
            request: 100,
            response: 1000,
        },
        duration_ns: 0,
        phases_ns: Phases {
            wire: MS,
            recv_queue: 2 * MS,
            server: 40 * MS,
            ..Phases::default()
        },
        directions_ns: None,
        evidence: Evidence::Exact,
        tcp: Tcp {
            min_rtt_ns: MS,
            retransmits: 2,
            ..Tcp::default()
        },
        server_run_delay_ns: None,
        gen_ai: None,
        role: Role::Web,
        query: None,
    };
    change(&mut record);
    record.duration_ns = record.phases_ns.total();
    record
}

fn chat() -> Record {
    record(|record| {
        record.role = Role::Model;
        record.phases_ns.stream = 300 * MS;
        record.gen_ai = Some(Box::new(ModelCall {
            operation: Some("chat".into()),
            model: Some("smollm2".into()),
            streaming: true,
            chunks: 11,
            input_tokens: Some(20),
            output_tokens: Some(10),
            time_to_first_chunk_ns: Some(43 * MS),
            gap_split_ns: Some(GapSplit {
                engine: 300 * MS,
                ..GapSplit::default()
            }),
            stalls: vec![Stall {
                at_ns: 0,
                gap_ns: 120 * MS,
                cause: Cause::Engine,
            }],
            ..ModelCall::default()
        }));
    })
}

fn text(records: &[Record], agent: SelfStats) -> String {
    let metrics = Metrics::default();
    for record in records {
        metrics.observe([record], 0);
    }
    rendered(&metrics, agent)
}

fn rendered(metrics: &Metrics, agent: SelfStats) -> String {
    String::from_utf8(metrics.render(agent, Format::Text).unwrap()).unwrap()
}

fn has(text: &str, line: &str) {
    assert!(
        text.lines().any(|l| l == line),
        "no line {line}\nin\n{text}"
    );
}

#[test]
fn a_model_call_counts_everywhere_it_belongs() {
    let text = text(&[chat()], SelfStats::default());
    let edge = r#"client="rag-app",server="llama-server",protocol="http",role="model""#;
    let call = format!(r#"{edge},gen_ai_operation_name="chat",gen_ai_request_model="smollm2""#);
    let http = format!(r#"{edge},http_request_method="POST",http_response_status_code="200""#);
    for line in [
        format!("http_client_request_duration_seconds_sum{{{http}}} 0.343"),
        // Without directions the server's own part of the receive queue is not known.
        format!("http_server_request_duration_seconds_sum{{{http}}} 0.34"),
        format!("gen_ai_client_operation_duration_seconds_count{{{call}}} 1"),
        format!(
            r#"gen_ai_client_operation_time_to_first_chunk_seconds_bucket{{le="0.04",{call}}} 0"#
        ),
        format!(
            r#"gen_ai_client_operation_time_to_first_chunk_seconds_bucket{{le="0.08",{call}}} 1"#
        ),
        format!("gen_ai_client_operation_time_per_output_chunk_seconds_sum{{{call}}} 0.3"),
        format!("gen_ai_client_operation_time_per_output_chunk_seconds_count{{{call}}} 10"),
        format!(r#"gen_ai_client_token_usage_sum{{{call},gen_ai_token_type="input"}} 20.0"#),
        format!(r#"forebay_requests_total{{{edge},outcome="ok"}} 1.0"#),
        format!(r#"forebay_request_phase_seconds_sum{{{edge},phase="recv_queue"}} 0.002"#),
        format!("forebay_tcp_retransmits_total{{{edge}}} 2.0"),
        format!("forebay_tcp_min_rtt_seconds{{{edge}}} 0.001"),
        format!(r#"forebay_stall_seconds_total{{{edge},cause="engine"}} 0.12"#),
    ] {
        has(&text, &line);
    }
    assert!(!text.contains("phase=\"remote\""));
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn each_gap_of_a_stream_is_counted() {
    let mut call = chat();
    if let Some(call) = &mut call.gen_ai {
        // Nine steady gaps and a stall: the mean would be one bucket for all.
        call.gaps_sorted_ns = [[19 * MS; 9].as_slice(), &[129 * MS]].concat().into();
    }
    let text = text(&[call], SelfStats::default());
    let per_chunk = "gen_ai_client_operation_time_per_output_chunk_seconds";
    let edge = r#"client="rag-app",server="llama-server",protocol="http",role="model""#;
    let call = format!(r#"{edge},gen_ai_operation_name="chat",gen_ai_request_model="smollm2""#);
    for (le, count) in [("0.01", 0), ("0.02", 9), ("0.08", 9), ("0.16", 10)] {
        has(
            &text,
            &format!("{per_chunk}_bucket{{le=\"{le}\",{call}}} {count}"),
        );
    }
    has(&text, &format!("{per_chunk}_count{{{call}}} 10"));
    has(&text, &format!("{per_chunk}_sum{{{call}}} 0.3"));
}

#[test]
fn each_end_counts_only_where_it_was_seen() {
    let text = text(&[record(|r| r.side = Side::Server)], SelfStats::default());
    assert!(text.contains("http_server_request_duration_seconds_count{"));
    assert!(!text.contains("http_client_request_duration_seconds_count{"));
}

#[test]
fn databases_are_named_by_system_and_operation() {
    let text = text(
        &[record(|r| {
            r.protocol = "postgresql".into();
            r.role = Role::VectorSearch;
            r.op = "SELECT … ORDER BY embedding <=> $1 LIMIT $2".into();
            r.server = party("pgvector");
        })],
        SelfStats::default(),
    );
    has(
        &text,
        "db_client_operation_duration_seconds_count{client=\"rag-app\",server=\"pgvector\",\
         protocol=\"postgresql\",role=\"vector_search\",db_system_name=\"postgresql\",\
         db_operation_name=\"SELECT\"} 1",
    );
}

#[test]
fn the_agent_states_its_cost_and_its_losses() {
    let agent = SelfStats {
        cpu_ns: 1_500_000_000,
        resident_bytes: 30 << 20,
        kernel_memory_bytes: 2 << 20,
        memory_max_bytes: 64 << 20,
        programs: vec![ProgramStats {
            name: "sock_send".into(),
            run_ns: 2_000_000,
            runs: 10_000,
            misses: 2,
        }],
        connections: 7,
        ring_bytes: 4096,
        connections_max: 40_000,
        ring_max_bytes: 8 << 20,
        lost: vec![(LossReason::RingFull, 3)],
    };
    let text = text(&[], agent);
    for line in [
        "forebay_self_cpu_seconds_total 1.5",
        "forebay_self_resident_bytes 31457280.0",
        "forebay_self_kernel_memory_bytes 2097152.0",
        "forebay_self_memory_limit_bytes 67108864.0",
        "forebay_self_bpf_run_seconds_total{program=\"sock_send\"} 0.002",
        "forebay_self_bpf_runs_total{program=\"sock_send\"} 10000.0",
        "forebay_self_bpf_misses_total{program=\"sock_send\"} 2.0",
        "forebay_self_connections 7.0",
        "forebay_self_connections_limit 40000.0",
        "forebay_self_ring_limit_bytes 8388608.0",
        "forebay_lost_records_total{reason=\"ring_full\"} 3.0",
        "forebay_lost_records_total{reason=\"slow_reader\"} 0.0",
    ] {
        has(&text, line);
    }
}

#[test]
fn a_flood_of_peers_methods_and_models_stays_bounded() {
    let metrics = Metrics::new(20);
    for i in 0..5_000u64 {
        let mut record = chat();
        record.server = party(&format!("server-{i}"));
        metrics.observe([&record], i);
        let mut record = chat();
        record.op = format!("M{i} /").into();
        record.error = Some(format!("error-{i}").into());
        if let Some(call) = &mut record.gen_ai {
            call.model = Some(format!("model-{i}").into());
        }
        metrics.observe([&record], i);
    }
    let text = rendered(&metrics, SelfStats::default());
    assert!(
        text.lines().count() < 15_000,
        "{} lines",
        text.lines().count()
    );
    has(&text, "forebay_requests_in_other_total 4981.0");
    has(
        &text,
        "forebay_requests_total{client=\"other\",server=\"other\",protocol=\"other\",role=\"other\",outcome=\"ok\"} 4981.0",
    );
    assert!(text.contains("gen_ai_operation_name=\"_OTHER\""));
}

#[test]
fn idle_edges_give_their_place_to_new_ones() {
    let metrics = Metrics::new(1);
    let hour = 3_600_000_000_000;
    let of = |server: &str| record(|r| r.server = party(server));
    let (a, b, c) = (of("a"), of("b"), of("c"));
    metrics.observe([&a], hour);
    metrics.observe([&b], hour + 1);
    metrics.observe([&c, &a], 3 * hour);
    let text = rendered(&metrics, SelfStats::default());
    assert!(text.contains("server=\"c\"") && !text.contains("server=\"a\""));
    has(&text, "forebay_requests_in_other_total 2.0");
    has(
        &text,
        "forebay_requests_total{client=\"rag-app\",server=\"c\",protocol=\"http\",role=\"web\",outcome=\"ok\"} 1.0",
    );
}

#[test]
fn addresses_never_become_labels_and_values_are_escaped() {
    let stranger = |addr: &str| {
        let who = Who {
            workload: addr.into(),
            ..Who::default()
        };
        Party::new(who, addr.parse().unwrap())
    };
    let mut records = vec![record(|r| r.client = stranger("192.0.2.7:4711"))];
    records.push(record(|r| r.server = stranger("[2001:db8::1]:443")));
    let mut call = chat();
    if let Some(call) = &mut call.gen_ai {
        call.model = Some("a\"b\\c\nd".into());
    }
    records.push(call);
    let text = text(&records, SelfStats::default());
    assert!(!text.contains("192.0.2.7") && !text.contains("2001:db8"));
    assert!(text.contains("client=\"external\"") && text.contains("server=\"external\""));
    assert!(text.contains(r#"gen_ai_request_model="a\"b\\c\nd""#));
}

#[test]
fn names_follow_the_rules_and_labels_are_those_declared() {
    let text = text(
        &[chat(), record(|r| r.error = Some("500".into()))],
        SelfStats::default(),
    );
    for metric in all() {
        let name = metric.prometheus_name();
        let family = name.strip_suffix("_total").unwrap_or(&name);
        assert!(
            text.contains(&format!("# TYPE {family} {}\n", metric.kind.word())),
            "{name}"
        );
        assert!(!metric.help.ends_with('.'), "{name}");
        let of_metric = text.lines().filter(|line| {
            line.strip_prefix(family)
                .is_some_and(|rest| rest.starts_with(['{', '_']))
        });
        for line in of_metric {
            let Some((series, labels)) = line.split_once('{') else {
                continue;
            };
            let own = ["", "_total", "_sum", "_count", "_bucket"];
            if !own.contains(&&series[family.len()..]) {
                continue;
            }
            for label in labels
                .split("\",")
                .filter_map(|label| label.split_once('='))
            {
                assert!(
                    label.0 == "le" || metric.labels.contains(&label.0),
                    "{line}"
                );
            }
        }
    }
}

#[test]
fn the_page_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, markdown()).unwrap();
    }
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        page == markdown(),
        "docs/metrics.md is old; run UPDATE=1 cargo test metrics"
    );
}

/// A bound that only a gross mistake breaks, as builds for tests are slow; prints the figure.
#[test]
fn observing_is_cheap() {
    let metrics = Metrics::default();
    let records: Vec<_> = (0..100)
        .map(|i| record(|r| r.server = party(&format!("server-{i}"))))
        .collect();
    let begin = std::time::Instant::now();
    let n = 50_000u64;
    for i in 0..n {
        metrics.observe([&records[i as usize % 100]], i);
    }
    let each = begin.elapsed().as_nanos() as u64 / n;
    println!("{each} ns per record");
    assert!(each < 50_000);
}
