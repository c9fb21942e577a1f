//! A source that reads saved requests: NDJSON as `forebay observe --json` writes it.
//!
//! A file is published once, a pipe for as long as it is open; then the source waits to be stopped,
//! so that clients can still ask for what it published.

use super::{CaptureError, Source, StopFlag};
use crate::keep::hub::Hub;
use crate::keep::line::{Line, parse_line};
use forebay_core::pipeline::Output;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Outputs per batch; as many as a busy host gives in a few milliseconds.
const BATCH_OUTPUTS: usize = 64;
/// How long a wait lasts before `stop` is looked at again.
const WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// Saved requests, opened.
#[derive(Debug)]
pub struct RecordFile {
    path: PathBuf,
    reader: BufReader<File>,
    line: u64,
}

impl RecordFile {
    /// Opens a file or a named pipe.
    ///
    /// # Errors
    /// [`CaptureError::Read`] when it can't be opened.
    pub fn open(path: &Path) -> Result<RecordFile, CaptureError> {
        let file = File::open(path).map_err(|source| read_error(path, source))?;
        Ok(RecordFile {
            path: path.to_owned(),
            reader: BufReader::new(file),
            line: 0,
        })
    }

    /// The next line; `None` at the end, or when stopped.
    fn next(&mut self, stop: &StopFlag) -> Result<Option<Line>, CaptureError> {
        let mut text = String::new();
        loop {
            if !self.wait_readable(stop)? {
                return Ok(None);
            }
            text.clear();
            let read = self.reader.read_line(&mut text);
            if read.map_err(|source| read_error(&self.path, source))? == 0 {
                return Ok(None);
            }
            self.line += 1;
            if !text.trim().is_empty() {
                break;
            }
        }
        let line = parse_line(&text).map_err(|source| CaptureError::Line {
            path: self.path.display().to_string(),
            line: self.line,
            source,
        })?;
        Ok(Some(line))
    }

    /// Waits until a read won't block; `false` when stopped.
    fn wait_readable(&self, stop: &StopFlag) -> Result<bool, CaptureError> {
        while self.reader.buffer().is_empty() {
            if stop.stopped() {
                return Ok(false);
            }
            let mut fds = [PollFd::new(self.reader.get_ref(), PollFlags::IN)];
            match poll(&mut fds, Some(&WAIT)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => break,
                Err(errno) => return Err(read_error(&self.path, errno.into())),
            }
        }
        Ok(!stop.stopped())
    }
}

impl Source for RecordFile {
    fn run(mut self: Box<Self>, hub: Arc<Hub>, stop: StopFlag) -> Result<(), CaptureError> {
        let mut batch = Vec::with_capacity(BATCH_OUTPUTS);
        while let Some(line) = self.next(&stop)? {
            match line {
                Line::Record(record) => batch.push(Output::Record(*record)),
                Line::Lost(loss) => {
                    hub.publish(&mut batch);
                    hub.publish_loss(&loss);
                }
            }
            if batch.len() == BATCH_OUTPUTS || !self.reader.buffer().contains(&b'\n') {
                hub.publish(&mut batch);
            }
        }
        hub.publish(&mut batch);
        while !stop.stopped() {
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

fn read_error(path: &Path, source: std::io::Error) -> CaptureError {
    CaptureError::Read {
        path: path.display().to_string(),
        source,
    }
}
