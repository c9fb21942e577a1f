//! Looks for token counts in bytes that stand alone between unseen ones.
//!
//! Nothing is known of where such bytes lie in an event, but a line feed is never part of a JSON
//! string: a line that begins as an event begins is one, and every key in it has its place. Text
//! that looks like a usage report has its quotes escaped and no line feed in front.

use super::json::{Scan, Whose};

/// What was seen of the events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Glance {
    /// Tokens of the prompt.
    pub(super) input_tokens: Option<u64>,
    /// Generated tokens, if no content came after the report.
    pub(super) output_tokens: Option<u64>,
    /// The last event carries generated content.
    pub(super) content: bool,
    /// All of it is known, and nothing of it is generated content.
    pub(super) quiet: bool,
}

impl Glance {
    /// A report was seen.
    pub(super) fn tokens(&self) -> bool {
        self.input_tokens.is_some() || self.output_tokens.is_some()
    }
}

/// Looks at bytes; the first of them begins a line only if `line_start`. `field` is what stands in
/// front of an event's document in its line.
pub(super) fn glance(bytes: &[u8], line_start: bool, field: &[u8]) -> Glance {
    let mut all = Glance {
        quiet: line_start,
        ..Glance::default()
    };
    let mut scan = Scan::new(Whose::Response);
    let unknown = usize::from(!line_start);
    for line in bytes.split(|&byte| byte == b'\n').skip(unknown) {
        let document = line.strip_prefix(field).unwrap_or_default().trim_ascii();
        if document.first() != Some(&b'{') {
            all.quiet &= document == b"[DONE]" || empty(line);
            continue;
        }
        scan.feed(document);
        let found = scan.take();
        all.content = found.content;
        all.quiet &= found.complete && !found.content;
        if found.content {
            all.output_tokens = None;
        }
        all.input_tokens = found.input_tokens.or(all.input_tokens);
        all.output_tokens = found.output_tokens.or(all.output_tokens);
    }
    all
}

/// A line without data: of the event's framing, or of the transfer coding around it.
fn empty(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    line.iter().all(u8::is_ascii_hexdigit)
        || line.starts_with(b":")
        || line.starts_with(b"event:")
        || line.starts_with(b"id:")
        || line.starts_with(b"retry:")
}

#[cfg(test)]
mod tests;
