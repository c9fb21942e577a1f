//! What the kernel tests share: traffic beside a running observer, then the judge.
#![allow(dead_code, reason = "every test program uses its own part")]

use forebay_rig::client::{Ask, ClientConfig, run};
use forebay_rig::net::Netns;
use forebay_rig::observer::Observer;
use forebay_rig::server::{Server, ServerConfig};
use forebay_rig::stamp::{ClientLine, ServerLine};
use forebay_rig::tools::{require_root, run_line};
use forebay_rig::truth::{Bounds, RecordFile, Report, judge};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Nanoseconds per millisecond.
pub const MS: u64 = 1_000_000;
/// 127.0.0.1.
pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// One observer at a time: a second one is refused.
static ONE: Mutex<()> = Mutex::new(());

/// What client and server logged.
#[derive(Default)]
pub struct Traffic {
    pub client: Vec<ClientLine>,
    pub server: Vec<ServerLine>,
}

/// Waits for its turn; fails without root.
pub fn alone() -> MutexGuard<'static, ()> {
    if let Err(error) = require_root() {
        panic!("{error}");
    }
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs traffic under the observer and returns what both saw.
pub fn watch(traffic: impl FnOnce() -> Traffic + Send) -> (RecordFile, Traffic) {
    observe(true, &[], traffic)
}

/// As [`watch`], with an agent that leaves kernel programs out.
pub fn watch_without(
    programs: &[&str],
    traffic: impl FnOnce() -> Traffic + Send,
) -> (RecordFile, Traffic) {
    observe(true, programs, traffic)
}

fn observe(
    exact: bool,
    without: &[&str],
    traffic: impl FnOnce() -> Traffic + Send,
) -> (RecordFile, Traffic) {
    let _turn = alone();
    let observer = if without.is_empty() {
        Observer::start(&[])
    } else {
        Observer::start_without(without)
    };
    let observer = observer.unwrap_or_else(|error| panic!("{error}"));
    let traffic = std::thread::scope(|scope| {
        let rig = scope.spawn(|| {
            if exact {
                real_time();
            }
            traffic()
        });
        rig.join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    let records = observer.stop();
    keep(&traffic);
    (records.unwrap_or_else(|error| panic!("{error}")), traffic)
}

/// Puts this thread, and those it starts, before all ordinary ones: on a busy machine a preemption
/// between an event and its stamp is otherwise the largest error of the truth (measured here: wake-up
/// p99 1.7 ms, with this 0.05 ms). Not for high rates: the observer must get its share.
fn real_time() {
    let tid = nix::unistd::gettid();
    if let Err(error) = run_line("rig", &format!("chrt --rr --pid 5 {tid}")) {
        eprintln!("stamps are less exact: {error}");
    }
}

/// Writes both logs to the folder named by `RIG_KEEP`, for `rig truth` and for looking at.
fn keep(traffic: &Traffic) {
    let (Some(folder), Some(first)) = (std::env::var_os("RIG_KEEP"), traffic.client.first()) else {
        return;
    };
    let write = |name: &str, text: String| {
        let path = std::path::Path::new(&folder).join(format!("{}.{name}.ndjson", first.id));
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    };
    let line = |value: serde_json::Result<String>| value.unwrap() + "\n";
    write(
        "client",
        traffic
            .client
            .iter()
            .map(|one| line(serde_json::to_string(one)))
            .collect(),
    );
    write(
        "server",
        traffic
            .server
            .iter()
            .map(|one| line(serde_json::to_string(one)))
            .collect(),
    );
}

/// Runs of the same traffic when only times are beyond the bounds. Other work on a machine moves a
/// stamp by more than the bound now and then, and a hundred requests allow one such; a wrong time of
/// the program under test is wrong in every run. Counts, bytes and blame get no second run.
const RUNS: u32 = 3;

/// Judges with `bounds` and fails with the whole table.
pub fn hold(bounds: &Bounds, traffic: impl FnMut() -> Traffic + Send) -> Report {
    hold_without(&[], bounds, traffic)
}

/// As [`hold`], with an agent that leaves kernel programs out.
pub fn hold_without(
    programs: &[&str],
    bounds: &Bounds,
    mut traffic: impl FnMut() -> Traffic + Send,
) -> Report {
    let exact = bounds.phase_ns != u64::MAX;
    let mut run = 1;
    loop {
        let (records, traffic) = observe(exact, programs, &mut traffic);
        let report = judge(&records, &traffic.client, &traffic.server, bounds);
        println!("{}", report.table());
        let only_times = report
            .broken
            .iter()
            .all(|text| text.contains("beyond the bound"));
        if report.broken.is_empty() {
            return report;
        }
        // Other work on this machine filled the ring: what was lost then is told, and no verdict.
        let drowned = report.lost.contains_key("ring_full");
        let again = (only_times || drowned) && run < RUNS;
        assert!(again, "{}", report.table());
        run += 1;
    }
}

/// Bounds of design §6.
pub fn strict() -> Bounds {
    Bounds::default()
}

/// Bounds for traffic whose own stamps are poor in time: only counts, bytes and blame are judged.
pub fn counts() -> Bounds {
    Bounds {
        phase_ns: u64::MAX,
        first_chunk_ns: u64::MAX,
        ..Bounds::default()
    }
}

/// A server and a client on loopback.
pub fn loopback(at: IpAddr, server: ServerConfig, with: impl FnOnce(&mut ClientConfig)) -> Traffic {
    let server = Server::bind((at, 0).into(), server).unwrap();
    let mut config = ClientConfig::new(server.addr());
    with(&mut config);
    let client = run(&config).unwrap();
    Traffic {
        client,
        server: server.stop(),
    }
}

/// The same in two namespaces; `during` runs beside the client.
pub fn between(
    client: &Netns,
    server: &Netns,
    at: IpAddr,
    with: impl FnOnce(&mut ClientConfig),
    during: impl FnOnce(),
) -> Traffic {
    let server = server
        .run(|| Server::bind((at, 0).into(), ServerConfig::default()).unwrap())
        .unwrap();
    let mut config = ClientConfig::new(server.addr());
    with(&mut config);
    let client = std::thread::scope(|scope| {
        let lines = scope.spawn(|| client.run(|| run(&config).unwrap()).unwrap());
        during();
        lines.join().unwrap()
    });
    Traffic {
        client,
        server: server.stop(),
    }
}

/// No delay, and one at each point but the server's writes.
pub fn delays() -> Vec<Ask> {
    vec![
        ask(""),
        ask("think=7ms,size=300"),
        ask("read_late=5ms,size=20"),
        Ask {
            read_late_ns: 4 * MS,
            ..ask("size=20")
        },
        Ask {
            send_late_ns: 3 * MS,
            body_bytes: 500,
            ..ask("")
        },
    ]
}

/// Instructions for the server, nothing else.
pub fn ask(plan: &str) -> Ask {
    Ask {
        plan: plan.into(),
        ..Ask::default()
    }
}
