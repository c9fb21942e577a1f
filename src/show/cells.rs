//! Cells of a screen: texts of other machines made safe, durations made short.

/// Whether a character steers a terminal instead of showing: control characters and those that
/// turn the direction of writing.
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text without such characters: names and operations come from the network.
pub fn clean(text: &str) -> String {
    let safe = |c| if steers(c) { '\u{fffd}' } else { c };
    text.chars().map(safe).collect()
}

/// Three digits and a unit, at most six columns: `870ns`, `12.3µs`, `1.20ms`, `75.0s`.
pub fn duration(ns: u64) -> String {
    if ns < 1000 {
        return format!("{ns}ns");
    }
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
    let digits = match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        let cases = [
            (0, "0ns"),
            (999, "999ns"),
            (1_000, "1.00µs"),
            (9_996, "10.0µs"),
            (99_960, "100µs"),
            (999_600, "1.00ms"),
            (1_234_567, "1.23ms"),
            (75_000_000_000, "75.0s"),
            (7_500_000_000_000, "7500s"),
        ];
        for (ns, text) in cases {
            assert_eq!(duration(ns), text, "{ns}");
        }
    }

    #[test]
    fn texts_cannot_steer_a_terminal() {
        assert_eq!(
            clean("GET /\x1b[2J\u{202e}x\n"),
            "GET /\u{fffd}[2J\u{fffd}x\u{fffd}"
        );
    }
}
