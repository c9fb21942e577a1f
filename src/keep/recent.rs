//! The ring of recent records, bounded by bytes: what `--since` replays.
//!
//! Entries are kept in a compact binary form (some hundred bytes) in blocks of equal size; the
//! oldest block goes when a new one is needed. Full blocks are shared, so a reader that replays
//! them never holds up the publisher.

mod room;
mod short;

use super::line::{Line, Loss};
use forebay_core::exchange::record::{Record, Time};
use room::Room;
use serde::{Deserialize, Serialize};
use short::{ShortOwned, ShortRef, Told};
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// Size of a block. A record is far smaller: its texts and lists are bounded by the core.
const BLOCK_BYTES: usize = 64 * 1024;

/// An entry with its record as `R` and its loss as `L`.
#[derive(Serialize, Deserialize)]
enum Entry<R, L> {
    Record(R),
    Lost(L),
}

/// A run of entries, oldest first.
#[derive(Clone, Debug)]
pub struct Block {
    bytes: Vec<u8>,
    used_bytes: usize,
    records: u64,
    /// Latest begin of its records.
    newest: Time,
    /// Parties of its records.
    told: Told,
}

impl Block {
    fn empty() -> Block {
        Block {
            bytes: vec![0; BLOCK_BYTES],
            used_bytes: 0,
            records: 0,
            newest: Time(0),
            told: Told::new(),
        }
    }

    fn clear(&mut self) {
        self.used_bytes = 0;
        self.records = 0;
        self.newest = Time(0);
        self.told.clear();
    }

    /// Whether it was written; `false` = no room.
    fn write_record(&mut self, record: &Record) -> bool {
        let short = ShortRef::of(record, &mut self.told);
        let written = self.write(&Entry::<_, &Loss>::Record(short));
        if written {
            self.records += 1;
            self.newest = self.newest.max(record.ts);
        }
        written
    }

    fn write_loss(&mut self, loss: &Loss) -> bool {
        self.write(&Entry::<ShortRef<'_>, _>::Lost(loss))
    }

    fn write(&mut self, entry: &impl Serialize) -> bool {
        let free = self.bytes.get_mut(self.used_bytes..).unwrap_or_default();
        let Ok(written) = postcard::serialize_with_flavor(entry, Room::new(free)) else {
            return false;
        };
        self.used_bytes += written;
        true
    }

    /// Entries of requests that began at `since` or later, and losses of that time.
    pub fn since(&self, since: Time) -> impl Iterator<Item = Line> + '_ {
        let skip = self.newest != Time(0) && self.newest < since;
        let used = self.bytes.get(..self.used_bytes).unwrap_or_default();
        let mut rest = if skip { &[][..] } else { used };
        std::iter::from_fn(move || {
            loop {
                let (entry, after) =
                    postcard::take_from_bytes::<Entry<ShortOwned, Loss>>(rest).ok()?;
                rest = after;
                match entry {
                    Entry::Record(short) if short.ts() >= since => {
                        let record = short.record(&self.told)?;
                        return Some(Line::Record(Box::new(record)));
                    }
                    Entry::Lost(loss) if loss.since >= since => return Some(Line::Lost(loss)),
                    _ => {}
                }
            }
        })
    }
}

/// The ring as it was at some moment. Blocks that left the ring before they were read are gone:
/// readers that take their time must not keep more than the ring's own memory.
#[derive(Debug, Default)]
pub struct Snapshot {
    full: VecDeque<(Weak<Block>, u64)>,
    newest: Option<Arc<Block>>,
}

/// The next part of a snapshot.
#[derive(Debug)]
pub enum Part {
    /// Still there.
    Kept(Arc<Block>),
    /// So many records came too late to be read, whether they would have been wanted or not.
    Gone(u64),
}

impl Snapshot {
    /// Takes the next part, oldest first.
    pub fn next(&mut self) -> Option<Part> {
        match self.full.pop_front() {
            None => self.newest.take().map(Part::Kept),
            Some((block, records)) => Some(match block.upgrade() {
                Some(block) => Part::Kept(block),
                None => Part::Gone(records),
            }),
        }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.newest.is_none()
    }
}

/// The ring.
#[derive(Debug)]
pub struct Recent {
    blocks_max: usize,
    full: VecDeque<Arc<Block>>,
    newest: Block,
}

