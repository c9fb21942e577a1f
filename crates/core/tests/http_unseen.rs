//! HTTP/1.x where bytes were not seen, are garbage, or the connection was joined in the middle.

mod http_wire;

use forebay_core::decode::{Report, Speaker};
use http_wire::{Wire, chunk};

const OK_2: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn unseen_bodies_are_walked_by_their_length() {
    let mut wire = Wire::new();
    let body = "x".repeat(5000);
    let request = format!("POST /a HTTP/1.1\r\nContent-Length: 5000\r\n\r\n{body}");
    wire.cut(Speaker::Client, request.as_bytes(), 1024)
        .cut(Speaker::Server, OK_2.as_bytes(), 38);
    assert_eq!(
        wire.told(),
        ["> 0 POST /a Web", ">| 5042", "< 0 200", "<| 40"]
    );
    // Size lines seen, most of the data not.
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = [head, &chunk(&body)].concat();
    wire.c("GET /b HTTP/1.1\r\n\r\n")
        .cut(Speaker::Server, answer.as_bytes(), 512)
        .s("0\r\n\r\n");
    let end = 40 + answer.len() + 5;
    assert_eq!(
        wire.told()[2..],
        ["< 40 200".to_owned(), format!("<| {end}")]
    );
}

#[test]
fn unseen_chunk_sizes_leave_the_last_bytes() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for ending in [
        vec!["0\r\n\r\n"],
        vec!["0\r\n", "\r\n"],
        vec!["5\r\nabcde\r\n0\r\n\r\n"],
    ] {
        let mut wire = Wire::new();
        wire.c("GET / HTTP/1.1\r\n\r\n")
            .s(head)
            .s_unseen(chunk("abcdefghijklmnop"));
        let mut end = head.len() + 22;
        for piece in ending {
            assert_eq!(
                wire.told()
                    .iter()
                    .filter(|line| line.starts_with("<|"))
                    .count(),
                0
            );
            wire.s_unseen(piece);
            end += piece.len();
        }
        assert_eq!(wire.told().pop(), Some(format!("<| {end}")));
    }
    // A chunk of data that looks like the end at first sight.
    let mut wire = Wire::new();
    wire.c("GET / HTTP/1.1\r\n\r\n")
        .s(head)
        .s_unseen("10\r\n\r\n");
    assert_eq!(wire.told().len(), 3);
}

#[test]
fn an_unseen_end_is_found_by_the_next_message() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut wire = Wire::new();
    wire.c("GET / HTTP/1.1\r\n\r\n")
        .s(head)
        .s_unseen("5\r\nabcde\r\n0\r\nA: trailer\r\n\r\n");
    wire.told();
    wire.c("GET /b HTTP/1.1\r\n\r\n").s(OK_2);
    let end = head.len() + 27;
    let (ended, next, last) = (
        format!("<| {end}"),
        format!("< {end} 200"),
        format!("<| {}", end + 40),
    );
    assert_eq!(
        wire.told(),
        ["> 18 GET /b Web", ">| 37", &*ended, &*next, &*last]
    );
}

#[test]
fn cut_heads_tell_what_was_seen() {
    let filler = format!("Cookie: {}\r\n\r\n", "c".repeat(3000));
    let request = format!("POST /a?token=secret HTTP/1.1\r\nHost: h\r\n{filler}");
    let response = format!("HTTP/1.1 503 No\r\nServer: s\r\n{filler}");
    let mut wire = Wire::new();
    wire.cut(Speaker::Client, request.as_bytes(), 1024)
        .c_unseen("body");
    assert_eq!(wire.want().client, Report::Turns { head_bytes: 4096 });
    wire.cut(Speaker::Server, response.as_bytes(), 512)
        .s_unseen("more");
    assert_eq!(wire.told(), ["> 0 POST /a Web", "< 0 503 error=503"]);
    wire.c("GET /b HTTP/1.1\r\n\r\n").s(OK_2);
    let at = (request.len() + 4, response.len() + 4);
    let expected = [
        format!("> {} GET /b Web", at.0),
        format!(">| {}", at.0 + 19),
        format!("<| {}", at.1),
        format!("< {} 200", at.1),
        format!("<| {}", at.1 + 40),
    ];
    assert_eq!(wire.told(), expected);
}

