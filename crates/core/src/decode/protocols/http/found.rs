//! The facts found in JSON bodies and stream events.

use super::keys::Seen;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Top-level keys and shapes.
    pub(super) seen: Seen,
    /// The model's name.
    pub(super) model: Option<Box<str>>,
    /// The value of `stream`.
    pub(super) stream: Option<bool>,
    /// Tokens of the prompt.
    pub(super) input_tokens: Option<u64>,
    /// Generated tokens.
    pub(super) output_tokens: Option<u64>,
    /// Tokens of the prompt that were not computed again, as llama.cpp tells.
    pub(super) cached_tokens: Option<u64>,
    /// Generated text, reasoning or a tool call is in it.
    pub(super) content: bool,
    /// A chat delta was read to its end.
    pub(super) delta: bool,
    /// `object` names an OpenAI chat completion or its chunk.
    pub(super) chat: bool,
    /// The document is complete.
    pub(super) complete: bool,
}

impl Found {
    /// Takes over what a later event of the same stream tells.
    pub(super) fn learn(&mut self, newer: Found) {
        self.seen.add(newer.seen);
        self.model = self.model.take().or(newer.model);
        self.input_tokens = newer.input_tokens.or(self.input_tokens);
        self.output_tokens = newer.output_tokens.or(self.output_tokens);
        self.chat |= newer.chat;
    }
}
