//! Wall-clock times in the form of the public JSON: RFC 3339, UTC, nine digits of a second.
//!
//! All such texts have the same length up to the year 9999, so they sort as the times do.

use forebay_core::exchange::record::Time;
use jiff::Timestamp;
use std::time::Duration;

/// Text of a time.
pub fn text(at: Timestamp) -> String {
    format!("{at:.9}")
}

/// Now, in nanoseconds since the Unix epoch.
pub fn now_ns() -> u64 {
    u64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(0)
}

/// Now, on the kernel's monotonic clock.
pub fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let parts = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    parts.0.unwrap_or(0) * 1_000_000_000 + parts.1.unwrap_or(0)
}

/// The time that lies `back` before now.
pub fn before_now(back: Duration) -> Time {
    let back_ns = u64::try_from(back.as_nanos()).unwrap_or(u64::MAX);
    Time(now_ns().saturating_sub(back_ns))
}

/// Reads a duration such as `20ms`, `5m` or `1h30m`.
///
/// # Errors
/// A sentence for the user when it is none, or negative.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration; write for example 20ms, 10s, 5m or 1h30m");
    let duration: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(duration).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_records() {
        // A prime, so that all days, hours and fractions come.
        for unix_ns in (0..1 << 62).step_by(4_611_686_014_132_421) {
            let at = Timestamp::from_nanosecond(i128::from(unix_ns)).unwrap();
            assert_eq!(text(at), Time(unix_ns).to_string());
        }
    }

    #[test]
    fn durations_need_a_unit_and_no_sign() {
        assert_eq!(parse_duration("20ms"), Ok(Duration::from_millis(20)));
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
        for wrong in ["", "20", "-5s", "soon"] {
            assert!(parse_duration(wrong).is_err(), "{wrong:?}");
        }
    }
}
