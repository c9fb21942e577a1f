//! Statement text to statement shape: what was asked, without any literal.
//!
//! A shape keeps keywords, identifiers, operators and parameter numbers. Literals become `?`,
//! lists of values collapse, comments vanish. What can't be read with certainty (an unterminated
//! literal, a cut statement) ends the shape with `…`: nothing after it is shown.

use super::keywords::keyword;
use crate::decode::Role;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

/// Longest shape, in bytes, the ellipsis included.
pub(super) const SHAPE_BYTES_MAX: usize = 256;
const ELLIPSIS: &str = "…";

/// A statement without its literals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// At most [`SHAPE_BYTES_MAX`] bytes.
    pub op: Box<str>,
    /// `VectorSearch` when a SELECT uses a pgvector distance operator.
    pub role: Role,
    /// A `COPY … FROM STDIN`: the client's data belong to the request.
    pub copy_in: bool,
}

/// The shape of a statement or of several separated by `;`. `cut`: more bytes followed than are
/// given.
pub(super) fn shape(sql: &[u8], cut: bool) -> Shape {
    let text = String::from_utf8_lossy(sql);
    let mut tokens = Vec::new();
    let read = Tokenizer::new(&PostgreSqlDialect {}, &text)
        .with_unescape(false)
        .tokenize_with_location_into_buf(&mut tokens);
    if cut {
        // The last token may be the first half of something else, a literal's prefix included.
        tokens.pop();
    }
    let mut writer = Writer::new(&tokens);
    let all = writer.write();
    writer.finish(all && read.is_ok() && !cut)
}

/// Joins two shapes with `; `, bounded.
pub(super) fn join(list: &mut String, next: &str) {
    if list.ends_with(ELLIPSIS) {
        return;
    }
    list.push_str("; ");
    list.push_str(next);
    bound(list);
}

/// Puts a word before a shape, bounded.
pub(super) fn prefixed(word: &str, shape: &str) -> String {
    let mut out = String::with_capacity(word.len() + 1 + shape.len());
    out.push_str(word);
    out.push(' ');
    out.push_str(shape);
    bound(&mut out);
    out
}

fn bound(text: &mut String) {
    if text.len() <= SHAPE_BYTES_MAX {
        return;
    }
    let mut end = SHAPE_BYTES_MAX - ELLIPSIS.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.push_str(ELLIPSIS);
}

/// What was written last; decides spaces and whether a sign is unary.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    Start,
    Open,
    Tight,
    Keyword,
    Operand,
    Operator,
    Comma,
}

struct Writer<'a> {
    tokens: &'a [TokenWithSpan],
    out: String,
    last: Last,
    /// First keyword of the current statement.
    verb: Verb,
    role: Role,
    copy: bool,
    stdin: bool,
}

/// Statements that need care of their own.
#[derive(Clone, Copy, PartialEq)]
enum Verb {
    None,
    /// Reads rows: a distance operator makes it a vector search.
    Select,
    /// Its values are bare words: `SET name TO value`.
    Set,
    /// Names something short-lived whose name would make every shape unique.
    Named,
    Copy,
    Other,
}

fn verb(keyword: &str) -> Verb {
    match keyword {
        "SELECT" | "WITH" | "DECLARE" => Verb::Select,
        "SET" => Verb::Set,
        "COPY" => Verb::Copy,
        "SAVEPOINT" | "RELEASE" | "ROLLBACK" | "DEALLOCATE" | "FETCH" | "MOVE" | "CLOSE"
        | "LISTEN" | "UNLISTEN" | "EXECUTE" => Verb::Named,
        _ => Verb::Other,
    }
}

impl<'a> Writer<'a> {
    fn new(tokens: &'a [TokenWithSpan]) -> Self {
        Writer {
            tokens,
            out: String::with_capacity(96),
            last: Last::Start,
            verb: Verb::None,
            role: Role::Database,
            copy: false,
            stdin: false,
        }
    }

