//! HTTP/1.x message framing: bytes in, frames out.

mod http_wire;

use forebay_core::decode::{Guess, Report, Speaker};
use http_wire::{Wire, http};

const OK_2: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn sniffing_knows_requests_and_responses() {
    use Guess::{Mine, More, NotMine};
    use Speaker::{Client, Server};
    for (data, expected) in [
        ("", More),
        ("G", More),
        ("GET", More),
        ("GET /", More),
        ("GET / HT", More),
        ("GET / HTTP/1.", Mine(Client)),
        ("GET /a?b HTTP/1.1\r\nHost:", Mine(Client)),
        ("OPTIONS * HTTP/1.1\r\n", Mine(Client)),
        ("CONNECT h:443 HTTP/1.1\r\n", Mine(Client)),
        ("GET http://h/a HTTP/1.0\r\n", Mine(Client)),
        ("VERSION-CONTROL /a HTTP/1.1\r\n", Mine(Client)),
        ("\r\nGET / HTTP/1.1\r\n", Mine(Client)),
        ("HTTP", More),
        ("HTTP/1.1 2", More),
        ("HTTP/1.1 200 OK\r\n", Mine(Server)),
        ("HTTP/1.1 200", Mine(Server)),
        ("HTTP/1.x ok", NotMine),
        ("HTTP/2 200", NotMine),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", NotMine),
        ("GET / RTSP/1.0\r\n", NotMine),
        ("OPTIONS rtsp://h/a RTSP/1.0\r\n", NotMine),
        ("*1\r\n$4\r\nPING\r\n", NotMine),
        ("get / HTTP/1.1\r\n", NotMine),
        ("SELECT 1", NotMine),
        ("GET key\r\n", NotMine),
        ("PING\r\n", NotMine),
        ("\u{16}\u{3}\u{1}", NotMine),
        ("HELO mail", NotMine),
    ] {
        assert_eq!((http().sniff)(data.as_bytes(), None), expected, "{data:?}");
    }
    let long = format!("GET /{}", "x".repeat(300));
    assert_eq!((http().sniff)(long.as_bytes(), None), Mine(Client));
    assert_eq!((http().sniff)(b"GET / HTTP/1.1\r\n", Some(Server)), NotMine);
    assert_eq!(
        (http().sniff)(b"HTTP/1.1 200 OK", Some(Server)),
        Mine(Server)
    );
}

#[test]
fn keep_alive_requests_have_their_places() {
    let mut wire = Wire::new();
    wire.c("GET /a HTTP/1.1\r\n\r\n").s(OK_2);
    assert_eq!(wire.told(), ["> 0 GET /a Web", ">| 19", "< 0 200", "<| 40"]);
    wire.c("POST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")
        .s(OK_2);
    assert_eq!(
        wire.told(),
        ["> 19 POST /b Web", ">| 61", "< 40 200", "<| 80"]
    );
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut wire = Wire::new();
    wire.c("GET /a HTTP/1.1\r\n\r\nHEAD /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n");
    assert_eq!(
        wire.told(),
        [
            "> 0 GET /a Web",
            ">| 19",
            "> 19 HEAD /b Web",
            ">| 39",
            "> 39 GET /c Web",
            ">| 58"
        ]
    );
    wire.s([OK_2, "HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\n", OK_2].concat());
    assert_eq!(
        wire.told(),
        [
            "< 0 200",
            "<| 40",
            "< 40 404 error=404",
            "<| 78",
            "< 78 200",
            "<| 118"
        ]
    );
}