#[test]
fn a_cut_head_without_a_body_ends_before_the_next_message() {
    let head = format!("HTTP/1.1 200 OK\r\nCookie: {}\r\n\r\n", "c".repeat(3000));
    let mut wire = Wire::new();
    wire.c("HEAD / HTTP/1.1\r\n\r\n")
        .cut(Speaker::Server, head.as_bytes(), 512);
    assert_eq!(wire.told()[2..], ["< 0 200"]);
    wire.c("GET /b HTTP/1.1\r\n\r\n").s(OK_2);
    let end = head.len();
    assert_eq!(wire.told()[2], format!("<| {end}"));
    assert_eq!(wire.told().len(), 0);
}

#[test]
fn bytes_behind_an_upgrade_are_not_looked_at() {
    let answer = format!("HTTP/1.1 101 Switching\r\n\r\n{}", "\u{1}".repeat(900));
    let mut wire = Wire::new();
    wire.c("GET /ws HTTP/1.1\r\n\r\n")
        .cut(Speaker::Server, answer.as_bytes(), 512);
    assert_eq!(wire.told()[2..], ["< 0 101", "<| 26", "tunnel"]);
}

#[test]
fn a_cut_request_line_still_names_the_path() {
    let request = format!("GET /a/b?q={} HTTP/1.1\r\n\r\n", "x".repeat(2000));
    let mut wire = Wire::new();
    wire.cut(Speaker::Client, request.as_bytes(), 1024).s(OK_2);
    assert_eq!(wire.told(), ["> 0 GET /a/b Web", "< 0 200", "<| 40"]);
}

#[test]
fn heads_beyond_the_bound_count_as_cut() {
    let head = format!("GET /a HTTP/1.1\r\nCookie: {}\r\n\r\n", "c".repeat(20_000));
    for size in [1, 100, 5000, 30_000] {
        let mut wire = Wire::new();
        head.as_bytes().chunks(size).for_each(|piece| {
            wire.c(piece);
        });
        wire.s(OK_2).c("GET /b HTTP/1.1\r\n\r\n");
        assert_eq!(
            wire.told()[..3],
            ["> 0 GET /a Web", "< 0 200", "<| 40"],
            "{size}"
        );
    }
}

#[test]
fn messages_in_unseen_bytes_are_lost_and_said_so_once() {
    let mut wire = Wire::new();
    let three = "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n";
    wire.cut(Speaker::Client, three.as_bytes(), 19)
        .c_unseen("GET /d HTTP/1.1\r\n\r\n");
    assert_eq!(
        wire.told(),
        ["> 0 GET /a Web", ">| 19", "lost Client unseen"]
    );
    wire.s([OK_2, OK_2, OK_2].concat());
    assert_eq!(wire.told(), ["< 0 200", "<| 40"]);
    wire.c("GET /e HTTP/1.1\r\n\r\n").s(OK_2);
    assert_eq!(
        wire.told(),
        ["> 76 GET /e Web", ">| 95", "< 120 200", "<| 160"]
    );
}

#[test]
fn garbage_is_lost_once_and_found_again_at_a_turn() {
    let mut wire = Wire::new();
    wire.c("\u{1}\u{2}\u{3}nonsense").c("more nonsense").s(OK_2);
    assert_eq!(wire.told(), ["lost Client"]);
    wire.c("GET /a HTTP/1.1\r\n\r\n").s(OK_2);
    assert_eq!(
        wire.told(),
        ["> 24 GET /a Web", ">| 43", "< 40 200", "<| 80"]
    );
    wire.c("GET /b HTTP/1.1\r\n\r\n").s("rubbish");
    assert_eq!(wire.told(), ["> 43 GET /b Web", ">| 62", "lost Server"]);
    wire.c("GET /c HTTP/1.1\r\n\r\n").s(OK_2);
    assert_eq!(
        wire.told(),
        ["> 62 GET /c Web", ">| 81", "< 87 200", "<| 127"]
    );
}

