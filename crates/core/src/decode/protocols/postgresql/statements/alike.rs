//! A key that texts share when they differ in nothing but plain literals: their shape is the same, and
//! is read once. Where that is not certain at a glance, the whole text is the key.

use std::hash::Hasher;

/// Stand for a literal. Neither can be a byte of a statement: PostgreSQL has no text with a zero, and
/// 0xff is no UTF-8.
const NUMBER: u8 = 0;
const TEXT: u8 = 0xff;

/// Feeds `text` to `hasher`, whole numbers and quoted texts as one mark each.
pub(super) fn feed(text: &[u8], hasher: &mut impl Hasher) {
    let mut marks = Marks::default();
    if marks.find(text).is_none() {
        hasher.write(text);
        return;
    }
    let mut from = 0;
    for mark in &marks.all[..marks.len] {
        hasher.write(&text[from..mark.begin]);
        hasher.write_u8(mark.kind);
        from = mark.end;
    }
    hasher.write(&text[from..]);
}

#[derive(Clone, Copy, Default)]
struct Mark {
    begin: usize,
    end: usize,
    kind: u8,
}

/// Literals of a text. More than these are not looked for.
#[derive(Default)]
struct Marks {
    all: [Mark; 16],
    len: usize,
}

impl Marks {
    /// `None`: something whose end is not told by a glance, such as a comment, an escape or `$$`.
    fn find(&mut self, text: &[u8]) -> Option<()> {
        let mut at = 0;
        while at < text.len() {
            let begin = at;
            let kind = match text[at] {
                b'"' | b'\\' => return None,
                b'$' if !text.get(at + 1).is_some_and(u8::is_ascii_digit) => return None,
                b'-' if text.get(at + 1) == Some(&b'-') => return None,
                b'/' if text.get(at + 1) == Some(&b'*') => return None,
                b'\'' => {
                    at = quoted_end(text, at + 1)?;
                    TEXT
                }
                b'0'..=b'9' => {
                    at = digits_end(text, at);
                    if !stands_alone(text, begin, at) {
                        continue;
                    }
                    NUMBER
                }
                _ => {
                    at += 1;
                    continue;
                }
            };
            let Some(mark) = self.all.get_mut(self.len) else {
                return Some(());
            };
            *mark = Mark {
                begin,
                end: at,
                kind,
            };
            self.len += 1;
        }
        Some(())
    }
}

/// After the quote that ends a text; its end where it is cut.
fn quoted_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match (text.get(at), text.get(at + 1)) {
            (None, _) => return Some(text.len()),
            (Some(b'\\'), _) => return None,
            (Some(b'\''), Some(b'\'')) => at += 2,
            (Some(b'\''), _) => return Some(at + 1),
            _ => at += 1,
        }
    }
}

fn digits_end(text: &[u8], at: usize) -> usize {
    let digits = text[at..].iter().take_while(|b| b.is_ascii_digit());
    at + digits.count()
}

/// A whole number, and not the digits of a name, a fraction, an exponent, a parameter or 0x.
fn stands_alone(text: &[u8], begin: usize, end: usize) -> bool {
    let ends = |b: &u8| b.is_ascii_whitespace() || b"(),;=<>+-*/[]".contains(b);
    let before = begin.checked_sub(1).and_then(|at| text.get(at));
    before.is_none_or(ends) && text.get(end).is_none_or(|b| ends(b) || *b == b':')
}

#[cfg(test)]
mod tests {
    use super::super::super::sql;
    use super::*;
    use proptest::prelude::*;
    use rustc_hash::FxHasher;

    fn key(text: &str) -> u64 {
        let mut hasher = FxHasher::default();
        feed(text.as_bytes(), &mut hasher);
        hasher.finish()
    }

    #[test]
    fn plain_literals_make_no_difference() {
        let alike = [
            (
                "select a from t where id = 1",
                "select a from t where id = 2345;",
            ),
            ("values (1,2),(3,4)", "values (10,20),(30,40)"),
            (
                "where b = 'x' and c=7",
                "where b = 'it''s 9 o''clock' and c=8",
            ),
            (
                "order by e <-> '[1,2]' limit 5",
                "order by e <-> '[0.25,-3e7]' limit 10",
            ),
            ("select 1::int, 'cut", "select 2::int, 'cut elsewhere"),
        ];
        for (one, other) in alike {
            let other = other.trim_end_matches(';');
            assert_eq!(key(one), key(other), "{one} | {other}");
        }
    }

    #[test]
    fn anything_else_does() {
        let apart = [
            ("select c1 from t", "select c2 from t"),
            ("select $1", "select $2"),
            ("select \"a 1 b\"", "select \"a 2 b\""),
            ("select 0x1f", "select 1x1f"),
            ("select 'a\\'' , b , '", "select 'a' , b , '"),
            ("select $$ 1 $$", "select $$ 2 $$"),
            ("select 1 -- 2\n, 3", "select 1 -- '\n, 3"),
            ("select 1", "select '1'"),
            ("select 1.5", "select 15"),
        ];
        for (one, other) in apart {
            assert_ne!(key(one), key(other), "{one} | {other}");
        }
    }

    /// Everything that may stand in a statement, and what makes it hard to read.
    fn pieces() -> impl Strategy<Value = Vec<String>> {
        let words = prop::sample::select(vec![
            "select",
            " ",
            "from",
            "where",
            "in (",
            ")",
            ",",
            "values (",
            "=",
            "-",
            "--",
            "/*",
            "*/",
            "\"a ",
            " b\"",
            "\n",
            "E",
            "U&",
            "X",
            "B",
            "$1",
            "$",
            "$$",
            "\"",
            "\\",
            "'",
            "''",
            "::int",
            ".",
            "e5",
            "0x",
            "a",
            "_",
            "é",
            "set x to",
            "copy t from stdin",
            "[",
            "]",
            ";",
            "<->",
            "limit",
        ]);
        let word = words.prop_map(str::to_owned);
        let number = "[0-9]{1,4}";
        let text = "'[a-z0-9 .,]{0,6}'";
        prop::collection::vec(prop_oneof![4 => word, 2 => number, 1 => text], 1..16)
    }

    /// The same pieces with other numbers and quoted texts.
    fn changed(pieces: &[String], by: u32) -> String {
        let change = |piece: &String| match piece.as_bytes()[0] {
            b'0'..=b'9' => by.to_string(),
            b'\'' if piece.len() > 2 => format!("'{by} and more'"),
            _ => piece.clone(),
        };
        pieces.iter().map(change).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn one_key_is_one_shape(pieces in pieces(), by in 0u32..100_000, cut: bool) {
            let (one, other) = (pieces.concat(), changed(&pieces, by));
            if key(&one) == key(&other) {
                let shape = |text: &str| sql::shape(text.as_bytes(), cut);
                prop_assert_eq!(shape(&one), shape(&other), "{} | {}", one, other);
            }
        }
    }
}
