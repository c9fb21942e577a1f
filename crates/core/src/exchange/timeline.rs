//! When each byte of one direction passed the two points that this socket can see.

use std::collections::VecDeque;

/// Most entries kept of one series; beyond it the oldest go (a request that needed them then starts
/// at the oldest time left).
const ENTRIES_MAX: usize = 16 * 1024;

/// Entries kept where nobody knows yet what the bytes mean: a message whose head came in pieces is
/// known only with its last one, and needs the times of its first.
pub const ENTRIES_KEPT: usize = 4;

/// Entries that need no memory of their own: what was, and what comes now. An idle connection has
/// no more, and there are thousands of those.
const FEW: usize = 2;

/// An offset and when the bytes from there on passed.
type Entry = (u64, u64);

/// Times by offset: a byte's time is that of the last entry at or before it. A time of 0 is that of
/// bytes whose report was lost: nobody knows when they passed.
#[derive(Clone, Debug)]
pub enum Series {
    /// The first so many of these.
    Few(u8, [Entry; FEW]),
    /// More than fit there.
    Many(VecDeque<Entry>),
}

impl Default for Series {
    fn default() -> Self {
        Self::Few(0, [(0, 0); FEW])
    }
}

impl Series {
    fn len(&self) -> usize {
        match self {
            Self::Few(len, _) => usize::from(*len),
            Self::Many(entries) => entries.len(),
        }
    }

    fn get(&self, place: usize) -> Option<Entry> {
        match self {
            Self::Few(..) if place >= self.len() => None,
            Self::Few(_, entries) => entries.get(place).copied(),
            Self::Many(entries) => entries.get(place).copied(),
        }
    }

    /// Number of entries at or before `offset`.
    fn until(&self, offset: u64) -> usize {
        match self {
            Self::Few(len, entries) => {
                let known = entries.iter().take(usize::from(*len));
                known.take_while(|entry| entry.0 <= offset).count()
            }
            Self::Many(entries) => entries.partition_point(|entry| entry.0 <= offset),
        }
    }

    /// Says that bytes from `offset` on passed at `at_ns`. Entries come nearly in order.
    pub fn add(&mut self, offset: u64, at_ns: u64) {
        let last = self.len().checked_sub(1).and_then(|last| self.get(last));
        let mut place = match last {
            // By far the most.
            Some(last) if last.0 < offset => self.len(),
            None => 0,
            Some(_) => self.until(offset),
        };
        if place > 0 && self.get(place - 1).is_some_and(|entry| entry.0 == offset) {
            return;
        }
        if let Self::Few(len, entries) = self {
            let known = usize::from(*len);
            if known < FEW {
                entries.copy_within(place..known, place + 1);
                entries[place] = (offset, at_ns);
                *len += 1;
                return;
            }
            *self = Self::Many(VecDeque::from(entries.to_vec()));
        }
        let Self::Many(entries) = self else { return };
        if entries.len() == ENTRIES_MAX {
            entries.pop_front();
            place = place.saturating_sub(1);
        }
        entries.insert(place, (offset, at_ns));
    }

    /// When the byte at `offset` passed. Bytes before the first entry count as old as it.
    pub fn at(&self, offset: u64) -> Option<u64> {
        let entry = self.get(self.until(offset).saturating_sub(1))?;
        Some(entry.1).filter(|at_ns| *at_ns != 0)
    }

    /// The entries that tell about `[start, end)`.
    pub fn range(&self, start: u64, end: u64) -> Vec<Entry> {
        let first = self.until(start).saturating_sub(1);
        (first..self.len())
            .filter_map(|place| self.get(place))
            .take_while(|entry| entry.0 < end)
            .collect()
    }

