//! Whatever a record says, its slots add up to its phases.

use super::*;
use crate::exchange::record::*;
use crate::explain::testing::stream;
use proptest::prelude::*;

/// Durations of every size, equal ones included.
fn ns() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1..100u64, 1_000_000..50_000_000u64]
}

fn way() -> impl Strategy<Value = Way> {
    (ns(), ns(), ns()).prop_map(|(send_queue, wire, recv_queue)| Way {
        send_queue,
        wire,
        recv_queue,
    })
}

proptest! {
    #[test]
    fn slots_add_up_to_the_phases(
        phases in (ns(), ns(), ns(), ns(), ns(), ns()),
        ways in proptest::option::of((way(), way())),
        tcp in (ns(), 0..3u32, ns(), ns()),
        gaps in (ns(), ns(), ns()),
        stalls in proptest::collection::vec((ns(), 0..3u8), 0..4),
        first in proptest::option::of(ns()),
        run_delay in proptest::option::of(ns()),
        flags in (0..3u8, any::<bool>(), any::<bool>()),
    ) {
        let record = stream(|record, call| {
            let (send_queue, wire, recv_queue, server, stream, remote) = phases;
            record.phases_ns = Phases { client: 0, send_queue, wire, recv_queue, server, stream, remote };
            record.directions_ns = ways.map(|(request, response)| Directions { request, response });
            record.tcp.min_rtt_ns = tcp.0;
            record.tcp.retransmits = tcp.1;
            record.tcp.cwnd_limited_ns = tcp.2;
            record.tcp.rwnd_limited_ns = tcp.3;
            record.server_run_delay_ns = run_delay;
            record.side = [Side::Client, Side::Server, Side::Both][usize::from(flags.0)];
            record.error = flags.1.then(|| "500".into());
            call.streaming = flags.2;
            call.gap_split_ns = Some(GapSplit { engine: gaps.0, wire: gaps.1, reader: gaps.2 });
            call.time_to_first_chunk_ns = first;
            call.stalls = stalls.iter().map(|(gap_ns, cause)| Stall {
                at_ns: 0,
                gap_ns: *gap_ns,
                cause: [Cause::Engine, Cause::Wire, Cause::Reader][usize::from(*cause)],
            }).collect();
        });
        prop_assert_eq!(Blame::of(&record).total(), record.phases_ns.total());
    }
}