impl Recent {
    /// A ring of at most `limit_bytes`, at least two blocks.
    pub fn new(limit_bytes: usize) -> Recent {
        Recent {
            blocks_max: (limit_bytes / BLOCK_BYTES).max(2),
            full: VecDeque::new(),
            newest: Block::empty(),
        }
    }

    /// Keeps a record, and lets the oldest go if need be.
    pub fn push_record(&mut self, record: &Record) {
        self.push(|block| block.write_record(record));
    }

    /// Keeps a loss.
    pub fn push_loss(&mut self, loss: &Loss) {
        self.push(|block| block.write_loss(loss));
    }

    fn push(&mut self, write: impl Fn(&mut Block) -> bool) {
        if write(&mut self.newest) {
            return;
        }
        let next = self.reuse_oldest().unwrap_or_else(Block::empty);
        let full = std::mem::replace(&mut self.newest, next);
        self.full.push_back(Arc::new(full));
        // A record that does not fit an empty block can't exist (see BLOCK_BYTES).
        write(&mut self.newest);
    }

    /// The oldest block emptied, when the bound is reached.
    fn reuse_oldest(&mut self) -> Option<Block> {
        if self.full.len() + 1 < self.blocks_max {
            return None;
        }
        let oldest = self.full.pop_front()?;
        let mut block = Arc::try_unwrap(oldest).ok()?;
        block.clear();
        Some(block)
    }

    /// What is kept now, to be read later. Copies at most one block, and keeps no other alive.
    pub fn snapshot(&self) -> Snapshot {
        let weak = |block: &Arc<Block>| (Arc::downgrade(block), block.records);
        Snapshot {
            full: self.full.iter().map(weak).collect(),
            newest: Some(Arc::new(self.newest.clone())),
        }
    }

    /// Number of records kept.
    pub fn records(&self) -> u64 {
        let full: u64 = self.full.iter().map(|block| block.records).sum();
        full + self.newest.records
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        (self.full.len() + 1) * BLOCK_BYTES
    }

    /// Begin of the oldest record kept.
    pub fn oldest(&self) -> Option<Time> {
        let first = self.full.front().map_or(&self.newest, |block| block);
        first.since(Time(0)).find_map(|line| match line {
            Line::Record(record) => Some(record.ts),
            Line::Lost(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keep::hub::tests::{model_call, record};
    use forebay_core::event::LossReason;

    fn all(recent: &Recent, since: Time) -> Vec<Line> {
        let mut snapshot = recent.snapshot();
        let mut lines = Vec::new();
        while let Some(part) = snapshot.next() {
            match part {
                Part::Kept(block) => lines.extend(block.since(since)),
                Part::Gone(_) => panic!("the ring did not move"),
            }
        }
        lines
    }

    #[test]
    fn what_goes_in_comes_out_equal() {
        let mut recent = Recent::new(1 << 20);
        let (mut one, loss) = (record(1), Loss::since_unix(2, LossReason::Resync, 5));
        one.gen_ai = Some(Box::new(model_call()));
        recent.push_record(&one);
        recent.push_loss(&loss);
        assert_eq!(
            all(&recent, Time(0)),
            [Line::Record(Box::new(one)), Line::Lost(loss)]
        );
    }

    #[test]
    fn bytes_stay_bounded_and_the_newest_stay() {
        let mut recent = Recent::new(4 * BLOCK_BYTES);
        for n in 0..20_000 {
            recent.push_record(&record(n));
        }
        assert_eq!(recent.bytes(), 4 * BLOCK_BYTES);
        let kept = all(&recent, Time(0));
        assert_eq!(kept.len() as u64, recent.records());
        assert!(kept.len() > 400 && kept.len() < 20_000, "{}", kept.len());
        assert_eq!(kept.last(), Some(&Line::Record(Box::new(record(19_999)))));
        let first = match &kept[0] {
            Line::Record(r) => r.ts,
            Line::Lost(_) => panic!("no loss was pushed"),
        };
        assert_eq!(recent.oldest(), Some(first));
    }

    #[test]
    fn since_keeps_what_began_later() {
        let mut recent = Recent::new(1 << 20);
        for n in 0..100 {
            recent.push_record(&record(n));
        }
        let since = record(90).ts;
        assert_eq!(all(&recent, since).len(), 10);
    }
}