    /// Writes every token; false when it had to stop before the end.
    fn write(&mut self) -> bool {
        let mut at = 0;
        while at < self.tokens.len() {
            let token = &self.tokens[at].token;
            let spaced = at > 0 && is_blank(&self.tokens[at - 1].token);
            at += 1;
            match token {
                Token::Whitespace(_) => {}
                Token::Word(word) if word.quote_style.is_some() => {
                    let name = if self.verb == Verb::Named {
                        "?".into()
                    } else {
                        token.to_string()
                    };
                    self.put(&name, Last::Operand);
                }
                Token::Word(word) => self.word(&word.value, at),
                Token::Placeholder(name) => {
                    let numbered = name.len() > 1 && name[1..].bytes().all(|b| b.is_ascii_digit());
                    self.put(if numbered { name } else { "?" }, Last::Operand);
                }
                Token::Number(..) => self.put("?", Last::Operand),
                Token::LParen | Token::LBracket => at = self.open(at, token, spaced),
                Token::SemiColon => {
                    self.put(";", Last::Comma);
                    self.verb = Verb::None;
                }
                literal if is_literal(literal) => {
                    self.put("?", Last::Operand);
                    if is_ambiguous(literal) {
                        return false;
                    }
                }
                other => at = self.symbol(other, at),
            }
            if self.verb == Verb::Set && matches!(token, Token::Eq) || self.is_set_to(token) {
                self.put("?", Last::Operand);
                at = self.statement_end(at);
            }
        }
        true
    }

    fn is_set_to(&self, token: &Token) -> bool {
        self.verb == Verb::Set && matches!(token, Token::Word(w) if w.keyword == Keyword::TO)
    }

    fn word(&mut self, value: &str, at: usize) {
        // `9f8e` reads as a number and a word: the word is the rest of a malformed literal.
        if at >= 2 && matches!(self.tokens[at - 2].token, Token::Number(..)) {
            return;
        }
        let mut upper = [0u8; 24];
        let keyword = keyword(value, &mut upper);
        if let Some(keyword) = keyword {
            if self.verb == Verb::None {
                self.verb = verb(keyword);
                self.copy |= self.verb == Verb::Copy;
            }
            self.stdin |= keyword == "STDIN";
            self.put(keyword, Last::Keyword);
        } else {
            let shown = if self.verb == Verb::Named { "?" } else { value };
            if self.verb == Verb::None {
                self.verb = Verb::Other;
            }
            self.put(shown, Last::Operand);
        }
    }

    /// An opening bracket at `at - 1`; returns where to go on: lists of values are skipped.
    fn open(&mut self, at: usize, token: &Token, spaced: bool) -> usize {
        let bracket = matches!(token, Token::LBracket);
        let before = self.word_before(at - 1);
        let values = before == Some(Keyword::VALUES);
        let list = values
            || bracket && before == Some(Keyword::ARRAY)
            || before == Some(Keyword::IN) && !self.is_query(at);
        if !spaced
            && self.last != Last::Keyword
            && self.last != Last::Comma
            && self.last != Last::Operator
            || bracket
        {
            // A call or a subscript: no space before the bracket.
            self.last = if self.last == Last::Start {
                Last::Start
            } else {
                Last::Tight
            };
        }
        if !list {
            self.put(if bracket { "[" } else { "(" }, Last::Open);
            return at;
        }
        self.put(if bracket { "[?]" } else { "(?)" }, Last::Operand);
        let end = self.close_of(at);
        if values { self.last_group(end) } else { end }
    }

    fn symbol(&mut self, token: &Token, at: usize) -> usize {
        match token {
            Token::RParen => self.put_tight(")", Last::Operand),
            Token::RBracket => self.put_tight("]", Last::Operand),
            Token::Comma => self.put_tight(",", Last::Comma),
            Token::Period => self.put_tight(".", Last::Tight),
            Token::DoubleColon => self.put_tight("::", Last::Tight),
            Token::Minus | Token::Plus if self.last != Last::Operand => {
                // The sign of a number belongs to the literal.
                if !self.is_number(at) {
                    self.put(&token.to_string(), Last::Tight);
                }
            }
            other => {
                let (text, end) = self.operator(other, at);
                if self.verb == Verb::Select && is_distance(&text) {
                    self.role = Role::VectorSearch;
                }
                self.put(&text, Last::Operator);
                return end;
            }
        }
        at
    }

    /// The longest operator that begins before `at`, and where it ends. It may end in a sign only
    /// if it has one of certain characters: <https://www.postgresql.org/docs/current/sql-syntax-lexical.html>
    fn operator(&self, first: &Token, at: usize) -> (String, usize) {
        let mut text = first.to_string();
        let (mut end, mut kept) = (at, (at, text.len()));
        while let Some(t) = self.tokens.get(end).filter(|t| is_operator(&t.token)) {
            text.push_str(&t.token.to_string());
            end += 1;
            let sign = matches!(t.token, Token::Minus | Token::Plus);
            if !sign || text.bytes().any(|b| b"~!@#%^&|`?".contains(&b)) {
                kept = (end, text.len());
            }
        }
        text.truncate(kept.1);
        (text, kept.0)
    }

