//! Connections that end before everything was said.

use crate::world::{At, How, View, World, get, ns};
use forebay_core::decode::Speaker::{Client, Server};
use forebay_core::exchange::record::{Record, Side};

const HEAD: &[u8] = b"POST /big HTTP/1.1\r\nContent-Length: 100000\r\n\r\n";
const REFUSED: &[u8] = b"HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno";

fn check(record: &Record) {
    assert_eq!(record.phases_ns.total(), record.duration_ns, "{record:?}");
}

#[test]
fn a_request_that_its_server_never_reads_to_the_end_is_seen_at_both() {
    for server in [View::New, View::Old] {
        let mut world = World::new();
        world.mss = 1000;
        let how = How {
            server,
            ..How::default()
        };
        let conn = world.connect(0, how);
        let body = [HEAD, &[b'x'; 20_000]].concat();
        // The server reads the first part, answers and is gone; the rest stays unread.
        world.say(conn, Client, At(100, 110, 120, 130), &body[..3000]);
        world.write(conn, Client, 140, &body[3000..]);
        world.leave(conn, Client, 150);
        world.arrive(conn, Server, 160);
        world.say(conn, Server, At(200, 210, 220, 230), REFUSED);
        world.close(conn, 300);
        let records = world.end(3_000_000);
        assert_eq!(records.len(), 1, "{records:?} {:?}", world.losses);
        let record = &records[0];
        check(record);
        assert_eq!(
            (record.side, record.status.as_deref()),
            (Side::Both, Some("413"))
        );
        assert_eq!(record.ts.0, ns(100));
        assert_eq!(record.duration_ns, 130_000);
        assert_eq!(world.losses.len(), 0, "{:?}", world.losses);
    }
}

#[test]
fn a_refused_body_is_never_sent() {
    let mut world = World::new();
    let conn = world.connect(0, How::default());
    let head = b"PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n";
    world.say(conn, Client, At::from(100), head);
    world.say(
        conn,
        Server,
        At::from(200),
        b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n",
    );
    world.say(conn, Client, At::from(300), &get("/next"));
    world.say(conn, Server, At::from(400), &crate::world::ok(3));
    world.close(conn, 600);
    let records = world.end(3_000_000);
    let statuses: Vec<_> = records
        .iter()
        .map(|r| (r.side, r.status.as_deref()))
        .collect();
    assert_eq!(
        statuses,
        [(Side::Both, Some("417")), (Side::Both, Some("200"))]
    );
    records.iter().for_each(check);
}

#[test]
fn a_server_that_closes_without_an_answer_is_an_error() {
    for fin in [false, true] {
        let mut world = World::new();
        let conn = world.connect(0, How::default());
        world.say(conn, Client, At::from(100), &get("/gone"));
        if fin {
            world.fin(conn, Client, 400);
        }
        world.close(conn, 500);
        let records = world.end(3_000_000);
        assert_eq!(records.len(), 1, "{:?}", world.losses);
        let record = &records[0];
        check(record);
        assert_eq!(record.side, Side::Client);
        assert_eq!(
            (
                &*record.op,
                record.status.as_deref(),
                record.error.as_deref()
            ),
            ("GET /gone", None, Some("connection_closed"))
        );
        assert_eq!((record.duration_ns, record.bytes.response), (400_000, 0));
        // The server's end can't tell what it sent.
        assert_eq!(world.losses["Unfinished"], 1);
    }
}

#[test]
fn an_answer_that_was_lost_is_no_closed_connection() {
    let mut world = World::new();
    let conn = world.connect(0, How::default());
    world.say(conn, Client, At::from(100), &get("/a"));
    // Both reports of the answer.
    world.lose.extend([world.said, world.said + 1]);
    world.say(conn, Server, At::from(200), &crate::world::ok(3));
    world.close(conn, 500);
    let records = world.end(3_000_000);
    assert_eq!(records, []);
    assert_eq!(
        (world.losses["RingFull"], world.losses["Unfinished"]),
        (2, 2)
    );
}

#[test]
fn a_request_that_was_cut_off_is_counted() {
    let mut world = World::new();
    let conn = world.connect(0, How::default());
    world.say(conn, Client, At::from(100), HEAD);
    world.close(conn, 500);
    let records = world.end(3_000_000);
    assert_eq!(records, []);
    assert_eq!(world.losses["Unfinished"], 2);
}

#[test]
fn a_response_that_was_cut_off_is_truncated() {
    let query = b"Q\0\0\0\x0dselect 1\0";
    let row = b"D\0\0\x10\0\0\x01\0\0\x0f\xf6partial";
    let set = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
    let list = b"*2\r\n$1\r\nx\r\n$100\r\npart";
    let http = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart";
    let startup = b"\0\0\0\x11\0\x03\0\0user\0me\0\0";
    let ready = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
    let get = get("/");
    let all: [(&[u8], &[u8], bool); 3] =
        [(&get, http, false), (query, row, true), (set, list, false)];
    for (ask, part, session) in all {
        let mut world = World::new();
        let conn = world.connect(0, How::default());
        if session {
            world.say(conn, Client, At::from(10), startup);
            world.say(conn, Server, At::from(50), ready);
        }
        world.say(conn, Client, At::from(100), ask);
        world.say(conn, Server, At::from(200), part);
        world.close(conn, 500);
        let records = world.end(3_000_000);
        let record = records
            .last()
            .unwrap_or_else(|| panic!("{ask:?} {:?}", world.losses));
        check(record);
        assert_eq!(record.error.as_deref(), Some("truncated"), "{record:?}");
        assert_eq!(record.side, Side::Both);
    }
}
