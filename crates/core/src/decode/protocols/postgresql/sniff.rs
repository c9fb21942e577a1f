//! Recognises PostgreSQL messages in the first bytes of a turn.

use crate::decode::{Guess, Speaker};

/// Protocol 3.0 and the minor versions after it. 3.2 is the newest, the rest is room.
const STARTUP_CODES: std::ops::RangeInclusive<u32> = 0x0003_0000..=0x0003_0010;
pub(super) const CANCEL_CODE: u32 = 80_877_102;
pub(super) const SSL_CODE: u32 = 80_877_103;
pub(super) const GSS_CODE: u32 = 80_877_104;

/// What the four bytes after a startup packet's length ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Startup {
    Session,
    Cancel,
    Encryption,
}

pub(super) fn startup(code: &[u8]) -> Option<Startup> {
    match word(code)? {
        CANCEL_CODE => Some(Startup::Cancel),
        SSL_CODE | GSS_CODE => Some(Startup::Encryption),
        code if STARTUP_CODES.contains(&code) => Some(Startup::Session),
        _ => None,
    }
}

/// Looks at the first bytes of a turn.
pub(super) fn sniff(data: &[u8], hint: Option<Speaker>) -> Guess {
    if hint != Some(Speaker::Server) {
        match is_startup(data) {
            Some(true) => return Guess::Mine(Speaker::Client),
            None => return Guess::More,
            Some(false) => {}
        }
    }
    let mut guess = Guess::NotMine;
    for speaker in [Speaker::Client, Speaker::Server] {
        if hint.is_some_and(|h| h != speaker) {
            continue;
        }
        match is_message(speaker, data) {
            Some(true) => return Guess::Mine(speaker),
            None => guess = Guess::More,
            Some(false) => {}
        }
    }
    guess
}

/// A startup packet; `None`: too short to tell.
fn is_startup(data: &[u8]) -> Option<bool> {
    if data.first()? != &0 {
        return Some(false);
    }
    let (len, code) = (word(data)?, startup(data.get(4..)?));
    if data.len() < 8 {
        return None;
    }
    Some(match code {
        Some(Startup::Encryption) => len == 8,
        Some(Startup::Cancel) => (16..=268).contains(&len),
        Some(Startup::Session) => {
            // Parameters are names and values; every client sends `user`.
            (9..=10_000).contains(&len)
                && data
                    .get(8)
                    .is_none_or(|b| b.is_ascii_lowercase() || *b == b'_')
        }
        None => false,
    })
}

/// A typed message of this speaker, beyond doubt; `None`: too short to tell. A message that is
/// seen whole must be followed by another one, or by nothing.
pub(super) fn is_message(from: Speaker, data: &[u8]) -> Option<bool> {
    let kind = *data.first()?;
    if !types(from).contains(&kind) {
        return Some(false);
    }
    let len = word(&data[1..])? as usize;
    if !(4..0x4000_0000).contains(&len) {
        return Some(false);
    }
    let body = &data[5..data.len().min(1 + len)];
    let whole = data.len() > len;
    let fits = match from {
        Speaker::Client => client_body(kind, len, body, whole),
        Speaker::Server => server_body(kind, len, body, whole),
    };
    Some(fits && is_header(from, &data[data.len().min(1 + len)..]))
}

/// The bytes after a message: as much of a header as there is.
fn is_header(from: Speaker, data: &[u8]) -> bool {
    let Some(kind) = data.first() else {
        return true;
    };
    types(from).contains(kind) && word(&data[1..]).is_none_or(|len| (4..0x4000_0000).contains(&len))
}

fn types(from: Speaker) -> &'static [u8] {
    match from {
        Speaker::Client => b"QPBDECFSHX",
        Speaker::Server => b"RKSZTDCINEA123nstGHWdcvV",
    }
}

