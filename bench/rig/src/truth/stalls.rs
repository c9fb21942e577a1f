//! The true stalls of a token stream and who made them.

use super::record::GapSplit;
use crate::stamp::{ClientLine, ServerLine};

/// A gap is never a stall below this.
const STALL_NS_MIN: u64 = 50_000_000;

/// A gap between two content chunks, split at what the later chunk was doing meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrueStall {
    /// Its length.
    pub gap_ns: u64,
    /// Its parts.
    pub split: GapSplit,
}

impl TrueStall {
    /// The largest part.
    pub fn cause(&self) -> &'static str {
        let GapSplit {
            engine,
            wire,
            reader,
        } = self.split;
        if engine >= wire && engine >= reader {
            "engine"
        } else if wire >= reader {
            "wire"
        } else {
            "reader"
        }
    }
}

/// Every gap between content chunks, in order; empty when the two logs do not show the same chunks.
pub fn true_gaps(client: &ClientLine, server: &ServerLine) -> Vec<TrueStall> {
    let written: Vec<u64> = server
        .events
        .iter()
        .filter(|event| event.content)
        .map(|event| event.write_ns)
        .collect();
    let chunks: Vec<_> = client.chunks.iter().filter(|chunk| chunk.content).collect();
    if written.len() != chunks.len() {
        return Vec::new();
    }
    let pairs = chunks.windows(2).zip(written.iter().skip(1));
    pairs
        .map(|(two, wrote)| {
            // Not written yet, then not here yet, then not read yet: the three cover the gap.
            let (begin, end) = (two[0].read_ns, two[1].read_ns);
            let wrote = (*wrote).clamp(begin, end);
            let arrived = two[1].arrival_ns.clamp(wrote, end);
            let split = GapSplit {
                engine: wrote - begin,
                wire: arrived - wrote,
                reader: end - arrived,
            };
            TrueStall {
                gap_ns: end - begin,
                split,
            }
        })
        .collect()
}

/// Gaps beyond max(3 × median gap, 50 ms).
pub fn true_stalls(client: &ClientLine, server: &ServerLine) -> Vec<TrueStall> {
    let gaps = true_gaps(client, server);
    let mut sorted: Vec<u64> = gaps.iter().map(|gap| gap.gap_ns).collect();
    sorted.sort_unstable();
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0);
    gaps.into_iter()
        .filter(|gap| gap.gap_ns > STALL_NS_MIN.max(3 * median))
        .collect()
}
