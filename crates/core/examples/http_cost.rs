//! Measures what parsing one HTTP request and its response costs, in nanoseconds.
//!
//! `cargo run --release -p forebay-core --example http_cost`

use forebay_core::decode::protocols::PROTOCOLS;
use forebay_core::decode::{Conversation, Frame, Piece, Speaker};
use std::time::Instant;

const ROUNDS: u32 = 200_000;
const REPEATS: usize = 7;

/// Feeds a turn, all of it copied.
fn say(
    parser: &mut dyn Conversation,
    from: Speaker,
    at: &mut u64,
    bytes: &[u8],
    out: &mut Vec<Frame>,
) {
    let (offset, len) = (*at, bytes.len() as u64);
    parser.feed(
        &Piece {
            from,
            offset,
            len,
            data: bytes,
            tail: &[],
            turn: true,
        },
        out,
    );
    *at += len;
    std::hint::black_box(parser.want());
}

/// Nanoseconds per pair, the best of some runs: other programs only add.
fn cost(request: &str, response: &[&str]) -> Option<f64> {
    let http = PROTOCOLS.iter().find(|protocol| protocol.name == "http")?;
    let mut out = Vec::with_capacity(64);
    let run = |_| {
        let mut parser = (http.open)();
        let (mut client, mut server) = (0, 0);
        let begin = Instant::now();
        for _ in 0..ROUNDS {
            say(
                &mut *parser,
                Speaker::Client,
                &mut client,
                request.as_bytes(),
                &mut out,
            );
            for piece in response {
                say(
                    &mut *parser,
                    Speaker::Server,
                    &mut server,
                    piece.as_bytes(),
                    &mut out,
                );
            }
            std::hint::black_box(&out);
            out.clear();
        }
        begin.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
    };
    (0..REPEATS).map(run).min_by(f64::total_cmp)
}

fn main() {
    let get = "GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n";
    let ok = "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 22 Nov 2026 00:00:00 GMT\r\nContent-Type: text/html\r\nContent-Length: 12\r\n\r\nHello world\n";
    let embed = "POST /v1/embeddings HTTP/1.1\r\nHost: e\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n{\"input\":\"what is a queue\",\"model\":\"m\" }";
    let vector = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 76\r\n\r\n{\"model\":\"m\",\"object\":\"list\",\"usage\":{\"prompt_tokens\":6,\"total_tokens\":6}  }";
    let cases: [(&str, &str, &[&str]); 2] = [
        ("plain request", get, &[ok]),
        ("embedding", embed, &[vector]),
    ];
    for (name, request, response) in cases {
        match cost(request, response) {
            Some(ns) => println!("{name}: {ns:.0} ns per request and response"),
            None => println!("{name}: no http protocol in the table"),
        }
    }
}
