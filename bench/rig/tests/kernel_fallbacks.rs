//! The same truth on lesser kernels: each optional program left out, and what then must still hold.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use forebay_rig::client::Ask;
use forebay_rig::net::{Shape, Tunnel, Veth};
use forebay_rig::server::ServerConfig;
use forebay_rig::truth::{Bounds, Pair, Phases, Points, join};
use scene::{
    LOOPBACK, MS, Traffic, ask, between, counts, delays, hold_without, loopback, strict,
    watch_without,
};

/// Kernels before about 6.12: tracing programs can't read packet bytes.
const NO_COPY: &[&str] = &["skb_copy_datagram_iovec"];
/// Kernels before about 6.16: no tracepoint on writes.
const NO_WRITES: &[&str] = &["tcp_sendmsg_locked"];
/// Both: the long-term kernels 6.6, 6.1 and 5.15.
const OLD: &[&str] = &["skb_copy_datagram_iovec", "tcp_sendmsg_locked"];
/// All but what tells reads and ends: those have to come from somewhere.
const LEAST: &[&str] = &[
    "skb_copy_datagram_iovec",
    "tcp_sendmsg_locked",
    "inet_sock_set_state",
    "flush",
];

fn add(all: &mut Traffic, more: Traffic) {
    all.client.extend(more.client);
    all.server.extend(more.server);
}

/// Plain requests with every delay, token streams with stalls, short connections: what is quick on
/// an idle host has no queue, so every phase must be right.
fn quick(name: &str) -> Traffic {
    let mut all = Traffic::default();
    let mut run = |part: &str, requests, short, asks: Vec<Ask>| {
        let traffic = loopback(LOOPBACK, ServerConfig::default(), |config| {
            (config.requests, config.short, config.asks) = (requests, short, asks);
            config.prefix = format!("{name}-{part}-");
        });
        add(&mut all, traffic);
    };
    let mut plain = delays();
    plain.push(ask("write_late=6ms,size=90000,pieces=3"));
    run("plain", 120, false, plain);
    run("chunks", 20, false, vec![ask("think=10ms,tokens=20x2ms")]);
    let stall = Ask {
        injected: Some("engine".into()),
        ..ask("tokens=10x10ms+150ms+10x10ms")
    };
    run("engine", 3, false, vec![stall]);
    run(
        "short",
        100,
        true,
        vec![ask("size=50"), ask("size=50,end=fin")],
    );
    all
}

/// Large messages, loss and full queues: every request is there, with its bytes and chunks. `depth`:
/// requests sent before the first answer.
fn hard(name: &str, depth: usize) -> Traffic {
    let mut all = loopback(LOOPBACK, ServerConfig::default(), |config| {
        (config.requests, config.pipeline) = (320, depth);
        config.prefix = format!("{name}-pipe-");
        config.asks = vec![ask("size=100"), ask("think=200us")];
    });
    let link = Tunnel::new().unwrap();
    for shape in [Tunnel::shape_requests, Tunnel::shape_responses] {
        let lossy = Shape {
            delay_us: 1_000,
            loss_ppm: 20_000,
        };
        shape(&link, lossy).unwrap();
    }
    let lossy = between(
        &link.client,
        &link.server,
        link.server_v4(),
        |config| {
            config.requests = 200;
            config.prefix = format!("{name}-loss-");
            config.asks = vec![
                ask("size=100"),
                ask("think=2ms,size=20000"),
                Ask {
                    body_bytes: 20_000,
                    ..ask("")
                },
                ask("tokens=40x1ms"),
            ];
        },
        || {},
    );
    add(&mut all, lossy);
    let link = Veth::new().unwrap();
    for netns in [&link.client, &link.server] {
        link.throttle(netns, "rate 80mbit burst 16kb latency 2s")
            .unwrap();
    }
    let slow = between(
        &link.client,
        &link.server,
        link.server_v4(),
        |config| {
            config.requests = 8;
            config.prefix = format!("{name}-slow-");
            config.asks = vec![
                Ask {
                    body_bytes: 1_000_000,
                    ..ask("size=10")
                },
                ask("size=1000000"),
            ];
        },
        || {},
    );
    add(&mut all, slow);
    all
}

