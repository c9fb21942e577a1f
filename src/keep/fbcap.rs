//! Capture files (`.fbcap`): a pipeline's steps, packed.
//!
//! Form: the 8 bytes `FBCAP\x00\x00\x01`, then one LZ4 frame of entries, each a little-endian u32
//! length and that many bytes of postcard. A file that was cut off is good up to the cut.

use forebay_core::event::LossReason;
use forebay_core::tape::Entry;
use lz4_flex::frame::{FrameDecoder, FrameEncoder};
use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// First bytes of every capture file; the last is the version of the form.
const MAGIC: [u8; 8] = *b"FBCAP\x00\x00\x02";
/// Longest entry that is believed: a head of 4 KiB and what a parser says of it, with room.
const ENTRY_BYTES_MAX: u32 = 1 << 20;

/// Why a capture file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FbcapError {
    /// The system refused.
    #[error("cannot use {path}: {source}. Next: check the path, its permissions and the disk")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not a capture.
    #[error("{path} is not a capture file. Next: make one with `forebay record FILE`")]
    NotACapture {
        /// The file.
        path: PathBuf,
    },
    /// Of another version.
    #[error(
        "{path} has form {found} of capture files, this program reads form {}. \
         Next: replay it with the version that recorded it",
        MAGIC[7]
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u8,
    },
    /// Broken inside.
    #[error("{path} is damaged after {entries} entries: {why}. What came before it was used")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Good ones.
        entries: u64,
        /// What does not fit.
        why: String,
    },
}

/// One entry as it stands in a file and on the agent's API.
pub fn encode(entry: &Entry, into: &mut Vec<u8>) {
    let start = into.len();
    into.extend_from_slice(&[0; 4]);
    // Serialising plain data to memory cannot fail.
    if let Ok(bytes) = postcard::to_extend(entry, std::mem::take(into)) {
        *into = bytes;
        let len = (into.len() - start - 4) as u32;
        into[start..start + 4].copy_from_slice(&len.to_le_bytes());
    }
}

/// Longest encoded [`Entry::Lost`]: two numbers of ten bytes, the two names of one.
const LOST_BYTES_MAX: usize = 22;

/// Counts what a stream of encoded entries says that it lacks.
#[derive(Debug, Default)]
pub struct Tally {
    /// Length and first bytes of the entry that passes.
    begun: Vec<u8>,
    /// Bytes of it that are still to come and don't matter.
    skip: usize,
    lost: u64,
}

impl Tally {
    /// Takes the next bytes of the stream; may be cut anywhere.
    pub fn see(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let passed = self.skip.min(bytes.len());
            self.skip -= passed;
            bytes = &bytes[passed..];
            let missing = self.wanted() - self.begun.len();
            let (next, after) = bytes.split_at(missing.min(bytes.len()));
            self.begun.extend_from_slice(next);
            bytes = after;
            if self.begun.len() >= 4 && self.begun.len() == self.wanted() {
                self.entry();
            }
        }
    }

    /// Bytes of an entry that are looked at.
    fn wanted(&self) -> usize {
        self.len().map_or(4, |len| 4 + len.min(LOST_BYTES_MAX))
    }

    fn len(&self) -> Option<usize> {
        let len = self.begun.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*len) as usize)
    }

    fn entry(&mut self) {
        let seen = self.begun.len() - 4;
        self.skip = self.len().unwrap_or(0) - seen;
        if self.skip == 0
            && let Ok(Entry::Lost(count, LossReason::SlowRecording, _)) =
                postcard::from_bytes(&self.begun[4..])
        {
            self.lost += count;
        }
        self.begun.clear();
    }

    /// Steps that are missing.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

/// Writes a capture file from encoded entries.
pub struct Writer {
    path: PathBuf,
    out: FrameEncoder<BufWriter<File>>,
}

impl Writer {
    /// Makes the file, readable by its owner only.
    pub fn create(path: &Path) -> Result<Self, FbcapError> {
        use std::os::unix::fs::OpenOptionsExt;
        let io = |source| FbcapError::Io {
            path: path.to_owned(),
            source,
        };
        let mut options = File::options();
        let file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .map_err(io)?;
        let mut file = BufWriter::new(file);
        file.write_all(&MAGIC).map_err(io)?;
        Ok(Self {
            path: path.to_owned(),
            out: FrameEncoder::new(file),
        })
    }