fn client_body(kind: u8, len: usize, body: &[u8], whole: bool) -> bool {
    match kind {
        b'S' | b'H' | b'X' => len == 4,
        b'Q' => is_sql(body) && (!whole || body.last() == Some(&0)),
        b'P' => match text(body) {
            Some((_, sql)) => is_sql(sql),
            None => !whole && body.iter().all(|b| is_printable(*b)) && body.len() > 8,
        },
        b'B' => text(body).and_then(|(_, rest)| text(rest)).is_some(),
        b'D' | b'C' => {
            len >= 6
                && matches!(body.first(), Some(b'S' | b'P'))
                && body.last() == Some(&0)
                && whole
        }
        b'E' => text(body).is_some_and(|(name, rest)| len == 4 + name.len() + 5 && rest.len() <= 4),
        _ => false,
    }
}

fn is_sql(body: &[u8]) -> bool {
    let sql = text(body).map_or(body, |(sql, _)| sql);
    !sql.is_empty()
        && sql.iter().take(64).all(|b| is_printable(*b))
        && sql.iter().any(|b| b.is_ascii_alphabetic() || *b == b';')
}

fn server_body(kind: u8, len: usize, body: &[u8], whole: bool) -> bool {
    match kind {
        b'1' | b'2' | b'3' | b'n' | b's' | b'I' => len == 4,
        b'Z' => len == 5 && matches!(body.first(), Some(b'I' | b'T' | b'E')),
        b'R' => (8..=4096).contains(&len) && word(body).is_some_and(|code| code <= 12),
        b'K' => (12..=268).contains(&len),
        b'T' => counted(body).is_some_and(|n| n <= 1664 && len >= 6 + n * 19),
        b'D' => counted(body).is_some_and(|n| n <= 1664 && len >= 6 + n * 4) && row(body),
        b't' => counted(body).is_some_and(|n| len == 6 + n * 4),
        b'C' => whole && tag(body).is_some() && body.last() == Some(&0),
        b'E' | b'N' => {
            body.starts_with(b"SERROR\0")
                || body.starts_with(b"SFATAL\0")
                || body.starts_with(b"SPANIC\0")
                || body.first() == Some(&b'S') && body.windows(2).any(|w| w == b"\0V")
        }
        b'S' => text(body)
            .is_some_and(|(name, _)| name.len() > 2 && name.iter().all(|b| is_printable(*b))),
        b'G' | b'H' | b'W' => {
            body.len() >= 3 && body[0] <= 1 && len == 7 + 2 * usize::from(body[2]) && body[1] == 0
        }
        _ => false,
    }
}

/// The first column's length of a DataRow is NULL or fits the message.
fn row(body: &[u8]) -> bool {
    body.len() < 6 || word(&body[2..]).is_some_and(|len| len == u32::MAX || len < 0x4000_0000)
}

fn counted(body: &[u8]) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes([
        *body.first()?,
        *body.get(1)?,
    ])))
}

fn word(data: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(data.get(..4)?.try_into().ok()?))
}

fn is_printable(byte: u8) -> bool {
    byte >= 0x20 && byte != 0x7f || matches!(byte, b'\t' | b'\n' | b'\r')
}

/// A zero-terminated text and what follows it.
pub(super) fn text(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(0, body)?;
    Some((&body[..end], &body[end + 1..]))
}

/// The command of a CommandComplete tag: `INSERT` of `INSERT 0 1`, `CREATE TABLE`.
pub(super) fn tag(body: &[u8]) -> Option<&str> {
    let end = body
        .iter()
        .position(|b| !(b.is_ascii_uppercase() || *b == b' '))
        .unwrap_or(body.len());
    let words = std::str::from_utf8(&body[..end.min(32)]).ok()?.trim();
    (!words.is_empty()).then_some(words)
}

/// The SQLSTATE of an ErrorResponse: its `C` field, five digits or upper-case letters.
pub(super) fn sqlstate(mut body: &[u8]) -> Option<&str> {
    while let Some((&field, rest)) = body.split_first() {
        if field == b'C' {
            let code = rest.get(..5)?;
            let plain = code
                .iter()
                .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
            return if plain {
                std::str::from_utf8(code).ok()
            } else {
                None
            };
        }
        body = text(rest)?.1;
    }
    None
}
