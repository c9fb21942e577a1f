//! Beyond what the ring holds: what is lost is counted, and what is told is true.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use forebay_rig::client::Ask;
use forebay_rig::observer::Observer;
use forebay_rig::server::ServerConfig;
use forebay_rig::truth::{Bounds, judge};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use scene::{LOOPBACK, alone, ask, loopback};
use std::time::Duration;

/// Requests a second: what the rig sustains here with exact stamps.
const RATE: f64 = 5000.0;
/// The agent sleeps for this long, some time after the traffic's begin. The ring is full after about
/// 1.5 s.
const BEGIN: Duration = Duration::from_millis(700);
const SLEEP: Duration = Duration::from_millis(3000);

/// At this rate the rig's own threads are preempted between an event and its stamp; a time taken from
/// the wrong request is off by more.
const PHASE_NS: u64 = 5_000_000;

/// Requests of which a part was lost, on each connection where the loss began and where it ended.
const EDGES_MAX: u64 = 64;

#[test]
fn an_agent_that_slept_tells_how_much_it_missed_and_nothing_wrong() {
    let _turn = alone();
    let observer = Observer::start(&[]).unwrap();
    let agent = Pid::from_raw(observer.pid() as i32);
    let sleeper = std::thread::spawn(move || {
        std::thread::sleep(BEGIN);
        kill(agent, Signal::SIGSTOP).unwrap();
        std::thread::sleep(SLEEP);
        kill(agent, Signal::SIGCONT).unwrap();
    });
    let traffic = loopback(LOOPBACK, ServerConfig::default(), |config| {
        (config.requests, config.connections, config.rate) = (30_000, 8, Some(RATE));
        config.prefix = "full-".into();
        config.asks = vec![
            ask("size=100"),
            Ask {
                body_bytes: 2000,
                ..ask("size=3000")
            },
        ];
    });
    sleeper.join().unwrap();
    let records = observer.stop().unwrap();
    let bounds = Bounds {
        phase_ns: PHASE_NS,
        ..Bounds::default()
    };
    let report = judge(&records, &traffic.client, &traffic.server, &bounds);
    println!("{}", report.table());
    let lost = report.lost.get("ring_full").copied().unwrap_or(0);
    assert!(lost > 0, "the ring held all: {:?}", report.lost);
    // Four reports make a request of which both ends are here: its bytes out and in, and back.
    let off = (lost / 4).abs_diff(report.missing as u64);
    assert!(
        off <= EDGES_MAX,
        "{lost} reports, {} requests",
        report.missing
    );
    let wrong: usize = report.phases.values().map(|errors| errors.over).sum();
    assert!(wrong <= report.matched / 1000, "{:#?}", report.examples);
    let broken: Vec<_> = report
        .broken
        .iter()
        .filter(|text| !text.contains("requests without a record"))
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
}
