//! Records made by hand for the tests of this folder.

pub mod arbitrary;
pub mod cases;

use super::view::EdgeView;
use super::{EdgeKey, Finding, ProcessTable, explain};
use crate::decode::Role;
use crate::exchange::record::*;

/// One millisecond.
pub const MS: u64 = 1_000_000;
/// The window tests look at.
pub const SPAN_NS: u64 = 60_000_000_000;
/// The time tests look from.
pub const NOW_NS: u64 = 100_000_000_000;

/// A named workload of this host.
pub fn party(workload: &str) -> Party {
    let who = Who {
        workload: workload.into(),
        pid: Some(7),
        ..Who::default()
    };
    Party::new(who, "10.0.0.1:5432".parse().unwrap())
}

/// A healthy retrieval of 3 ms, then changed by `change`; the duration follows from the phases.
pub fn record(change: impl FnOnce(&mut Record)) -> Record {
    let mut record = Record {
        ts: Time(1_767_323_045_678_901_234),
        id: Id(0xaa),
        wire_id: Id(0xbb),
        side: Side::Both,
        protocol: "postgresql".into(),
        op: "SELECT".into(),
        status: Some("OK".into()),
        error: None,
        client: party("rag-app"),
        server: party("pgvector"),
        bytes: Bytes {
            request: 100,
            response: 1000,
        },
        duration_ns: 0,
        phases_ns: Phases {
            client: 0,
            send_queue: 20_000,
            wire: 50_000,
            recv_queue: 30_000,
            server: 2_800_000,
            stream: 100_000,
            remote: 0,
        },
        directions_ns: None,
        evidence: Evidence::Exact,
        tcp: Tcp {
            srtt_ns: 60_000,
            min_rtt_ns: 50_000,
            ..Tcp::default()
        },
        server_run_delay_ns: Some(0),
        gen_ai: None,
        role: Role::VectorSearch,
        query: None,
    };
    change(&mut record);
    record.duration_ns = record.phases_ns.total();
    record
}

/// A healthy chat stream of 2.5 s, 100 chunks of 20 ms after 500 ms.
pub fn stream(change: impl FnOnce(&mut Record, &mut ModelCall)) -> Record {
    record(|record| {
        record.protocol = "http".into();
        record.server = party("llama-server");
        record.role = Role::Model;
        record.server_run_delay_ns = None;
        record.phases_ns.server = 500 * MS;
        record.phases_ns.stream = 2000 * MS;
        let mut call = ModelCall {
            operation: Some("chat".into()),
            model: Some("smollm2".into()),
            streaming: true,
            chunks: 101,
            time_to_first_chunk_ns: Some(record.phases_ns.total() - record.phases_ns.stream),
            gap_split_ns: Some(GapSplit {
                engine: 1995 * MS,
                wire: 3 * MS,
                reader: 2 * MS,
            }),
            ..ModelCall::default()
        };
        change(record, &mut call);
        record.gen_ai = Some(Box::new(call));
    })
}

/// The views of some records.
pub fn views(records: &[Record]) -> Vec<EdgeView> {
    let mut views: Vec<EdgeView> = Vec::new();
    for record in records {
        let key = EdgeKey {
            client: record.client.workload.clone(),
            server: record.server.workload.clone(),
            protocol: (*record.protocol).into(),
            role: record.role,
        };
        let at = views
            .iter()
            .position(|view| view.key == key)
            .unwrap_or_else(|| {
                views.push(EdgeView::new(key, 0));
                views.len() - 1
            });
        views[at].add(record);
    }
    views
}

/// The findings of some records, with nothing known of processes.
pub fn findings(records: &[Record]) -> Vec<Finding> {
    explain(&views(records), &ProcessTable::default(), NOW_NS, SPAN_NS)
}

/// Names of the rules that spoke, in rank order.
pub fn names(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| &*finding.rule).collect()
}
