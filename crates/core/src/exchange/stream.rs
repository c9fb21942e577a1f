//! Token streams: which of engine, wire and reader made each gap.
//!
//! The gap before a chunk, as the client lives it, runs from its read of the chunk before to its
//! read of this one. In that interval it first waits for the engine to write (until `w`), then for
//! the bytes to travel (until `a`), then for itself to read (until `r`): the three parts add up.

use super::record::{Cause, GapSplit, Gaps, Stall};

/// Stalls listed in one record.
const STALLS_MAX: usize = 32;
/// A gap below this is no stall, whatever the median.
const STALL_MIN_NS: u64 = 50_000_000;
/// A stall is this many medians long.
const STALL_MEDIANS: u64 = 3;

/// When a chunk was written, arrived and was read; a time nobody saw is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChunkTimes {
    /// The server wrote it.
    pub written: Option<u64>,
    /// Its last byte left the server's TCP.
    pub left: Option<u64>,
    /// Its last byte arrived at the client.
    pub arrived: Option<u64>,
    /// The client read its last byte.
    pub read: Option<u64>,
}

impl ChunkTimes {
    /// The last point anybody saw: where the gap ends.
    pub fn last(&self) -> Option<u64> {
        self.read.or(self.arrived).or(self.left).or(self.written)
    }
}

/// What is said of a stream's gaps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamGaps {
    /// Their distribution; `None` below two chunks.
    pub gaps: Option<Gaps>,
    /// Their parts, summed; `None` below two chunks.
    pub split: Option<GapSplit>,
    /// Gaps far beyond the median.
    pub stalls: Vec<Stall>,
    /// Stalls beyond the list's bound.
    pub stalls_omitted: u32,
    /// All of them, shortest first.
    pub sorted_ns: Vec<u64>,
}

/// Splits every gap. `start_ns`: when the request began.
pub fn split_gaps(chunks: &[ChunkTimes], start_ns: u64) -> StreamGaps {
    let mut parts = Vec::with_capacity(chunks.len());
    let mut total = GapSplit::default();
    for pair in chunks.windows(2) {
        let (Some(from), Some(to)) = (pair[0].last(), pair[1].last()) else {
            continue;
        };
        let part = split_gap(&pair[1], from, to.max(from));
        total.engine += part.engine;
        total.wire += part.wire;
        total.reader += part.reader;
        parts.push((from, to.saturating_sub(from), part));
    }
    if parts.is_empty() {
        return StreamGaps::default();
    }
    let mut sorted: Vec<u64> = parts.iter().map(|part| part.1).collect();
    sorted.sort_unstable();
    let gaps = Gaps {
        p50: quantile(&sorted, 50),
        p99: quantile(&sorted, 99),
        max: quantile(&sorted, 100),
    };
    let limit = (STALL_MEDIANS * gaps.p50).max(STALL_MIN_NS);
    let mut stalls: Vec<Stall> = parts
        .iter()
        .filter(|(_, gap, _)| *gap > limit)
        .map(|(from, gap, part)| Stall {
            at_ns: from.saturating_sub(start_ns),
            gap_ns: *gap,
            cause: blame(part),
        })
        .collect();
    let stalls_omitted = stalls.len().saturating_sub(STALLS_MAX) as u32;
    stalls.truncate(STALLS_MAX);
    StreamGaps {
        gaps: Some(gaps),
        split: Some(total),
        stalls,
        stalls_omitted,
        sorted_ns: sorted,
    }
}

/// Splits `[from, to]` at the moments the chunk was written and arrived. A moment nobody saw
/// gives its part to the one before it.
fn split_gap(chunk: &ChunkTimes, from: u64, to: u64) -> GapSplit {
    let within = |at: u64| at.clamp(from, to);
    let arrived = within(chunk.arrived.unwrap_or(to));
    let written = within(chunk.written.unwrap_or(arrived)).min(arrived);
    GapSplit {
        engine: written - from,
        wire: arrived - written,
        reader: to - arrived,
    }
}

fn blame(part: &GapSplit) -> Cause {
    if part.reader >= part.engine && part.reader >= part.wire {
        Cause::Reader
    } else if part.wire >= part.engine {
        Cause::Wire
    } else {
        Cause::Engine
    }
}

/// Nearest-rank quantile of sorted values.
fn quantile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn chunk(written: u64, arrived: u64, read: u64) -> ChunkTimes {
        let at = |ms: u64| Some(ms * MS);
        ChunkTimes {
            written: at(written),
            left: at(written),
            arrived: at(arrived),
            read: at(read),
        }
    }

    fn steady_then(last: ChunkTimes) -> StreamGaps {
        let mut chunks: Vec<_> = (1..=9).map(|i| chunk(i * 10, i * 10, i * 10)).collect();
        chunks.push(last);
        split_gaps(&chunks, 0)
    }

    #[test]
    fn each_cause_is_blamed_for_its_own_stall() {
        for (late, cause) in [
            (chunk(290, 291, 292), Cause::Engine),
            (chunk(100, 291, 292), Cause::Wire),
            (chunk(100, 101, 292), Cause::Reader),
        ] {
            let found = steady_then(late);
            assert_eq!(found.stalls.len(), 1);
            assert_eq!(found.stalls[0].cause, cause);
            assert_eq!(found.stalls[0].gap_ns, 202 * MS);
            assert_eq!(found.stalls[0].at_ns, 90 * MS);
        }
    }

    #[test]
    fn the_parts_add_up_to_first_to_last() {
        let split = steady_then(chunk(120, 150, 200)).split.unwrap();
        assert_eq!(split.engine + split.wire + split.reader, 190 * MS);
        assert_eq!((split.wire, split.reader), (30 * MS, 50 * MS));
    }

    #[test]
    fn every_gap_is_handed_on() {
        let found = steady_then(chunk(120, 150, 200));
        assert_eq!(found.sorted_ns.len(), 9);
        assert_eq!(found.sorted_ns[7..], [10 * MS, 110 * MS]);
        assert_eq!(found.sorted_ns.iter().sum::<u64>(), 190 * MS);
    }

    #[test]
    fn a_short_gap_is_no_stall() {
        assert!(steady_then(chunk(139, 139, 139)).stalls.is_empty());
    }

    #[test]
    fn the_client_alone_can_still_blame_its_reader() {
        let mut chunks: Vec<_> = (1..=9).map(|i| chunk(i * 10, i * 10, i * 10)).collect();
        chunks.push(chunk(0, 100, 300));
        for chunk in &mut chunks {
            chunk.written = None;
            chunk.left = None;
        }
        assert_eq!(split_gaps(&chunks, 0).stalls[0].cause, Cause::Reader);
    }
}
