//! Splits a stream of newline-delimited JSON into its documents.

use super::json::Scan;

/// Reads on to the end of the line; returns the bytes used and whether it ended.
pub(super) fn next(bytes: &[u8], scan: &mut Scan) -> (usize, bool) {
    let end = bytes.iter().position(|&b| b == b'\n');
    let used = end.map_or(bytes.len(), |end| end + 1);
    scan.feed(&bytes[..used]);
    (used, end.is_some())
}
