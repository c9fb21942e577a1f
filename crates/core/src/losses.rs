//! Losses by reason, reported once a second so that a flood of them stays small.

use crate::event::LossReason;
use crate::exchange::join::WallClock;
use crate::pipeline::Output;

/// How long losses are summed up before they are reported.
const REPORT_NS: u64 = 1_000_000_000;

/// Sums by reason since the last report.
#[derive(Debug, Default)]
pub struct Losses {
    sums: Vec<(LossReason, u64, u64)>,
}

impl Losses {
    /// Counts `count` losses (none is none).
    pub fn add(&mut self, count: u64, why: LossReason, now_ns: u64) {
        if count == 0 {
            return;
        }
        match self.sums.iter_mut().find(|sum| sum.0 == why) {
            Some(sum) => sum.1 += count,
            None => self.sums.push((why, count, now_ns)),
        }
    }

    /// Reports sums that are a second old.
    pub fn report(&mut self, now_ns: u64, clock: &dyn WallClock, out: &mut Vec<Output>) {
        self.sums.retain(|&(why, count, since_ns)| {
            let due = since_ns + REPORT_NS <= now_ns;
            if due {
                let since_ns = clock.unix_ns(since_ns);
                out.push(Output::Lost {
                    count,
                    why,
                    since_ns,
                });
            }
            !due
        });
    }
}
