//! Columns of the table: what each says of a request, cut to its width.

use crate::show::cells::{clean, duration};
use forebay_core::exchange::record::{Evidence, Party, Record, Time};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

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

/// Time of day here, to the millisecond.
pub fn time_of_day(ts: Time) -> String {
    let at = Timestamp::from_nanosecond(i128::from(ts.0));
    let local = at.map(|at| at.to_zoned(TimeZone::system()));
    local.map_or_else(
        |_| ts.to_string(),
        |at| at.strftime("%H:%M:%S%.3f").to_string(),
    )
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
        Some(pid) => format!("{} pid {pid}", party.addr),
        None => party.addr.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keep::hub::tests::{model_call, record};

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
    fn texts_are_cut_by_columns() {
        assert_eq!(fit("abc", 5), "abc  ");
        assert_eq!(fit("abcdef", 4), "abc…");
        assert_eq!(fit("日本語", 4), "日… ");
        assert_eq!(fit("abc", 0), "");
    }
}
