//! Token streams: counts, time to the first chunk, and each injected stall blamed on its cause.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use forebay_rig::client::Ask;
use forebay_rig::net::{Shape, Tunnel};
use forebay_rig::server::ServerConfig;
use scene::{LOOPBACK, MS, ask, between, hold, loopback, strict};
use std::time::Duration;

fn injected(cause: &str, ask: Ask) -> Ask {
    Ask {
        injected: Some(cause.into()),
        ..ask
    }
}

#[test]
fn chunks_and_first_chunk() {
    for (path, prefix) in [
        ("/rig/{id}", "st-"),
        ("/rig/{id}/v1/chat/completions", "sc-"),
        ("/v1/chat/completions", "sh-"),
    ] {
        let report = hold(&strict(), || {
            loopback(LOOPBACK, ServerConfig::default(), |config| {
                (
                    config.requests,
                    config.connections,
                    config.path,
                    config.prefix,
                ) = (100, 2, path.into(), prefix.into());
                config.asks = vec![
                    ask("think=10ms,tokens=20x2ms"),
                    ask("tokens=5x0+20x1ms"),
                    ask("think=3ms,tokens=1x5ms"),
                ];
            })
        });
        assert_eq!(report.phases["time_to_first_chunk"].n, 100);
    }
}

#[test]
fn the_engine_stalls() {
    let report = hold(&strict(), || {
        loopback(LOOPBACK, ServerConfig::default(), |config| {
            (config.requests, config.connections, config.prefix) = (20, 4, "engine-".into());
            config.asks = vec![injected(
                "engine",
                ask("think=5ms,tokens=10x10ms+150ms+10x10ms"),
            )];
        })
    });
    assert!(report.confusion["engine"]["engine"] >= 20); // a busy machine may add some
}

#[test]
fn the_reader_stalls() {
    let report = hold(&strict(), || {
        loopback(LOOPBACK, ServerConfig::default(), |config| {
            (config.requests, config.connections, config.prefix) = (20, 4, "reader-".into());
            config.asks = vec![injected(
                "reader",
                Ask {
                    read_stall: Some((8, 150 * MS)),
                    ..ask("think=5ms,tokens=30x10ms")
                },
            )];
        })
    });
    assert!(report.confusion["reader"]["reader"] >= 20); // a busy machine may add some
}

#[test]
fn the_wire_stalls() {
    let link = Tunnel::new().unwrap();
    let hold_link = || {
        std::thread::sleep(Duration::from_millis(250));
        link.shape_responses(Shape {
            delay_us: 150_000,
            loss_ppm: 0,
        })
        .unwrap();
        std::thread::sleep(Duration::from_millis(15));
        link.shape_responses(Shape::default()).unwrap();
    };
    let report = hold(&strict(), || {
        between(
            &link.client,
            &link.server,
            link.server_v4(),
            |config| {
                (config.requests, config.connections, config.prefix) = (10, 10, "wire-".into());
                config.asks = vec![injected("wire", ask("tokens=50x10ms"))];
            },
            hold_link,
        )
    });
    assert!(report.confusion["wire"]["wire"] >= 10); // a busy machine may add some
}

#[test]
fn one_stream_with_all_three() {
    let link = Tunnel::new().unwrap();
    let hold_link = || {
        std::thread::sleep(Duration::from_millis(250));
        link.shape_responses(Shape {
            delay_us: 150_000,
            loss_ppm: 0,
        })
        .unwrap();
        std::thread::sleep(Duration::from_millis(15));
        link.shape_responses(Shape::default()).unwrap();
    };
    let report = hold(&strict(), || {
        between(
            &link.client,
            &link.server,
            link.server_v4(),
            |config| {
                config.prefix = "three-".into();
                config.asks = vec![Ask {
                    read_stall: Some((90, 200 * MS)),
                    ..ask("tokens=60x10ms+150ms+60x10ms")
                }];
            },
            hold_link,
        )
    });
    for cause in ["wire", "engine", "reader"] {
        assert!(report.confusion[cause][cause] >= 1, "{cause}");
    }
}
