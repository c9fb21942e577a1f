//! Compares Forebay's records with what client and server really did.

mod compare;
mod join;
mod points;
mod record;
mod report;
mod stalls;

pub use join::{Joined, Pair, join};
pub use points::Points;
pub use record::{Loss, Phases, Record, RecordFile};
pub use report::{Bounds, Errors, Report};
pub use stalls::{TrueStall, true_stalls};

use crate::stamp::{ClientLine, ServerLine};
use crate::{Result, RigError};
use serde::de::DeserializeOwned;
use std::path::Path;

/// Judges `records` against the truth.
pub fn judge(
    records: &RecordFile,
    client: &[ClientLine],
    server: &[ServerLine],
    bounds: &Bounds,
) -> Report {
    let joined = join(&records.records, client, server);
    let mut report = Report::new(&joined, records);
    for pair in &joined.pairs {
        compare::compare(pair, bounds, &mut report);
    }
    report.finish(bounds);
    report
}

/// Reads a file of JSON lines.
///
/// # Errors
/// Names the file, and the line that is not what it should be.
pub fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let text =
        std::fs::read_to_string(path).map_err(RigError::io(format!("read {}", path.display())))?;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(n, line)| {
            serde_json::from_str(line)
                .map_err(|error| RigError::Http(format!("{}:{}: {error}", path.display(), n + 1)))
        })
        .collect()
}
