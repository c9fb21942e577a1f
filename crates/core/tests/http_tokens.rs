//! Token counts of streams whose bytes are not copied any more once content has begun.

mod http_wire;

use forebay_core::decode::{Facts, Frame, Report, Speaker};
use http_wire::{Wire, chunk, chunked_head, post};

/// A model server's way of writing a stream.
struct Shape {
    name: &'static str,
    path: &'static str,
    media: &'static str,
    /// Before the first token.
    opening: &'static str,
    /// Around a token.
    token: [&'static str; 2],
    /// Behind the last token: the report of 11 and 40 tokens among them.
    closing: &'static [&'static str],
}

const VLLM: Shape = Shape {
    name: "vLLM: a report as long as a token",
    path: "/v1/chat/completions",
    media: "text/event-stream; charset=utf-8",
    opening: "data: {\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n",
    token: [
        "data: {\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"",
        "\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n",
    ],
    closing: &[
        "data: {\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"logprobs\":null,\"finish_reason\":\"stop\",\"stop_reason\":null}]}\n\n",
        "data: {\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"total_tokens\":51,\"completion_tokens\":40}}\n\n",
        "data: [DONE]\n\n",
    ],
};

const SHAPES: &[Shape] = &[
    VLLM,
    Shape {
        name: "OpenAI: every event has a usage, mostly null",
        token: [
            "data: {\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"system_fingerprint\":\"fp\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"",
            "\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n",
        ],
        closing: &[
            "data: {\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":null}\n\n",
            "data: {\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":40,\"total_tokens\":51,\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}}\n\n",
            "data: [DONE]\n\n",
        ],
        ..VLLM
    },
    Shape {
        name: "Anthropic: the text stands at the event's end",
        path: "/v1/messages",
        media: "text/event-stream; charset=utf-8",
        opening: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":11,\"output_tokens\":1}}}\n\n",
        token: [
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"",
            "\"}}\n\n",
        ],
        closing: &[
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":40}}\n\n",
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        ],
    },
    Shape {
        name: "Ollama: one document a line",
        path: "/api/chat",
        media: "application/x-ndjson",
        opening: "",
        token: [
            "{\"model\":\"m\",\"created_at\":\"t\",\"message\":{\"role\":\"assistant\",\"content\":\"",
            "\"},\"done\":false}\n",
        ],
        closing: &[
            "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done_reason\":\"stop\",\"done\":true,\"prompt_eval_count\":11,\"prompt_eval_duration\":5,\"eval_count\":40,\"eval_duration\":4799921000}\n",
        ],
    },
    Shape {
        name: "llama.cpp without a usage report: its timings",
        closing: &[
            "data: {\"choices\":[{\"finish_reason\":\"stop\",\"index\":0,\"delta\":{}}],\"model\":\"m\",\"object\":\"chat.completion.chunk\",\"timings\":{\"cache_n\":4,\"prompt_n\":7,\"prompt_ms\":1.068,\"predicted_n\":40,\"predicted_ms\":0.929}}\n\n",
            "data: [DONE]\n\n",
        ],
        ..VLLM
    },
    Shape {
        name: "sse-starlette: lines end with CRLF",
        token: [
            "data: {\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"",
            "\"},\"finish_reason\":null}]}\r\n\r\n",
        ],
        closing: &[
            "data: {\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":40}}\r\n\r\n",
            "data: [DONE]\r\n\r\n",
        ],
        ..VLLM
    },
];

/// Tokens of all kinds: long, empty, with quotes, and one that looks like the report.
const TOKENS: &[&str] = &[
    "Hi",
    " the",
    "\\n\\n",
    "\\\"",
    "}}",
    "]}",
    "data: {\\\"usage\\\":{\\\"prompt_tokens\\\":1,\\\"completion_tokens\\\":2}}\\n\\n",
    "{\\\"prompt_eval_count\\\":1,\\\"eval_count\\\":2}\\n",
    "0",
];

/// What of a stream's end is written at once.
const GLUED: [usize; 4] = [1, 2, 3, 9];

/// The writes of a stream of 40 tokens of which the last `glued` events leave in one.
fn writes(shape: &Shape, glued: usize) -> Vec<String> {
    let mut events = vec![shape.opening.to_owned()];
    for i in 0..40 {
        let [before, after] = shape.token;
        events.push([before, TOKENS[i % TOKENS.len()], after].concat());
    }
    events.extend(shape.closing.iter().map(|&event| event.to_owned()));
    events.retain(|event| !event.is_empty());
    let mut writes: Vec<String> = events.iter().map(|event| chunk(event)).collect();
    writes.push("0\r\n\r\n".into());
    let end = writes.split_off(writes.len() - glued.min(writes.len()));
    writes.push(end.concat());
    writes
}

/// What is told of a stream whose writes are reported as the parser asks, `late` writes later, and
/// how many writes were copied.
fn observe(shape: &Shape, glued: usize, late: usize) -> (Facts, Vec<Frame>, usize) {
    let mut wire = Wire::new();
    let body = "{\"model\":\"m\",\"stream\":true,\"messages\":[]}";
    wire.c(post(shape.path, body)).s(chunked_head(shape.media));
    let mut wants = vec![wire.want_server(); late + 1];
    let mut copied = 0;
    for write in writes(shape, glued) {
        let bytes = write.as_bytes();
        let seen = wire.reported(Speaker::Server, bytes, wants.remove(0), 0);
        copied += usize::from(seen > 0);
        wants.push(wire.want_server());
    }
    let mut facts = Facts::default();
    for frame in &wire.frames {
        if let Frame::ResponseFacts(more) = frame {
            facts.merge(more.clone());
        }
    }
    (facts, wire.frames, copied)
}

