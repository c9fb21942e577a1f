//! Tells from the wire which requests are model calls or vector searches.
//!
//! A path that only one API uses is evidence by itself. A path that any program may use needs keys
//! in the JSON of the request or of the response as well; each row names what it needs.

use super::found::Found;
use super::keys::{Key, Seen};
use crate::decode::{Facts, GenAi, Role};

/// One API.
#[derive(Debug)]
pub(super) struct Rule {
    /// The path ends with it.
    path: &'static str,
    /// The path holds it; empty if the end is enough.
    within: &'static str,
    /// What a request of it is for.
    pub(super) role: Role,
    /// `gen_ai.operation.name`; none for vector searches.
    operation: &'static str,
    /// Alternatives of keys that prove it; none needed if both lists are empty.
    asks: &'static [Seen],
    /// The same, in the response.
    answers: &'static [Seen],
}

const fn keys<const N: usize>(keys: [Key; N]) -> Seen {
    let mut seen = Seen::of(keys[0]);
    let mut i = 1;
    while i < N {
        seen = seen.and(Seen::of(keys[i]));
        i += 1;
    }
    seen
}

const fn rule(
    path: &'static str,
    role: Role,
    operation: &'static str,
    asks: &'static [Seen],
    answers: &'static [Seen],
) -> Rule {
    Rule {
        path,
        within: "",
        role,
        operation,
        asks,
        answers,
    }
}

const fn search(path: &'static str, within: &'static str, asks: &'static [Seen]) -> Rule {
    Rule {
        path,
        within,
        role: Role::VectorSearch,
        operation: "",
        asks,
        answers: &[],
    }
}

const CHAT: &str = "chat";
const TEXT: &str = "text_completion";
const EMBED: &str = "embeddings";
const RERANK: &str = "rerank";
const AZURE: &str = "/openai/deployments/";
const DOCUMENTS: &[Seen] = &[
    keys([Key::Query, Key::Documents]),
    keys([Key::Query, Key::Texts]),
];

/// The APIs; the first whose path fits is taken.
static RULES: &[Rule] = {
    use Key::*;
    use Role::{Embedding as Emb, Model as Llm, Rerank as Rank};
    &[
        // OpenAI and everything compatible with it, under any prefix.
        rule("/chat/completions", Llm, CHAT, &[], &[]),
        rule("/v1/completions", Llm, TEXT, &[], &[]),
        rule("/v1/embeddings", Emb, EMBED, &[], &[]),
        rule("/v1/rerank", Rank, RERANK, &[], &[]),
        rule(
            "/v1/responses",
            Llm,
            CHAT,
            &[keys([Input])],
            &[keys([Model, Output])],
        ),
        // Azure's deployments name the model in the path.
        Rule {
            within: AZURE,
            ..rule("/completions", Llm, TEXT, &[], &[])
        },
        Rule {
            within: AZURE,
            ..rule("/embeddings", Emb, EMBED, &[], &[])
        },
        // Anthropic.
        rule(
            "/v1/messages",
            Llm,
            CHAT,
            &[keys([Messages])],
            &[keys([Content, StopReason])],
        ),
        // Ollama.
        rule(
            "/api/chat",
            Llm,
            CHAT,
            &[keys([Model, Messages])],
            &[keys([Model, Done])],
        ),
        rule(
            "/api/generate",
            Llm,
            TEXT,
            &[keys([Model, Prompt])],
            &[keys([Model, Done])],
        ),
        rule(
            "/api/embed",
            Emb,
            EMBED,
            &[keys([Model, Input])],
            &[keys([Model, Embeddings])],
        ),
        rule(
            "/api/embeddings",
            Emb,
            EMBED,
            &[keys([Model, Prompt])],
            &[keys([Embedding])],
        ),
        // llama.cpp's own.
        rule(
            "/completion",
            Llm,
            TEXT,
            &[keys([Prompt])],
            &[keys([Content, TokensPredicted])],
        ),
        rule(
            "/completions",
            Llm,
            TEXT,
            &[keys([Prompt])],
            &[keys([Content, TokensPredicted])],
        ),
        rule(
            "/embedding",
            Emb,
            EMBED,
            &[keys([Content]), keys([Input])],
            &[],
        ),
        rule(
            "/embeddings",
            Emb,
            EMBED,
            &[keys([Input]), keys([Content])],
            &[],
        ),
        rule("/reranking", Rank, RERANK, DOCUMENTS, &[]),
        // llama.cpp, Text Embeddings Inference, Cohere.
        rule("/rerank", Rank, RERANK, DOCUMENTS, &[]),
        rule("/embed", Emb, EMBED, &[keys([Inputs])], &[Seen::ARRAYS]),
        // Text Generation Inference, vLLM, SGLang.
        rule(
            "/generate_stream",
            Llm,
            TEXT,
            &[keys([Inputs]), keys([Prompt])],
            &[],
        ),
        rule(
            "/generate",
            Llm,
            TEXT,
            &[
                keys([Inputs]),
                keys([Prompt]),
                keys([SamplingParams]),
                keys([InputIds]),
            ],
            &[],
        ),
        // Vector stores: Chroma, Qdrant, Milvus, Weaviate, Elasticsearch and OpenSearch,
        // Meilisearch and Azure AI Search, Pinecone.
        search("/query", "/api/v2/tenants/", &[]),
        search("/query", "/api/v1/collections/", &[keys([QueryEmbeddings])]),
        search("/points/search", "/collections/", &[]),
        search("/points/search/batch", "/collections/", &[]),
        search("/points/search/groups", "/collections/", &[]),
        search("/points/query", "/collections/", &[]),
        search("/points/query/batch", "/collections/", &[]),
        search("/points/query/groups", "/collections/", &[]),
        search("/v2/vectordb/entities/search", "", &[]),
        search("/v2/vectordb/entities/hybrid_search", "", &[]),
        search("/v2/vectordb/entities/advanced_search", "", &[]),
        search("/v1/vector/search", "", &[]),
        search("/v1/graphql", "", &[Seen::QUERY_NEAR]),
        search("/_knn_search", "", &[]),
        search("/_search", "", &[keys([Knn]), Seen::QUERY_KNN]),
        search(
            "/search",
            "/indexes",
            &[keys([Vector]), keys([Hybrid]), keys([VectorQueries])],
        ),
        search(
            "/query",
            "",
            &[keys([TopK, Vector]), keys([QueryEmbeddings])],
        ),
    ]
};

