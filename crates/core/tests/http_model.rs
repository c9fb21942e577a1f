//! Token streams of model APIs over HTTP.

mod http_wire;

use forebay_core::decode::{Report, Speaker};
use http_wire::{Wire, chunk, chunked_head, every_segment, post};

const ROLE: &str = "data: {\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null}}],\"created\":1,\"id\":\"chatcmpl-x\",\"model\":\"smollm2\",\"object\":\"chat.completion.chunk\"}\n\n";
const HI: &str = "data: {\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"content\":\"Hi\"}}],\"created\":1,\"id\":\"chatcmpl-x\",\"model\":\"smollm2\",\"object\":\"chat.completion.chunk\"}\n\n";
const DONE: &str = "data: [DONE]\n\n";
const LAST: &str = "0\r\n\r\n";
const CHUNKS: Report = every_segment(1024, [0; 8], [0; 8]);
/// No bytes of segments that end as the events of these tests do.
const COUNTS: Report = every_segment(
    0,
    *b"\0\0\"}\n\n\r\n",
    [0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
);

/// A chat request as the `openai` client sends it: messages before model and stream.
fn chat(messages: &str) -> String {
    let body = format!(
        "{{\"messages\":[{{\"role\":\"user\",\"content\":\"{messages}\"}}],\"model\":\"tiny\",\"max_tokens\":32,\"stream\":true}}"
    );
    post("/v1/chat/completions", &body)
}

fn chunks(told: &[String]) -> Vec<&str> {
    told.iter()
        .filter(|line| line.starts_with('~'))
        .map(String::as_str)
        .collect()
}

#[test]
fn llama_cpp_chat_stream_byte_by_seen_byte() {
    let mut wire = Wire::new();
    // httpx writes head and body apart.
    let request = chat("hello");
    let (head, body) = request.split_at(request.find("{").unwrap());
    wire.c(head).c(body);
    let end = format!(">| {}", request.len());
    assert_eq!(
        wire.told(),
        [
            "> 0 POST /v1/chat/completions Model chat",
            ">+ model=tiny",
            &*end
        ]
    );
    assert_eq!(wire.want_server(), CHUNKS);
    let head = chunked_head("text/event-stream");
    wire.s(&head);
    assert_eq!(wire.told(), ["< 0 200 streaming=true"]);
    assert_eq!(wire.want_server(), CHUNKS);
    // The role event and the first token in one write.
    let (role, hi) = (chunk(ROLE), chunk(HI));
    wire.s([&*role, &*hi].concat());
    let at = head.len();
    let first = format!("~ {}..{}", at, at + role.len() - 2);
    let second = format!(
        "~ {}..{} content",
        at + role.len(),
        at + role.len() + hi.len() - 2
    );
    assert_eq!(wire.told(), [&*first, &*second]);
    assert_eq!(wire.want_server(), COUNTS);
    // From here on nothing but the last bytes is copied.
    let mut at = at + role.len() + hi.len();
    for _ in 0..3 {
        wire.s_unseen(&hi);
        assert_eq!(wire.told(), [format!("~ {at}..{} content", at + hi.len())]);
        at += hi.len();
    }
    let done = chunk(DONE);
    wire.s_unseen(&done);
    assert_eq!(wire.told(), [format!("~ {at}..{}", at + done.len())]);
    wire.s_unseen("0\r\n").s_unseen("\r\n");
    assert_eq!(wire.told(), [format!("<| {}", at + done.len() + 5)]);
    assert_eq!(wire.want_server(), Report::Turns { head_bytes: 1024 });
}

#[test]
fn a_long_prompt_hides_model_and_stream() {
    let mut wire = Wire::new();
    let request = chat(&"long ".repeat(600));
    wire.cut(Speaker::Client, request.as_bytes(), 1024);
    let end = format!(">| {}", request.len());
    assert_eq!(
        wire.told(),
        ["> 0 POST /v1/chat/completions Model chat", &*end]
    );
    assert_eq!(wire.want_server(), CHUNKS, "it may be a stream");
    wire.s(chunked_head("text/event-stream"))
        .s(chunk(HI))
        .s(chunk(DONE))
        .s(LAST);
    let told = wire.told();
    assert_eq!(told[told.len() - 2], "<+ model=smollm2");
}

#[test]
fn closing_writes_glued_to_data() {
    let mut wire = Wire::new();
    let head = chunked_head("text/event-stream; charset=utf-8");
    let hi = chunk(HI);
    let glued = [&*hi, LAST].concat();
    wire.c(chat("x"))
        .s(&head)
        .s(&hi)
        .s_unseen(&hi)
        .s_unseen(&glued);
    let at = head.len() + hi.len() * 2;
    let expected = [
        format!("~ {at}..{} content", at + glued.len()),
        format!("<| {}", at + glued.len()),
    ];
    assert_eq!(wire.told()[6..], expected);
    // `[DONE]` and the last chunk in one write: no content.
    let mut wire = Wire::new();
    let glued = [&*chunk(DONE), LAST].concat();
    wire.c(chat("x"))
        .s(&head)
        .s(&hi)
        .s_unseen(&hi)
        .s_unseen(&glued);
    let expected = [
        format!("~ {at}..{}", at + glued.len()),
        format!("<| {}", at + glued.len()),
    ];
    assert_eq!(wire.told()[6..], expected);
}

#[test]
fn a_stream_with_unseen_end_is_over_at_the_next_request() {
    let mut wire = Wire::new();
    let head = chunked_head("text/event-stream");
    wire.c(chat("x")).s(&head).s(chunk(HI)).s_unseen(chunk(HI));
    wire.told();
    let end = head.len() + 2 * chunk(HI).len();
    wire.c("GET / HTTP/1.1\r\n\r\n")
        .s("HTTP/1.1 204 No\r\n\r\n");
    let next = format!("> {} GET / Web", chat("x").len());
    let told = wire.told();
    assert_eq!((&told[0], &told[2]), (&next, &format!("<| {end}")));
}

#[test]
fn events_split_over_pieces_end_where_they_are_complete() {
    let mut wire = Wire::new();
    let head = chunked_head("text/event-stream");
    let hi = chunk(HI);
    let (front, back) = hi.split_at(60);
    wire.c(chat("x")).s(&head).s(front);
    assert!(chunks(&wire.told()).is_empty());
    wire.s(back);
    let at = head.len();
    assert_eq!(
        wire.told(),
        [format!("~ {at}..{} content", at + hi.len() - 2)]
    );
}

#[test]
fn a_partly_seen_event_is_judged_by_what_was_seen() {
    let head = chunked_head("text/event-stream");
    for (event, content) in [(HI, true), (ROLE, false)] {
        let event = chunk(&event.replace("smollm2", &"m".repeat(2000)));
        let mut wire = Wire::new();
        wire.c(chat("x"))
            .s(&head)
            .cut(Speaker::Server, event.as_bytes(), 512);
        let told = wire.told();
        assert_eq!(chunks(&told).len(), 1);
        assert_eq!(chunks(&told)[0].ends_with("content"), content, "{told:?}");
        let expected = if content { COUNTS } else { CHUNKS };
        assert_eq!(wire.want_server(), expected);
    }
}

#[test]
fn which_events_carry_content() {
    let openai = |delta: &str| {
        format!(
            "{{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":null}}]}}"
        )
    };
    let table: &[(&str, String, bool)] = &[
        ("/v1/chat/completions", openai("{\"content\":\"Hi\"}"), true),
        ("/v1/chat/completions", openai("{\"content\":\"\\n\"}"), true),
        ("/v1/chat/completions", openai("{\"content\":\"\\\"\"}"), true),
        ("/v1/chat/completions", openai("{\"reasoning_content\":\"so\"}"), true),
        ("/v1/chat/completions", openai("{\"tool_calls\":[{\"index\":0}]}"), true),
        ("/v1/chat/completions", openai("{\"role\":\"assistant\",\"content\":\"\"}"), false),
        ("/v1/chat/completions", openai("{\"role\":\"assistant\",\"content\":null}"), false),
        ("/v1/chat/completions", openai("{\"tool_calls\":[]}"), false),
        ("/v1/chat/completions", openai("{}"), false),
        ("/v1/chat/completions", "{\"choices\":[],\"usage\":{\"prompt_tokens\":3}}".into(), false),
        ("/v1/completions", "{\"choices\":[{\"text\":\"Hi\",\"index\":0}]}".into(), true),
        ("/v1/completions", "{\"choices\":[{\"text\":\"\",\"index\":0}]}".into(), false),
        ("/v1/responses", "{\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}".into(), true),
        ("/v1/responses", "{\"type\":\"response.created\",\"response\":{\"model\":\"m\",\"output\":[]}}".into(), false),
        ("/v1/responses", "{\"type\":\"response.output_text.done\",\"text\":\"Hi\"}".into(), false),
        ("/v1/messages", "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}".into(), true),
        ("/v1/messages", "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\"}}".into(), true),
        ("/v1/messages", "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}".into(), false),
        ("/v1/messages", "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}".into(), false),
        ("/v1/messages", "{\"type\":\"ping\"}".into(), false),
        ("/completion", "{\"index\":0,\"content\":\"Hi\",\"tokens\":[1],\"stop\":false}".into(), true),
        ("/completion", "{\"index\":0,\"content\":\"\",\"stop\":true}".into(), false),
    ];
    for (path, event, content) in table {
        let body =
            "{\"model\":\"m\",\"stream\":true,\"messages\":[],\"input\":\"x\",\"prompt\":\"x\"}";
        let mut wire = Wire::new();
        wire.c(post(path, body))
            .s(chunked_head("text/event-stream"));
        wire.told();
        wire.s(chunk(&format!("event: e\ndata: {event}\n\n")));
        let told = wire.told();
        assert_eq!(told.len(), 1, "{event}: {told:?}");
        assert_eq!(told[0].ends_with("content"), *content, "{event}");
    }
    for quiet in [
        ": ping\n\n",
        "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        DONE,
        "retry: 3\r\n\r\n",
    ] {
        let mut wire = Wire::new();
        wire.c(chat("x")).s(chunked_head("text/event-stream"));
        wire.told();
        wire.s(chunk(quiet));
        let told = wire.told();
        assert!(
            told.len() == 1 && !told[0].ends_with("content"),
            "{quiet:?}: {told:?}"
        );
    }
}