    fn put(&mut self, text: &str, as_: Last) {
        let tight = matches!(self.last, Last::Start | Last::Open | Last::Tight) || text == ";";
        if !tight && self.out.len() <= SHAPE_BYTES_MAX {
            self.out.push(' ');
        }
        self.put_tight(text, as_);
    }

    fn put_tight(&mut self, text: &str, as_: Last) {
        if self.out.len() <= SHAPE_BYTES_MAX {
            self.out.push_str(text);
        }
        self.last = as_;
    }

    /// The keyword just before a token, blanks skipped.
    fn word_before(&self, at: usize) -> Option<Keyword> {
        match self.tokens[..at]
            .iter()
            .rev()
            .find(|t| !is_blank(&t.token))?
        {
            TokenWithSpan {
                token: Token::Word(word),
                ..
            } if word.quote_style.is_none() => Some(word.keyword),
            _ => None,
        }
    }

    fn next_solid(&self, at: usize) -> Option<(usize, &Token)> {
        let rest = self.tokens.get(at..)?;
        let skip = rest.iter().position(|t| !is_blank(&t.token))?;
        Some((at + skip, &rest[skip].token))
    }

    fn is_query(&self, at: usize) -> bool {
        matches!(self.next_solid(at), Some((_, Token::Word(w)))
            if matches!(w.keyword, Keyword::SELECT | Keyword::WITH))
    }

    fn is_number(&self, at: usize) -> bool {
        matches!(self.next_solid(at), Some((_, Token::Number(..))))
    }

    /// After the bracket that closes the one before `at`, or the end.
    fn close_of(&self, at: usize) -> usize {
        let mut depth = 1;
        for (i, t) in self.tokens.iter().enumerate().skip(at) {
            match t.token {
                Token::LParen | Token::LBracket => depth += 1,
                Token::RParen | Token::RBracket => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return i + 1;
            }
        }
        self.tokens.len()
    }

    /// After the last group of a VALUES list, of which one ends at `end`.
    fn last_group(&self, mut end: usize) -> usize {
        while let Some(next) = self.next_group(end) {
            end = self.close_of(next);
        }
        end
    }

    /// The inside of the next `, (` of a VALUES list.
    fn next_group(&self, at: usize) -> Option<usize> {
        let (comma, Token::Comma) = self.next_solid(at)? else {
            return None;
        };
        let (open, Token::LParen) = self.next_solid(comma + 1)? else {
            return None;
        };
        Some(open + 1)
    }

    fn statement_end(&self, at: usize) -> usize {
        let rest = self.tokens.get(at..).unwrap_or_default();
        at + rest
            .iter()
            .position(|t| t.token == Token::SemiColon)
            .unwrap_or(rest.len())
    }

    fn finish(mut self, whole: bool) -> Shape {
        if whole {
            let kept = self.out.trim_end_matches([';', ' ']).len();
            self.out.truncate(kept);
        } else {
            if !matches!(self.last, Last::Start | Last::Open | Last::Tight) {
                self.out.push(' ');
            }
            self.out.push_str(ELLIPSIS);
        }
        bound(&mut self.out);
        let copy_in = self.copy && self.stdin;
        Shape {
            op: self.out.into_boxed_str(),
            role: self.role,
            copy_in,
        }
    }
}

fn is_operator(token: &Token) -> bool {
    let text = token.to_string();
    text.len() <= 8 && text.bytes().all(|b| b"+-*/<>=~!@#%^&|`?".contains(&b))
}

fn is_blank(token: &Token) -> bool {
    matches!(token, Token::Whitespace(_))
}

/// Anything with text of the user's in it. Listed by what is *not* a literal, so that a kind of
/// literal this code has not heard of stays hidden.
fn is_literal(token: &Token) -> bool {
    let hides =
        |b: u8| b.is_ascii_alphanumeric() || b >= 0x80 || matches!(b, b'\'' | b'"' | b'$' | b'`');
    matches!(token, Token::Char(_)) || token.to_string().bytes().any(hides)
}

/// With `standard_conforming_strings = off` a backslash hides the quote after it, and the literal
/// would end elsewhere: nothing after it can be trusted.
fn is_ambiguous(token: &Token) -> bool {
    match token {
        Token::SingleQuotedString(text) => text.contains("\\'") || text.ends_with('\\'),
        _ => false,
    }
}

/// Distance operators of pgvector: L2, cosine, inner product, L1, Hamming, Jaccard.
/// <https://github.com/pgvector/pgvector#querying>
fn is_distance(operator: &str) -> bool {
    matches!(operator, "<->" | "<=>" | "<#>" | "<+>" | "<~>" | "<%>")
}

#[cfg(test)]
mod tests;
