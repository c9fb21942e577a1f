//! What must hold for any bytes, any cuts and any secrets.

mod http_wire;

use forebay_core::decode::{Frame, Guess, MEMORY_BYTES_MAX, Piece, Speaker};
use http_wire::{Wire, chunk, chunked_head, http, json, post};
use proptest::prelude::*;

/// A turn: who speaks, and all the bytes.
type Turn = (Speaker, Vec<u8>);

fn request() -> impl Strategy<Value = String> {
    let plain = (
        prop::sample::select(vec!["GET", "HEAD", "DELETE", "OPTIONS"]),
        prop::sample::select(vec!["/", "/a/b?c=d", "*", "http://h/x?y", "/v1/embeddings"]),
        prop::collection::vec("[A-Z][a-z]{0,8}: [ -~]{0,20}", 0..4),
    )
        .prop_map(|(method, target, headers)| {
            let headers: String = headers
                .iter()
                .map(|header| format!("{header}\r\n"))
                .collect();
            format!("{method} {target} HTTP/1.1\r\n{headers}\r\n")
        });
    let path = prop::sample::select(vec![
        "/v1/chat/completions",
        "/v1/messages",
        "/api/chat",
        "/embed",
        "/upload",
        "/x/_search",
    ]);
    let body = prop_oneof![
        "[ -~]{0,60}",
        "[a-z]{1,20}".prop_map(|model| format!(
            "{{\"messages\":[{{\"role\":\"user\",\"content\":\"a \\\"b\\\" c\"}}],\"stream\":true,\"model\":\"{model}\"}}"
        )),
        Just("{\"inputs\":[\"x\"],\"knn\":{}}".to_owned()),
    ];
    let chunked = |path: &str, body: &str| {
        let (front, back) = body.split_at(body.len() / 2);
        let chunks: String = [front, back]
            .iter()
            .filter(|part| !part.is_empty())
            .map(|part| chunk(part))
            .collect();
        format!("POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")
    };
    let posted = (path, body, any::<bool>()).prop_map(move |(path, body, chunks)| {
        if chunks {
            chunked(path, &body)
        } else {
            post(path, &body)
        }
    });
    prop_oneof![plain, posted]
}

fn response() -> impl Strategy<Value = String> {
    let event = prop_oneof![
        "[a-z]{0,9}".prop_map(|word| format!(
            "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{word}\"}}}}],\"model\":\"m\"}}\n\n"
        )),
        Just(": ping\n\n".to_owned()),
        Just("event: x\r\ndata: {\"usage\":{\"prompt_tokens\":4}}\r\n\r\n".to_owned()),
        Just("data: [DONE]\n\n".to_owned()),
    ];
    let sse = prop::collection::vec(event, 0..6).prop_map(|events| {
        let chunks: String = events.iter().map(|event| chunk(event)).collect();
        format!("{}{chunks}0\r\n\r\n", chunked_head("text/event-stream"))
    });
    let ndjson = prop::collection::vec("[a-z]{0,9}", 0..5).prop_map(|words| {
        let lines: String = words
            .iter()
            .map(|word| {
                chunk(&format!(
                    "{{\"model\":\"m\",\"response\":\"{word}\",\"done\":false}}\n"
                ))
            })
            .collect();
        format!("{}{lines}0\r\n\r\n", chunked_head("application/x-ndjson"))
    });
    prop_oneof![
        "[ -~]{0,40}".prop_map(|body| json(&body)),
        Just(json(
            "{\"model\":\"m\",\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":5}}"
        )),
        Just(json("[[0.25,1e3]]")),
        Just("HTTP/1.1 204 No Content\r\n\r\n".to_owned()),
        Just(format!("HTTP/1.1 100 Continue\r\n\r\n{}", json("x"))),
        Just("HTTP/1.1 500\r\nContent-Length: 0\r\n\r\n".to_owned()),
        sse,
        ndjson,
    ]
}

/// Rounds of one or more pipelined requests and their responses.
fn conversation(pipelined: usize) -> impl Strategy<Value = Vec<Turn>> {
    let round = prop::collection::vec((request(), response()), 1..=pipelined);
    prop::collection::vec(round, 1..4).prop_map(|rounds| {
        let mut turns = Vec::new();
        for round in rounds {
            let (mut asked, mut answered) = (String::new(), String::new());
            for (request, response) in round {
                asked += &request;
                // A response to HEAD is a head only.
                let head = response
                    .find("\r\n\r\n")
                    .map_or(response.len(), |end| end + 4);
                let whole = if request.starts_with("HEAD") && !response.contains("100 Continue") {
                    &response[..head]
                } else if request.starts_with("HEAD") {
                    "HTTP/1.1 204\r\n\r\n"
                } else {
                    &response
                };
                answered += whole;
            }
            turns.push((Speaker::Client, asked.into_bytes()));
            turns.push((Speaker::Server, answered.into_bytes()));
        }
        turns
    })
}