#[test]
fn anthropic_stream() {
    let mut wire = Wire::new();
    let request = post(
        "/v1/messages",
        "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"model\":\"claude\",\"stream\":true}",
    );
    wire.c(&request);
    assert_eq!(
        wire.told()[..2],
        ["> 0 POST /v1/messages Web", ">+ Model chat model=claude"]
    );
    assert_eq!(wire.want_server(), CHUNKS);
    let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"claude-x\",\"content\":[],\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}\n\n";
    let text = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n";
    let usage = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":15}}\n\n";
    let stop = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    wire.s(chunked_head("text/event-stream"));
    wire.s(chunk(start))
        .s(chunk(text))
        .s(chunk(usage))
        .s(chunk(stop))
        .s(LAST);
    let told = wire.told();
    let content: Vec<bool> = chunks(&told)
        .iter()
        .map(|line| line.ends_with("content"))
        .collect();
    assert_eq!(content, [false, true, true, false]);
    assert_eq!(told[told.len() - 2], "<+ in=25 out=15");
    // The same, with the end unseen.
    wire.c(&request)
        .s(chunked_head("text/event-stream"))
        .s(chunk(text));
    wire.s_unseen(chunk(text))
        .s_unseen(chunk(stop))
        .s_unseen(LAST);
    let told = wire.told();
    let content: Vec<bool> = chunks(&told)
        .iter()
        .map(|line| line.ends_with("content"))
        .collect();
    assert_eq!(content, [true, true, false]);
    assert!(told.last().unwrap().starts_with("<|"));
}

