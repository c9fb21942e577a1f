//! Capture files, played through the pipeline.

use super::failure::Failure;
use crate::capture::clock::Clock;
use crate::keep::fbcap::{FbcapError, Reader};
use forebay_core::pipeline::{Output, Pipeline};
use forebay_core::tape::Entry;

/// Gives what comes out to `take`, as it comes. What a damaged file has before the damage comes too;
/// the damage itself is the answer.
///
/// # Errors
/// What `take` fails with.
pub fn play(
    mut reader: Reader,
    mut take: impl FnMut(&mut Vec<Output>) -> Result<(), Failure>,
) -> Result<Result<(), FbcapError>, Failure> {
    let mut epoch_ns = 0;
    let mut pipeline = Pipeline::new(Box::new(Clock { epoch_ns }));
    let mut batch = Vec::new();
    loop {
        let next = reader.next();
        match &next {
            Ok(Some(Entry::Start { epoch_ns: at, .. })) => {
                epoch_ns = *at;
                pipeline = Pipeline::new(Box::new(Clock { epoch_ns }));
            }
            Ok(Some(entry)) => pipeline.replay(entry.clone()),
            // The recorder was killed, or the rest is damaged: what waits comes out all the same.
            Ok(None) | Err(_) => pipeline.finish_all(u64::MAX / 2),
        }
        pipeline.take_outputs(&mut batch);
        take(&mut batch)?;
        batch.clear();
        match next {
            Ok(Some(_)) => {}
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        }
    }
}
