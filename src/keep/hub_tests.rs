//! Tests of the hub, and the record that all tests of the binary are made from.

use super::*;
use forebay_core::decode::Role;
use forebay_core::exchange::record::{
    Bytes as Sizes, Cause, Evidence, Gaps, Id, ModelCall, Party, Phases, Record, Side, Stall, Tcp,
    Time, Who,
};

fn party(workload: &str, pid: u32, addr: &str) -> Party {
    let who = Who {
        workload: workload.into(),
        pid: Some(pid),
        comm: Some(workload.into()),
        ..Who::default()
    };
    Party::new(who, addr.parse().unwrap())
}

/// The `n`th record of a host where one request begins each millisecond.
pub fn record(n: u64) -> Record {
    let phases_ns = Phases {
        send_queue: 10_000,
        wire: 40_000,
        recv_queue: 20_000,
        server: 900_000 + n,
        stream: 30_000,
        ..Phases::default()
    };
    Record {
        ts: Time(1_767_323_045_000_000_000 + n * 1_000_000),
        id: Id(n),
        wire_id: Id(n ^ 0xfeed),
        side: Side::Both,
        protocol: "postgresql".into(),
        op: "SELECT … ORDER BY embedding <=> $1 LIMIT $2".into(),
        status: Some("OK".into()),
        error: None,
        client: party("rag", 100, "127.0.0.1:40000"),
        server: party("postgres", 200, "127.0.0.1:5432"),
        bytes: Sizes {
            request: 900,
            response: 2000,
        },
        duration_ns: phases_ns.total(),
        phases_ns,
        directions_ns: Default::default(),
        evidence: Evidence::Exact,
        tcp: Tcp {
            srtt_ns: 40_000,
            min_rtt_ns: 20_000,
            ..Tcp::default()
        },
        server_run_delay_ns: Some(1000),
        gen_ai: None,
        role: Role::VectorSearch,
        query: None,
    }
}

/// A token stream with a stall.
pub fn model_call() -> ModelCall {
    ModelCall {
        operation: Some("chat".into()),
        model: Some("smollm2".into()),
        streaming: true,
        chunks: 48,
        output_tokens: Some(48),
        time_to_first_chunk_ns: Some(212_000_000),
        gap_ns: Some(Gaps {
            p50: 1,
            p99: 2,
            max: 3,
        }),
        stalls: vec![Stall {
            at_ns: 5,
            gap_ns: 300_000_000,
            cause: Cause::Wire,
        }],
        ..ModelCall::default()
    }
}

fn hub(limits: Limits) -> Arc<Hub> {
    Arc::new(Hub::new(limits, Vec::new()))
}

fn batch(range: std::ops::Range<u64>) -> Vec<Output> {
    range.map(|n| Output::Record(record(n))).collect()
}

fn ids(lines: &[u8]) -> Vec<u64> {
    let text = std::str::from_utf8(lines).unwrap();
    let records =
        text.lines()
            .filter_map(|line| match crate::keep::line::parse_line(line).unwrap() {
                Line::Record(record) => Some(record),
                Line::Lost(_) => None,
            });
    records.map(|record| record.id.0).collect()
}

/// Records that the loss lines own up to.
fn lost(lines: &[u8]) -> u64 {
    let text = std::str::from_utf8(lines).unwrap();
    let losses =
        text.lines()
            .filter_map(|line| match crate::keep::line::parse_line(line).unwrap() {
                Line::Lost(loss) => Some(loss.records),
                Line::Record(_) => None,
            });
    losses.sum()
}

/// Everything a subscription has until the hub is closed.
fn drained(subscription: &mut Subscription) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut all = Vec::new();
    while let Some(lines) = runtime.block_on(subscription.next()) {
        all.extend_from_slice(&lines);
    }
    all
}

#[test]
fn replay_and_live_meet_without_gap_or_double() {
    let hub = hub(Limits::default());
    hub.publish(&mut batch(0..500));
    // Longer than the records' fixed date is old.
    let century = Duration::from_secs(100 * 365 * 86400);
    let mut subscription = hub.subscribe(Filter::default(), Some(century)).unwrap();
    hub.publish(&mut batch(500..600));
    hub.close();
    let seen = ids(&drained(&mut subscription));
    assert_eq!(seen, (0..600).collect::<Vec<_>>());
}

#[test]
fn a_slow_reader_loses_only_its_own_records_and_is_told() {
    let hub = hub(Limits {
        queue_bytes: 8 << 10,
        ..Limits::default()
    });
    let mut slow = hub.subscribe(Filter::default(), None).unwrap();
    hub.publish(&mut batch(0..100));
    let mut fresh = hub.subscribe(Filter::default(), None).unwrap();
    hub.publish(&mut batch(100..104));
    hub.close();
    let lines = drained(&mut slow);
    let lost = lost(&lines);
    let got = ids(&lines).len() as u64;
    assert!(lost > 0 && got > 0);
    assert_eq!(got + lost, 104);
    assert_eq!(hub.counts().lost[&LossReason::SlowReader], lost);
    assert_eq!(ids(&drained(&mut fresh)), [100, 101, 102, 103]);
}

/// 10,000 requests a second of 1.1 kB each and an agent that does not run for 300 ms: 3.3 MB at once.
#[test]
fn a_burst_fits_one_reader_and_all_share_one_budget() {
    let hub = hub(Limits::default());
    let mut one = hub.subscribe(Filter::default(), None).unwrap();
    hub.publish(&mut batch(0..5000));
    hub.close();
    let lines = drained(&mut one);
    assert!(lines.len() > 3_300_000, "{}", lines.len());
    assert_eq!(ids(&lines).len(), 5000);
    assert!(hub.counts().lost.is_empty());
}

