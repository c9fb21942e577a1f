//! Each rule speaks in its case and only there; mixed causes are told apart; nothing counts twice.

use super::{RULES, markdown};
use crate::decode::Role;
use crate::exchange::record::*;
use crate::explain::culprit::Culprit;
use crate::explain::process::{ProcessSample, ProcessTable};
use crate::explain::testing::arbitrary::any_record;
use crate::explain::testing::cases::{cases, directions, recv, stalled};
use crate::explain::testing::*;
use crate::explain::{Severity, explain};
use proptest::prelude::*;

fn many(n: usize, make: impl Fn() -> Record) -> Vec<Record> {
    (0..n).map(|_| make()).collect()
}

#[test]
fn each_rule_speaks_in_its_case_and_only_there() {
    for (case, record, rule, words) in cases() {
        let found = findings(&many(10, || record.clone()));
        assert_eq!(names(&found), [rule], "{case}: {found:#?}");
        assert!(found[0].title.contains(words), "{case}: {}", found[0].title);
        assert_eq!((found[0].seen, found[0].requests), (10, 10), "{case}");
        assert!(!found[0].advice.is_empty(), "{case}");
    }
}

#[test]
fn every_rule_has_a_case() {
    for rule in RULES {
        assert!(
            cases().iter().any(|case| case.2 == rule.info.name),
            "{}",
            rule.info.name
        );
    }
}

#[test]
fn every_culprit_has_one_rule_and_every_rule_file_is_in_the_table() {
    for culprit in Culprit::ALL {
        let rules = RULES
            .iter()
            .filter(|rule| rule.info.culprits.contains(&culprit))
            .count();
        assert_eq!(rules, 1, "{culprit:?}");
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/explain/rules");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .file_name()
                .into_string()
                .unwrap()
                .replace(".rs", "")
        })
        .filter(|name| name != "tests")
        .collect();
    let mut listed: Vec<&str> = RULES.iter().map(|rule| rule.info.name).collect();
    files.sort();
    listed.sort();
    assert_eq!(files, listed);
}

#[test]
fn a_healthy_edge_yields_nothing() {
    let mut records = many(300, || record(|_| {}));
    records.extend(many(20, || stream(|_, _| {})));
    assert_eq!(names(&findings(&records)), [""; 0]);
}

#[test]
fn the_sentence_reads_as_promised() {
    let records = many(312, || {
        record(|r| {
            r.phases_ns = Phases {
                recv_queue: 4_100_000,
                server: 5_900_000,
                ..Phases::default()
            };
            r.directions_ns = directions(recv(4_100_000), recv(0));
        })
    });
    let found = findings(&records);
    assert_eq!(
        found[0].title,
        "retrieval spends 41 % of its time in pgvector's receive queue: \
         the server reads late (exact, 312 of 312 requests)"
    );
    assert_eq!(found[0].lost_ns, 312 * 4_100_000);
    assert_eq!(found[0].severity, Severity::Notice);
    assert_eq!(&*found[0].exemplars[0], "00000000000000aa");
}

#[test]
fn a_rare_stall_is_found_and_counted() {
    let mut records = many(990, || record(|_| {}));
    records.extend(many(10, || {
        record(|r| {
            r.phases_ns.wire = 300 * MS;
            r.tcp.retransmits = 1;
        })
    }));
    let found = findings(&records);
    assert_eq!(names(&found), ["slow_wire"]);
    assert_eq!((found[0].seen, found[0].requests), (10, 1000));
    assert_eq!(found[0].severity, Severity::Critical);
}

/// A retrieval whose request or response travelled that long.
fn travelled(request_ms: u64, response_ms: u64, srtt_ms: u64, retransmits: u32) -> Record {
    record(|r| {
        r.phases_ns.wire = (request_ms + response_ms) * MS;
        let way = |ms| Way {
            wire: ms * MS,
            ..Way::default()
        };
        r.directions_ns = directions(way(request_ms), way(response_ms));
        r.tcp.srtt_ns = srtt_ms * MS;
        r.tcp.min_rtt_ns = 19_000;
        r.tcp.retransmits = retransmits;
    })
}

#[test]
fn a_lost_response_is_a_loss_though_its_sender_counts_late() {
    // As seen on a link that loses 15 % of its packets.
    let mut records = many(7, || record(|_| {}));
    records.push(travelled(0, 221, 5, 0));
    records.push(travelled(0, 464, 10, 1));
    records.push(travelled(268, 0, 13, 3));
    let found = findings(&records);
    assert_eq!(names(&found), ["slow_wire"]);
    let words = "packets get lost (4 retransmissions in 2 of 10 requests)";
    assert!(found[0].title.contains(words), "{}", found[0].title);
    let unseen = findings(&many(10, || travelled(0, 221, 5, 0)));
    let words = "packets get lost, for they come as late as TCP sends again";
    assert!(unseen[0].title.contains(words), "{}", unseen[0].title);
}

#[test]
fn a_queue_is_a_queue_though_tcp_repeats_some_needlessly() {
    // As seen on a link of 128 kbit/s.
    let mut records = many(6, || travelled(78, 0, 40, 1));
    records.extend(many(4, || travelled(78, 0, 40, 0)));
    let found = findings(&records);
    assert_eq!(names(&found), ["slow_wire"]);
    assert!(
        found[0].title.contains("wait in a queue"),
        "{}",
        found[0].title
    );
    // Every packet waits 300 ms, and TCP knows.
    let found = findings(&many(10, || travelled(150, 250, 290, 0)));
    assert!(
        found[0].title.contains("wait in a queue"),
        "{}",
        found[0].title
    );
}