fn talk(turns: &[Turn], mut cut: impl FnMut(usize) -> usize, seen: usize) -> Vec<Frame> {
    let mut wire = Wire::new();
    for (from, bytes) in turns {
        let (mut rest, mut seen) = (&bytes[..], seen);
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(cut(rest.len()).clamp(1, rest.len()));
            wire.cut(*from, piece, seen);
            seen = seen.saturating_sub(piece.len());
            rest = more;
        }
    }
    wire.frames
}

/// Requests and responses with their places, without facts and chunks.
fn places(frames: &[Frame]) -> Vec<String> {
    frames
        .iter()
        .filter_map(|frame| match frame {
            Frame::Request { at, facts } => Some(format!("> {at} {:?}", facts.op)),
            Frame::Response { at, facts } => Some(format!("< {at} {:?}", facts.status)),
            Frame::RequestEnd { .. } | Frame::ResponseEnd { .. } => Some(http_wire::line(frame)),
            _ => None,
        })
        .collect()
}

fn speaker(server: bool) -> Speaker {
    if server {
        Speaker::Server
    } else {
        Speaker::Client
    }
}

/// Bytes near HTTP, to get deep into the parser.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "GET / HTTP/1.1\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 101 X\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: 18446744073709551615\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Type: text/event-stream\r\n",
        "POST /v1/chat/completions HTTP/1.1\r\n",
        "\r\n",
        "fffffffffffffff\r\n",
        "5\r\nhello\r\n",
        "0\r\n\r\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n",
        "{\"a\":[[[[[[[[{\"b\":\"\\",
        "]]]]}}}}\"",
    ]);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        prop::collection::vec(words, 0..6).prop_map(|words| words.concat().into_bytes()),
    ]
}

