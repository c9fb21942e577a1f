//! Phases against known delays: loopback, two namespaces, delay, loss, a throttle.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use forebay_rig::client::Ask;
use forebay_rig::net::{Shape, Tunnel, Veth};
use forebay_rig::server::ServerConfig;
use scene::{LOOPBACK, MS, Traffic, ask, between, counts, delays, hold, loopback, strict};
use std::net::{IpAddr, Ipv6Addr};

/// Every delay once, and none.
fn asks() -> Vec<Ask> {
    let mut all = delays();
    all.extend([
        ask("write_late=6ms,size=100"),
        Ask {
            read_late_ns: 2 * MS,
            send_late_ns: MS,
            ..ask("read_late=5ms,think=7ms,write_late=12ms,size=90000,pieces=3")
        },
    ]);
    all
}

#[test]
fn loopback_v4_and_v6() {
    for (at, prefix) in [
        (LOOPBACK, "lo4-"),
        (IpAddr::V6(Ipv6Addr::LOCALHOST), "lo6-"),
    ] {
        let report = hold(&strict(), || {
            loopback(at, ServerConfig::default(), |config| {
                (config.requests, config.asks, config.prefix) = (210, asks(), prefix.into())
            })
        });
        assert_eq!(report.matched, 210);
        assert_eq!(report.without_points, 0);
        assert_eq!(
            report.phases["send_queue"].n, 210,
            "every record shows both sides"
        );
    }
}

#[test]
fn two_namespaces() {
    let link = Veth::new().unwrap();
    for (at, prefix) in [(link.server_v4(), "ve4-"), (link.server_v6(), "ve6-")] {
        hold(&strict(), || {
            between(
                &link.client,
                &link.server,
                at,
                |config| {
                    (config.requests, config.asks, config.prefix) = (210, asks(), prefix.into())
                },
                || {},
            )
        });
    }
}

#[test]
fn ten_milliseconds_of_wire() {
    let link = Tunnel::new().unwrap();
    link.shape_requests(Shape {
        delay_us: 7_000,
        loss_ppm: 0,
    })
    .unwrap();
    link.shape_responses(Shape {
        delay_us: 3_000,
        loss_ppm: 0,
    })
    .unwrap();
    for (at, prefix) in [(link.server_v4(), "wi4-"), (link.server_v6(), "wi6-")] {
        let report = hold(&strict(), || {
            between(
                &link.client,
                &link.server,
                at,
                |config| {
                    (config.requests, config.asks, config.prefix) = (140, asks(), prefix.into())
                },
                || {},
            )
        });
        assert!(report.phases["wire"].true_p50_ns > 10 * MS);
    }
}

#[test]
fn two_percent_loss() {
    let link = Tunnel::new().unwrap();
    for shape in [Tunnel::shape_requests, Tunnel::shape_responses] {
        shape(
            &link,
            Shape {
                delay_us: 1_000,
                loss_ppm: 20_000,
            },
        )
        .unwrap();
    }
    let report = hold(&strict(), || {
        between(
            &link.client,
            &link.server,
            link.server_v4(),
            |config| {
                (config.requests, config.prefix) = (300, "loss-".into());
                config.asks = vec![
                    ask("size=100"),
                    ask("think=2ms,size=20000"),
                    Ask {
                        body_bytes: 20_000,
                        ..ask("")
                    },
                ];
            },
            || {},
        )
    });
    assert!(report.phases["wire"].max_ns < 10_000 * MS);
}

#[test]
fn a_megabyte_through_a_throttle() {
    let link = Veth::new().unwrap();
    for netns in [&link.client, &link.server] {
        link.throttle(netns, "rate 80mbit burst 16kb latency 2s")
            .unwrap();
    }
    hold(&strict(), || {
        between(
            &link.client,
            &link.server,
            link.server_v4(),
            |config| {
                (config.requests, config.prefix) = (10, "tbf-".into());
                config.asks = vec![
                    Ask {
                        body_bytes: 1_000_000,
                        ..ask("size=10")
                    },
                    ask("size=1000000"),
                ];
            },
            || {},
        )
    });
}

#[test]
fn pipelined_requests() {
    // Answers that come in one read share its stamps: the truth is exact in counts, not in time.
    hold(&counts(), || {
        loopback(LOOPBACK, ServerConfig::default(), |config| {
            (config.requests, config.pipeline, config.prefix) = (640, 16, "pipe-".into());
            config.asks = vec![ask("size=100"), ask("size=5000"), ask("think=200us")];
        })
    });
}

#[test]
fn a_thousand_short_connections() {
    let report = hold(&strict(), || {
        loopback(LOOPBACK, ServerConfig::default(), |config| {
            (config.requests, config.short, config.prefix) = (1000, true, "short-".into());
            config.asks = vec![ask("size=50"), ask("size=50,end=fin")];
        })
    });
    assert_eq!(report.matched, 1000);
}

#[test]
fn ten_thousand_requests_a_second_are_all_there() {
    let quiet = ServerConfig {
        kernel_stamps: false,
        ..ServerConfig::default()
    };
    let report = hold(&counts(), || {
        let mut traffic = Traffic::default();
        let run = loopback(LOOPBACK, quiet, |config| {
            (config.requests, config.connections, config.rate) = (20_000, 4, Some(10_000.0));
            (config.kernel_stamps, config.prefix) = (false, "rate-".into());
        });
        let (first, last) = (
            run.client.iter().map(|line| line.writes[0].call_ns).min(),
            run.client.iter().map(|line| line.reads[0].ret_ns).max(),
        );
        let seconds = (last.unwrap() - first.unwrap()) as f64 / 1e9;
        println!(
            "sustained {:.0} requests/s",
            run.client.len() as f64 / seconds
        );
        traffic.client.extend(run.client);
        traffic.server.extend(run.server);
        traffic
    });
    assert_eq!((report.matched, report.lost.len()), (20_000, 0));
}
