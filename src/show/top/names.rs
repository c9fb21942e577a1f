//! Names and numbers in few columns.

use forebay_core::explain::EdgeKey;

/// A text without the characters that steer a terminal: names come from the network.
pub fn clean(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|c| if steers(c) { '\u{fffd}' } else { c })
        .collect()
}

/// Who asks whom.
pub fn edge(key: &EdgeKey) -> String {
    format!("{} → {}", clean(&key.client), clean(&key.server))
}

/// A duration in at most six columns: `870ns`, `12.3µs`, `1.20ms`, `75.0s`.
pub fn duration(ns: u64) -> String {
    let mut value = ns as f64;
    let mut unit = "ns";
    for larger in ["µs", "ms", "s"] {
        // 999.5 would be printed as 1000.
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = larger;
    }
    match value {
        _ if unit == "ns" => format!("{value:.0}{unit}"),
        v if v < 9.995 => format!("{value:.2}{unit}"),
        v if v < 99.95 => format!("{value:.1}{unit}"),
        _ => format!("{value:.0}{unit}"),
    }
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
