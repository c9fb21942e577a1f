//! What HTTP answers tell of model calls: operation, model, usage, role.

mod http_wire;

use http_wire::{Wire, json, post};

#[test]
fn whole_answers_tell_model_and_usage() {
    let table = [
        (
            "/v1/chat/completions",
            "{\"messages\":[],\"model\":\"m\"}",
            "{\"choices\":[{\"message\":{\"content\":\"Hi\"}}],\"usage\":{\"completion_tokens\":2,\"prompt_tokens\":5}}",
            "<+ in=5 out=2",
        ),
        (
            "/v1/embeddings",
            "{\"input\":\"x\"}",
            "{\"model\":\"minilm\",\"object\":\"list\",\"usage\":{\"prompt_tokens\":6,\"total_tokens\":6},\"data\":[]}",
            "<+ model=minilm in=6",
        ),
        (
            "/v1/messages",
            "{\"messages\":[],\"model\":\"m\"}",
            "{\"type\":\"message\",\"model\":\"m-1\",\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}",
            "<+ in=3 out=4",
        ),
        (
            "/api/generate",
            "{\"model\":\"m\",\"prompt\":\"x\",\"stream\":false}",
            "{\"model\":\"m\",\"response\":\"Hi\",\"done\":true,\"prompt_eval_count\":26,\"eval_count\":29}",
            "<+ in=26 out=29",
        ),
        (
            "/completion",
            "{\"prompt\":\"x\"}",
            "{\"content\":\"Hi\",\"model\":\"a/b.gguf\",\"tokens_predicted\":2,\"tokens_evaluated\":4}",
            "<+ model=a/b.gguf in=4 out=2",
        ),
    ];
    for (path, request, response, expected) in table {
        let mut wire = Wire::new();
        wire.c(post(path, request)).s(json(response));
        let told = wire.told();
        assert_eq!(told[told.len() - 2], expected, "{path}");
    }
}

