//! A document as a tree that knows its lines.

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// From 1; 0 where it is not known.
    pub line: u32,
    /// The value.
    pub value: Value,
}

/// What JSON has. Numbers keep their text: a label `1.10` is not 1.1.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A truth.
    Bool(bool),
    /// A number, as it was written.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Keys and values in their order; a key may be there twice.
    Map(Vec<(String, Node)>),
}

impl Value {
    /// What people call it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// What an unquoted word of YAML is. As Kubernetes reads it, `yes`, `no`, `on` and `off` are truths.
    pub(super) fn of_plain(text: &str) -> Value {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Value::Null,
            "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => {
                Value::Bool(true)
            }
            "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
                Value::Bool(false)
            }
            _ if is_number(text) => Value::Number(text.to_owned()),
            _ => Value::Text(text.to_owned()),
        }
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = digits.to_ascii_lowercase();
    if matches!(lower.as_str(), ".inf" | ".nan") {
        return true;
    }
    let radix = |prefix: &str, radix: u32| {
        lower.strip_prefix(prefix).is_some_and(|rest| {
            !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix) || c == '_')
        })
    };
    if radix("0x", 16) || radix("0o", 8) || radix("0b", 2) {
        return true;
    }
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | '+' | '-');
    lower.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && lower.chars().all(plain)
        && lower.parse::<f64>().is_ok()
}

impl<'de> serde::Deserialize<'de> for Node {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Node, D::Error> {
        from.deserialize_any(Anything)
            .map(|value| Node { line: 0, value })
    }
}

/// Any value of JSON, so that what the API server sends is read by the same code as files.
struct Anything;

impl<'de> serde::de::Visitor<'de> for Anything {
    type Value = Value;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut all: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = all.next_element()? {
            list.push(node);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut all: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = all.next_entry()? {
            map.push(entry);
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_are_what_kubernetes_takes_them_for() {
        for (text, kind) in [
            ("80", "a number"),
            ("-1", "a number"),
            ("1.10", "a number"),
            ("1e3", "a number"),
            ("0x1F", "a number"),
            ("0o17", "a number"),
            ("0777", "a number"),
            (".5", "a number"),
            ("10.0.0.1", "a text"),
            ("1.2.3", "a text"),
            ("e", "a text"),
            ("-", "a text"),
            ("yes", "a boolean"),
            ("off", "a boolean"),
            ("true", "a boolean"),
            ("~", "nothing"),
            ("", "nothing"),
            ("web", "a text"),
            ("10.0.0.0/8", "a text"),
        ] {
            assert_eq!(Value::of_plain(text).kind(), kind, "{text}");
        }
    }

    #[test]
    fn json_gives_the_same_tree() {
        let node: Node =
            serde_json::from_str(r#"{"a":[1,-2,1.5,"x",true,null,{"b":{}}]}"#).unwrap();
        let Value::Map(map) = &node.value else {
            panic!("{node:?}")
        };
        let Value::List(list) = &map[0].1.value else {
            panic!("{node:?}")
        };
        let kinds: Vec<&str> = list.iter().map(|node| node.value.kind()).collect();
        let number = "a number";
        assert_eq!(
            kinds,
            [
                number,
                number,
                number,
                "a text",
                "a boolean",
                "nothing",
                "a mapping"
            ]
        );
    }
}
