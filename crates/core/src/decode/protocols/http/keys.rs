//! The JSON keys that matter to model and vector store APIs, and sets of them.

/// Defines [`Key`], its spelling on the wire and its parser from one list.
macro_rules! keys {
    ($($name:ident = $text:literal),+ $(,)?) => {
        /// A JSON object key, or `Item` for an element of an array, or `Other`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Key { $($name,)+ Item, Other }

        impl Key {
            /// The key spelled so; `Other` if it does not matter here.
            pub(super) fn parse(text: &[u8]) -> Key {
                match text {
                    $(t if t == $text.as_bytes() => Key::$name,)+
                    _ => Key::Other,
                }
            }
        }
    };
}

keys! {
    Model = "model",
    Stream = "stream",
    Usage = "usage",
    PromptTokens = "prompt_tokens",
    CompletionTokens = "completion_tokens",
    InputTokens = "input_tokens",
    OutputTokens = "output_tokens",
    PromptEvalCount = "prompt_eval_count",
    EvalCount = "eval_count",
    TokensEvaluated = "tokens_evaluated",
    TokensPredicted = "tokens_predicted",
    Timings = "timings",
    CacheN = "cache_n",
    PromptN = "prompt_n",
    PredictedN = "predicted_n",
    Object = "object",
    Messages = "messages",
    Prompt = "prompt",
    Input = "input",
    Inputs = "inputs",
    InputIds = "input_ids",
    SamplingParams = "sampling_params",
    Instructions = "instructions",
    MaxTokens = "max_tokens",
    Query = "query",
    Documents = "documents",
    Texts = "texts",
    QueryEmbeddings = "query_embeddings",
    TopK = "topK",
    Vector = "vector",
    Hybrid = "hybrid",
    VectorQueries = "vectorQueries",
    Knn = "knn",
    Choices = "choices",
    Delta = "delta",
    Content = "content",
    ReasoningContent = "reasoning_content",
    Reasoning = "reasoning",
    ToolCalls = "tool_calls",
    Text = "text",
    Thinking = "thinking",
    PartialJson = "partial_json",
    Message = "message",
    Response = "response",
    Token = "token",
    Embedding = "embedding",
    Embeddings = "embeddings",
    Results = "results",
    StopReason = "stop_reason",
    Output = "output",
    Done = "done",
    Matches = "matches",
}

/// A set of keys and of shapes seen in one JSON document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen(u64);

impl Seen {
    /// A `knn` clause directly inside the top-level `query`.
    pub(super) const QUERY_KNN: Seen = Seen(1 << 63);
    /// A `near…` operator inside a GraphQL `query` string.
    pub(super) const QUERY_NEAR: Seen = Seen(1 << 62);
    /// The document is an array of arrays.
    pub(super) const ARRAYS: Seen = Seen(1 << 61);
    /// The document is an array of objects.
    pub(super) const OBJECTS: Seen = Seen(1 << 60);

    /// The set of one top-level key.
    pub(super) const fn of(key: Key) -> Seen {
        Seen(1 << key as u8)
    }
    /// The union.
    pub(super) const fn and(self, other: Seen) -> Seen {
        Seen(self.0 | other.0)
    }
    /// Adds what `other` holds.
    pub(super) fn add(&mut self, other: Seen) {
        self.0 |= other.0;
    }
    /// Everything in `needed` was seen.
    pub(super) const fn has(self, needed: Seen) -> bool {
        self.0 & needed.0 == needed.0
    }
}

// Keys must stay below the bits of the shapes.
const _: () = assert!((Key::Other as u8) < 60);