#[test]
fn roles_come_from_path_and_evidence() {
    let table = [
        ("/v1/chat/completions", "{}", "Model chat"),
        (
            "/proxy/openai/v1/chat/completions?key=k",
            "{}",
            "Model chat",
        ),
        ("/v1/completions", "{}", "Model text_completion"),
        (
            "/openai/deployments/gpt-x/chat/completions?api-version=1",
            "{}",
            "Model chat model=gpt-x",
        ),
        (
            "/openai/deployments/ada/embeddings",
            "{}",
            "Embedding embeddings model=ada",
        ),
        (
            "/v1/responses",
            "{\"input\":\"x\",\"model\":\"m\"}",
            "Model chat model=m",
        ),
        ("/v1/responses", "{\"survey\":1}", "Web"),
        ("/v1/messages", "{\"text\":\"hello\"}", "Web"),
        (
            "/v1/embeddings",
            "{\"input\":[\"x\"],\"model\":\"e\"}",
            "Embedding embeddings model=e",
        ),
        ("/v1/rerank", "{}", "Rerank rerank"),
        ("/rerank", "{\"query\":\"q\",\"texts\":[]}", "Rerank rerank"),
        ("/rerank", "{\"query\":\"q\"}", "Web"),
        ("/embed", "{\"inputs\":\"x\"}", "Embedding embeddings"),
        ("/embed", "{\"url\":\"x\"}", "Web"),
        ("/embedding", "{\"content\":\"x\"}", "Embedding embeddings"),
        (
            "/api/embed",
            "{\"model\":\"m\",\"input\":\"x\"}",
            "Embedding embeddings model=m",
        ),
        (
            "/api/embeddings",
            "{\"model\":\"m\",\"prompt\":\"x\"}",
            "Embedding embeddings model=m",
        ),
        ("/api/chat", "{\"room\":1,\"messages\":[]}", "Web"),
        (
            "/generate_stream",
            "{\"inputs\":\"x\"}",
            "Model text_completion",
        ),
        (
            "/api/v2/tenants/t/databases/d/collections/c/query",
            "{}",
            "VectorSearch",
        ),
        (
            "/api/v1/collections/c/query",
            "{\"query_embeddings\":[[1]]}",
            "VectorSearch",
        ),
        ("/collections/c/points/search", "{}", "VectorSearch"),
        ("/collections/c/points/query", "{}", "VectorSearch"),
        ("/collections/c/points", "{}", "Web"),
        ("/v2/vectordb/entities/search", "{}", "VectorSearch"),
        (
            "/v1/graphql",
            "{\"query\":\"{ Get { A(nearVector: {vector: [1]}) { t } } }\"}",
            "VectorSearch",
        ),
        ("/v1/graphql", "{\"query\":\"{ nearby { t } }\"}", "Web"),
        (
            "/idx/_search",
            "{\"knn\":{\"field\":\"v\"}}",
            "VectorSearch",
        ),
        (
            "/idx/_search",
            "{\"size\":5,\"query\":{\"knn\":{\"v\":{\"vector\":[1]}}}}",
            "VectorSearch",
        ),
        ("/idx/_search", "{\"query\":{\"match\":{\"knn\":1}}}", "Web"),
        ("/query", "{\"topK\":3,\"vector\":[1]}", "VectorSearch"),
        ("/query", "{\"sql\":\"x\"}", "Web"),
        ("/login", "{\"model\":\"m\",\"messages\":[]}", "Web"),
    ];
    for (path, body, expected) in table {
        let mut wire = Wire::new();
        wire.c(post(path, body));
        let mut facts = forebay_core::decode::Facts::default();
        for frame in &wire.frames {
            match frame {
                forebay_core::decode::Frame::Request { facts: new, .. }
                | forebay_core::decode::Frame::RequestFacts(new) => facts.merge(new.clone()),
                _ => {}
            }
        }
        facts.op = None;
        let frame = forebay_core::decode::Frame::RequestFacts(facts);
        assert_eq!(
            http_wire::line(&frame),
            format!(">+ {expected}"),
            "{path} {body}"
        );
    }
    let mut wire = Wire::new();
    wire.c("GET /v1/chat/completions HTTP/1.1\r\n\r\n");
    assert_eq!(wire.told()[0], "> 0 GET /v1/chat/completions Web");
}

#[test]
fn the_answer_alone_may_prove_the_api() {
    // The request's JSON is encoded, the path could be anyone's.
    let request = "POST /embed HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n..";
    let mut wire = Wire::new();
    wire.c(request).s(json("[[0.1,0.2]]"));
    assert_eq!(wire.told()[3], "<+ Embedding embeddings");
    wire.c(request).s(json("[1,2]"));
    assert!(!wire.told().iter().any(|line| line.starts_with("<+")));
}

#[test]
fn names_of_models_are_bounded_and_clean() {
    for (name, expected) in [
        ("a\\/b", Some("a/b".to_owned())),
        ("m\\u00e9", None),
        ("caf\u{e9}", Some("caf\u{e9}".to_owned())),
        ("", None),
        (&*"x".repeat(500), Some("x".repeat(128))),
        (
            &*format!("{}\u{e9}", "x".repeat(127)),
            Some("x".repeat(127)),
        ),
    ] {
        let mut wire = Wire::new();
        wire.c(post("/v1/embeddings", &format!("{{\"model\":\"{name}\"}}")));
        let found = wire
            .told()
            .iter()
            .find_map(|line| Some(line.strip_prefix(">+ model=")?.to_owned()));
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn failed_model_calls_are_no_streams() {
    let mut wire = Wire::new();
    wire.c(post(
        "/v1/chat/completions",
        r#"{"messages":[{"role":"user","content":"x"}],"model":"tiny","stream":true}"#,
    ));
    wire.s(
        "HTTP/1.1 429 Slow down\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    );
    let told = wire.told();
    assert_eq!(told[3], "< 0 429 error=429 streaming=false");
}
