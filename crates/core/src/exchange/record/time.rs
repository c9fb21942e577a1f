//! Wall-clock times: a number inside, RFC 3339 outside.

use super::text;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

const SECOND_NS: u64 = 1_000_000_000;
const DAY_S: u64 = 86_400;
/// From 0000-03-01 to 1970-01-01: years that begin in March have their leap day at the end.
const DAYS_BEFORE_EPOCH: u64 = 719_468;
/// Days of 400 years; after them the calendar repeats.
const ERA_DAYS: u64 = 146_097;
/// `2026-01-02T03:04:05.678901234Z`.
const TEXT_BYTES: usize = 30;

/// Nanoseconds since the Unix epoch. As text, and in JSON, RFC 3339 in UTC with nine digits of a
/// second: all such texts have the same length, so they sort as the times do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// Its text, made without allocation.
    fn text(self) -> [u8; TEXT_BYTES] {
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        let (seconds, ns) = (self.0 / SECOND_NS, self.0 % SECOND_NS);
        let (year, month, day) = date(seconds / DAY_S);
        let of_day = seconds % DAY_S;
        put(&mut text[0..4], year);
        put(&mut text[5..7], month);
        put(&mut text[8..10], day);
        put(&mut text[11..13], of_day / 3600);
        put(&mut text[14..16], of_day / 60 % 60);
        put(&mut text[17..19], of_day % 60);
        put(&mut text[20..29], ns);
        text
    }
}

/// Year, month and day of a day since the epoch.
fn date(day: u64) -> (u64, u64, u64) {
    let day = day + DAYS_BEFORE_EPOCH;
    let (era, day) = (day / ERA_DAYS, day % ERA_DAYS);
    // Leap days so far: one in 4 years (1460 days), none in 100 (36,524), one in 400 (146,096).
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Five months from March on have 153 days, and so have the next five.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + next, month, day)
}

/// The day since the epoch of a date not before it.
fn day_of(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year.checked_sub(1)?, month + 9)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400;
    (days + (153 * month + 2) / 5 + day - 1).checked_sub(DAYS_BEFORE_EPOCH)
}

/// Writes decimal digits, the last one last.
fn put(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn number(digits: &str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| plain)?;
    range.contains(&number).then_some(number)
}

/// Reads RFC 3339 in UTC, with up to nine digits of a second.
fn parse(text: &str) -> Option<Time> {
    let (seconds, fraction) = text.strip_suffix('Z')?.split_at_checked(19)?;
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks
        .iter()
        .any(|(at, mark)| seconds.as_bytes()[*at] != *mark)
    {
        return None;
    }
    let part = |from, to, range| number(seconds.get(from..to)?, range);
    let year = part(0, 4, 1970..=2500)?;
    let day = day_of(year, part(5, 7, 1..=12)?, part(8, 10, 1..=31)?)?;
    let minutes = part(11, 13, 0..=23)? * 60 + part(14, 16, 0..=59)?;
    let seconds = day * DAY_S + minutes * 60 + part(17, 19, 0..=60)?;
    let ns = match fraction.strip_prefix('.') {
        Some(digits) if (1..=9).contains(&digits.len()) => {
            number(digits, 0..=SECOND_NS)? * 10u64.pow(9 - digits.len() as u32)
        }
        None if fraction.is_empty() => 0,
        _ => return None,
    };
    Some(Time(seconds * SECOND_NS + ns))
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::display(&self.text(), f)
    }
}

/// A text that is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoTime;

impl fmt::Display for NoTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time must look like 2026-01-02T03:04:05.678901234Z")
    }
}

impl FromStr for Time {
    type Err = NoTime;
    fn from_str(text: &str) -> Result<Self, NoTime> {
        parse(text).ok_or(NoTime)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        text::serialize(self.0, &self.text(), to)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text::deserialize(from, Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_the_calendar() {
        for (ns, text) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (1_767_323_045_678_901_234, "2026-01-02T03:04:05.678901234Z"),
            // date -u -d 2000-02-29T23:59:59Z +%s, and the second after it
            (951_868_799_999_999_999, "2000-02-29T23:59:59.999999999Z"),
            (951_868_800_000_000_000, "2000-03-01T00:00:00.000000000Z"),
            // 2100 has no leap day
            (4_107_542_399_000_000_000, "2100-02-28T23:59:59.000000000Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000000000Z"),
            (1_798_761_599_000_000_001, "2026-12-31T23:59:59.000000001Z"),
        ] {
            assert_eq!(Time(ns).to_string(), text);
            assert_eq!(text.parse(), Ok(Time(ns)));
        }
    }

    #[test]
    fn every_day_comes_back() {
        for day in 0..190_000 {
            let (year, month, of_month) = date(day);
            assert_eq!(day_of(year, month, of_month), Some(day));
        }
    }

    #[test]
    fn shorter_fractions_are_read_and_other_texts_refused() {
        let second = Time(1_767_323_045_000_000_000);
        assert_eq!("2026-01-02T03:04:05Z".parse(), Ok(second));
        let half = Time(second.0 + 500_000_000);
        assert_eq!("2026-01-02T03:04:05.5Z".parse(), Ok(half));
        for wrong in [
            "",
            "Z",
            "soon",
            "2026-01-02T03:04:05",
            "2026-13-02T03:04:05Z",
            "2026-01-02 03:04:05Z",
            "2026-01-02T03:04:05.Z",
            "2026-01-02T03:04:05.1234567890Z",
            "+026-01-02T03:04:05Z",
            "1969-12-31T23:59:59Z",
            "2026-01-02T03:04:0\u{e9}Z",
        ] {
            assert_eq!(wrong.parse::<Time>(), Err(NoTime), "{wrong}");
        }
    }
}
