//! How long a file may be: what does not fit in a head is two files.

use super::{Found, sources};
use std::path::Path;

const LIMIT: usize = 400;
const LONG: usize = 250;

/// No source of any language is longer than the limit.
pub(super) fn files_are_short(root: &Path) -> Result<Found, String> {
    let mut found = Found::default();
    for source in sources(root, ".", &[".rs", ".c", ".h", ".py", ".sh", ".js"])? {
        let lines = source.text.lines().count();
        let line = format!("{} has {lines} lines", source.name());
        if lines > LIMIT {
            found.broken.push(line);
        } else if lines > LONG {
            found.warnings.push(line);
        }
    }
    Ok(found)
}
