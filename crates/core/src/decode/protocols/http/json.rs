//! Reads the few facts that matter out of JSON that may stop anywhere.
//!
//! The bytes of a body arrive in pieces and usually only the first ones were copied, so the input
//! is incomplete as a rule, not by accident. Tree parsers refuse it, and those that accept a
//! partial document want all its bytes in one buffer and build values for every prompt in it. This
//! scanner takes bytes as they come, keeps a few hundred bytes of state, and copies nothing but
//! model names and numbers: text, vectors and unknown keys are walked over. It does not validate;
//! on input that is not JSON it finds nothing.

use super::found::Found;
use super::keys::{Key, Seen};

/// Bound of a model name, in bytes.
const MODEL_BYTES_MAX: usize = 128;
/// Objects and arrays deeper than this are only counted.
const LEVELS: usize = 6;

/// Whose body it is: a request's model is at its top level, a response's may be wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// A request's.
    Request,
    /// A response's, or a stream event's.
    Response,
}

/// What the value string being read is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    Nothing,
    Key,
    Model,
    Object,
    Content,
    GraphQl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Between,
    Text(Keep),
    Escape(Keep),
    Number(Key),
    Stopped,
}

/// The scanner of one document.
#[derive(Debug)]
pub(super) struct Scan {
    whose: Whose,
    state: State,
    depth: u32,
    /// Current key of each level; `Item` for arrays.
    path: [Key; LEVELS],
    /// The next string of this level is a key.
    expects_key: bool,
    number: u64,
    text: [u8; MODEL_BYTES_MAX],
    text_len: u8,
    text_whole: bool,
    found: Found,
}

impl Scan {
    /// Starts at the first byte of a document.
    pub(super) fn new(whose: Whose) -> Scan {
        Scan {
            whose,
            state: State::Between,
            depth: 0,
            path: [Key::Other; LEVELS],
            expects_key: false,
            number: 0,
            text: [0; MODEL_BYTES_MAX],
            text_len: 0,
            text_whole: true,
            found: Found::default(),
        }
    }

    /// What was found; the scanner starts anew.
    pub(super) fn take(&mut self) -> Found {
        let found = std::mem::take(&mut self.found);
        (self.state, self.depth, self.expects_key) = (State::Between, 0, false);
        found
    }

    /// What was found so far.
    pub(super) fn found(&self) -> &Found {
        &self.found
    }

    /// The next bytes are not known: nothing after them can be placed.
    pub(super) fn stop(&mut self) {
        self.state = State::Stopped;
    }

