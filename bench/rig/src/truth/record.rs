//! The fields of `observe --json` that the truth is compared with, read by their public names.
//!
//! Deliberately not the product's own types: a renamed field must show up here as an error.

use crate::{Result, RigError};
use serde::Deserialize;
use std::path::Path;

/// One request as Forebay saw it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Record {
    /// `client`, `server` or `both`.
    pub side: String,
    /// What was asked.
    pub op: String,
    /// Protocol's status.
    pub status: Option<String>,
    /// Error type, if it failed.
    pub error: Option<String>,
    /// RFC 3339 time of its beginning; sorts as text.
    pub ts: String,
    /// Who asked.
    pub client: Party,
    /// Sizes.
    pub bytes: Bytes,
    /// Whole duration.
    pub duration_ns: u64,
    /// Where it went.
    pub phases_ns: Phases,
    /// The same by direction, when both ends were seen.
    pub directions_ns: Option<Directions>,
    /// `exact`, `rtt` or `none`.
    pub evidence: String,
    /// Set for model calls.
    pub gen_ai: Option<GenAi>,
}

/// Who asked.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Party {
    /// `ip:port`.
    pub addr: String,
}

/// Sizes in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub struct Bytes {
    /// Of the request.
    pub request: u64,
    /// Of the response.
    pub response: u64,
}

/// Phases in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub struct Phases {
    /// The client's own time between its first and its last write.
    pub client: u64,
    /// Waiting in the sending host's stack.
    pub send_queue: u64,
    /// Travelling.
    pub wire: u64,
    /// Waiting to be read.
    pub recv_queue: u64,
    /// The server's work.
    pub server: u64,
    /// The rest of the response.
    pub stream: u64,
    /// The far side, unsplit.
    pub remote: u64,
}

/// The waiting and travelling parts of one way, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub struct Way {
    /// Waiting in the sending host's stack.
    pub send_queue: u64,
    /// Travelling.
    pub wire: u64,
    /// Waiting to be read.
    pub recv_queue: u64,
}

/// Phases by direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub struct Directions {
    /// Client to server.
    pub request: Way,
    /// Server to client, up to the first byte.
    pub response: Way,
}

/// A model call.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct GenAi {
    /// Content chunks.
    pub chunks: u64,
    /// Tokens of the prompt, as the engine reported them.
    #[serde(default)]
    pub input_tokens: Option<u64>,
    /// Generated tokens, as the engine reported them.
    #[serde(default)]
    pub output_tokens: Option<u64>,
    /// Request's first byte → first content read.
    pub time_to_first_chunk_ns: Option<u64>,
    /// Sums of all gaps by cause.
    #[serde(default)]
    pub gap_split_ns: Option<GapSplit>,
    /// Long gaps.
    pub stalls: Vec<Stall>,
}

/// Sums of gaps by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct GapSplit {
    /// Written late.
    pub engine: u64,
    /// Travelled late.
    pub wire: u64,
    /// Read late.
    pub reader: u64,
}

/// One long gap.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Stall {
    /// Its length.
    pub gap_ns: u64,
    /// `engine`, `wire` or `reader`.
    pub cause: String,
}

/// A line that reports loss.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Loss {
    /// How many.
    pub records: u64,
    /// Why.
    pub why: String,
}

/// Everything one observer wrote.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordFile {
    /// Requests.
    pub records: Vec<Record>,
    /// Losses it admitted.
    pub losses: Vec<Loss>,
}

#[derive(Deserialize)]
struct LossLine {
    lost: Loss,
}

impl RecordFile {
    /// Reads NDJSON text.
    ///
    /// # Errors
    /// Names the first line that is neither a record nor a loss.
    pub fn parse(text: &str) -> Result<Self> {
        let mut file = Self::default();
        for (n, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
        {
            if let Ok(loss) = serde_json::from_str::<LossLine>(line) {
                file.losses.push(loss.lost);
                continue;
            }
            let record = serde_json::from_str(line).map_err(|error| {
                RigError::Http(format!("record line {}: {error}: {line}", n + 1))
            })?;
            file.records.push(record);
        }
        Ok(file)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or as [`RecordFile::parse`].
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(RigError::io(format!("read {}", path.display())))?;
        Self::parse(&text)
    }
}
