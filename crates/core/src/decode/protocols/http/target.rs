//! Makes the operation of a request from its method and target.

use compact_str::CompactString;

/// Bound of an operation, in bytes (see `Facts::op`).
const OP_BYTES_MAX: usize = 256;
/// Bound of the method's part of it; the longest registered one has 17.
const METHOD_BYTES_MAX: usize = 32;

/// The path of a request target (RFC 9112 §3.2), without what may hold secrets: query, fragment,
/// path parameters (`;…`), and the authority of an absolute target. A CONNECT target is all
/// authority and keeps host and port.
pub(super) fn path<'a>(method: &str, target: &'a [u8]) -> &'a [u8] {
    if method == "CONNECT" {
        let host = target
            .iter()
            .rposition(|&b| b == b'@')
            .map_or(0, |at| at + 1);
        return cut(&target[host..]);
    }
    if target.starts_with(b"/") {
        return cut(target);
    }
    let Some(scheme) = target.windows(3).position(|w| w == b"://") else {
        return cut(target);
    };
    let rest = &target[scheme + 3..];
    match rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')) {
        Some(at) if rest[at] == b'/' => cut(&rest[at..]),
        _ => b"/",
    }
}

fn cut(target: &[u8]) -> &[u8] {
    let end = target.iter().position(|b| matches!(b, b'?' | b'#' | b';'));
    &target[..end.unwrap_or(target.len())]
}

/// `METHOD /path`; control and non-ASCII bytes are percent-escaped.
pub(super) fn op(method: &str, path: &[u8]) -> CompactString {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let method = &method[..method.len().min(METHOD_BYTES_MAX)];
    let mut op = CompactString::with_capacity((method.len() + 1 + path.len()).min(OP_BYTES_MAX));
    op.push_str(method);
    op.push(' ');
    for &byte in path {
        let plain = byte.is_ascii_graphic();
        if op.len() + if plain { 1 } else { 3 } > OP_BYTES_MAX {
            break;
        }
        if plain {
            op.push(byte as char);
        } else {
            op.push('%');
            op.push(HEX[usize::from(byte >> 4)] as char);
            op.push(HEX[usize::from(byte & 15)] as char);
        }
    }
    op
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operation_is_method_and_bare_path() {
        for (method, target, expected) in [
            ("GET", "/", "GET /"),
            ("GET", "/a/b?key=secret#frag", "GET /a/b"),
            ("GET", "/a;jsessionid=secret", "GET /a"),
            ("GET", "http://user:secret@host:80/a?b", "GET /a"),
            ("GET", "http://host", "GET /"),
            ("GET", "http://host?secret", "GET /"),
            ("OPTIONS", "*", "OPTIONS *"),
            ("CONNECT", "host:443", "CONNECT host:443"),
            ("CONNECT", "user:secret@host:443", "CONNECT host:443"),
            ("GET", "/caf\u{e9}\u{1}", "GET /caf%C3%A9%01"),
            ("GET", "/a?u=http://x/y", "GET /a"),
        ] {
            assert_eq!(&*op(method, path(method, target.as_bytes())), expected);
        }
    }

    #[test]
    fn the_operation_is_bounded() {
        let long = "/é".repeat(1000);
        assert!(op("GET", long.as_bytes()).len() <= OP_BYTES_MAX);
        assert_eq!(op("GET", "/x".repeat(1000).as_bytes()).len(), OP_BYTES_MAX);
    }
}
