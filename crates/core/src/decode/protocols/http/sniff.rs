//! Tells HTTP/1 from its first bytes.

use crate::decode::{Guess, Speaker};

/// Bytes of a target after which a known method is believed without the version.
const TARGET_BYTES_ENOUGH: usize = 256;

/// A response begins with a status line, a request with method, target and version.
pub(super) fn sniff(data: &[u8], hint: Option<Speaker>) -> Guess {
    let blank = data
        .iter()
        .take_while(|b| matches!(b, b'\r' | b'\n'))
        .count();
    let data = &data[blank..];
    let guess = if data.is_empty() || is_prefix(data, b"HTTP/1.") {
        Guess::More
    } else if data.starts_with(b"HTTP/1.") {
        match status_line(data) {
            true => Guess::Mine(Speaker::Server),
            false if data.len() < "HTTP/1.1 200".len() && is_status_prefix(data) => Guess::More,
            false => Guess::NotMine,
        }
    } else {
        request_line(data)
    };
    match (guess, hint) {
        (Guess::Mine(speaker), Some(hint)) if speaker != hint => Guess::NotMine,
        _ => guess,
    }
}

fn is_prefix(data: &[u8], of: &[u8]) -> bool {
    data.len() < of.len() && of.starts_with(data)
}

fn is_status_prefix(data: &[u8]) -> bool {
    data.iter()
        .zip(b"HTTP/1.0 000")
        .all(|(byte, like)| match like {
            b'0' => byte.is_ascii_digit(),
            _ => byte == like,
        })
}

/// A whole status line's beginning.
pub(super) fn status_line(data: &[u8]) -> bool {
    data.len() >= "HTTP/1.1 200".len() && is_status_prefix(data)
}

fn request_line(data: &[u8]) -> Guess {
    const METHOD_BYTES: std::ops::RangeInclusive<usize> = 3..=17;
    let token = |b: &u8| b.is_ascii_uppercase() || matches!(b, b'-' | b'_');
    let method = data.iter().take_while(|b| token(b)).count();
    if method == data.len() && method <= *METHOD_BYTES.end() {
        return Guess::More;
    }
    if !METHOD_BYTES.contains(&method) || data[method] != b' ' {
        return Guess::NotMine;
    }
    let rest = &data[method + 1..];
    let target = rest.iter().take_while(|&&b| b > b' ' && b != 0x7f).count();
    let plausible = match rest.first() {
        None => return Guess::More,
        Some(b'/') => true,
        Some(b'*') => target == 1,
        Some(_) => {
            &data[..method] == b"CONNECT"
                || b"http://".starts_with(&rest[..target.min(7)])
                || b"https://".starts_with(&rest[..target.min(8)])
        }
    };
    if !plausible {
        return Guess::NotMine;
    }
    let version = &rest[target..];
    if version.is_empty() {
        let known: &[&[u8]] = &[
            b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"PATCH", b"OPTIONS",
        ];
        let believed = target >= TARGET_BYTES_ENOUGH && known.contains(&&data[..method]);
        return if believed {
            Guess::Mine(Speaker::Client)
        } else {
            Guess::More
        };
    }
    if version.starts_with(b" HTTP/1.") {
        Guess::Mine(Speaker::Client)
    } else if is_prefix(version, b" HTTP/1.") {
        Guess::More
    } else {
        Guess::NotMine
    }
}
