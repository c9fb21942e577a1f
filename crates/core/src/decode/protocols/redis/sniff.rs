//! Recognises RESP in the first bytes of a turn.

use super::command;
use super::walk::{Length, length};
use crate::decode::{Guess, Speaker};

/// Values that are looked into to believe a reply.
const VALUES_MAX: u32 = 64;

/// Looks at the first bytes of a turn. Commands are told by their array of strings, replies by
/// being complete and well-formed; lone words and short replies only with a hint.
pub(super) fn sniff(data: &[u8], hint: Option<Speaker>) -> Guess {
    let Some(&first) = data.first() else {
        return Guess::More;
    };
    if hint != Some(Speaker::Server) {
        match is_command(data, hint == Some(Speaker::Client)) {
            Some(true) => return Guess::Mine(Speaker::Client),
            None => return Guess::More,
            Some(false) => {}
        }
    }
    if hint == Some(Speaker::Client) || !is_type(first) {
        return Guess::NotMine;
    }
    match is_reply(data) {
        Some(true) => Guess::Mine(Speaker::Server),
        Some(false) => Guess::NotMine,
        // A large reply goes on beyond what is seen: the hint decides.
        None if hint == Some(Speaker::Server) && data.len() >= 64 => Guess::Mine(Speaker::Server),
        None if data.len() >= 64 => Guess::NotMine,
        None => Guess::More,
    }
}

/// Type bytes of RESP2 and RESP3.
pub(super) fn is_type(byte: u8) -> bool {
    b"+-:$*_#,(!=%~>|".contains(&byte)
}

/// A command begins here; `None`: too short to tell.
pub(super) fn is_command(data: &[u8], inline: bool) -> Option<bool> {
    if data.first()? != &b'*' {
        if !inline || !data[0].is_ascii_alphabetic() {
            return Some(false);
        }
        let end = memchr::memchr(b'\n', &data[..data.len().min(64)]);
        return match end {
            Some(end) => Some(is_inline(&data[..end])),
            None if data.len() < 64
                && data
                    .iter()
                    .all(|b| b.is_ascii_graphic() || *b == b' ' || *b == b'\r') =>
            {
                None
            }
            None => Some(false),
        };
    }
    let (count, rest) = match header(&data[1..]) {
        Head::Whole(count, rest) => (count, rest),
        Head::Short => return None,
        Head::Bad => return Some(false),
    };
    if !(1..=1 << 20).contains(&count) {
        return Some(false);
    }
    if rest.first()? != &b'$' {
        return Some(false);
    }
    let (len, name) = match header(&rest[1..]) {
        Head::Whole(len, name) => (len as usize, name),
        Head::Short => return None,
        Head::Bad => return Some(false),
    };
    let name = &name[..name.len().min(len)];
    let plain = name
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(b));
    if !(2..=40).contains(&len) || !plain {
        return Some(false);
    }
    if name.len() < len {
        return None;
    }
    // A reply may look the same (`*1 $3 foo`); a known name makes it a command.
    Some(command::name(name).is_some())
}

/// A line of words that begins with a known command.
pub(super) fn is_inline(line: &[u8]) -> bool {
    let word = line
        .split(u8::is_ascii_whitespace)
        .next()
        .unwrap_or_default();
    command::name(word).is_some()
}

enum Head<'a> {
    Whole(u64, &'a [u8]),
    Short,
    Bad,
}

/// A count and its line end.
fn header(data: &[u8]) -> Head<'_> {
    let digits = data
        .iter()
        .take(11)
        .take_while(|b| b.is_ascii_digit())
        .count();
    match (&data[digits..], length(&data[..digits])) {
        ([] | [b'\r'], _) if digits < 11 => Head::Short,
        ([b'\r', b'\n', rest @ ..], Some(Length::Known(n))) => Head::Whole(n, rest),
        _ => Head::Bad,
    }
}

/// Replies, complete and well-formed to the last byte; `None`: well-formed but not complete.
pub(super) fn is_reply(data: &[u8]) -> Option<bool> {
    let mut rest = data;
    let mut values = 0u32;
    while !rest.is_empty() && values < VALUES_MAX {
        values += 1;
        let kind = rest[0];
        if !is_type(kind) && kind != b'.' && kind != b';' {
            return Some(false);
        }
        let Some(end) = memchr::memchr(b'\n', rest) else {
            return if is_text(&rest[1..]) {
                None
            } else {
                Some(false)
            };
        };
        let Some(line) = rest[1..end].strip_suffix(b"\r") else {
            return Some(false);
        };
        if !is_scalar(kind, line) {
            return Some(false);
        }
        rest = &rest[end + 1..];
        if let (b'$' | b'!' | b'=', Some(Length::Known(len)))
        | (b';', Some(Length::Known(len @ 1..))) = (kind, length(line))
        {
            let len = len as usize;
            if rest.len() < len + 2 {
                return None;
            }
            if &rest[len..len + 2] != b"\r\n" {
                return Some(false);
            }
            rest = &rest[len + 2..];
        }
    }
    if values == 0 { None } else { Some(true) }
}

/// The rest of a header line fits its type.
fn is_scalar(kind: u8, line: &[u8]) -> bool {
    match kind {
        b'+' => is_text(line),
        b'-' => is_text(line) && line.first().is_some_and(u8::is_ascii_uppercase),
        b':' | b'(' => {
            let digits = line
                .strip_prefix(b"-")
                .or(line.strip_prefix(b"+"))
                .unwrap_or(line);
            !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
        }
        b'#' => matches!(line, b"t" | b"f"),
        b'_' | b'.' => line.is_empty(),
        b',' => {
            !line.is_empty()
                && line
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b))
        }
        _ => length(line).is_some(),
    }
}

fn is_text(line: &[u8]) -> bool {
    line.iter().all(|b| *b >= 0x20 && *b != 0x7f || *b == b'\r')
}
