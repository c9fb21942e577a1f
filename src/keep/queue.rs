//! The lines that wait for one subscriber: bounded, and what does not fit is counted.
//!
//! All subscribers share one [`Budget`]. A burst may take all of it; a reader that does not keep up
//! gives back what another one needs (see `keep::hub`).

use super::line::{LOSS_START, Loss, write_loss};
use super::{lock, time};
use bytes::Bytes;
use forebay_core::event::LossReason;
use forebay_core::exchange::record::Time;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// Lines are kept and handed out in blocks of this size: a reader holds one while it sends it.
const BLOCK_BYTES: usize = 64 << 10;

/// Bytes that lines may hold in all queues together, those being sent included.
#[derive(Debug)]
pub struct Budget {
    limit_bytes: AtomicUsize,
    used_bytes: AtomicUsize,
}

impl Budget {
    /// A budget of `limit_bytes`; loss lines are outside of it.
    pub fn new(limit_bytes: usize) -> Arc<Budget> {
        Arc::new(Budget {
            limit_bytes: AtomicUsize::new(limit_bytes),
            used_bytes: AtomicUsize::new(0),
        })
    }

    /// Bounds what may be used to `most_bytes`, or to what is used now and `spare_bytes` more.
    pub fn bound(&self, spare_bytes: usize, most_bytes: usize) {
        let used = self.used_bytes.load(Ordering::Relaxed);
        let limit = used.saturating_add(spare_bytes).min(most_bytes);
        self.limit_bytes.store(limit, Ordering::Relaxed);
    }

    /// Takes `bytes`; `false` when they are not left. Only one thread takes, any give back.
    fn take(&self, bytes: usize) -> bool {
        let used = self.used_bytes.load(Ordering::Relaxed);
        if used + bytes > self.limit_bytes.load(Ordering::Relaxed) {
            return false;
        }
        self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
        true
    }
}

/// Consecutive lines; gives its bytes back to the budget when it is dropped, that is, sent.
#[derive(Debug)]
struct Block {
    lines: Vec<u8>,
    records: u64,
    /// Missed records that its loss lines tell of.
    owned_up: u64,
    charged_bytes: usize,
    budget: Arc<Budget>,
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.lines
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let given_back = self.charged_bytes;
        self.budget
            .used_bytes
            .fetch_sub(given_back, Ordering::Relaxed);
    }
}

/// Lines on their way to one subscriber.
#[derive(Debug)]
pub struct Queue {
    budget: Arc<Budget>,
    waiting: Mutex<Waiting>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    blocks: VecDeque<Block>,
    bytes: usize,
    missed: u64,
    missed_since_ns: u64,
    /// Bytes that waited when the first record was missed.
    full_bytes: usize,
    closed: bool,
}

impl Waiting {
    /// The block for `bytes` more.
    fn block(&mut self, bytes: usize, budget: &Arc<Budget>) -> Option<&mut Block> {
        let last = self.blocks.back();
        let full = last.is_none_or(|block| block.lines.len() + bytes > BLOCK_BYTES);
        if full {
            // A reader that keeps up has one small block; behind a full one there will be more.
            let room = if self.blocks.is_empty() {
                0
            } else {
                BLOCK_BYTES.max(bytes)
            };
            self.blocks.push_back(Block {
                lines: Vec::with_capacity(room),
                records: 0,
                owned_up: 0,
                charged_bytes: 0,
                budget: Arc::clone(budget),
            });
        }
        self.blocks.back_mut()
    }

    /// Turns the count of missed records into a line, at its place in the stream.
    fn own_up(&mut self, budget: &Arc<Budget>) {
        if self.missed == 0 {
            return;
        }
        let loss = Loss {
            records: self.missed,
            why: LossReason::SlowReader,
            since: Time(self.missed_since_ns),
        };
        let missed = self.missed;
        if let Some(block) = self.block(0, budget) {
            // Writing to memory cannot fail; a failure would only repeat the count later.
            if write_loss(&mut block.lines, &loss).is_ok() {
                block.owned_up += missed;
                self.missed = 0;
            }
        }
    }

    fn miss(&mut self, records: u64) {
        if self.missed == 0 {
            self.missed_since_ns = time::now_ns();
            self.full_bytes = self.bytes;
        }
        self.missed += records;
    }
}

impl Queue {
    /// An empty queue of this budget.
    pub fn new(budget: &Arc<Budget>) -> Queue {
        Queue {
            budget: Arc::clone(budget),
            waiting: Mutex::new(Waiting::default()),
            wake: Notify::new(),
        }
    }

