//! Names, rates and counts in few columns.

use crate::show::cells::clean;
use forebay_core::explain::EdgeKey;

/// Who asks whom.
pub fn edge(key: &EdgeKey) -> String {
    format!("{} → {}", clean(&key.client), clean(&key.server))
}

/// A rate in at most six columns.
pub fn rate(per_second: f64) -> String {
    match per_second {
        v if v < 9.995 => format!("{v:.2}/s"),
        v if v < 99.95 => format!("{v:.1}/s"),
        v if v < 9_999.5 => format!("{v:.0}/s"),
        v => format!("{:.0}k/s", v / 1000.0),
    }
}

/// A count in at most four columns; a dot for none, so that the eye finds the others.
pub fn count(n: u64) -> String {
    match n {
        0 => "·".into(),
        1..=9_999 => n.to_string(),
        10_000..=999_999 => format!("{}k", n / 1_000),
        _ => format!("{}M", (n / 1_000_000).min(999)),
    }
}

/// A time span: `5m 10s`.
pub fn span(ns: u64) -> String {
    let s = ns / 1_000_000_000;
    match (s / 86_400, s / 3_600 % 24, s / 60 % 60) {
        (0, 0, 0) => format!("{s}s"),
        (0, 0, m) => format!("{m}m {}s", s % 60),
        (0, h, m) => format!("{h}h {m}m"),
        (d, h, _) => format!("{d}d {h}h"),
    }
}
