//! When each byte of one direction passed the two points that this socket can see.

use std::collections::VecDeque;

/// Most entries kept of one series; beyond it the oldest go (a request that needed them then starts
/// at the oldest time left).
const ENTRIES_MAX: usize = 16 * 1024;

/// Entries never forgotten: a message whose head came in pieces is known only with its last one,
/// and needs the times of its first. As many as the smallest deque holds.
const ENTRIES_KEPT: usize = 4;

/// Times by offset: a byte's time is that of the last entry at or before it. A time of 0 is that of
/// bytes whose report was lost: nobody knows when they passed.
#[derive(Clone, Debug, Default)]
pub struct Series {
    entries: VecDeque<(u64, u64)>,
}

impl Series {
    /// Says that bytes from `offset` on passed at `at_ns`. Entries come nearly in order.
    pub fn add(&mut self, offset: u64, at_ns: u64) {
        let mut place = self.entries.len();
        while place > 0 && self.entries[place - 1].0 > offset {
            place -= 1;
        }
        if place > 0 && self.entries[place - 1].0 == offset {
            return;
        }
        if self.entries.len() == ENTRIES_MAX {
            self.entries.pop_front();
            place = place.saturating_sub(1);
        }
        self.entries.insert(place, (offset, at_ns));
    }

    /// When the byte at `offset` passed. Bytes before the first entry count as old as it.
    pub fn at(&self, offset: u64) -> Option<u64> {
        let after = self.entries.partition_point(|entry| entry.0 <= offset);
        let entry = self.entries.get(after.saturating_sub(1))?;
        Some(entry.1).filter(|at_ns| *at_ns != 0)
    }

    /// The entries that tell about `[start, end)`.
    pub fn range(&self, start: u64, end: u64) -> Vec<(u64, u64)> {
        let first = self
            .entries
            .partition_point(|entry| entry.0 <= start)
            .saturating_sub(1);
        self.entries
            .iter()
            .skip(first)
            .take_while(|entry| entry.0 < end)
            .copied()
            .collect()
    }

    /// Forgets what only tells about bytes before `offset`.
    pub fn forget_before(&mut self, offset: u64) {
        while self.entries.len() > ENTRIES_KEPT && self.entries[1].0 <= offset {
            self.entries.pop_front();
        }
        if self.entries.len() <= ENTRIES_KEPT && self.entries.capacity() > 64 {
            self.entries.shrink_to(8);
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
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
    /// Forgets what only tells about bytes before `offset`.
    pub fn forget_before(&mut self, offset: u64) {
        self.app.forget_before(offset);
        self.net.forget_before(offset);
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
        series.forget_before(35);
        assert_eq!(series.at(35), Some(3));
        assert_eq!(series.at(20), Some(3), "the entries before are gone");
        assert_eq!(series.range(35, 60), vec![(30, 3), (40, 4), (50, 5)]);
    }
}
