//! Records of every shape, sensible or not.

use crate::exchange::record::*;
use crate::explain::testing::stream;
use proptest::prelude::*;

/// Durations of every size, equal ones included.
fn ns() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        1..100u64,
        1_000_000..50_000_000u64,
        1_000_000..5_000_000_000u64
    ]
}

fn way() -> impl Strategy<Value = Way> {
    (ns(), ns(), ns()).prop_map(|(send_queue, wire, recv_queue)| Way {
        send_queue,
        wire,
        recv_queue,
    })
}

fn phases() -> impl Strategy<Value = Phases> {
    (ns(), ns(), ns(), ns(), ns(), ns(), ns()).prop_map(
        |(client, send_queue, wire, recv_queue, server, stream, remote)| Phases {
            client,
            send_queue,
            wire,
            recv_queue,
            server,
            stream,
            remote,
        },
    )
}

fn tcp() -> impl Strategy<Value = Tcp> {
    (ns(), 0..3u32, ns(), ns()).prop_map(
        |(min_rtt_ns, retransmits, cwnd_limited_ns, rwnd_limited_ns)| Tcp {
            min_rtt_ns,
            retransmits,
            cwnd_limited_ns,
            rwnd_limited_ns,
            ..Tcp::default()
        },
    )
}

fn call() -> impl Strategy<Value = ModelCall> {
    let cause = prop_oneof![Just(Cause::Engine), Just(Cause::Wire), Just(Cause::Reader)];
    let stall = (ns(), cause).prop_map(|(gap_ns, cause)| Stall {
        at_ns: 0,
        gap_ns,
        cause,
    });
    let stalls = proptest::collection::vec(stall, 0..4);
    (
        any::<bool>(),
        (ns(), ns(), ns()),
        stalls,
        proptest::option::of(ns()),
        0..500u64,
    )
        .prop_map(
            |(streaming, (engine, wire, reader), stalls, time_to_first_chunk_ns, chunks)| {
                ModelCall {
                    streaming,
                    chunks,
                    gap_split_ns: Some(GapSplit {
                        engine,
                        wire,
                        reader,
                    }),
                    stalls,
                    time_to_first_chunk_ns,
                    ..ModelCall::default()
                }
            },
        )
}

/// Any record of one edge.
pub fn any_record() -> impl Strategy<Value = Record> {
    let side = prop_oneof![Just(Side::Client), Just(Side::Server), Just(Side::Both)];
    let ways = proptest::option::of((way(), way()));
    let run_delay = proptest::option::of(ns());
    (
        phases(),
        ways,
        tcp(),
        call(),
        run_delay,
        side,
        any::<bool>(),
    )
        .prop_map(|(phases, ways, tcp, call, run_delay, side, failed)| {
            stream(|record, model_call| {
                record.phases_ns = phases;
                record.directions_ns =
                    ways.map(|(request, response)| Directions { request, response });
                record.tcp = tcp;
                record.server_run_delay_ns = run_delay;
                record.side = side;
                record.error = failed.then(|| "500".into());
                *model_call = call;
            })
        })
}