    /// Appends encoded entries; may be cut anywhere.
    pub fn write(&mut self, encoded: &[u8]) -> Result<(), FbcapError> {
        let path = &self.path;
        self.out
            .write_all(encoded)
            .map_err(|source| FbcapError::Io {
                path: path.clone(),
                source,
            })
    }

    /// Completes the file.
    pub fn finish(self) -> Result<(), FbcapError> {
        let path = self.path;
        let io = |source| FbcapError::Io {
            path: path.clone(),
            source,
        };
        let inner = self
            .out
            .finish()
            .map_err(|e| io(std::io::Error::other(e)))?;
        inner
            .into_inner()
            .map_err(|e| io(e.into_error()))?
            .sync_all()
            .map_err(io)
    }
}

/// Reads a capture file.
pub struct Reader {
    path: PathBuf,
    input: FrameDecoder<BufReader<File>>,
    entries: u64,
}

impl Reader {
    /// Opens a file and checks that it is one.
    pub fn open(path: &Path) -> Result<Self, FbcapError> {
        let io = |source| FbcapError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = BufReader::new(File::open(path).map_err(io)?);
        let mut magic = [0; 8];
        match file.read_exact(&mut magic) {
            Ok(()) if magic == MAGIC => {}
            Ok(()) if magic[..7] == MAGIC[..7] => {
                return Err(FbcapError::Version {
                    path: path.to_owned(),
                    found: magic[7],
                });
            }
            Err(source) if source.kind() != ErrorKind::UnexpectedEof => return Err(io(source)),
            _ => {
                return Err(FbcapError::NotACapture {
                    path: path.to_owned(),
                });
            }
        }
        Ok(Self {
            path: path.to_owned(),
            input: FrameDecoder::new(file),
            entries: 0,
        })
    }

    /// The next entry; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Entry>, FbcapError> {
        let mut len = [0; 4];
        match self.input.read_exact(&mut len) {
            Ok(()) => {}
            // A recording that was killed ends in the middle: no error.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(self.damaged(&error)),
        }
        let len = u32::from_le_bytes(len);
        if len > ENTRY_BYTES_MAX {
            return Err(self.damaged(&format!("an entry of {len} bytes")));
        }
        let mut bytes = vec![0; len as usize];
        match self.input.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(self.damaged(&error)),
        }
        let entry = postcard::from_bytes(&bytes).map_err(|error| self.damaged(&error))?;
        self.entries += 1;
        Ok(Some(entry))
    }

    fn damaged(&self, why: &dyn std::fmt::Display) -> FbcapError {
        FbcapError::Damaged {
            path: self.path.clone(),
            entries: self.entries,
            why: why.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_a_cut_file_is_good_up_to_the_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.fbcap");
        let mut writer = Writer::create(&path).unwrap();
        let mut encoded = Vec::new();
        for at in 0..100 {
            encode(&Entry::Tick(at), &mut encoded);
        }
        writer.write(&encoded[..17]).unwrap();
        writer.write(&encoded[17..]).unwrap();
        writer.finish().unwrap();
        let mut reader = Reader::open(&path).unwrap();
        for at in 0..100 {
            assert_eq!(reader.next().unwrap(), Some(Entry::Tick(at)));
        }
        assert_eq!(reader.next().unwrap(), None);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let mut reader = Reader::open(&path).unwrap();
        while reader.next().is_ok_and(|entry| entry.is_some()) {}
    }

    #[test]
    fn other_files_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("b");
        std::fs::write(&path, b"hello").unwrap();
        assert!(matches!(
            Reader::open(&path),
            Err(FbcapError::NotACapture { .. })
        ));
        std::fs::write(&path, b"FBCAP\x00\x00\x09").unwrap();
        assert!(matches!(
            Reader::open(&path),
            Err(FbcapError::Version { found: 9, .. })
        ));
    }
}
