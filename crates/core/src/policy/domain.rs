//! Domain names as peers, and the answers of DNS that give them addresses.

use super::cidr::unmapped;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

/// A domain name, or all names below one (`*.example.com`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainPattern {
    /// Lower case, without a dot at the end.
    name: String,
    /// Only names below it.
    below: bool,
}

impl DomainPattern {
    /// None where the API refuses the text. A label begins with a letter, digit or _ and ends
    /// with a letter or digit; a dot stands in every name; only the first label may be `*`.
    #[must_use]
    pub fn new(text: &str) -> Option<DomainPattern> {
        let (below, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let name = plain(rest);
        let label = |label: &str| {
            let bytes = label.as_bytes();
            let inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            let first = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
            bytes.first().is_some_and(first)
                && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
                && bytes.iter().all(inside)
        };
        let valid = name.contains('.') && name.split('.').all(label);
        valid.then_some(DomainPattern { name, below })
    }

    /// Whether the name is meant, letters' case and a dot at the end aside.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let name = plain(name);
        if self.below {
            name.strip_suffix(&self.name)
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        } else {
            name == self.name
        }
    }
}

fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

impl fmt::Display for DomainPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", if self.below { "*." } else { "" }, self.name)
    }
}

/// What DNS has answered. Whoever fills it removes what has expired: there is no clock here.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    names: BTreeMap<IpAddr, BTreeSet<String>>,
}

impl Answers {
    /// A name was answered with an address.
    pub fn add(&mut self, name: &str, address: IpAddr) {
        self.names
            .entry(unmapped(address))
            .or_default()
            .insert(plain(name));
    }

    /// That answer has expired.
    pub fn remove(&mut self, name: &str, address: IpAddr) {
        let address = unmapped(address);
        if let Some(names) = self.names.get_mut(&address) {
            names.remove(&plain(name));
            if names.is_empty() {
                self.names.remove(&address);
            }
        }
    }

    /// Every address that was answered.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.names.keys().copied()
    }

    /// The names that were answered with this address.
    pub fn names(&self, address: IpAddr) -> impl Iterator<Item = &str> {
        self.names
            .get(&unmapped(address))
            .into_iter()
            .flatten()
            .map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_whole_labels() {
        let cases = [
            ("kubernetes.io", "kubernetes.io", true),
            ("kubernetes.io", "Kubernetes.IO.", true),
            ("kubernetes.io", "www.kubernetes.io", false),
            ("kubernetes.io", "my-kubernetes.io", false),
            ("*.kubernetes.io", "www.kubernetes.io", true),
            ("*.kubernetes.io", "latest.blog.kubernetes.io", true),
            ("*.kubernetes.io", "kubernetes.io", false),
            ("*.kubernetes.io", ".kubernetes.io", false),
            ("*.kubernetes.io", "my-kubernetes.io", false),
            ("*.kubernetes.io", "wikipedia.org", false),
            ("_mta.kubernetes.io", "_mta.kubernetes.io", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(
                DomainPattern::new(pattern).unwrap().matches(name),
                expected,
                "{pattern} {name}"
            );
        }
        for bad in [
            "",
            "io",
            "*",
            "*.",
            "*.io",
            "a.*.io",
            "w*.kubernetes.io",
            "-a.io",
            "a_.io",
            "a..io",
            "a b.io",
        ] {
            assert_eq!(DomainPattern::new(bad), None, "{bad}");
        }
    }

    #[test]
    fn answers_come_and_go() {
        let mut answers = Answers::default();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        answers.add("A.example.", "::ffff:192.0.2.1".parse().unwrap());
        answers.add("b.example", address);
        assert_eq!(
            answers.names(address).collect::<Vec<_>>(),
            ["a.example", "b.example"]
        );
        answers.remove("a.example", address);
        answers.remove("b.example", address);
        assert!(answers.names.is_empty());
    }
}
