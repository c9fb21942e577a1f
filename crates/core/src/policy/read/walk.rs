//! Walking a tree: the right kind of value at every place, and nothing that nobody knows.

use super::node::{Node, Value};
use super::problem::Log;
use super::typos::closest;
pub(super) use super::typos::shortened;

/// A value and the path to it.
#[derive(Clone)]
pub(super) struct At<'d> {
    pub node: &'d Node,
    pub path: String,
}

/// The fields of a mapping.
pub(super) struct Fields<'d> {
    all: &'d [(String, Node)],
    asked: Vec<&'static str>,
    pub path: String,
    pub line: u32,
}

impl<'d> At<'d> {
    pub fn place(&self) -> (&str, u32) {
        (&self.path, self.node.line)
    }

    fn wrong(&self, log: &mut Log, wanted: &str, cure: &str) {
        let found = match &self.node.value {
            Value::Bool(value) => format!("the boolean {value}"),
            Value::Number(text) => format!("the number {text}"),
            Value::Text(text) => format!("the text {:?}", shortened(text)),
            other => other.kind().to_owned(),
        };
        log.error(
            self.place(),
            format!("{found} stands where {wanted} belongs"),
            cure,
        );
    }

    pub fn map(&self, log: &mut Log) -> Option<Fields<'d>> {
        let Value::Map(all) = &self.node.value else {
            self.wrong(log, "a mapping", "write fields below it, as `name: value`");
            return None;
        };
        for (index, (key, node)) in all.iter().enumerate() {
            if all[..index].iter().any(|(before, _)| before == key) {
                let path = join(&self.path, key);
                log.error(
                    (&path, node.line),
                    "the field is there twice",
                    "keep one of them",
                );
            }
            if key == "<<" {
                let path = join(&self.path, key);
                log.error(
                    (&path, node.line),
                    "merge keys are not read",
                    "write the fields out",
                );
            }
        }
        Some(Fields {
            all,
            asked: Vec::new(),
            path: self.path.clone(),
            line: self.node.line,
        })
    }

    /// Its elements; none where it is no list, which is logged.
    pub fn list(&self, log: &mut Log) -> Vec<At<'d>> {
        let Value::List(list) = &self.node.value else {
            self.wrong(log, "a list", "begin each element with `- `");
            return Vec::new();
        };
        let at = |(index, node)| At {
            node,
            path: format!("{}[{index}]", self.path),
        };
        list.iter().enumerate().map(at).collect()
    }

    pub fn text(&self, log: &mut Log) -> Option<&'d str> {
        match &self.node.value {
            Value::Text(text) => Some(text),
            Value::Number(_) | Value::Bool(_) => {
                self.wrong(log, "a text", "put it in quotes");
                None
            }
            _ => {
                self.wrong(log, "a text", "write a word");
                None
            }
        }
    }

    /// A whole number between these.
    pub fn number(&self, log: &mut Log, least: i64, most: i64) -> Option<i64> {
        let Value::Number(text) = &self.node.value else {
            let cure = format!("write a number from {least} to {most}, without quotes");
            self.wrong(log, "a number", &cure);
            return None;
        };
        let digits = text.trim_start_matches(['+', '-']);
        if digits.len() > 1
            && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'))
            && digits.starts_with('0')
        {
            let what = format!("{text} begins with 0, and Kubernetes would read it as octal");
            log.error(self.place(), what, "write it without the 0");
            return None;
        }
        match text.parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => Some(number),
            _ => {
                let what = format!("{text} is no whole number from {least} to {most}");
                log.error(
                    self.place(),
                    what,
                    format!("write one from {least} to {most}"),
                );
                None
            }
        }
    }

    pub fn boolean(&self, log: &mut Log) -> Option<bool> {
        if let Value::Bool(value) = self.node.value {
            return Some(value);
        }
        self.wrong(log, "a boolean", "write true or false");
        None
    }

    /// One of these words.
    pub fn one_of<T: Copy>(&self, log: &mut Log, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(log)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*meaning);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let cure = match closest(text, &known) {
            Some(word) => format!("did you mean {word}?"),
            None => format!("use one of {}", known.join(", ")),
        };
        log.error(
            self.place(),
            format!("{:?} is none of {}", shortened(text), known.join(", ")),
            cure,
        );
        None
    }
}

impl<'d> Fields<'d> {
    /// A field; null counts as absent, as in the API.
    pub fn get(&mut self, name: &'static str) -> Option<At<'d>> {
        self.asked.push(name);
        let (_, node) = self.all.iter().find(|(key, _)| key == name)?;
        let at = At {
            node,
            path: join(&self.path, name),
        };
        (node.value != Value::Null).then_some(at)
    }

    /// A field that must be there.
    pub fn need(&mut self, log: &mut Log, name: &'static str, cure: &str) -> Option<At<'d>> {
        let found = self.get(name);
        if found.is_none() {
            let path = join(&self.path, name);
            log.error((&path, self.line), "the field is missing", cure);
        }
        found
    }

    /// Fields that are known, but say nothing here.
    pub fn skip(&mut self, names: &[&'static str]) {
        self.asked.extend(names);
    }

    /// Names of the fields that nobody asked for.
    pub fn unasked(&self) -> impl Iterator<Item = (&'d str, &'d Node)> {
        let known = |key: &str| self.asked.contains(&key);
        self.all
            .iter()
            .filter(move |(key, _)| !known(key))
            .map(|(key, node)| (key.as_str(), node))
    }

    /// Names them in warnings. Must come last.
    pub fn end(&self, log: &mut Log) {
        for (key, node) in self.unasked() {
            if key == "<<" {
                continue;
            }
            let path = join(&self.path, shortened(key).as_str());
            let cure = match closest(key, &self.asked) {
                Some(known) => format!("did you mean {known}?"),
                None if self.asked.is_empty() => "remove it".to_owned(),
                None => format!("known here: {}", self.asked.join(", ")),
            };
            log.warning(
                (&path, node.line),
                "the field is not known, so it does nothing",
                cure,
            );
        }
    }
}

pub(super) fn join(path: &str, name: &str) -> String {
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'<'));
    match (path.is_empty(), plain && !name.is_empty()) {
        (true, _) => name.to_owned(),
        (false, true) => format!("{path}.{name}"),
        (false, false) => format!("{path}[{name:?}]"),
    }
}