proptest! {

    #[test]
    fn nothing_panics_and_memory_is_bounded(
        pieces in prop::collection::vec((any::<bool>(), noise(), 0usize..80, any::<bool>()), 0..40),
        first in prop_oneof![Just(0u64), any::<u64>()],
        huge in prop_oneof![3 => Just(0u64), 1 => any::<u64>()],
    ) {
        let mut conversation = (http().open)();
        let mut at = [first; 2];
        let mut frames = Vec::new();
        for (server, bytes, seen, turn) in pieces {
            let data = &bytes[..seen.min(bytes.len())];
            let len = bytes.len() as u64 + if seen % 5 == 0 { huge } else { 0 };
            let tail = if data.len() as u64 == len { &[] } else { &bytes[bytes.len().saturating_sub(8)..] };
            let offset = at[server as usize];
            let Some(end) = offset.checked_add(len) else { break };
            conversation.feed(&Piece { from: speaker(server), offset, len, data, tail, turn }, &mut frames);
            at[server as usize] = end;
            prop_assert!(conversation.memory_bytes() <= MEMORY_BYTES_MAX);
            let _ = conversation.want();
            let _ = (http().sniff)(&bytes, None);
        }
        conversation.end(Speaker::Client, &mut frames);
        conversation.end(Speaker::Server, &mut frames);
        conversation.end(Speaker::Server, &mut frames);
        let _ = places(&frames);
    }

    #[test]
    fn frames_do_not_depend_on_cuts(turns in conversation(3), cuts in prop::collection::vec(1usize..200, 1..40)) {
        let whole = talk(&turns, |all| all, usize::MAX);
        let mut next = cuts.iter().cycle();
        let cut = talk(&turns, |_| *next.next().unwrap_or(&1), usize::MAX);
        prop_assert_eq!(&whole, &cut);
        prop_assert_eq!(&whole, &talk(&turns, |_| 1, usize::MAX));
    }

    #[test]
    fn every_valid_request_and_response_is_found(turns in conversation(3)) {
        let frames = talk(&turns, |all| all, usize::MAX);
        let count = |speaker: Speaker, word: &str| {
            turns.iter().filter(|turn| turn.0 == speaker)
                .map(|turn| String::from_utf8_lossy(&turn.1).matches(word).count()).sum::<usize>()
        };
        let asked = frames.iter().filter(|frame| matches!(frame, Frame::RequestEnd { .. })).count();
        let answered = frames.iter().filter(|frame| matches!(frame, Frame::ResponseEnd { .. })).count();
        prop_assert_eq!(asked, count(Speaker::Client, " HTTP/1.1\r\n"));
        prop_assert_eq!(answered, asked);
        let lost = frames.iter().any(|frame| matches!(frame, Frame::Lost { .. } | Frame::NoResponse));
        prop_assert!(!lost);
        // The last message ends with the last byte.
        let bytes: usize = turns.iter().filter(|turn| turn.0 == Speaker::Server).map(|turn| turn.1.len()).sum();
        let whole = frames.contains(&Frame::ResponseEnd { at: bytes as u64 });
        prop_assert!(whole);
    }

    #[test]
    fn unseen_bodies_change_no_place(turns in conversation(1), head in 1usize..100) {
        // Heads are seen, whatever of the bodies is not; a turn is one piece.
        let whole = talk(&turns, |all| all, usize::MAX);
        let mut wire = Wire::new();
        for (from, bytes) in &turns {
            // The empty line of the final head.
            let text = String::from_utf8_lossy(bytes);
            let interim = if text.starts_with("HTTP/1.1 100") { 25 } else { 0 };
            let end = interim + text[interim..].find("\r\n\r\n").map_or(0, |end| end + 4);
            wire.cut(*from, bytes, end + head);
        }
        prop_assert_eq!(places(&whole), places(&wire.frames));
    }

    #[test]
    fn it_finds_its_feet_at_the_next_turn(
        turns in conversation(2),
        // No message begins with such a byte, not even one that lacks its end.
        garbage in (0x80u8.., prop::collection::vec(any::<u8>(), 0..200))
            .prop_map(|(first, rest)| [&[first], &rest[..]].concat()),
        by_server in any::<bool>(),
        unseen in any::<bool>(),
    ) {
        let from = speaker(by_server);
        prop_assert_eq!((http().sniff)(&garbage, None), Guess::NotMine);
        let mut wire = Wire::new();
        wire.cut(from, &garbage, if unseen { 0 } else { usize::MAX });
        if !by_server {
            wire.s(json("?"));
        }
        let at = (wire.frames.len(), garbage.len() as u64);
        let shift = if by_server { (0, at.1) } else { (at.1, json("?").len() as u64) };
        for (from, bytes) in &turns {
            wire.cut(*from, bytes, usize::MAX);
        }
        let clean: Vec<Frame> = talk(&turns, |all| all, usize::MAX)
            .into_iter().map(|frame| moved(frame, shift)).collect();
        prop_assert_eq!(&wire.frames[at.0..], &clean[..]);
        let lost = |frame: &Frame| matches!(frame, Frame::Lost { .. });
        prop_assert!(wire.frames[..at.0].iter().all(lost));
    }

    #[test]
    fn secrets_stay_inside(secret in "[A-Z]{12}", size in 1usize..400) {
        let chat = format!("{{\"messages\":[{{\"content\":\"{secret}\"}}],\"user\":\"{secret}\",\"{secret}\":\"{secret}\",\"model\":\"m\",\"stream\":true}}");
        let asked = post(&format!("/v1/chat/completions?key={secret};{secret}#{secret}"), &chat)
            .replace("Host: h", &format!("Host: {secret}\r\nAuthorization: Bearer {secret}\r\nCookie: {secret}"));
        let event = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{secret}\"}}}}],\"id\":\"{secret}\"}}\n\n");
        let head = chunked_head("text/event-stream").replace("OK\r\n", &format!("{secret}\r\nSet-Cookie: {secret}\r\n"));
        let trailer = format!("0\r\nX: {secret}\r\n\r\n");
        let answered = [head, chunk(&event), chunk(&format!("{secret}\n\n")), trailer].concat();
        let vector = post("/api/v1/collections/c/query", &format!("{{\"query_embeddings\":\"{secret}\"}}"));
        let absolute = format!("GET http://{secret}:{secret}@{secret}/path?{secret} HTTP/1.1\r\n\r\n");
        let turns = [
            (Speaker::Client, asked.into_bytes()),
            (Speaker::Server, answered.into_bytes()),
            (Speaker::Client, [vector, absolute].concat().into_bytes()),
            (Speaker::Server, json(&format!("{{\"documents\":\"{secret}\"}}")).into_bytes()),
            (Speaker::Client, format!("{secret} broken {secret}\r\n").into_bytes()),
        ];
        for seen in [usize::MAX, size] {
            let frames = talk(&turns, |_| size, seen);
            prop_assert!(!format!("{frames:?}").contains(&secret), "{:?}", frames);
        }
    }
}

/// The frame, on a connection whose streams began earlier.
fn moved(frame: Frame, (client, server): (u64, u64)) -> Frame {
    match frame {
        Frame::Request { at, facts } => Frame::Request {
            at: at + client,
            facts,
        },
        Frame::RequestEnd { at } => Frame::RequestEnd { at: at + client },
        Frame::Response { at, facts } => Frame::Response {
            at: at + server,
            facts,
        },
        Frame::ResponseEnd { at } => Frame::ResponseEnd { at: at + server },
        Frame::Chunk {
            start,
            end,
            content,
        } => Frame::Chunk {
            start: start + server,
            end: end + server,
            content,
        },
        other => other,
    }
}