#[test]
fn ollama_stream() {
    let mut wire = Wire::new();
    let word = "{\"model\":\"llama3\",\"created_at\":\"t\",\"message\":{\"role\":\"assistant\",\"content\":\"Hi\"},\"done\":false}\n";
    let last = "{\"model\":\"llama3\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done_reason\":\"stop\",\"done\":true,\"prompt_eval_count\":26,\"eval_count\":298,\"eval_duration\":4799921000}\n";
    let request = post("/api/chat", "{\"model\":\"llama3\",\"messages\":[]}");
    wire.c(&request).s(chunked_head("application/x-ndjson"));
    wire.s(chunk(word)).s(chunk(last)).s(LAST);
    let told = wire.told();
    assert_eq!(told[1], ">+ Model chat model=llama3");
    assert_eq!(told[3], "< 0 200 streaming=true");
    let content: Vec<bool> = chunks(&told)
        .iter()
        .map(|line| line.ends_with("content"))
        .collect();
    assert_eq!(content, [true, false]);
    assert_eq!(told[told.len() - 2], "<+ in=26 out=298");
    // The same, unseen after the first word.
    wire.c(&request)
        .s(chunked_head("application/x-ndjson"))
        .s(chunk(word));
    wire.s_unseen(chunk(word))
        .s_unseen(chunk(last))
        .s_unseen(LAST);
    let told = wire.told();
    let content: Vec<bool> = chunks(&told)
        .iter()
        .map(|line| line.ends_with("content"))
        .collect();
    assert_eq!(content, [true, true, false]);
}