impl Rule {
    /// The API that may be asked by this.
    pub(super) fn find(method: &str, path: &[u8]) -> Option<&'static Rule> {
        // Model calls carry JSON; searches of Elasticsearch may use GET with a body.
        let searches_only = match method {
            "POST" => false,
            "GET" => true,
            _ => return None,
        };
        RULES.iter().find(|rule| {
            path.ends_with(rule.path.as_bytes())
                && (!searches_only || rule.role == Role::VectorSearch)
                && (rule.within.is_empty() || holds(path, rule.within.as_bytes()))
        })
    }

    /// The path alone proves it.
    pub(super) fn proven(&self) -> bool {
        self.asks.is_empty() && self.answers.is_empty()
    }

    /// The JSON of the request proves it.
    pub(super) fn asked(&self, found: &Found) -> bool {
        self.asks.iter().any(|&needed| found.seen.has(needed))
    }

    /// The JSON of the response proves it.
    pub(super) fn answered(&self, found: &Found) -> bool {
        self.answers.iter().any(|&needed| found.seen.has(needed))
    }

    /// A call of it may be answered by a token stream.
    pub(super) fn generates(&self) -> bool {
        self.role == Role::Model
    }

    /// Its facts.
    pub(super) fn facts(&self, path: &[u8]) -> Facts {
        let gen_ai = (!self.operation.is_empty()).then(|| {
            let model =
                deployment(path).filter(|_| self.within == AZURE || self.path == RULES[0].path);
            Box::new(GenAi {
                operation: Some(self.operation.into()),
                model,
                ..GenAi::default()
            })
        });
        Facts {
            role: Some(self.role),
            gen_ai,
            ..Facts::default()
        }
    }
}

/// The rule of a stream whose events are those of a chat, whatever its path.
pub(super) fn chat() -> &'static Rule {
    &RULES[0]
}

fn holds(path: &[u8], part: &[u8]) -> bool {
    path.windows(part.len()).any(|window| window == part)
}

/// The deployment that an Azure path names, which stands for the model.
fn deployment(path: &[u8]) -> Option<Box<str>> {
    let path = std::str::from_utf8(path).ok()?;
    let (_, rest) = path.split_once(AZURE)?;
    let name = rest.split('/').next()?;
    (!name.is_empty() && name.len() <= 128 && name.bytes().all(|b| b.is_ascii_graphic()))
        .then(|| name.into())
}

impl Rule {
    /// It is a call of a model, with `gen_ai` facts.
    pub(super) fn models(&self) -> bool {
        !self.operation.is_empty()
    }
}
