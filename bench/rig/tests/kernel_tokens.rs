//! Token counts: the engine's own report at the end of a stream, in whatever way it is written.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use forebay_rig::truth::Record;
use scene::{Traffic, watch};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// Tokens of each stream: enough for the order to stop copying to be taken.
const TOKENS: usize = 60;
/// Between two writes.
const GAP: Duration = Duration::from_millis(4);

/// How an engine writes a stream.
struct Shape {
    path: &'static str,
    media: &'static str,
    token: [&'static str; 2],
    /// Behind the last token, each a write of its own.
    closing: &'static [&'static str],
}

/// The report is no longer than a token.
const VLLM: Shape = Shape {
    path: "/v1/chat/completions",
    media: "text/event-stream",
    token: [
        "data: {\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"",
        "\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n",
    ],
    closing: &[
        "data: {\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"total_tokens\":71,\"completion_tokens\":60}}\n\n",
        "data: [DONE]\n\n",
    ],
};

const ANTHROPIC: Shape = Shape {
    path: "/v1/messages",
    media: "text/event-stream",
    token: [
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"",
        "\"}}\n\n",
    ],
    closing: &[
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"input_tokens\":11,\"output_tokens\":60}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    ],
};

const OLLAMA: Shape = Shape {
    path: "/api/chat",
    media: "application/x-ndjson",
    token: [
        "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"",
        "\"},\"done\":false}\n",
    ],
    closing: &[
        "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"prompt_eval_count\":11,\"eval_count\":60,\"eval_duration\":4799921000}\n",
    ],
};

fn chunk(event: &str) -> String {
    format!("{:x}\r\n{event}\r\n", event.len())
}

/// The writes of a stream; `glued` of its last ones leave together.
fn writes(shape: &Shape, glued: usize) -> Vec<String> {
    let [before, after] = shape.token;
    let token = |i: usize| chunk(&format!("{before} t{i}{after}"));
    let mut all: Vec<String> = (0..TOKENS).map(token).collect();
    all.extend(shape.closing.iter().map(|event| chunk(event)));
    all.push("0\r\n\r\n".into());
    let end = all.split_off(all.len() - glued);
    all.push(end.concat());
    all
}

fn read_to(stream: &mut TcpStream, end: &[u8]) {
    let mut all = Vec::new();
    let mut part = [0; 4096];
    while !all.ends_with(end) {
        let n = stream.read(&mut part).unwrap();
        assert!(n > 0, "the other side left early");
        all.extend_from_slice(&part[..n]);
    }
}

/// One stream over one connection, read from `late` after the request on; returns the client's address.
fn stream(shape: &'static Shape, glued: usize, late: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    server.set_nodelay(true).unwrap();
    let serving = std::thread::spawn(move || {
        read_to(&mut server, b"]}");
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
            shape.media
        );
        server.write_all(head.as_bytes()).unwrap();
        for write in writes(shape, glued) {
            server.write_all(write.as_bytes()).unwrap();
            std::thread::sleep(GAP);
        }
    });
    let body = "{\"model\":\"m\",\"stream\":true,\"messages\":[]}";
    let length = body.len();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n",
        shape.path
    );
    client.write_all((head + body).as_bytes()).unwrap();
    std::thread::sleep(late);
    read_to(&mut client, b"\r\n0\r\n\r\n");
    serving.join().unwrap();
    client.local_addr().unwrap().to_string()
}

/// The records of streams written in each way.
fn observe(shape: &'static Shape, late: Duration) -> Vec<Record> {
    const GLUED: [usize; 4] = [1, 2, 3, 4];
    let mut clients = Vec::new();
    let (file, _) = watch(|| {
        clients.extend(GLUED.map(|glued| stream(shape, glued, late)));
        Traffic::default()
    });
    // Others on this host may ask models as well.
    let ours = |record: &Record| clients.contains(&record.client.addr);
    let records: Vec<Record> = file.records.into_iter().filter(ours).collect();
    assert_eq!(records.len(), GLUED.len());
    records
}

fn counts(records: &[Record]) -> Vec<(Option<u64>, Option<u64>)> {
    let tokens = |record: &Record| {
        let call = record.gen_ai.clone().unwrap();
        (call.input_tokens, call.output_tokens)
    };
    records.iter().map(tokens).collect()
}

#[test]
fn a_report_at_the_end_is_seen() {
    for shape in [&VLLM, &ANTHROPIC, &OLLAMA] {
        let records = observe(shape, Duration::ZERO);
        assert_eq!(
            counts(&records),
            [(Some(11), Some(60)); 4],
            "{}",
            shape.path
        );
    }
}

#[test]
fn a_reader_that_takes_all_at_once_sees_it_too() {
    let records = observe(&VLLM, Duration::from_millis(400));
    assert_eq!(counts(&records), [(Some(11), Some(60)); 4]);
}
