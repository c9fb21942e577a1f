//! What is said in each protocol, with a given secret wherever somebody's secret can be.

use crate::database::{postgresql, redis};
use crate::talk::{Turn, client, server};

/// A conversation's script, given the secret.
pub type Script = fn(&str) -> Vec<Turn>;

/// Every script and its name.
pub const SCRIPTS: &[(&str, Script)] = &[
    ("http-keep-alive-chunked", http),
    ("http-sse-openai", sse),
    ("http-ndjson-ollama", ndjson),
    ("postgresql", postgresql),
    ("redis", redis),
    ("tcp", tcp),
];

/// Content-Length, then chunks with a trailer, then an error, on one connection.
fn http(x: &str) -> Vec<Turn> {
    let chunks = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Key: {x}\r\n\r\n{:x}\r\n{x}\r\n",
        x.len()
    );
    vec![
        client(format!(
            "GET /items/7?token={x}&next=2#{x} HTTP/1.1\r\nHost: shop.test\r\nAuthorization: Bearer {x}\r\n\
             Cookie: session={x}; theme=dark\r\nUser-Agent: {x}\r\n\r\n"
        )),
        server(format!(
            "HTTP/1.1 200 {x}\r\nContent-Length: {}\r\nSet-Cookie: session={x}\r\n\r\n{x}",
            x.len()
        ))
        .after_ms(5),
        client(format!(
            "POST http://user:{x}@shop.test/orders;v={x}?{x} HTTP/1.1\r\nHost: shop.test\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{{\"{x}\":\"{x}\"}}",
            2 * x.len() + 7
        ))
        .after_ms(5),
        server(chunks).after_ms(5),
        server(format!("4\r\nmore\r\n0\r\nX-Trailer: {x}\r\n\r\n")).after_ms(10),
        client(format!("DELETE /orders/9 HTTP/1.1\r\nHost: {x}\r\n\r\n")).after_ms(5),
        server(format!(
            "HTTP/1.1 503 {x}\r\nRetry-After: {x}\r\nContent-Length: {}\r\n\r\n{x}",
            x.len()
        )),
    ]
}

/// The request of a chat.
fn asked(target: &str, model: &str, x: &str) -> Turn {
    let body = format!(
        "{{\"model\":\"{model}\",\"stream\":true,\"user\":\"{x}\",\
         \"messages\":[{{\"role\":\"user\",\"content\":\"{x}\"}}],\"metadata\":{{\"{x}\":\"{x}\"}}}}"
    );
    client(format!(
        "POST {target}?api_key={x} HTTP/1.1\r\nHost: model.test\r\nAuthorization: Bearer {x}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

fn streamed(kind: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n")
}

/// Server-sent events as OpenAI shapes them.
fn sse(x: &str) -> Vec<Turn> {
    let event = |inner: &str| {
        chunk(&format!(
            "data: {{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"tiny-chat\",{inner}}}\n\n"
        ))
    };
    let token = event(&format!(
        "\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{x}\"}},\"finish_reason\":null}}]"
    ));
    // Segments that do not end as tokens do are copied, and these say more than token counts.
    let long = event(&format!(
        "\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{}\"}}}}],\"user\":\"{x}\"",
        x.repeat(250)
    ));
    let usage = event(&format!(
        "\"choices\":[],\"usage\":{{\"note\":\"{x}\",\"prompt_tokens\":11,\"completion_tokens\":4,\
         \"total_tokens\":15}},\"{x}\":{{\"completion_tokens\":\"{x}\"}}"
    ));
    let mut turns = vec![asked("/v1/chat/completions", "tiny-chat", x)];
    turns.push(server(streamed("text/event-stream") + &token).after_ms(20));
    turns.extend([10, 10, 120].map(|ms| server(token.clone()).after_ms(ms)));
    turns.push(server(long).after_ms(10));
    turns.push(server(usage + &chunk("data: [DONE]\n\n") + "0\r\n\r\n").after_ms(5));
    turns
}

/// Lines of JSON as Ollama shapes them.
fn ndjson(x: &str) -> Vec<Turn> {
    let line = chunk(&format!(
        "{{\"model\":\"tiny\",\"message\":{{\"role\":\"assistant\",\"content\":\"{x}\"}},\"done\":false}}\n"
    ));
    let last = chunk(&format!(
        "{{\"model\":\"tiny\",\"message\":{{\"role\":\"assistant\",\"content\":\"\"}},\"done\":true,\
         \"context\":\"{}\",\"prompt_eval_count\":9,\"eval_count\":3,\"note\":[\"{x}\"]}}\n",
        x.repeat(50)
    ));
    let mut turns = vec![asked("/api/chat", "tiny", x)];
    turns.push(server(streamed("application/x-ndjson") + &line).after_ms(15));
    turns.extend([8, 8].map(|ms| server(line.clone()).after_ms(ms)));
    turns.push(server(last + "0\r\n\r\n").after_ms(8));
    turns
}

/// Bytes that are no protocol's.
fn tcp(x: &str) -> Vec<Turn> {
    let odd = |first: u8| [&[first, 0xfe, 0x01][..], x.as_bytes(), &[0xff, 0x00]].concat();
    vec![
        client(odd(0xc1)),
        server(odd(0xc2)).after_ms(5),
        client(x.as_bytes()).after_ms(5),
        server(x.as_bytes()).after_ms(5),
    ]
}
