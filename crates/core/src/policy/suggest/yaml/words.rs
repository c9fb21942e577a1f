//! Pieces of text: in comments for people, as scalars for YAML.

use crate::exchange::record::Time;
use crate::policy::traffic::Amount;

/// Names that one comment lists at most.
const LISTED: usize = 8;

/// A number of requests.
pub fn counted(requests: u64) -> String {
    let word = if requests == 1 { "request" } else { "requests" };
    format!("{requests} {word}")
}

/// How much, what for and when.
pub fn amount(of: &Amount) -> String {
    let roles = of.role_names();
    let roles = if roles.is_empty() {
        String::new()
    } else {
        format!(" ({})", roles.join(", "))
    };
    let times = match (of.first, of.last) {
        (Some(first), Some(last)) => format!(", {} to {}", second(first), second(last)),
        _ => String::new(),
    };
    format!("{}{roles}{times}", counted(of.requests))
}

/// Whole seconds are enough for people.
fn second(at: Time) -> String {
    let text = at.to_string();
    text.get(..19)
        .map_or(text.clone(), |text| format!("{text}Z"))
}

/// Some names, and how many more there are; never more than one line.
pub fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    let mut out: Vec<String> = names.iter().take(LISTED).map(|name| plain(name)).collect();
    if names.len() > LISTED {
        out.push(format!("{} more", names.len() - LISTED));
    }
    out.join(", ")
}

/// Nothing in a comment may end it.
pub fn plain(text: &str) -> String {
    let plain = |c: char| {
        if c.is_control() || c == '\u{2028}' || c == '\u{2029}' {
            '?'
        } else {
            c
        }
    };
    text.chars().map(plain).collect()
}

/// A text that YAML takes for nothing else.
pub fn scalar(text: &str) -> String {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(inside)
        && !words.contains(&text.to_lowercase().as_str());
    if is_plain {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out + "\""
}
