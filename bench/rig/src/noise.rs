//! How exact the rig is on this machine: what its stamps and sleeps add by themselves.

use crate::client::{Ask, ClientConfig, run};
use crate::clock::{now_ns, realtime_offset_ns, sleep_until};
use crate::server::{Server, ServerConfig};
use crate::stamp::{ClientLine, ServerLine};
use crate::{Result, RigError};
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr};

/// Distribution in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// Median.
    pub p50_ns: u64,
    /// 99th percentile.
    pub p99_ns: u64,
    /// Largest.
    pub max_ns: u64,
}

impl Spread {
    fn of(mut all: Vec<u64>) -> Self {
        all.sort_unstable();
        let at = |share: usize| {
            all.get((all.len() * share).div_ceil(100).saturating_sub(1))
                .copied()
                .unwrap_or(0)
        };
        Self {
            p50_ns: at(50),
            p99_ns: at(99),
            max_ns: at(100),
        }
    }
}

/// The rig's own noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Noise {
    /// Two stamps in a row.
    pub stamp: Spread,
    /// Difference of two samples of the distance between wall clock and monotonic clock.
    pub clock_offset: Spread,
    /// A sleep of 2 ms ends late by.
    pub sleep_late: Spread,
    /// Kernel's arrival stamp → poll returned, at the server: what a wake-up costs.
    pub wake_up: Spread,
    /// Entry of a write → kernel's departure stamp, at the client.
    pub send_queue: Spread,
    /// Departure stamp → arrival stamp on loopback.
    pub wire: Spread,
    /// Return of recvmsg − its entry, with data there.
    pub read_call: Spread,
}

/// Measures on loopback with `requests` requests, 2 ms apart.
///
/// # Errors
/// When loopback cannot be used.
pub fn measure(requests: usize) -> Result<Noise> {
    let server = Server::bind(
        (IpAddr::V4(Ipv4Addr::LOCALHOST), 0).into(),
        ServerConfig::default(),
    )?;
    let ask = Ask {
        plan: "think=300us,size=100".into(),
        ..Ask::default()
    };
    let config = ClientConfig {
        requests,
        rate: Some(500.0),
        asks: vec![ask],
        ..ClientConfig::new(server.addr())
    };
    let client = run(&config)?;
    let lines = server.stop();
    if client.len() != lines.len() {
        return Err(RigError::Http(format!(
            "{} requests, {} seen by the server",
            client.len(),
            lines.len()
        )));
    }
    let offsets: Vec<u64> = (0..requests).map(|_| realtime_offset_ns()).collect();
    let late = |_| {
        let due = now_ns() + 2_000_000;
        sleep_until(due);
        now_ns() - due
    };
    let reads = lines.iter().filter_map(|line| line.reads.last());
    Ok(Noise {
        stamp: Spread::of(
            (0..100_000)
                .map(|_| {
                    let first = now_ns();
                    now_ns() - first
                })
                .collect(),
        ),
        clock_offset: Spread::of(
            offsets
                .windows(2)
                .map(|two| two[0].abs_diff(two[1]))
                .collect(),
        ),
        sleep_late: Spread::of((0..requests.min(500)).map(late).collect()),
        wake_up: Spread::of(
            reads
                .clone()
                .filter_map(|read| Some(read.poll_ns.saturating_sub(read.arrival_ns?)))
                .collect(),
        ),
        send_queue: Spread::of(
            client
                .iter()
                .filter_map(|line| {
                    Some(
                        line.writes
                            .last()?
                            .sched_ns?
                            .saturating_sub(line.writes.last()?.call_ns),
                    )
                })
                .collect(),
        ),
        wire: Spread::of(client.iter().zip(&lines).filter_map(wire_ns).collect()),
        read_call: Spread::of(reads.map(|read| read.ret_ns - read.call_ns).collect()),
    })
}

fn wire_ns((client, server): (&ClientLine, &ServerLine)) -> Option<u64> {
    Some(
        server
            .reads
            .last()?
            .arrival_ns?
            .saturating_sub(client.writes.last()?.sched_ns?),
    )
}
