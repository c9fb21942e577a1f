//! The true stalls of a token stream and who made them.

use super::record::{GapSplit, Stall};
use crate::stamp::{ClientLine, ServerLine};

/// A gap is never a stall below this.
const STALL_NS_MIN: u64 = 50_000_000;
/// Parts of a gap closer than this, the bound of a phase's error, are a tie.
const TIE_NS: u64 = 100_000;

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

    /// Whether a record that blames `cause` is right: two parts that are as long as each other but
    /// for the error of a phase are each as good an answer.
    pub fn may_be(&self, cause: &str) -> bool {
        let GapSplit {
            engine,
            wire,
            reader,
        } = self.split;
        let part = match cause {
            "engine" => engine,
            "wire" => wire,
            "reader" => reader,
            _ => return false,
        };
        let most = engine.max(wire).max(reader);
        part + TIE_NS.max(most / 50) >= most
    }
}

/// Gaps beyond this are stalls: max(3 × median gap, 50 ms).
fn stall_ns(gaps: &[TrueStall]) -> u64 {
    let mut sorted: Vec<u64> = gaps.iter().map(|gap| gap.gap_ns).collect();
    sorted.sort_unstable();
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0);
    STALL_NS_MIN.max(3 * median)
}

/// A gap this close to the border may be a stall to one clock and none to the other.
fn on_the_border(gap_ns: u64, border_ns: u64) -> bool {
    gap_ns.abs_diff(border_ns) <= border_ns / 20
}

/// True stalls beside the recorded ones, in order: (truth, record), `None` for what has no partner.
/// What is on the border of being a stall needs none.
pub fn partners<'a>(
    client: &ClientLine,
    server: &ServerLine,
    seen: &'a [Stall],
) -> Vec<(Option<TrueStall>, Option<&'a Stall>)> {
    let gaps = true_gaps(client, server);
    let border_ns = stall_ns(&gaps);
    let mut seen = seen.iter().peekable();
    let mut pairs = Vec::new();
    for truth in gaps {
        let sure = truth.gap_ns > border_ns;
        let border = on_the_border(truth.gap_ns, border_ns);
        if !sure && !border {
            continue;
        }
        let near = |stall: &&Stall| stall.gap_ns.abs_diff(truth.gap_ns) <= truth.gap_ns / 10;
        match seen.next_if(|stall| near(stall)) {
            Some(stall) => pairs.push((Some(truth), Some(stall))),
            None if border => {}
            None => pairs.push((Some(truth), seen.next())),
        }
    }
    let rest = seen.filter(|stall| !on_the_border(stall.gap_ns, border_ns));
    pairs.extend(rest.map(|stall| (None, Some(stall))));
    pairs
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
    let border_ns = stall_ns(&gaps);
    gaps.into_iter()
        .filter(|gap| gap.gap_ns > border_ns)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_tie_has_two_causes() {
        let split = |engine, wire, reader| TrueStall {
            gap_ns: engine + wire + reader,
            split: GapSplit {
                engine,
                wire,
                reader,
            },
        };
        let tie = split(80 * MS, 80 * MS + 90_000, 0);
        assert_eq!(tie.cause(), "wire");
        assert!(tie.may_be("engine") && tie.may_be("wire") && !tie.may_be("reader"));
        assert!(!split(70 * MS, 80 * MS, 0).may_be("engine"));
        assert!(!tie.may_be("none"));
    }
}
