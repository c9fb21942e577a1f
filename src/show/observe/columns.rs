//! Cells of the table: texts of other machines made safe, numbers made short.

use forebay_core::exchange::record::{Evidence, Party, Record};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A text without the characters that steer a terminal: operations and names come from the network.
pub fn clean(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let safe = |c| if steers(c) { '\u{fffd}' } else { c };
    text.chars().map(safe).collect()
}

/// A text cut or filled to exactly `width` columns.
pub fn fit(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    let cut = text.width() > width;
    let room = if cut { width.saturating_sub(1) } else { width };
    for c in text.chars() {
        let columns = c.width().unwrap_or(0);
        if used + columns > room {
            break;
        }
        out.push(c);
        used += columns;
    }
    if cut && width > 0 {
        out.push('…');
        used += 1;
    }
    out.extend(std::iter::repeat_n(' ', width - used));
    out
}

/// Three digits and a unit: `870ns`, `12.3µs`, `1.20ms`, `75.0s`.
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

/// Time of day here, to the millisecond.
pub fn time_of_day(ts: &str) -> String {
    let at: Option<Timestamp> = ts.parse().ok();
    let local = at.map(|at| at.to_zoned(TimeZone::system()));
    local.map_or_else(|| clean(ts), |at| at.strftime("%H:%M:%S%.3f").to_string())
}

/// Who asked whom.
pub fn edge(record: &Record) -> String {
    format!(
        "{} → {}",
        clean(&record.client.workload),
        clean(&record.server.workload)
    )
}

/// What was asked; for a model call also of which model, and what became of its stream.
pub fn operation(record: &Record) -> String {
    let mut text = clean(&record.op);
    let Some(call) = &record.gen_ai else {
        return text;
    };
    if let Some(model) = &call.model {
        text.push_str(&format!(" [{}]", clean(model)));
    }
    if let Some(worst) = call.stalls.iter().max_by_key(|stall| stall.gap_ns) {
        let count = call.stalls.len() as u64 + u64::from(call.stalls_omitted);
        let plural = if count == 1 { "" } else { "s" };
        let who = format!("{:?}", worst.cause).to_lowercase();
        let gap = duration(worst.gap_ns);
        text.push_str(&format!(" {count} stall{plural}, worst {gap} ({who})"));
    }
    if let Some(first) = call.time_to_first_chunk_ns {
        let (first, chunks) = (duration(first), call.chunks);
        text.push_str(&format!(" first of {chunks} chunks {first}"));
    }
    text
}

/// The protocol's status, or the error where there is none.
pub fn status(record: &Record) -> String {
    let status = record.status.as_deref().or(record.error.as_deref());
    status.map_or_else(|| "-".to_owned(), clean)
}

/// How the phases are known.
pub fn evidence(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Exact => "exact",
        Evidence::Rtt => "rtt",
        Evidence::None => "none",
    }
}

/// Process and address of one end.
pub fn party(party: &Party) -> String {
    match party.pid {
        Some(pid) => format!("{} pid {pid}", clean(&party.addr)),
        None => clean(&party.addr),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keep::hub::tests::{model_call, record};

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
    fn a_model_call_tells_of_its_stream() {
        let mut call = record(1);
        call.op = "POST /v1/chat/completions".into();
        call.gen_ai = Some(Box::new(model_call()));
        assert_eq!(
            operation(&call),
            "POST /v1/chat/completions [smollm2] 1 stall, worst 300ms (wire) \
             first of 48 chunks 212ms"
        );
    }

    #[test]
    fn texts_are_cut_by_columns_and_cannot_steer_a_terminal() {
        assert_eq!(fit("abc", 5), "abc  ");
        assert_eq!(fit("abcdef", 4), "abc…");
        assert_eq!(fit("日本語", 4), "日… ");
        assert_eq!(fit("abc", 0), "");
        assert_eq!(
            clean("GET /\x1b[2J\u{202e}x\n"),
            "GET /\u{fffd}[2J\u{fffd}x\u{fffd}"
        );
    }
}