#[test]
fn mixed_causes_are_told_apart_ranked_and_never_counted_twice() {
    let records = many(50, || {
        record(|r| {
            r.phases_ns = Phases {
                wire: 61 * MS,
                recv_queue: 50 * MS,
                server: 40 * MS,
                ..Phases::default()
            };
            r.tcp.min_rtt_ns = MS;
            r.directions_ns = directions(recv(20 * MS), recv(30 * MS));
            r.server_run_delay_ns = Some(25 * MS);
        })
    });
    let found = findings(&records);
    let lost: Vec<_> = found
        .iter()
        .map(|f| (&*f.rule, f.lost_ns / 50 / MS))
        .collect();
    let want = [
        ("slow_wire", 61),
        ("client_reads_late", 30),
        ("cpu_starved", 25),
        ("server_reads_late", 20),
    ];
    assert_eq!(lost, want);
    let whole: u64 = records.iter().map(|record| record.duration_ns).sum();
    assert!(found.iter().map(|finding| finding.lost_ns).sum::<u64>() <= whole);
}

#[test]
fn a_caller_is_not_blamed_for_the_service_it_waits_for() {
    let outer = || {
        record(|r| {
            r.client = party("browser");
            r.server = party("rag-app");
            r.role = Role::Web;
            r.phases_ns.server = 405 * MS;
            r.server_run_delay_ns = None;
        })
    };
    let inner = || {
        record(|r| {
            r.phases_ns.server = 400 * MS;
        })
    };
    let mut records = many(10, outer);
    records.extend(many(10, inner));
    let found = findings(&records);
    assert_eq!(names(&found), ["engine_slow"]);
    assert_eq!(&*found[0].edge.server, "pgvector");
    // Alone, the same server is to blame.
    assert_eq!(names(&findings(&many(10, outer))), ["engine_slow"]);
}

fn busy(workload: &str, cpu_ms: u64, delay_ms: u64, throttled_ms: u64) -> ProcessTable {
    let mut processes = ProcessTable::default();
    processes.add(ProcessSample {
        workload: workload.into(),
        pid: 7,
        at_ns: NOW_NS - 1,
        interval_ns: 1_000_000_000,
        cpu_ns: cpu_ms * MS,
        run_delay_ns: delay_ms * MS,
        throttled_ns: throttled_ms * MS,
    });
    processes
}

#[test]
fn a_starved_process_is_named_with_its_share() {
    let records = many(10, || stalled(Cause::Engine, 900));
    let processes = busy("llama-server", 19_000, 31_000, 0);
    let found = explain(&views(&records), &processes, NOW_NS, SPAN_NS);
    assert_eq!(&*found[0].rule, "cpu_starved");
    assert!(
        found[0]
            .title
            .contains("llama-server waited 62 % of its runnable time for a CPU")
    );
    assert!(found[0].advice.contains("more CPU"));
    let whole: u64 = records.iter().map(|record| record.duration_ns).sum();
    assert!(found.iter().map(|finding| finding.lost_ns).sum::<u64>() <= whole);
    let quota = explain(
        &views(&records),
        &busy("llama-server", 19_000, 31_000, 30_000),
        NOW_NS,
        SPAN_NS,
    );
    assert!(quota[0].advice.contains("CPU quota"));
}

#[test]
fn a_sleeping_server_is_not_called_starved() {
    // It waited 5 ms for a CPU in a window in which its requests took 2 s.
    let records = many(10, || {
        record(|r| {
            r.phases_ns.server = 200 * MS;
            r.server_run_delay_ns = None;
        })
    });
    let found = explain(
        &views(&records),
        &busy("pgvector", 10, 5, 0),
        NOW_NS,
        SPAN_NS,
    );
    assert_eq!(names(&found), ["engine_slow"]);
    assert_eq!(found[0].lost_ns, 1_895 * MS + 10 * 100_000);
}

#[test]
fn a_starved_reader_gets_the_advice_of_its_cpu() {
    let records = many(10, || {
        record(|r| {
            r.phases_ns.recv_queue = 20 * MS;
            r.directions_ns = directions(recv(0), recv(20 * MS));
        })
    });
    let found = explain(
        &views(&records),
        &busy("rag-app", 100, 100, 0),
        NOW_NS,
        SPAN_NS,
    );
    assert!(
        found[0].advice.contains("rag-app waited 50 %"),
        "{}",
        found[0].advice
    );
}

#[test]
fn the_page_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/explain.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, markdown()).unwrap();
    }
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        page == markdown(),
        "docs/explain.md is old; run UPDATE=1 cargo test -p forebay-core rules"
    );
}

proptest! {
    #[test]
    fn findings_never_add_up_to_more_than_the_time(
        records in proptest::collection::vec(any_record(), 1..20),
        starved in proptest::option::of((0..5_000u64, 0..5_000u64)),
    ) {
        let processes = starved.map_or_else(ProcessTable::default, |(cpu_ms, delay_ms)| {
            busy("llama-server", cpu_ms, delay_ms, 0)
        });
        let found = explain(&views(&records), &processes, NOW_NS, SPAN_NS);
        let whole: u64 = records.iter().map(|record| record.duration_ns).sum();
        prop_assert!(found.iter().map(|finding| finding.lost_ns).sum::<u64>() <= whole);
        for finding in &found {
            prop_assert!(finding.seen > 0 && finding.seen <= finding.requests, "{finding:?}");
            prop_assert!((0.0..=1.0).contains(&finding.share), "{finding:?}");
        }
    }
}
