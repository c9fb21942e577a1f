//! A recording whose client does not keep up.

use super::{Deck, Put};
use crate::keep::fbcap::{Tally, encode};
use bytes::Bytes;
use forebay_core::event::LossReason;
use forebay_core::tape::Entry;
use tokio::sync::mpsc::Receiver;

const LIMIT_BYTES: usize = 4096;

fn ticks(count: u64) -> Vec<Entry> {
    (0..count).map(Entry::Tick).collect()
}

/// Everything that waits.
fn taken(from: &mut Receiver<Bytes>) -> Vec<u8> {
    let mut all = Vec::new();
    while let Ok(batch) = from.try_recv() {
        all.extend_from_slice(&batch);
    }
    all
}

fn encoded(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        encode(entry, &mut bytes);
    }
    bytes
}

#[test]
fn what_waits_is_bounded_in_bytes_and_the_rest_is_counted_in_its_place() {
    let deck = Deck::new(LIMIT_BYTES);
    let mut from = deck.ask(false, None).unwrap();
    let mut job = deck.take().unwrap();
    let batch = ticks(100);
    let (mut sent, mut missed) = (0, 0);
    for at_ns in 0..100 {
        match job.put(&batch, at_ns) {
            Put::Going => sent += 1,
            Put::Missed(entries) => missed += entries,
            Put::Over => panic!("nobody ended it"),
        }
    }
    assert!(sent > 0 && missed == (100 - sent) * 100, "{sent}, {missed}");
    let bytes = taken(&mut from);
    assert!(bytes.len() <= LIMIT_BYTES + encoded(&batch).len());
    // There is room again: the hole is told of before what comes behind it.
    assert_eq!(job.put(&batch, 1000), Put::Going);
    let lost = Entry::Lost(missed, LossReason::SlowRecording, sent);
    let told = encoded(&[&[lost], &batch[..]].concat());
    let bytes = taken(&mut from);
    assert_eq!(bytes, told);
    let mut tally = Tally::default();
    for byte in bytes {
        tally.see(&[byte]);
    }
    assert_eq!(tally.lost(), missed);
    assert_eq!(job.put(&batch, 1001), Put::Going);
    assert_eq!(taken(&mut from), encoded(&batch), "told once");
}

#[test]
fn an_end_behind_a_hole_is_told_with_it() {
    let deck = Deck::new(0);
    let duration = Some(std::time::Duration::ZERO);
    let mut from = deck.ask(false, duration).unwrap();
    let mut job = deck.take().unwrap();
    assert_eq!(job.put(&ticks(7), 5), Put::Over);
    let lost = Entry::Lost(7, LossReason::SlowRecording, 5);
    assert_eq!(taken(&mut from), encoded(&[lost, Entry::End(5)]));
}

#[test]
fn the_bound_follows_the_memory_that_is_left() {
    let deck = Deck::new(LIMIT_BYTES);
    let mut from = deck.ask(false, None).unwrap();
    let mut job = deck.take().unwrap();
    deck.bound(0);
    assert_eq!(job.put(&ticks(1), 0), Put::Missed(1));
    deck.bound(LIMIT_BYTES);
    assert_eq!(job.put(&ticks(1), 0), Put::Going);
    assert_eq!(job.put(&[], 0), Put::Going);
    from.close();
    assert_eq!(job.put(&ticks(1), 0), Put::Over);
}