#[test]
fn a_broken_chunk_size_loses_its_response_only() {
    let mut wire = Wire::new();
    wire.c("GET /a HTTP/1.1\r\n\r\n");
    wire.s("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot hex\r\n");
    assert_eq!(wire.told()[2..], ["< 0 200", "lost Server"]);
    wire.c("GET /b HTTP/1.1\r\n\r\n").s(OK_2);
    assert_eq!(
        wire.told(),
        ["> 19 GET /b Web", ">| 38", "< 56 200", "<| 96"]
    );
}

#[test]
fn a_connection_joined_in_a_response_waits_for_the_next_request() {
    let mut wire = Wire::joined(1000, 70_000);
    wire.s("in the middle of a body")
        .s_unseen("and on")
        .s("HTTP is mentioned");
    assert!(wire.told().is_empty());
    wire.c("GET /a HTTP/1.1\r\n\r\n").s(OK_2);
    assert_eq!(
        wire.told(),
        ["> 1000 GET /a Web", ">| 1019", "< 70046 200", "<| 70086"]
    );
}

#[test]
fn a_connection_joined_before_a_response_leaves_it_out() {
    // It may answer HEAD: the length then means nothing, the next message tells.
    for body in ["", "ok"] {
        let mut wire = Wire::joined(1000, 0);
        wire.s(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{body}"
        ));
        assert_eq!(wire.told(), ["lost Client unseen"]);
        wire.c("GET /a HTTP/1.1\r\n\r\n").s(OK_2);
        let at = 38 + body.len();
        let (begin, end) = (format!("< {at} 200"), format!("<| {}", at + 40));
        assert_eq!(
            wire.told(),
            ["> 1000 GET /a Web", ">| 1019", &*begin, &*end]
        );
    }
}

#[test]
fn a_connection_joined_in_a_request_body_waits() {
    let mut wire = Wire::joined(5, 5);
    wire.c("tail of a body")
        .s(OK_2)
        .c("GET /a HTTP/1.1\r\n\r\n")
        .s(OK_2);
    assert_eq!(
        wire.told(),
        ["> 19 GET /a Web", ">| 38", "< 45 200", "<| 85"]
    );
}

#[test]
fn contradicting_lengths_leave_the_end_to_the_next_message() {
    let mut wire = Wire::new();
    wire.c("POST /a HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc")
        .s(OK_2);
    wire.c("POST /b HTTP/1.1\r\nContent-Length: 2, 2\r\n\r\nab")
        .s(OK_2);
    let told = wire.told();
    assert_eq!(told[..3], ["> 0 POST /a Web", "< 0 200", "<| 40"]);
    assert_eq!(
        told[3..],
        ["> 61 POST /b Web", ">| 105", "< 40 200", "<| 80"]
    );
}

#[test]
fn more_pipelined_requests_than_remembered_are_all_answered() {
    let mut wire = Wire::new();
    for _ in 0..2000 {
        wire.c("GET /a HTTP/1.1\r\n\r\n");
    }
    for _ in 0..2000 {
        wire.s(OK_2);
    }
    assert_eq!(wire.told().len(), 8000);
    assert!(wire.memory_bytes() < 1024);
}

#[test]
fn ordinary_traffic_is_reported_by_turns() {
    let mut wire = Wire::new();
    wire.c("GET / HTTP/1.1\r\n\r\n");
    assert_eq!(wire.want().client, Report::Turns { head_bytes: 1024 });
    assert_eq!(wire.want_server(), Report::Turns { head_bytes: 512 });
}

#[test]
fn pipelined_heads_lie_behind_each_other() {
    let mut wire = Wire::new();
    wire.c("GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
    assert_eq!(wire.want().client, Report::Turns { head_bytes: 4096 });
    assert_eq!(wire.want_server(), Report::Turns { head_bytes: 4096 });
}

#[test]
fn memory_is_bounded_when_everything_waits() {
    // Requests that wait, half a head on each side: the bound is asserted after every piece.
    let mut wire = Wire::new();
    wire.c("POST /v1/embeddings HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}".repeat(400));
    wire.c(format!("GET /a HTTP/1.1\r\nA: {}", "a".repeat(4060)));
    wire.s(format!("HTTP/1.1 200 OK\r\nA: {}", "a".repeat(4060)));
    let held = wire.memory_bytes();
    assert!(held > 12_000, "{held}");
}