#[test]
fn responses_without_a_body() {
    for (request, response) in [
        (
            "HEAD / HTTP/1.1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
        ),
        ("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"),
        (
            "GET / HTTP/1.1\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
        ),
        (
            "HEAD / HTTP/1.1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
        (
            "DELETE / HTTP/1.1\r\n\r\n",
            "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
        ),
    ] {
        let mut wire = Wire::new();
        wire.c(request).s(response);
        let last = wire.told().pop().unwrap_or_default();
        assert_eq!(last, format!("<| {}", response.len()), "{response:?}");
        wire.c("GET /next HTTP/1.1\r\n\r\n").s(OK_2);
        assert_eq!(wire.told().len(), 4, "{response:?}");
    }
}

#[test]
fn chunked_bodies_with_extensions_and_trailers() {
    let body =
        "4;name=\"v;w\"\r\nWiki\r\n0000A \r\n0123456789\r\n0\r\nExpires: never\r\nX: y\r\n\r\n";
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n";
    let mut wire = Wire::new();
    wire.c("GET / HTTP/1.1\r\n\r\n")
        .s([head, body, OK_2].concat());
    let end = head.len() + body.len();
    assert_eq!(
        wire.told()[2..],
        // The second response answers what was not seen.
        [
            "< 0 200".to_owned(),
            format!("<| {end}"),
            "lost Client unseen".into()
        ]
    );
    wire.c("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    assert_eq!(wire.told(), ["> 18 POST / Web", ">| 78"]);
}

#[test]
fn interim_responses_are_silent() {
    let mut wire = Wire::new();
    wire.c("PUT /up HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    wire.s("HTTP/1.1 100 Continue\r\n\r\n").c("data");
    assert_eq!(wire.told(), ["> 0 PUT /up Web", ">| 65"]);
    wire.s("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        .s(OK_2);
    assert_eq!(wire.told(), ["< 62 200", "<| 102"]);
}

#[test]
fn upgrade_and_connect_open_tunnels() {
    let mut wire = Wire::new();
    wire.c("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    wire.s(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\u{1}\u{2}GET / HTTP/1.1",
    );
    assert_eq!(wire.told()[2..], ["< 0 101", "<| 56", "tunnel"]);
    wire.c("GET / HTTP/1.1\r\n\r\n");
    assert!(wire.told().is_empty());
    assert_eq!(
        (wire.want().client, wire.want().server),
        (Report::Quiet, Report::Quiet)
    );

    let mut wire = Wire::new();
    wire.c("CONNECT h:443 HTTP/1.1\r\n\r\n")
        .s("HTTP/1.1 200 Connection established\r\n\r\n");
    let expected = [
        "> 0 CONNECT h:443 Web",
        ">| 26",
        "< 0 200",
        "<| 39",
        "tunnel",
    ];
    assert_eq!(wire.told(), expected);

    let mut wire = Wire::new();
    wire.c("CONNECT h:443 HTTP/1.1\r\n\r\n")
        .s("HTTP/1.1 407 Auth\r\nContent-Length: 0\r\n\r\n");
    wire.c("CONNECT h:443 HTTP/1.1\r\n\r\n")
        .s("HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(
        wire.told()[2..6],
        [
            "< 0 407 error=407",
            "<| 40",
            "> 26 CONNECT h:443 Web",
            ">| 52"
        ]
    );
}

#[test]
fn bodies_that_end_with_the_connection() {
    for head in [
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    ] {
        let mut wire = Wire::new();
        wire.c("GET / HTTP/1.0\r\n\r\n")
            .s(head)
            .s("some")
            .s_unseen("much more of it");
        assert_eq!(wire.told().len(), 3);
        wire.end(Speaker::Server);
        assert_eq!(wire.told(), [format!("<| {}", head.len() + 19)]);
    }
}

#[test]
fn a_cut_off_response_is_an_error() {
    let mut wire = Wire::new();
    wire.c("GET / HTTP/1.1\r\n\r\n")
        .s("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    wire.end(Speaker::Server);
    assert_eq!(wire.told()[2..], ["< 0 200", "<+ error=truncated", "<| 41"]);
}

#[test]
fn a_response_may_come_before_the_request_is_complete() {
    let mut wire = Wire::new();
    wire.c("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabcde");
    wire.s("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        .c("fghij");
    assert_eq!(
        wire.told(),
        ["> 0 POST / Web", "< 0 413 error=413", "<| 45", ">| 49"]
    );
    wire.c("GET /b HTTP/1.1\r\n\r\n").s(OK_2);
    assert_eq!(wire.told().len(), 4);
}

#[test]
fn a_client_that_was_refused_need_not_send_its_body() {
    let mut wire = Wire::new();
    wire.c("PUT /up HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 40\r\n\r\n");
    wire.s("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
        .c("GET /b HTTP/1.1\r\n\r\n")
        .s(OK_2);
    assert_eq!(
        wire.told(),
        [
            "> 0 PUT /up Web",
            "< 0 401 error=401",
            "<| 38",
            "> 62 GET /b Web",
            ">| 81",
            "< 38 200",
            "<| 78"
        ]
    );
}

#[test]
fn heads_come_in_any_number_of_pieces() {
    let mut wire = Wire::new();
    for byte in b"\r\nGET /a HTTP/1.1\r\nA: b\r\n\r\n" {
        wire.c([*byte]);
    }
    assert_eq!(wire.told(), ["> 2 GET /a Web", ">| 27"]);
    for byte in OK_2.as_bytes() {
        wire.s([*byte]);
    }
    assert_eq!(wire.told(), ["< 0 200", "<| 40"]);
    assert!(wire.memory_bytes() < 1024, "idle: {}", wire.memory_bytes());
}