    /// Takes the next bytes.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            match self.state {
                State::Stopped => return,
                State::Text(keep) => {
                    bytes = self.text(keep, bytes);
                    continue;
                }
                State::Escape(keep) => self.escape(keep, byte),
                State::Number(key) => match byte {
                    b'0'..=b'9' => {
                        let digit = u64::from(byte - b'0');
                        self.number = self.number.saturating_mul(10).saturating_add(digit);
                    }
                    // A fraction or an exponent is no count.
                    b'.' | b'e' | b'E' | b'-' | b'+' => self.state = State::Number(Key::Other),
                    _ => {
                        self.count(key);
                        self.state = State::Between;
                        continue;
                    }
                },
                State::Between => self.between(byte),
            }
            bytes = rest;
        }
    }

    fn path(&self) -> &[Key] {
        &self.path[..(self.depth as usize).min(LEVELS)]
    }

    /// The path is known in full: deeper levels have no names.
    fn named(&self) -> bool {
        (1..=LEVELS as u32).contains(&self.depth)
    }

    fn between(&mut self, byte: u8) {
        match byte {
            b'{' | b'[' => self.open(byte == b'['),
            b'}' | b']' => self.close(),
            b',' => {
                self.expects_key = self.named() && self.path[self.depth as usize - 1] != Key::Item;
            }
            b':' => self.expects_key = false,
            b'"' => {
                let keep = if self.expects_key {
                    Keep::Key
                } else {
                    self.kept()
                };
                (self.text_len, self.text_whole) = (0, true);
                self.state = State::Text(keep);
            }
            b't' | b'f' if self.path() == [Key::Stream] => {
                self.found.stream = Some(byte == b't');
            }
            b'0'..=b'9' => self.number(byte),
            _ => {}
        }
    }

    fn open(&mut self, array: bool) {
        match self.path() {
            [
                Key::Choices,
                Key::Item,
                Key::Delta,
                Key::ToolCalls,
                Key::Item,
            ]
            | [Key::Message, Key::ToolCalls, Key::Item]
                if !array =>
            {
                self.found.content = true;
            }
            [Key::Item] if array => self.found.seen.add(Seen::ARRAYS),
            [Key::Item] => self.found.seen.add(Seen::OBJECTS),
            _ => {}
        }
        self.depth += 1;
        if self.named() {
            self.path[self.depth as usize - 1] = if array { Key::Item } else { Key::Other };
        }
        self.expects_key = !array && self.named();
    }

    fn close(&mut self) {
        match self.depth {
            0 => self.stop(),
            1 => {
                self.found.complete = true;
                self.stop();
            }
            _ => {
                self.found.delta |=
                    self.path() == [Key::Choices, Key::Item, Key::Delta, self.path[3]];
                self.depth -= 1;
            }
        }
        self.expects_key = false;
    }

    /// What the value string at this path is good for.
    fn kept(&self) -> Keep {
        use Key::*;
        if !self.named() {
            return Keep::Nothing;
        }
        match (self.path(), self.whose) {
            ([Model], _) => Keep::Model,
            ([Message | Response, Model], Whose::Response) => Keep::Model,
            ([Object], Whose::Response) => Keep::Object,
            ([Query], Whose::Request) => Keep::GraphQl,
            ([Content | Response | Delta], Whose::Response)
            | ([Choices, Item, Text], Whose::Response)
            | ([Message, Content | Thinking], Whose::Response)
            | ([Delta, Text | Thinking | PartialJson], Whose::Response)
            | ([Token, Text], Whose::Response)
            | ([Choices, Item, Delta, Content | ReasoningContent | Reasoning], Whose::Response) => {
                Keep::Content
            }
            _ => Keep::Nothing,
        }
    }

    /// Inside a string: walks to its end and returns what follows.
    fn text<'a>(&mut self, keep: Keep, bytes: &'a [u8]) -> &'a [u8] {
        let stop = bytes.iter().position(|&b| b == b'"' || b == b'\\');
        let (part, rest) = bytes.split_at(stop.unwrap_or(bytes.len()));
        self.keep(keep, part);
        match rest.split_first() {
            None => rest,
            Some((b'\\', rest)) => {
                self.state = State::Escape(keep);
                rest
            }
            Some((_, rest)) => {
                self.state = State::Between;
                self.text_end(keep);
                rest
            }
        }
    }

    fn escape(&mut self, keep: Keep, byte: u8) {
        self.state = State::Text(keep);
        match (keep, byte) {
            (_, b'/' | b'"' | b'\\') => self.keep(keep, &[byte]),
            (Keep::Content, _) => self.found.content = true,
            // Control and \u escapes have no place in the names that are kept.
            _ => self.text_whole = false,
        }
    }

    fn keep(&mut self, keep: Keep, part: &[u8]) {
        match keep {
            Keep::Nothing => {}
            Keep::Content => self.found.content |= !part.is_empty(),
            Keep::GraphQl => part.iter().for_each(|&b| self.graphql(b)),
            Keep::Key | Keep::Model | Keep::Object => {
                let at = usize::from(self.text_len);
                let len = part.len().min(MODEL_BYTES_MAX - at);
                self.text[at..at + len].copy_from_slice(&part[..len]);
                self.text_len = (at + len) as u8;
                self.text_whole &= len == part.len() || keep == Keep::Model;
            }
        }
    }

    /// `nearVector`, `nearText`, `nearObject`, `nearImage`: the first letter decides.
    fn graphql(&mut self, byte: u8) {
        let len = usize::from(self.text_len);
        self.text_len = match (len, byte) {
            (4, b'V' | b'T' | b'O' | b'I') => {
                self.found.seen.add(Seen::QUERY_NEAR);
                0
            }
            (_, b'n') => 1,
            (1, b'e') => 2,
            (2, b'a') => 3,
            (3, b'r') => 4,
            _ => 0,
        };
    }

    fn text_end(&mut self, keep: Keep) {
        let text = &self.text[..usize::from(self.text_len)];
        match keep {
            Keep::Key if self.named() => {
                let key = if self.text_whole {
                    Key::parse(text)
                } else {
                    Key::Other
                };
                self.path[self.depth as usize - 1] = key;
                match self.path() {
                    [key] => self.found.seen.add(Seen::of(*key)),
                    [Key::Query, Key::Knn] => self.found.seen.add(Seen::QUERY_KNN),
                    _ => {}
                }
            }
            Keep::Model if self.text_whole && !text.is_empty() => {
                let printable = text.utf8_chunks().next().map_or("", |chunk| chunk.valid());
                if !printable.is_empty() && !printable.contains(char::is_control) {
                    self.found.model = Some(printable.into());
                }
            }
            Keep::Object => {
                self.found.chat |= matches!(text, b"chat.completion" | b"chat.completion.chunk");
            }
            _ => {}
        }
    }

    fn number(&mut self, byte: u8) {
        let Some(&key) = self.path().last().filter(|_| self.named()) else {
            return;
        };
        let counts = match (self.path(), self.whose) {
            (_, Whose::Request) => false,
            ([Key::Usage, _] | [Key::Message | Key::Response, Key::Usage, _], _) => matches!(
                key,
                Key::PromptTokens | Key::CompletionTokens | Key::InputTokens | Key::OutputTokens
            ),
            ([Key::Timings, _], _) => {
                matches!(key, Key::CacheN | Key::PromptN | Key::PredictedN)
            }
            ([_], _) => matches!(
                key,
                Key::PromptEvalCount | Key::EvalCount | Key::TokensEvaluated | Key::TokensPredicted
            ),
            _ => false,
        };
        if counts {
            self.number = u64::from(byte - b'0');
            self.state = State::Number(key);
        }
    }

    /// A number is known once the byte after it was seen.
    fn count(&mut self, key: Key) {
        use Key::*;
        match key {
            PromptTokens | InputTokens | PromptEvalCount | TokensEvaluated => {
                self.found.input_tokens = Some(self.number);
            }
            CacheN => self.found.cached_tokens = Some(self.number),
            // A part of the prompt, unless the other part was told.
            PromptN => {
                let all = |cached: u64| cached.saturating_add(self.number);
                let told = self.found.cached_tokens.map(all);
                self.found.input_tokens = self.found.input_tokens.or(told);
            }
            Other => {}
            _ => self.found.output_tokens = Some(self.number),
        }
    }
}

#[cfg(test)]
mod tests;
