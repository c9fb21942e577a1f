//! Bounds, expiry and cost of the table.

use super::*;
use crate::exchange::record::{Id, Party, Who};
use crate::explain::testing::*;

const SECOND: u64 = 1_000_000_000;

fn of(client: &str, server: &str) -> Record {
    record(|r| {
        r.client = party(client);
        r.server = party(server);
    })
}

#[test]
fn sums_per_edge_and_window() {
    let mut table = EdgeTable::new(Sizes::default());
    for s in 0..100u64 {
        table.add(&of("a", "b"), s * SECOND);
        table.add(&of("a", "c"), s * SECOND);
        table.add(&of("a", "c"), s * SECOND);
    }
    let views = table.window(99 * SECOND, 300 * SECOND);
    let requests: Vec<_> = views
        .iter()
        .map(|v| (&*v.key.server, v.sums().requests))
        .collect();
    assert_eq!(requests, [("c", 200), ("b", 100)]);
    let views = table.window(99 * SECOND, 30 * SECOND);
    // From the begin of the bucket of second 69.
    assert_eq!(views[1].sums().requests, 40);
    assert_eq!(views[1].since_ns, 60 * SECOND);
    assert_eq!(table.covered_ns(99 * SECOND, 30 * SECOND), 39 * SECOND);
    assert_eq!(table.covered_ns(99 * SECOND, 300 * SECOND), 99 * SECOND);
    let p50 = views[1].duration_quantile_ns(0.5).unwrap() as f64;
    assert!((p50 / 3_000_000.0 - 1.0).abs() < 0.07, "{p50}");
}

#[test]
fn requests_leave_with_the_window_and_their_edges_with_them() {
    let mut table = EdgeTable::new(Sizes::default());
    table.add(&of("a", "b"), 0);
    assert_eq!(table.window(299 * SECOND, 300 * SECOND).len(), 1);
    assert_eq!(table.window(300 * SECOND, 300 * SECOND).len(), 0);
    table.add(&of("a", "c"), 301 * SECOND);
    assert_eq!(table.edges(), 1);
    let views = table.window(301 * SECOND, 300 * SECOND);
    assert_eq!((views.len(), &*views[0].key.server), (1, "c"));
}

#[test]
fn a_flood_of_peers_ends_in_other_and_is_counted() {
    let mut table = EdgeTable::new(Sizes::default());
    for i in 0..100_000u64 {
        table.add(&of(&format!("scanner-{i}"), "b"), i * SECOND / 2_000);
        assert!(table.edges() <= 512);
    }
    assert!(table.memory_bytes() <= table.memory_bytes_max());
    assert!(
        table.memory_bytes_max() <= 6 << 20,
        "{}",
        table.memory_bytes_max()
    );
    let views = table.window(50 * SECOND, 300 * SECOND);
    let other = views
        .iter()
        .find(|view| view.key == EdgeKey::other())
        .unwrap();
    assert_eq!(other.sums().requests, 100_000 - 512);
    assert_eq!(table.overflow().requests_in_other, 100_000 - 512);
    let all: u64 = views.iter().map(|view| view.sums().requests).sum();
    assert_eq!(all, 100_000);
    // Once the flood has left the window, new edges are told apart again.
    table.add(&of("a", "b"), 400 * SECOND);
    assert_eq!(
        &*table.window(400 * SECOND, 300 * SECOND)[0].key.client,
        "a"
    );
}

#[test]
fn memory_stays_bounded_when_every_edge_streams_all_the_time() {
    let mut table = EdgeTable::new(Sizes::default());
    for s in (0..600u64).step_by(10) {
        for i in 0..600 {
            let mut record = stream(|_, _| {});
            record.client = party(&format!(
                "a-very-long-workload-name-{i}-{}",
                "x".repeat(200)
            ));
            table.add(&record, s * SECOND);
        }
    }
    assert!(table.memory_bytes() <= table.memory_bytes_max());
    assert!(table.overflow().cells_given_up > 0);
    // What is left is whole: whatever a window covers has every request.
    assert_eq!(table.covered_ns(599 * SECOND, 300 * SECOND), 29 * SECOND);
    let newest: u64 = table
        .window(599 * SECOND, 300 * SECOND)
        .iter()
        .map(|v| v.sums().requests)
        .sum();
    assert_eq!(newest, 3 * 600);
}

#[test]
fn an_edge_that_was_dropped_is_not_met_again() {
    let mut table = EdgeTable::new(Sizes::default());
    let (one, two) = (of("a", "b"), of("c", "d"));
    table.add(&one, 0);
    table.add(&one, 0);
    // The first edge leaves the window, the second takes its place.
    table.add(&two, 400 * SECOND);
    table.add(&one, 400 * SECOND);
    table.add(&one, 400 * SECOND);
    let views = table.window(400 * SECOND, 300 * SECOND);
    let counted = |client: &str| {
        let view = views.iter().find(|view| &*view.key.client == client);
        view.unwrap().sums().requests
    };
    assert_eq!((counted("a"), counted("c")), (2, 1));
}

#[test]
fn clients_known_by_address_only_are_external() {
    let mut table = EdgeTable::new(Sizes::default());
    for i in 0..200 {
        let mut record = of("a", "b");
        let who = Who {
            workload: format!("192.0.2.{i}").into(),
            ..Who::default()
        };
        let addr = format!("192.0.2.{i}:4711").parse().unwrap();
        record.client = Party::new(who, addr);
        table.add(&record, 0);
    }
    let views = table.window(0, SECOND);
    assert_eq!((views.len(), &*views[0].key.client), (1, "external"));
}

#[test]
fn keeps_the_slowest_requests() {
    let mut table = EdgeTable::new(Sizes::default());
    for i in 1..=50u64 {
        let mut record = record(|r| r.phases_ns.server = i * MS);
        record.id = Id(i);
        table.add(&record, (i % 7) * 10 * SECOND);
    }
    let views = table.window(60 * SECOND, 300 * SECOND);
    assert_eq!(views[0].exemplars(), [Id(0x32), Id(0x31), Id(0x30)]);
}

/// A bound that only a gross mistake breaks, as builds for tests are slow; prints the figure.
#[test]
fn adding_is_cheap() {
    let mut table = EdgeTable::new(Sizes::default());
    let records: Vec<_> = (0..100).map(|i| of("a", &format!("server-{i}"))).collect();
    let begin = std::time::Instant::now();
    let n = 100_000u64;
    for i in 0..n {
        table.add(&records[i as usize % 100], i * 1_000);
    }
    let each = begin.elapsed().as_nanos() as u64 / n;
    println!("{each} ns per record");
    assert!(each < 20_000);
}