#[test]
fn a_stream_without_chunked_framing() {
    let mut wire = Wire::new();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
    wire.c(chat("x"))
        .s(head)
        .s(HI)
        .s_unseen(HI)
        .s_unseen(DONE)
        .end(Speaker::Server);
    let told = wire.told();
    let mut at = head.len();
    let mut expected = Vec::new();
    for (event, content) in [(HI, " content"), (HI, " content"), (DONE, "")] {
        expected.push(format!("~ {at}..{}{content}", at + event.len()));
        at += event.len();
    }
    assert_eq!(chunks(&told), expected);
    assert_eq!(told.last(), Some(&format!("<| {at}")));
}

#[test]
fn encoded_streams_count_pieces() {
    let mut wire = Wire::new();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n";
    wire.c(chat("x"))
        .s(head)
        .s(chunk("\u{1f}\u{8b}zipped"))
        .s(chunk("more"))
        .s(LAST);
    let told = wire.told();
    assert_eq!(chunks(&told).len(), 2);
    assert!(told.last().unwrap().starts_with("<|"));
}

#[test]
fn other_event_streams_are_not_model_calls() {
    let mut wire = Wire::new();
    let news = chunk("data: {\"content\":\"news\"}\n\n");
    wire.c("GET /events HTTP/1.1\r\n\r\n")
        .s(chunked_head("text/event-stream"))
        .s(&news);
    assert_eq!(wire.told(), ["> 0 GET /events Web", ">| 24", "< 0 200"]);
    assert_eq!(wire.want_server(), Report::Turns { head_bytes: 512 });
    // A gateway's own path, but the events of a chat.
    let mut wire = Wire::new();
    wire.c(post("/ask", "{}"))
        .s(chunked_head("text/event-stream"));
    wire.s([&*chunk(ROLE), &*chunk(HI), LAST].concat());
    let told = wire.told();
    assert_eq!(chunks(&told).len(), 2);
    assert_eq!(
        told[told.len() - 2],
        "<+ Model chat model=smollm2 streaming=true"
    );
}

#[test]
fn a_server_that_writes_framing_apart() {
    // Size line, data and line end in writes of their own.
    let mut wire = Wire::new();
    wire.c(chat("x"))
        .s(chunked_head("text/event-stream"))
        .s(chunk(HI))
        .s_unseen(chunk(HI));
    wire.told();
    let size = format!("{:x}\r\n", HI.len());
    wire.s_unseen(&size).s_unseen(HI).s_unseen("\r\n");
    let told = wire.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with("content"));
    wire.s_unseen("0\r\n\r\n");
    assert!(wire.told().last().unwrap().starts_with("<|"));
}