    /// Adds a line, `record`s and losses alike; `false` when there is no room for it.
    pub fn push(&self, line: &[u8], record: bool) -> bool {
        let mut waiting = lock(&self.waiting);
        // After a loss the reader first takes half of what waits: one loss line then stands for
        // many records instead of one between every two.
        let quiet = waiting.missed > 0 && waiting.bytes > waiting.full_bytes / 2;
        if quiet || !self.budget.take(line.len()) {
            return false;
        }
        waiting.own_up(&self.budget);
        waiting.bytes += line.len();
        if let Some(block) = waiting.block(line.len(), &self.budget) {
            block.lines.extend_from_slice(line);
            block.records += u64::from(record);
            block.charged_bytes += line.len();
        }
        true
    }

    /// Counts a record that found no room.
    pub fn miss(&self) {
        lock(&self.waiting).miss(1);
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        lock(&self.waiting).bytes
    }

    /// How many times [`Queue::take`] would give something at once.
    pub fn ready(&self) -> usize {
        let waiting = lock(&self.waiting);
        waiting.blocks.len().max(usize::from(waiting.missed > 0))
    }

    /// Whether records were missed that the reader was not told of yet.
    pub fn behind(&self) -> bool {
        lock(&self.waiting).missed > 0
    }

    /// Drops the newest block for the sake of another queue; how many records that cost.
    pub fn shed(&self) -> u64 {
        let mut waiting = lock(&self.waiting);
        let Some(block) = waiting.blocks.pop_back() else {
            return 0;
        };
        waiting.miss(block.records + block.owned_up);
        waiting.bytes -= block.charged_bytes;
        block.records
    }

    /// Wakes the reader; once per batch.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// No more lines will come.
    pub fn close(&self) {
        lock(&self.waiting).closed = true;
        self.wake();
    }

    /// The next block of waiting lines, as soon as there is one; `None` after the last.
    pub async fn take(&self) -> Option<Bytes> {
        loop {
            {
                let mut waiting = lock(&self.waiting);
                if waiting.blocks.len() <= 1 {
                    waiting.own_up(&self.budget);
                }
                if let Some(block) = waiting.blocks.pop_front() {
                    waiting.bytes -= block.charged_bytes;
                    return Some(Bytes::from_owner(block));
                }
                if waiting.closed {
                    return None;
                }
            }
            self.wake.notified().await;
        }
    }
}

/// The lines up to and including the `left`th record; losses don't count. Lowers `left` by the
/// records in it.
pub fn first_records(lines: &Bytes, left: &mut u64) -> Bytes {
    let mut end = 0;
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        if *left == 0 {
            break;
        }
        end += line.len();
        if !line.starts_with(LOSS_START) {
            *left -= 1;
        }
    }
    lines.slice(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(queue: &Queue) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let bytes = runtime.block_on(queue.take()).unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn what_does_not_fit_is_counted_where_it_is_missing() {
        let queue = Queue::new(&Budget::new(10));
        assert!(queue.push(b"12345678\n", true));
        assert!(!queue.push(b"a\n", true));
        queue.miss();
        assert!(!queue.push(b"\n", true), "quiet until half is taken");
        queue.miss();
        let first = taken(&queue);
        assert!(first.starts_with("12345678\n{\"lost\":{\"records\":2,\"why\":\"slow_reader\""));
        assert!(queue.push(b"c\n", true));
        assert_eq!(taken(&queue), "c\n");
    }

    #[test]
    fn bytes_count_until_they_are_sent_and_shed_blocks_are_owned_up() {
        let budget = Budget::new(4 * BLOCK_BYTES);
        let queue = Queue::new(&budget);
        let line = [b'x'; BLOCK_BYTES / 2];
        while queue.push(&line, true) {}
        assert_eq!(queue.bytes(), 4 * BLOCK_BYTES);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let sending = runtime.block_on(queue.take()).unwrap();
        assert!(!queue.push(&line, true), "what is being sent still counts");
        drop(sending);
        assert!(queue.push(&line, true));
        assert_eq!(queue.shed(), 1);
        assert!(queue.behind());
        drop(queue);
        assert_eq!(budget.used_bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_waits_follows_the_memory_that_is_left() {
        let budget = Budget::new(100);
        let queue = Queue::new(&budget);
        assert!(queue.push(&[b'x'; 40], true));
        budget.bound(10, 100);
        assert!(!queue.push(&[b'x'; 11], true));
        assert!(queue.push(&[b'x'; 10], true));
        budget.bound(0, 100);
        assert!(!queue.push(b"x", true));
        budget.bound(1000, 100);
        assert!(!queue.push(&[b'x'; 51], true), "never beyond its own bound");
        assert!(queue.push(&[b'x'; 50], true));
    }

    #[test]
    fn a_limit_counts_records_only() {
        let lines = Bytes::from_static(b"{\"ts\":1}\n{\"lost\":{}}\n{\"ts\":2}\n{\"ts\":3}\n");
        let mut left = 2;
        let cut = first_records(&lines, &mut left);
        assert_eq!(&cut[..], b"{\"ts\":1}\n{\"lost\":{}}\n{\"ts\":2}\n");
        assert_eq!(left, 0);
    }
}