    /// Forgets what only tells about bytes before `offset`, but keeps `least` entries (at least one:
    /// it tells about the bytes from `offset` on).
    pub fn forget_before(&mut self, offset: u64, least: usize) {
        let surplus = self.len().saturating_sub(least.max(1));
        let gone = self.until(offset).saturating_sub(1).min(surplus);
        let left = self.len() - gone;
        match self {
            Self::Few(len, entries) => {
                entries.copy_within(gone.., 0);
                *len -= gone as u8;
            }
            Self::Many(entries) if left <= FEW => {
                let mut few = [(0, 0); FEW];
                for (to, from) in few.iter_mut().zip(entries.iter().skip(gone)) {
                    *to = *from;
                }
                *self = Self::Few(left as u8, few);
            }
            Self::Many(entries) => {
                entries.drain(..gone);
                if left <= ENTRIES_KEPT && entries.capacity() > 64 {
                    entries.shrink_to(8);
                }
            }
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Heap bytes held.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::Few(..) => 0,
            Self::Many(entries) => entries.capacity() * size_of::<Entry>(),
        }
    }
}

/// Both points of one direction: the application's side (write or read) and the network's side
/// (left TCP or arrived).
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// Write or read.
    pub app: Series,
    /// Left or arrived.
    pub net: Series,
}

impl Timeline {
    /// Forgets what only tells about bytes before `offset`, but keeps `least` entries of each point.
    pub fn forget_before(&mut self, offset: u64, least: usize) {
        self.app.forget_before(offset, least);
        self.net.forget_before(offset, least);
    }

    /// Heap bytes held.
    pub fn memory_bytes(&self) -> usize {
        self.app.memory_bytes() + self.net.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_has_the_time_of_the_entry_before_it() {
        let mut series = Series::default();
        series.add(0, 10);
        series.add(100, 30);
        series.add(50, 20);
        assert_eq!(series.at(0), Some(10));
        assert_eq!(series.at(49), Some(10));
        assert_eq!(series.at(50), Some(20));
        assert_eq!(series.at(1000), Some(30));
    }

    #[test]
    fn the_first_time_of_an_offset_stands() {
        let mut series = Series::default();
        series.add(5, 10);
        series.add(5, 99);
        assert_eq!(series.at(5), Some(10));
        assert_eq!(series.at(4), Some(10), "nothing older is known");
    }

    #[test]
    fn forgetting_keeps_the_entry_that_still_tells() {
        let mut series = Series::default();
        for i in 0..10 {
            series.add(i * 10, i);
        }
        series.forget_before(35, 1);
        assert_eq!(series.at(35), Some(3));
        assert_eq!(series.at(20), Some(3), "the entries before are gone");
        assert_eq!(series.range(35, 60), vec![(30, 3), (40, 4), (50, 5)]);
        series.forget_before(1000, ENTRIES_KEPT);
        assert_eq!(series.len(), 4, "so many stay in any case");
        series.forget_before(1000, 0);
        assert_eq!(series.range(0, 1000), vec![(90, 9)]);
        assert_eq!(series.memory_bytes(), 0);
    }

    #[test]
    fn a_few_behave_as_many() {
        // Any order of a few entries, and what a sorted list says of them.
        for code in 0..4_u64.pow(4) {
            let offsets: Vec<u64> = (0..4).map(|n| code / 4_u64.pow(n) % 4).collect();
            let (mut series, mut plain) = (Series::default(), std::collections::BTreeMap::new());
            for (n, offset) in offsets.iter().enumerate() {
                let at_ns = n as u64 + 10;
                series.add(*offset, at_ns);
                plain.entry(*offset).or_insert(at_ns);
                let entries: Vec<_> = plain.iter().map(|(offset, ns)| (*offset, *ns)).collect();
                assert_eq!(series.range(0, 9), entries, "{offsets:?}");
                for asked in 0..4 {
                    let at = plain.range(..=asked).next_back().or(plain.iter().next());
                    assert_eq!(series.at(asked), at.map(|(_, ns)| *ns), "{offsets:?}");
                }
            }
            for from in 0..4 {
                let mut left = series.clone();
                left.forget_before(from, 1);
                assert_eq!(left.at(from), series.at(from), "{offsets:?}");
                assert_eq!(left.range(from, 9), series.range(from, 9), "{offsets:?}");
            }
        }
    }
}
