//! The lines that wait for one subscriber: bounded, and what does not fit is counted.

use super::line::{LOSS_START, Loss, write_loss};
use super::{lock, time};
use bytes::Bytes;
use forebay_core::event::LossReason;
use std::sync::Mutex;
use tokio::sync::Notify;

/// Lines on their way to one subscriber.
#[derive(Debug)]
pub struct Queue {
    limit_bytes: usize,
    waiting: Mutex<Waiting>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    missed: u64,
    missed_since_ns: u64,
    closed: bool,
}

impl Waiting {
    /// Turns the count of missed records into a line, at its place in the stream.
    fn own_up(&mut self) {
        if self.missed > 0 {
            let loss = Loss {
                records: self.missed,
                why: LossReason::SlowReader,
                since: time::text_of_ns(self.missed_since_ns).into(),
            };
            // Writing to memory cannot fail; a failure would only repeat the count later.
            if write_loss(&mut self.lines, &loss).is_ok() {
                self.missed = 0;
            }
        }
    }
}

impl Queue {
    /// A queue of at most `limit_bytes` and one loss line.
    pub fn new(limit_bytes: usize) -> Queue {
        Queue {
            limit_bytes,
            waiting: Mutex::new(Waiting::default()),
            wake: Notify::new(),
        }
    }

    /// Adds a line; `false` when there is no room and it was counted instead.
    pub fn push(&self, line: &[u8]) -> bool {
        let mut waiting = lock(&self.waiting);
        // After a loss the reader gets half the queue's length of quiet: one loss line then stands
        // for many records instead of one between every two.
        let room = if waiting.missed > 0 {
            self.limit_bytes / 2
        } else {
            self.limit_bytes
        };
        if waiting.lines.len() + line.len() > room {
            if waiting.missed == 0 {
                waiting.missed_since_ns = time::now_ns();
            }
            waiting.missed += 1;
            return false;
        }
        waiting.own_up();
        waiting.lines.extend_from_slice(line);
        true
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

    /// All waiting lines, as soon as there are any; `None` after the last.
    pub async fn take(&self) -> Option<Bytes> {
        loop {
            {
                let mut waiting = lock(&self.waiting);
                waiting.own_up();
                if !waiting.lines.is_empty() {
                    return Some(Bytes::from(std::mem::take(&mut waiting.lines)));
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
        let queue = Queue::new(10);
        assert!(queue.push(b"12345678\n"));
        assert!(!queue.push(b"a\n"));
        assert!(!queue.push(b"b\n"));
        let first = taken(&queue);
        assert!(first.starts_with("12345678\n{\"lost\":{\"records\":2,\"why\":\"slow_reader\""));
        assert!(queue.push(b"c\n"));
        assert_eq!(taken(&queue), "c\n");
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
