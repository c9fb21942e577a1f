//! Label selectors.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// What labels must say. Without requirements it matches everything; "no selector at all" is `None` of
/// an `Option<Selector>`, and means something else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Selector {
    /// All of them must hold.
    pub requirements: Vec<Requirement>,
}

/// One requirement on one label.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Requirement {
    /// The label is there and has one of these values.
    In(String, BTreeSet<String>),
    /// The label is missing or has none of these values.
    NotIn(String, BTreeSet<String>),
    /// The label is there.
    Exists(String),
    /// The label is missing.
    DoesNotExist(String),
}

impl Selector {
    /// Matches everything.
    #[must_use]
    pub fn everything() -> Self {
        Self::default()
    }

    /// These labels with these values.
    #[must_use]
    pub fn of(labels: &[(&str, &str)]) -> Self {
        let one = |(key, value): &(&str, &str)| {
            Requirement::In((*key).to_owned(), BTreeSet::from([(*value).to_owned()]))
        };
        Self {
            requirements: labels.iter().map(one).collect(),
        }
    }

    /// Whether every requirement holds of these labels.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.requirements.iter().all(|one| one.holds(labels))
    }

    /// Whether no labels can satisfy both, as far as their `In` requirements tell.
    #[must_use]
    pub fn excludes(&self, other: &Selector) -> bool {
        self.requirements.iter().any(|mine| {
            let Requirement::In(key, values) = mine else {
                return false;
            };
            other.requirements.iter().any(|theirs| match theirs {
                Requirement::In(its, theirs) => its == key && values.is_disjoint(theirs),
                Requirement::NotIn(its, theirs) => its == key && values.is_subset(theirs),
                Requirement::DoesNotExist(its) => its == key,
                Requirement::Exists(_) => false,
            })
        })
    }
}

impl Requirement {
    fn holds(&self, labels: &Labels) -> bool {
        match self {
            Requirement::In(key, values) => {
                labels.get(key).is_some_and(|value| values.contains(value))
            }
            Requirement::NotIn(key, values) => {
                !labels.get(key).is_some_and(|value| values.contains(value))
            }
            Requirement::Exists(key) => labels.contains_key(key),
            Requirement::DoesNotExist(key) => !labels.contains_key(key),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, one) in self.requirements.iter().enumerate() {
            if index > 0 {
                out.write_str(",")?;
            }
            one.fmt(out)?;
        }
        Ok(())
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |values: &BTreeSet<String>| values.iter().cloned().collect::<Vec<_>>().join("|");
        match self {
            Requirement::In(key, values) => write!(out, "{key}={}", list(values)),
            Requirement::NotIn(key, values) => write!(out, "{key}!={}", list(values)),
            Requirement::Exists(key) => out.write_str(key),
            Requirement::DoesNotExist(key) => write!(out, "!{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    fn set(values: &[&str]) -> BTreeSet<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn every_operator_on_a_label_that_is_there_and_one_that_is_not() {
        let here = labels(&[("app", "web")]);
        let cases = [
            (Requirement::In("app".into(), set(&["web", "api"])), true),
            (Requirement::In("app".into(), set(&["api"])), false),
            (Requirement::In("tier".into(), set(&["web"])), false),
            (Requirement::NotIn("app".into(), set(&["web"])), false),
            (Requirement::NotIn("app".into(), set(&["api"])), true),
            (Requirement::NotIn("tier".into(), set(&["web"])), true),
            (Requirement::Exists("app".into()), true),
            (Requirement::Exists("tier".into()), false),
            (Requirement::DoesNotExist("app".into()), false),
            (Requirement::DoesNotExist("tier".into()), true),
        ];
        for (requirement, expected) in cases {
            let selector = Selector {
                requirements: vec![requirement],
            };
            assert_eq!(selector.matches(&here), expected, "{selector}");
        }
        assert!(Selector::everything().matches(&Labels::new()));
    }

    #[test]
    fn requirements_are_all_needed() {
        let selector = Selector::of(&[("app", "web"), ("env", "prod")]);
        assert!(!selector.matches(&labels(&[("app", "web")])));
        assert!(selector.matches(&labels(&[("app", "web"), ("env", "prod")])));
        assert_eq!(selector.to_string(), "app=web,env=prod");
    }

    #[test]
    fn exclusion_is_claimed_only_where_it_is_certain() {
        let web = Selector::of(&[("app", "web")]);
        assert!(web.excludes(&Selector::of(&[("app", "api")])));
        assert!(!web.excludes(&Selector::of(&[("env", "prod")])));
        assert!(!web.excludes(&Selector::everything()));
        let without = Selector {
            requirements: vec![Requirement::DoesNotExist("app".into())],
        };
        assert!(web.excludes(&without));
    }
}
