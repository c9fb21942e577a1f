//! Lines of the public NDJSON: a record, or a loss.

use forebay_core::event::LossReason;
use forebay_core::exchange::record::{Record, Time};
use serde::{Deserialize, Serialize};

/// Something that is missing from the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// How many (see [`LossReason`] for of what).
    pub records: u64,
    /// Why.
    pub why: LossReason,
    /// Since when, UTC, RFC 3339.
    pub since: Time,
}

impl Loss {
    /// A loss since a time in nanoseconds since the Unix epoch.
    pub fn since_unix(records: u64, why: LossReason, since_ns: u64) -> Loss {
        Loss {
            records,
            why,
            since: Time(since_ns),
        }
    }
}

/// How a loss looks on the wire.
#[derive(Serialize, Deserialize)]
struct LossLine<L> {
    lost: L,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// A finished request.
    Record(Box<Record>),
    /// A loss.
    Lost(Loss),
}

/// Start of every loss line; no record begins with it.
pub const LOSS_START: &[u8] = b"{\"lost\":";

/// Reads one line.
///
/// # Errors
/// When it is neither a record nor a loss.
pub fn parse_line(text: &str) -> Result<Line, serde_json::Error> {
    let text = text.trim();
    if text.as_bytes().starts_with(LOSS_START) {
        let line: LossLine<Loss> = serde_json::from_str(text)?;
        return Ok(Line::Lost(line.lost));
    }
    Ok(Line::Record(serde_json::from_str(text)?))
}

/// Appends the line of a record.
///
/// # Errors
/// Never for the types as they are; the serialiser's signature asks for it.
pub fn write_record(out: &mut Vec<u8>, record: &Record) -> Result<(), serde_json::Error> {
    serde_json::to_writer(&mut *out, record)?;
    out.push(b'\n');
    Ok(())
}

/// Appends the line of a loss.
///
/// # Errors
/// As [`write_record`].
pub fn write_loss(out: &mut Vec<u8>, loss: &Loss) -> Result<(), serde_json::Error> {
    serde_json::to_writer(&mut *out, &LossLine { lost: loss })?;
    out.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_survives_the_way_out_and_back() {
        let loss = Loss {
            records: 3,
            why: LossReason::RingFull,
            since: Time(1_767_323_045_678_901_234),
        };
        let mut out = Vec::new();
        write_loss(&mut out, &loss).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "{\"lost\":{\"records\":3,\"why\":\"ring_full\",\"since\":\"2026-01-02T03:04:05.678901234Z\"}}\n"
        );
        assert_eq!(parse_line(&text).unwrap(), Line::Lost(loss));
    }
}
