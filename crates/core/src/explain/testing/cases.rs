//! One sick edge for each thing a rule can say.

use crate::exchange::record::*;
use crate::explain::testing::*;

pub fn directions(request: Way, response: Way) -> Option<Directions> {
    Some(Directions { request, response })
}

pub fn recv(ns: u64) -> Way {
    Way {
        recv_queue: ns,
        ..Way::default()
    }
}

fn stall(cause: Cause, gap_ms: u64) -> Stall {
    Stall {
        at_ns: 600 * MS,
        gap_ns: gap_ms * MS,
        cause,
    }
}

/// A stalled stream: the gap replaces nothing, the stream gets longer by it.
pub fn stalled(cause: Cause, gap_ms: u64) -> Record {
    stream(|record, call| {
        record.phases_ns.stream += gap_ms * MS;
        let split = call.gap_split_ns.as_mut().unwrap();
        match cause {
            Cause::Engine => split.engine += gap_ms * MS,
            Cause::Wire => split.wire += gap_ms * MS,
            Cause::Reader => split.reader += gap_ms * MS,
        }
        call.stalls = vec![stall(cause, gap_ms)];
    })
}

/// Sick records and what must be said: the rule, and words of its title.
pub fn cases() -> Vec<(&'static str, Record, &'static str, &'static str)> {
    let wire = |wire_ms: u64, rtt_ms: u64, retransmits: u32| {
        record(|r| {
            r.phases_ns.wire = wire_ms * MS;
            r.tcp.min_rtt_ns = rtt_ms * MS;
            r.tcp.retransmits = retransmits;
        })
    };
    let send = |request_ms: u64, response_ms: u64, tcp: Tcp| {
        record(|r| {
            r.phases_ns.send_queue = (request_ms + response_ms) * MS;
            r.directions_ns = directions(
                Way {
                    send_queue: request_ms * MS,
                    ..Way::default()
                },
                Way {
                    send_queue: response_ms * MS,
                    ..recv(30_000)
                },
            );
            r.tcp = Tcp {
                min_rtt_ns: 50_000,
                ..tcp
            };
        })
    };
    let held = |rwnd_ms: u64, cwnd_ms: u64| Tcp {
        rwnd_limited_ns: rwnd_ms * MS,
        cwnd_limited_ns: cwnd_ms * MS,
        ..Tcp::default()
    };
    let reads = |server_ms: u64, client_ms: u64| {
        record(|r| {
            r.phases_ns.recv_queue = (server_ms + client_ms) * MS;
            r.directions_ns = directions(recv(server_ms * MS), recv(client_ms * MS));
        })
    };
    vec![
        (
            "client writes late",
            record(|r| r.phases_ns.client = 5 * MS),
            "client_writes_late",
            "before rag-app has written its requests",
        ),
        (
            "server late",
            reads(2, 0),
            "server_reads_late",
            "pgvector's receive queue: the server reads late",
        ),
        (
            "client late",
            reads(0, 2),
            "client_reads_late",
            "rag-app's receive queue: the client reads late",
        ),
        (
            "server window",
            send(5, 0, held(5, 0)),
            "server_reads_late",
            "pgvector's full receive window",
        ),
        (
            "client window",
            send(0, 5, held(5, 0)),
            "client_reads_late",
            "rag-app's full receive window",
        ),
        (
            "slow reader of a long response",
            record(|r| {
                r.phases_ns.stream = 300 * MS;
                r.tcp.rwnd_limited_ns = 280 * MS;
            }),
            "client_reads_late",
            "held back by rag-app's full receive window",
        ),
        (
            "cwnd",
            send(5, 0, held(0, 5)),
            "send_queue",
            "congestion window is too small",
        ),
        (
            "local",
            send(5, 0, held(0, 0)),
            "send_queue",
            "the sending host holds it back",
        ),
        (
            "loss",
            wire(200, 1, 3),
            "slow_wire",
            "packets get lost (30 retransmissions in 10 of 10",
        ),
        (
            "queue",
            wire(80, 1, 0),
            "slow_wire",
            "wait in a queue on the path, whose round trip alone is 1.0 ms",
        ),
        (
            "distance",
            wire(40, 40, 0),
            "slow_wire",
            "the path is long, its round trip is 40 ms",
        ),
        (
            "no rtt",
            wire(40, 0, 0),
            "slow_wire",
            "no round trip time is known",
        ),
        (
            "engine",
            record(|r| r.phases_ns.server = 200 * MS),
            "engine_slow",
            "in pgvector's own work: 200 ms per request",
        ),
        (
            "slow pace",
            stream(|r, call| {
                r.phases_ns.stream = 30_000 * MS;
                call.gap_split_ns = Some(GapSplit {
                    engine: 30_000 * MS,
                    ..GapSplit::default()
                });
            }),
            "engine_slow",
            "a chunk every 297 ms",
        ),
        (
            "no cpu",
            record(|r| {
                r.phases_ns.server = 12 * MS;
                r.server_run_delay_ns = Some(10 * MS);
            }),
            "cpu_starved",
            "pgvector's serving thread waits for a CPU",
        ),
        (
            "first chunk",
            stream(|r, call| {
                r.phases_ns.server = 9000 * MS;
                call.time_to_first_chunk_ns = Some(9000 * MS);
            }),
            "slow_first_chunk",
            "before the first chunk, which comes after 9.0 s",
        ),
        (
            "first chunk behind early headers",
            stream(|r, call| {
                r.phases_ns.stream += 9000 * MS;
                call.time_to_first_chunk_ns = Some(9500 * MS);
            }),
            "slow_first_chunk",
            "llama-server begins late",
        ),
        (
            "engine stall",
            stalled(Cause::Engine, 900),
            "token_stalls",
            "llama-server writes late (engine)",
        ),
        (
            "wire stall",
            stalled(Cause::Wire, 900),
            "token_stalls",
            "llama-server and rag-app (wire)",
        ),
        (
            "reader stall",
            stalled(Cause::Reader, 900),
            "token_stalls",
            "rag-app reads late (reader)",
        ),
        (
            "error",
            record(|r| r.error = Some("57014".into())),
            "errors",
            "retrieval fails at pgvector: 100 % of its requests",
        ),
        (
            "far server",
            record(|r| {
                r.side = Side::Client;
                r.evidence = Evidence::Rtt;
                r.phases_ns.remote = 50 * MS;
            }),
            "unsplit",
            "beyond this host, at pgvector: one end alone cannot split wire from server (rtt, 10 of 10",
        ),
        (
            "unknown reader",
            record(|r| r.phases_ns.recv_queue = 5 * MS),
            "unsplit",
            "which end reads late is not known",
        ),
    ]
}
