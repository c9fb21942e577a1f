//! What a parser learned about a request; merged as more becomes known.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// What a request is for, in a retrieval or inference system. Comes from the wire, never from a
/// list of hosts.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Text generation.
    Model,
    /// Embedding.
    Embedding,
    /// Reranking.
    Rerank,
    /// Nearest-neighbour search in a vector store.
    VectorSearch,
    /// Key-value cache.
    Cache,
    /// Any other database work.
    Database,
    /// Message queue.
    Queue,
    /// Any other HTTP.
    Web,
    /// Not known.
    #[default]
    Other,
}

impl Role {
    /// Its name in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            Role::Model => "model",
            Role::Embedding => "embedding",
            Role::Rerank => "rerank",
            Role::VectorSearch => "vector_search",
            Role::Cache => "cache",
            Role::Database => "database",
            Role::Queue => "queue",
            Role::Web => "web",
            Role::Other => "other",
        }
    }
}

/// Facts of a model call. Names follow OpenTelemetry's gen_ai conventions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenAi {
    /// `chat`, `text_completion`, `embeddings`, `rerank`, …
    pub operation: Option<Box<str>>,
    /// Model named by the request or, failing that, the response. At most 128 bytes.
    pub model: Option<Box<str>>,
    /// The response is a token stream.
    pub streaming: Option<bool>,
    /// Tokens of the prompt, when the wire tells.
    pub input_tokens: Option<u64>,
    /// Generated tokens, when the wire tells.
    pub output_tokens: Option<u64>,
}

/// Facts about a request and its response; `None` = not known (yet).
///
/// Never holds header values, bodies, literals or prompts: only what this struct names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What was asked, low cardinality and without secrets: `POST /v1/embeddings` (no query
    /// string), `SELECT … ORDER BY embedding <=> $1 LIMIT $2` (no literals), `GET`. At most 256 bytes.
    pub op: Option<CompactString>,
    /// Status in the protocol's own words: `200`, `OK`, `42P01`, `WRONGTYPE`.
    pub status: Option<CompactString>,
    /// Error type when the request failed (OTel `error.type`): low cardinality.
    pub error: Option<CompactString>,
    /// What the request is for.
    pub role: Option<Role>,
    /// Set for model calls.
    pub gen_ai: Option<Box<GenAi>>,
}

impl Facts {
    /// Takes over everything that `newer` knows.
    pub fn merge(&mut self, newer: Facts) {
        fn take<T>(old: &mut Option<T>, new: Option<T>) {
            if new.is_some() {
                *old = new;
            }
        }
        take(&mut self.op, newer.op);
        take(&mut self.status, newer.status);
        take(&mut self.error, newer.error);
        take(&mut self.role, newer.role);
        let Some(new) = newer.gen_ai else { return };
        let old = self.gen_ai.get_or_insert_default();
        take(&mut old.operation, new.operation);
        take(&mut old.model, new.model);
        take(&mut old.streaming, new.streaming);
        take(&mut old.input_tokens, new.input_tokens);
        take(&mut old.output_tokens, new.output_tokens);
    }
}
