//! Keeps shapes within their bound.

/// Longest shape, in bytes, the ellipsis included.
pub(super) const SHAPE_BYTES_MAX: usize = 256;
/// Stands for what is not shown.
pub(super) const ELLIPSIS: &str = "…";

/// Joins two shapes with `; `, bounded.
pub(super) fn join(list: &mut String, next: &str) {
    if list.ends_with(ELLIPSIS) {
        return;
    }
    list.push_str("; ");
    list.push_str(next);
    bound(list);
}

/// Puts a word before a shape, bounded.
pub(super) fn prefixed(word: &str, shape: &str) -> String {
    let mut out = String::with_capacity(word.len() + 1 + shape.len());
    out.push_str(word);
    out.push(' ');
    out.push_str(shape);
    bound(&mut out);
    out
}

/// Cuts a text that is too long.
pub(super) fn bound(text: &mut String) {
    if text.len() <= SHAPE_BYTES_MAX {
        return;
    }
    let mut end = SHAPE_BYTES_MAX - ELLIPSIS.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.push_str(ELLIPSIS);
}