/// Beyond counts: under loss a stream's events may leave in one packet or be sent in two.
const EVENTS_OFF_MAX: u64 = 4;

/// What a lossy link hides when a program is left out. Events that a retransmission held back leave in
/// one packet, and only their writes tell them apart; of bytes copied on arrival, what begins behind
/// a lost packet is missed, and with it the reader's half of a stream.
fn lossy(without: &[&str]) -> Bounds {
    let sees = |program: &[&str]| !program.iter().any(|name| without.contains(name));
    let (writes, reads) = (sees(NO_WRITES), sees(NO_COPY));
    Bounds {
        chunks: if writes && reads {
            EVENTS_OFF_MAX
        } else {
            u64::MAX
        },
        wrong_blame: if reads { 0 } else { u64::MAX },
        ..counts()
    }
}

/// `quick_bounds`: for what is quick on an idle host.
fn check(name: &str, without: &[&str], quick_bounds: &Bounds) {
    println!("{name}: without {without:?}");
    let report = hold_without(without, quick_bounds, || quick(name));
    assert_eq!((report.matched, report.without_points), (243, 0));
    // Of a deep pipeline that is copied on arrival some is cut (payload_cut).
    let depth = if without.contains(&NO_COPY[0]) { 1 } else { 16 };
    let report = hold_without(without, &lossy(without), || hard(name, depth));
    assert_eq!(report.matched, 528);
}

#[test]
fn without_bytes_at_the_read() {
    check("nocopy", NO_COPY, &strict());
}

#[test]
fn without_writes() {
    check("nowrites", NO_WRITES, &strict());
}

#[test]
fn on_older_kernels() {
    check("old", OLD, &strict());
}

#[test]
fn without_reads_that_copy_nothing() {
    check("noadjust", &["tcp_rcv_space_adjust"], &strict());
}

#[test]
fn without_states() {
    check("nostate", &["inet_sock_set_state"], &strict());
}

#[test]
fn without_ends() {
    check("noend", &["tcp_destroy_sock"], &strict());
}

#[test]
fn without_flushes() {
    check("noflush", &["flush"], &strict());
}

#[test]
fn with_the_least() {
    check("least", LEAST, &strict());
}

/// What can't be split must still add up: a megabyte waits in a full queue, and no write is seen.
#[test]
fn full_queues_without_writes() {
    let link = Veth::new().unwrap();
    for netns in [&link.client, &link.server] {
        link.throttle(netns, "rate 80mbit burst 16kb latency 2s")
            .unwrap();
    }
    let traffic = || {
        between(
            &link.client,
            &link.server,
            link.server_v4(),
            |config| {
                (config.requests, config.prefix) = (8, "queue-".into());
                config.asks = vec![
                    Ask {
                        body_bytes: 1_000_000,
                        ..ask("size=10")
                    },
                    ask("think=20ms,size=1000000"),
                ];
            },
            || {},
        )
    };
    // Counts get their second run there; a ring that other work filled is no verdict.
    hold_without(NO_WRITES, &counts(), traffic);
    let (records, traffic) = watch_without(NO_WRITES, traffic);
    let joined = join(&records.records, &traffic.client, &traffic.server);
    assert!(!joined.pairs.is_empty());
    for pair in joined.pairs {
        adds_up(&pair);
    }
}

fn adds_up(pair: &Pair<'_>) {
    let points = Points::new(pair.client, pair.server.unwrap()).unwrap();
    let (truth, seen) = (points.phases().unwrap(), pair.record.phases_ns);
    let id = &pair.client.id;
    println!("{id}: {truth:?}\n{id}: {seen:?}");
    let own = |p: &Phases| p.client + p.send_queue + p.server;
    let off = own(&truth).abs_diff(own(&seen));
    assert!(off < MS.max(own(&truth) / 50), "{id}: {off} ns");
    // What waited behind bytes that had not left yet is told apart all the same.
    assert!(2 * seen.send_queue + MS > truth.send_queue, "{id}");
    assert!(seen.send_queue < truth.send_queue + MS, "{id}");
}