#[test]
fn the_engines_report_is_seen_at_the_end_of_every_stream() {
    for shape in SHAPES {
        for glued in GLUED {
            for late in [0, 1, 5] {
                let (facts, frames, copied) = observe(shape, glued, late);
                let told = facts.gen_ai.unwrap_or_default();
                let case = format!("{}, {glued} glued, {late} late", shape.name);
                assert_eq!(
                    (told.input_tokens, told.output_tokens),
                    (Some(11), Some(40)),
                    "{case}"
                );
                // The opening, the first token, the end; what was on its way when one was admitted.
                assert!(copied <= 8 + 2 * late, "{case}: {copied} copied");
                assert!(
                    matches!(frames.last(), Some(Frame::ResponseEnd { .. })),
                    "{case}"
                );
            }
        }
    }
}

#[test]
fn a_report_in_seen_bytes_is_read_as_well() {
    let mut wire = Wire::new();
    wire.c(post(VLLM.path, "{\"model\":\"m\",\"stream\":true}"))
        .s(chunked_head(VLLM.media));
    let token = VLLM.token.join("Hi");
    let usage = "data: {\"choices\":[],\"model\":\"other\",\"usage\":{\"completion_tokens\":7,\"prompt_tokens\":12,\"prompt_tokens_details\":{\"cached_tokens\":3},\"total_tokens\":19}}\n\n";
    let events = [&*token, usage, "data: [DONE]\n\n"].map(chunk);
    wire.s(events.concat() + "0\r\n\r\n");
    let told = wire.told();
    assert_eq!(told[told.len() - 2], "<+ in=12 out=7");
}

#[test]
fn what_is_counted_does_not_depend_on_the_copies() {
    for shape in SHAPES {
        for glued in GLUED {
            let (_, frames, _) = observe(shape, glued, 0);
            let chunks = |frames: &[Frame]| {
                let all = frames.iter();
                all.filter(|frame| matches!(frame, Frame::Chunk { .. }))
                    .cloned()
                    .collect::<Vec<_>>()
            };
            let mut wire = Wire::new();
            let body = "{\"model\":\"m\",\"stream\":true,\"messages\":[]}";
            wire.c(post(shape.path, body)).s(chunked_head(shape.media));
            for write in writes(shape, glued) {
                let head_bytes = match wire.want_server() {
                    Report::Chunks { head_bytes, .. } => head_bytes,
                    _ => 0,
                };
                wire.cut(Speaker::Server, write.as_bytes(), head_bytes.into());
            }
            assert_eq!(chunks(&frames), chunks(&wire.frames), "{}", shape.name);
        }
    }
}

#[test]
fn a_stream_without_a_report_tells_no_count() {
    for shape in SHAPES {
        let silent = Shape {
            closing: &["data: [DONE]\n\n"],
            ..*shape
        };
        let (facts, ..) = observe(&silent, 1, 0);
        assert_eq!(facts.gen_ai.and_then(|told| told.output_tokens), None);
    }
}

#[test]
fn a_count_is_the_last_only_if_the_end_was_seen() {
    // What follows the last token that was seen is lost with its records.
    let counting = "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{\"completion_tokens\":7}}\n\n";
    let begin = |wire: &mut Wire| {
        wire.c(post(VLLM.path, "{\"model\":\"m\",\"stream\":true}"));
        wire.s(chunked_head(VLLM.media)).s(chunk(counting));
        wire.s(chunk(counting));
    };
    let told = |wire: &mut Wire| wire.told().iter().any(|line| line.contains("out=7"));
    let (mut over, mut closed, mut whole) = (Wire::new(), Wire::new(), Wire::new());
    for wire in [&mut over, &mut closed, &mut whole] {
        begin(wire);
    }
    over.s_unseen("5").c("GET / HTTP/1.1\r\n\r\n");
    closed.end(Speaker::Server);
    whole.s("0\r\n\r\n");
    assert!(!told(&mut over));
    assert!(!told(&mut closed));
    assert!(told(&mut whole));
}

#[test]
fn an_engine_that_counts_as_it_goes_is_believed_only_at_the_end() {
    // Every event with a count, and all with the same end: whether the last was seen is chance.
    let counting = Shape {
        token: [
            "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"",
            "\"}}],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":3}}\n\n",
        ],
        closing: &["data: [DONE]\n\n"],
        ..VLLM
    };
    let (facts, ..) = observe(&counting, 1, 0);
    assert_eq!(facts.gen_ai.and_then(|told| told.output_tokens), None);
}

#[test]
fn a_reader_that_cuts_events_anywhere_is_left_alone() {
    let all = writes(&VLLM, 1).concat();
    let mut wire = Wire::new();
    let body = "{\"model\":\"m\",\"stream\":true,\"messages\":[]}";
    wire.c(post(VLLM.path, body)).s(chunked_head(VLLM.media));
    let mut copied = 0;
    for part in all.as_bytes().chunks(37) {
        let want = wire.want_server();
        copied += usize::from(wire.reported(Speaker::Server, part, want, 0) > 0);
    }
    assert!(all.len() / 37 > 200);
    assert!(copied < 100, "{copied} copied");
    assert!(matches!(
        wire.frames.last(),
        Some(Frame::ResponseEnd { .. })
    ));
}
