//! YAML, and JSON as a part of it, to trees.

use super::node::{Node, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use std::collections::HashMap;

/// Largest text of one file, bytes.
pub const MAX_BYTES: usize = 64 << 20;
/// Deepest nesting; policies need 12.
const MAX_DEPTH: usize = 64;
/// Most values of one file, repeated ones (`*alias`) counted each time.
const MAX_VALUES: usize = 1 << 22;

/// Why a text is no YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syntax {
    /// From 1.
    pub line: u32,
    /// What is wrong.
    pub what: String,
}

/// Every document up to the first mistake, and that mistake.
pub fn documents(text: &str) -> (Vec<Node>, Option<Syntax>) {
    let mut builder = Builder::default();
    if text.len() > MAX_BYTES {
        let what = format!(
            "the file has {} bytes, more than {MAX_BYTES}: split it",
            text.len()
        );
        return (Vec::new(), Some(Syntax { line: 1, what }));
    }
    for event in Parser::new_from_str(text.trim_start_matches('\u{feff}')) {
        let done = event
            .map_err(|error| syntax(&error))
            .and_then(|(event, span)| builder.take(event, span));
        if let Err(error) = done {
            return (builder.documents, Some(error));
        }
    }
    (builder.documents, None)
}

fn syntax(error: &ScanError) -> Syntax {
    let mark = error.marker();
    Syntax {
        line: line(mark.line()),
        what: format!("{} (column {})", error.info(), mark.col() + 1),
    }
}

fn line(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    values: usize,
}

/// A list or mapping that has not ended.
struct Open {
    line: u32,
    anchor: usize,
    kind: Kind,
}

enum Kind {
    List(Vec<Node>),
    Map(Vec<(String, Node)>, Option<String>),
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Syntax> {
        let line = line(span.start.line());
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let text_tag =
                    tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                let value = if style == ScalarStyle::Plain && !text_tag {
                    Value::of_plain(&text)
                } else {
                    Value::Text(text.into_owned())
                };
                self.put(Node { line, value }, anchor, line)
            }
            Event::SequenceStart(anchor, _) => self.begin(line, anchor, Kind::List(Vec::new())),
            Event::MappingStart(anchor, _) => self.begin(line, anchor, Kind::Map(Vec::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else {
                    return Ok(());
                };
                let value = match open.kind {
                    Kind::List(list) => Value::List(list),
                    Kind::Map(map, _) => Value::Map(map),
                };
                self.put(
                    Node {
                        line: open.line,
                        value,
                    },
                    open.anchor,
                    line,
                )
            }
            Event::Alias(anchor) => {
                let what = "an alias (*name) stands for nothing before it";
                let node = self.anchors.get(&anchor).cloned();
                let node = node.ok_or_else(|| Syntax {
                    line,
                    what: what.to_owned(),
                })?;
                self.values += size(&node);
                self.put(node, 0, line)
            }
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(())
            }
            Event::DocumentEnd | Event::StreamStart | Event::StreamEnd | Event::Nothing => Ok(()),
        }
    }

    fn begin(&mut self, line: u32, anchor: usize, kind: Kind) -> Result<(), Syntax> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Syntax {
                line,
                what: format!("it is nested deeper than {MAX_DEPTH}"),
            });
        }
        self.open.push(Open { line, anchor, kind });
        Ok(())
    }

    fn put(&mut self, node: Node, anchor: usize, line: u32) -> Result<(), Syntax> {
        self.values += 1;
        if anchor > 0 {
            // A copy counts too, or anchors within anchors would square the work.
            self.values += size(&node);
        }
        if self.values > MAX_VALUES {
            let what = format!("it has more than {MAX_VALUES} values, aliases followed: split it");
            return Err(Syntax { line, what });
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.documents.push(node),
            Some(Kind::List(list)) => list.push(node),
            Some(Kind::Map(map, waiting)) => match waiting.take() {
                Some(key) => map.push((key, node)),
                None => *waiting = Some(key(node, line)?),
            },
        }
        Ok(())
    }
}

fn key(node: Node, line: u32) -> Result<String, Syntax> {
    match node.value {
        Value::Text(text) | Value::Number(text) => Ok(text),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Null => Ok("null".to_owned()),
        Value::List(_) | Value::Map(_) => Err(Syntax {
            line,
            what: "a key must be a word, not a list or mapping".to_owned(),
        }),
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::List(list) => 1 + list.iter().map(size).sum::<usize>(),
        Value::Map(map) => 1 + map.iter().map(|(_, node)| size(node)).sum::<usize>(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Node {
        let (mut all, error) = documents(text);
        assert_eq!((all.len(), error), (1, None), "{text}");
        all.remove(0)
    }

    #[test]
    fn yaml_and_json_give_the_same() {
        fn bare(mut node: Node) -> Node {
            node.line = 0;
            match &mut node.value {
                Value::List(list) => list.iter_mut().for_each(|one| *one = bare(one.clone())),
                Value::Map(map) => map.iter_mut().for_each(|(_, one)| *one = bare(one.clone())),
                _ => {}
            }
            node
        }
        let yaml = one("a: &x\n  - 1\n  - 'no'\nb: *x\nc: {d: null}\n");
        let json = one("{\n\t\"a\": [1, \"no\"],\n\t\"b\": [1, \"no\"], \"c\": {\"d\": null}}");
        assert_eq!(bare(yaml), bare(json));
    }

    #[test]
    fn lines_are_known() {
        let node = one("# first\na:\n  b:\n    - c\n");
        let Value::Map(map) = &node.value else {
            panic!("{node:?}")
        };
        let Value::Map(inner) = &map[0].1.value else {
            panic!("{node:?}")
        };
        let Value::List(list) = &inner[0].1.value else {
            panic!("{node:?}")
        };
        assert_eq!(list[0].line, 4);
    }

    #[test]
    fn documents_before_a_mistake_are_kept() {
        let (all, error) = documents("a: 1\n---\nb: [1,\n---\nc: 1\n");
        assert_eq!(all.len(), 1);
        assert!(error.is_some());
        assert_eq!(documents("").0.len(), 0);
        assert_eq!(documents("---\n---\na: 1\n").0.len(), 2);
    }

    #[test]
    fn what_would_grow_without_end_is_refused() {
        let (_, error) = documents(&"[".repeat(100));
        assert!(error.unwrap().what.contains("nested deeper"));
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..9 {
            let below = format!("*a{},", level - 1).repeat(10);
            bomb.push_str(&format!("a{level}: &a{level} [{below}]\n"));
        }
        let (_, error) = documents(&bomb);
        assert!(error.unwrap().what.contains("values"), "{bomb}");
        let copied = format!(
            "a: &a [{}]\nb: [{}]\n",
            "~,".repeat(2000),
            "*a,".repeat(3000)
        );
        let (_, error) = documents(&copied);
        assert!(error.unwrap().what.contains("values"));
        let (_, error) = documents("a: *b\n");
        assert!(error.is_some());
        let (_, error) = documents("? [a]\n: b\n");
        assert!(error.unwrap().what.contains("key"));
    }
}