#[test]
fn a_stuck_reader_makes_room_for_one_that_keeps_up() {
    let hub = hub(Limits {
        queue_bytes: 1 << 20,
        ..Limits::default()
    });
    let mut stuck = hub.subscribe(Filter::default(), None).unwrap();
    hub.publish(&mut batch(0..3000));
    let before = hub.counts().lost[&LossReason::SlowReader];
    let mut good = hub.subscribe(Filter::default(), None).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut lines = Vec::new();
    for first in (3000..6000).step_by(100) {
        hub.publish(&mut batch(first..first + 100));
        while lines.len() < 3_000_000 && good.queue.bytes() > 0 {
            lines.extend_from_slice(&runtime.block_on(good.next()).unwrap());
        }
    }
    hub.close();
    assert_eq!(ids(&lines), (3000..6000).collect::<Vec<_>>());
    let of_stuck = drained(&mut stuck);
    assert_eq!(ids(&of_stuck).len() as u64 + lost(&of_stuck), 6000);
    assert_eq!(hub.counts().lost[&LossReason::SlowReader], lost(&of_stuck));
    assert!(before < lost(&of_stuck), "it was the stuck one that paid");
}

#[test]
fn a_past_that_is_overtaken_is_counted_and_not_kept_alive() {
    let hub = hub(Limits {
        recent_bytes: 256 << 10,
        queue_bytes: 64 << 20,
        ..Limits::default()
    });
    hub.publish(&mut batch(0..800));
    let century = Duration::from_secs(100 * 365 * 86400);
    let mut late = hub.subscribe(Filter::default(), Some(century)).unwrap();
    hub.publish(&mut batch(800..3000));
    hub.close();
    let lines = drained(&mut late);
    let (got, lost) = (ids(&lines), lost(&lines));
    assert!(lost > 0);
    assert_eq!(got.len() as u64 + lost, 3000);
    assert_eq!(got.last(), Some(&2999));
}

#[test]
fn losses_reach_everybody_and_the_counts() {
    let hub = hub(Limits::default());
    let filter = Filter {
        role: Some(Role::Cache),
        ..Filter::default()
    };
    let mut reader = hub.subscribe(filter, None).unwrap();
    let lost = Output::Lost {
        count: 7,
        why: LossReason::RingFull,
        since_ns: 1,
    };
    hub.publish(&mut vec![lost]);
    hub.publish(&mut batch(0..3));
    hub.close();
    let lines = drained(&mut reader);
    assert!(lines.starts_with(b"{\"lost\":{\"records\":7,\"why\":\"ring_full\""));
    assert!(ids(&lines).is_empty(), "the filter lets no record through");
    let counts = hub.counts();
    assert_eq!((counts.records, counts.lost[&LossReason::RingFull]), (3, 7));
}

#[test]
fn subscribers_are_bounded_and_leave() {
    let hub = hub(Limits {
        subscribers: 1,
        ..Limits::default()
    });
    let first = hub.subscribe(Filter::default(), None).unwrap();
    assert!(hub.subscribe(Filter::default(), None).is_err());
    drop(first);
    assert_eq!(hub.counts().subscribers, 0);
    hub.close();
    assert!(matches!(
        hub.subscribe(Filter::default(), None),
        Err(SubscribeError::Closed)
    ));
}

#[test]
fn listeners_see_every_batch() {
    struct Counter(std::sync::atomic::AtomicUsize);
    impl Listener for Counter {
        fn batch(&self, outputs: &[Output]) {
            self.0
                .fetch_add(outputs.len(), std::sync::atomic::Ordering::Relaxed);
        }
    }
    let counter = Arc::new(Counter(0.into()));
    let hub = Hub::new(
        Limits::default(),
        vec![Arc::clone(&counter) as Arc<dyn Listener>],
    );
    let mut outputs = batch(0..5);
    hub.publish(&mut outputs);
    assert!(outputs.is_empty());
    assert_eq!(counter.0.load(std::sync::atomic::Ordering::Relaxed), 5);
}

/// Prints what publishing costs; run with
/// `cargo test --release --bin forebay publish_cost -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, not a test: its result depends on the machine"]
fn publish_cost() {
    const RECORDS: u64 = 200_000;
    let measure = |name: &str, hub: &Arc<Hub>, drain: Option<&Subscription>| {
        let mut spent = Duration::ZERO;
        for first in (0..RECORDS).step_by(100) {
            let mut outputs = batch(first..first + 100);
            let start = std::time::Instant::now();
            hub.publish(&mut outputs);
            spent += start.elapsed();
            if let Some(reader) = drain {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                runtime.block_on(reader.queue.take()).unwrap();
            }
        }
        println!(
            "{name}: {} ns per record",
            spent.as_nanos() / u128::from(RECORDS)
        );
    };
    let quiet = hub(Limits::default());
    measure("no subscriber", &quiet, None);
    let counts = quiet.counts();
    println!(
        "ring: {} records in {} bytes",
        counts.recent_records, counts.recent_bytes
    );
    let busy = hub(Limits::default());
    let reader = busy.subscribe(Filter::default(), None).unwrap();
    measure("one JSON subscriber", &busy, Some(&reader));
}
