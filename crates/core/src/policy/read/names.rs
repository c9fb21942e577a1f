//! What Kubernetes takes as a name, a label or a port's name.

use super::problem::Log;
use super::walk::{At, shortened};

fn ends_well(text: &str, end: fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|byte| end(*byte)) && bytes.last().is_some_and(|byte| end(*byte))
}

fn is_lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// RFC 1123 label: namespaces.
pub(super) fn is_dns_label(text: &str) -> bool {
    text.len() <= 63
        && ends_well(text, is_lower)
        && text.bytes().all(|byte| is_lower(byte) || byte == b'-')
}

/// RFC 1123 subdomain: most objects.
pub(super) fn is_dns_subdomain(text: &str) -> bool {
    let label = |label: &str| {
        ends_well(label, is_lower) && label.bytes().all(|byte| is_lower(byte) || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn is_label_part(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text.len() <= 63
        && ends_well(text, |byte| byte.is_ascii_alphanumeric())
        && text.bytes().all(inside)
}

/// A label's key.
pub(super) fn is_label_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_label_part(name),
        None => is_label_part(text),
    }
}

/// A label's value.
pub(super) fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_label_part(text)
}

/// A port's name.
pub(super) fn is_port_name(text: &str) -> bool {
    text.len() <= 15
        && ends_well(text, is_lower)
        && text.bytes().all(|byte| is_lower(byte) || byte == b'-')
        && text.bytes().any(|byte| byte.is_ascii_lowercase())
        && !text.contains("--")
}

/// The field's text where it is such a name; an error elsewhere.
pub(super) fn checked<'d>(
    at: &At<'d>,
    log: &mut Log,
    is: fn(&str) -> bool,
    what: &str,
    cure: &str,
) -> Option<&'d str> {
    let text = at.text(log)?;
    if is(text) {
        return Some(text);
    }
    log.error(
        at.place(),
        format!("{:?} is no {what}", shortened(text)),
        cure,
    );
    None
}

pub(super) const LABEL_KEY: &str = "at most 63 letters, digits, -, _ or . with a letter or digit at both ends; a prefix before a / is a domain";
pub(super) const LABEL_VALUE: &str =
    "at most 63 letters, digits, -, _ or . with a letter or digit at both ends";
pub(super) const OBJECT_NAME: &str =
    "use small letters, digits, - and . with a letter or digit at both ends, at most 253";
pub(super) const NAMESPACE: &str =
    "use small letters, digits and - with a letter or digit at both ends, at most 63";
pub(super) const PORT_NAME: &str =
    "at most 15 small letters, digits and -, at least one letter, or a number without quotes";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_at_their_bounds() {
        let long = "a".repeat(64);
        assert!(
            is_dns_label("a-1")
                && !is_dns_label("a.1")
                && !is_dns_label("")
                && !is_dns_label(&long)
        );
        assert!(is_dns_subdomain("a.b-1") && !is_dns_subdomain("a..b") && !is_dns_subdomain("A"));
        assert!(is_label_key("kubernetes.io/metadata.name") && is_label_key("App_1"));
        assert!(
            !is_label_key("/a")
                && !is_label_key("a/")
                && !is_label_key("a/b/c")
                && !is_label_key(&long)
        );
        assert!(
            is_label_value("")
                && is_label_value("v1.2_x")
                && !is_label_value("-a")
                && !is_label_value("a b")
        );
        assert!(is_port_name("http-80") && !is_port_name("80") && !is_port_name("a--b"));
        assert!(
            !is_port_name("HTTP") && !is_port_name("averyveryverylongname") && !is_port_name("-a")
        );
    }
}
