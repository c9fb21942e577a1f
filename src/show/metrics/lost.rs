//! What was not observed; never silent.

use super::definition::{Kind, Metric, Unit};
use forebay_core::event::LossReason;

pub const METRICS: &[Metric] = &[Metric {
    name: "forebay.lost_records",
    kind: Kind::Counter,
    unit: Unit::Count("record"),
    help: "Records, connections or requests that were lost, by reason",
    labels: &["reason"],
    bounds: &[],
    convention: false,
    write: |state, series| {
        for reason in REASONS {
            let counts = state.agent.lost.iter().filter(|(why, _)| *why == reason);
            let count: u64 = counts.map(|(_, count)| count).sum();
            series.counter(&[("reason", reason_word(reason))], count as f64)?;
        }
        Ok(())
    },
}];

/// Every reason: a loss that did not happen is a series of zero, so that alerts can rely on it.
const REASONS: [LossReason; 7] = [
    LossReason::RingFull,
    LossReason::FlowTableFull,
    LossReason::PayloadCut,
    LossReason::Resync,
    LossReason::Unfinished,
    LossReason::SlowReader,
    LossReason::SlowRecording,
];

fn reason_word(reason: LossReason) -> &'static str {
    match reason {
        LossReason::RingFull => "ring_full",
        LossReason::FlowTableFull => "flow_table_full",
        LossReason::PayloadCut => "payload_cut",
        LossReason::Resync => "resync",
        LossReason::Unfinished => "unfinished",
        LossReason::SlowReader => "slow_reader",
        LossReason::SlowRecording => "slow_recording",
    }
}
