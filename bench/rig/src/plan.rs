//! What a request asks the server to do: the grammar of the `x-rig` header.
//!
//! `key=value` pairs joined by commas. Times are `250us`, `5ms`, `1s` or plain nanoseconds:
//! - `read_late=T` the server waits T between "readable" and its first read (sent ahead by the client)
//! - `think=T` between the request's last byte read and the response's first write
//! - `write_late=T` pause between writing the head and the body
//! - `size=N` body bytes · `pieces=N` the body is written in N pieces
//! - `tokens=20x5ms` or `tokens=9x5ms+200ms+10x5ms` a token stream: one pause before each content event
//! - `end=fin|rst` close after the response; reset in the middle of the body
//! - `write_with=…` the family of system calls the response is written with

use crate::sock::WriteWith;
use crate::{Result, RigError};

/// How a response ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// The connection stays open.
    #[default]
    KeepAlive,
    /// `Connection: close`, then FIN.
    Fin,
    /// Half of the announced body, then RST.
    Rst,
}

/// A parsed `x-rig` header. All times in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Readable → first read.
    pub read_late_ns: u64,
    /// Last byte read → first write.
    pub think_ns: u64,
    /// Head written → body written.
    pub write_late_ns: u64,
    /// Body length.
    pub size_bytes: usize,
    /// Writes the body is cut into; 0 and 1 mean one.
    pub pieces: usize,
    /// Pause before each content event; empty: not a token stream.
    pub tokens_ns: Vec<u64>,
    /// How it ends.
    pub end: End,
    /// System call family of the response.
    pub write_with: Option<WriteWith>,
}

impl Plan {
    /// Reads the header's value. The empty string is a plain response.
    ///
    /// # Errors
    /// [`RigError::Plan`] names the part that is not understood.
    pub fn parse(text: &str) -> Result<Self> {
        let mut plan = Self::default();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let wrong = || RigError::Plan(part.to_owned());
            let (key, value) = part.split_once('=').ok_or_else(wrong)?;
            match key {
                "read_late" => plan.read_late_ns = time_ns(value)?,
                "think" => plan.think_ns = time_ns(value)?,
                "write_late" => plan.write_late_ns = time_ns(value)?,
                "size" => plan.size_bytes = value.parse().map_err(|_| wrong())?,
                "pieces" => plan.pieces = value.parse().map_err(|_| wrong())?,
                "tokens" => plan.tokens_ns = times_ns(value)?,
                "write_with" => plan.write_with = Some(value.parse()?),
                "end" if value == "fin" => plan.end = End::Fin,
                "end" if value == "rst" => plan.end = End::Rst,
                _ => return Err(wrong()),
            }
        }
        Ok(plan)
    }
}

/// Reads `250us`, `5ms`, `1s`, `7ns` or a plain number of nanoseconds.
///
/// # Errors
/// [`RigError::Plan`] for anything else.
pub fn time_ns(text: &str) -> Result<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let unit = match &text[digits..] {
        "" | "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        _ => return Err(RigError::Plan(text.to_owned())),
    };
    let number = text[..digits]
        .parse::<u64>()
        .map_err(|_| RigError::Plan(text.to_owned()))?;
    number
        .checked_mul(unit)
        .ok_or_else(|| RigError::Plan(text.to_owned()))
}

/// At most this many events in one stream.
const TOKENS_MAX: usize = 100_000;

fn times_ns(text: &str) -> Result<Vec<u64>> {
    let mut all = Vec::new();
    for item in text.split('+') {
        let (count, time) = item.split_once('x').unwrap_or(("1", item));
        let count: usize = count.parse().map_err(|_| RigError::Plan(item.to_owned()))?;
        if all.len() + count > TOKENS_MAX {
            return Err(RigError::Plan(item.to_owned()));
        }
        all.resize(all.len() + count, time_ns(time)?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_key() {
        let plan = Plan::parse("read_late=5ms, think=7ms,write_late=250us,size=10,pieces=2,tokens=2x5ms+1s,end=rst,write_with=writev").unwrap();
        assert_eq!(plan.read_late_ns, 5_000_000);
        assert_eq!(plan.write_late_ns, 250_000);
        assert_eq!(plan.tokens_ns, [5_000_000, 5_000_000, 1_000_000_000]);
        assert_eq!(plan.end, End::Rst);
        assert_eq!(plan.write_with, Some(WriteWith::Writev));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for text in [
            "thinks=1ms",
            "think",
            "think=1h",
            "tokens=1000000x1ms",
            "end=later",
            "think=99999999999s",
        ] {
            assert!(Plan::parse(text).is_err(), "{text}");
        }
    }
}
