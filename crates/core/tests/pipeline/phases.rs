//! Known times give exact phases.

use crate::world::{At, How, View, World, get, ok};
use forebay_core::decode::Speaker::{Client, Server};
use forebay_core::exchange::record::{Evidence, Record, Side};
use proptest::prelude::*;

const US: u64 = 1000;

/// Client writes 100, leaves 110, arrives 130, read 160; server writes 260, leaves 265, arrives
/// 300, read 310.
fn once(how: How) -> Record {
    let mut world = World::new();
    let conn = world.connect(0, how);
    world.say(conn, Client, At(100, 110, 130, 160), &get("/a"));
    world.say(conn, Server, At(260, 265, 300, 310), &ok(5));
    world.close(conn, 400);
    let mut records = world.end(2_000_000);
    assert_eq!(records.len(), 1, "{:?}", world.losses);
    assert_eq!(world.losses.len(), 0, "{:?}", world.losses);
    records.remove(0)
}

fn check_both(record: &Record) {
    assert_eq!(record.side, Side::Both);
    assert_eq!(record.evidence, Evidence::Exact);
    assert_eq!(
        (&*record.op, record.status.as_deref()),
        ("GET /a", Some("200"))
    );
    let p = record.phases_ns;
    assert_eq!((p.client, p.send_queue, p.wire), (0, 15 * US, 55 * US));
    assert_eq!((p.recv_queue, p.server, p.stream), (40 * US, 100 * US, 0));
    assert_eq!((record.duration_ns, p.remote), (210 * US, 0));
    assert_eq!(record.client.comm.as_deref(), Some("asker"));
    assert_eq!(record.server.comm.as_deref(), Some("engine"));
}

#[test]
fn both_ends_give_every_phase() {
    check_both(&once(How::default()));
}

#[test]
fn sequence_numbers_wrap() {
    for back in [0, 1, 2, 10, 27, 28, 40] {
        let base = 0u32.wrapping_sub(back);
        let how = How {
            bases: (base, base.wrapping_sub(3)),
            ..How::default()
        };
        check_both(&once(how));
    }
}

#[test]
fn a_client_alone_estimates_the_wire() {
    for (min_rtt_us, evidence) in [(40, Evidence::Rtt), (0, Evidence::None)] {
        let record = once(How {
            server: View::Away,
            min_rtt_us,
            ..How::default()
        });
        let p = record.phases_ns;
        assert_eq!((record.side, record.evidence), (Side::Client, evidence));
        assert_eq!(
            (p.send_queue, p.recv_queue, p.server),
            (10 * US, 10 * US, 0)
        );
        assert_eq!(p.wire, u64::from(min_rtt_us) * US);
        assert_eq!(p.remote, (190 - u64::from(min_rtt_us)) * US);
        assert_eq!(record.server.pid, None);
    }
}

#[test]
fn a_server_alone_knows_its_own_part() {
    let record = once(How {
        client: View::Away,
        ..How::default()
    });
    let p = record.phases_ns;
    assert_eq!(
        (record.side, record.evidence),
        (Side::Server, Evidence::Rtt)
    );
    assert_eq!(
        (p.recv_queue, p.server, p.send_queue),
        (30 * US, 100 * US, 5 * US)
    );
    assert_eq!(record.duration_ns, 135 * US);
}

#[test]
fn keep_alive_gives_each_request_its_own_times() {
    let mut world = World::new();
    let conn = world.connect(0, How::default());
    for i in 0..50u64 {
        let at = 1000 * i;
        world.say(conn, Client, At(at, at + 1, at + 2, at + 3), &get("/k"));
        let at = at + 3 + i;
        world.say(
            conn,
            Server,
            At(at, at + 1, at + 2, at + 3),
            &ok(100 * i as usize),
        );
    }
    world.close(conn, 60_000);
    let records = world.end(3_000_000);
    assert_eq!(records.len(), 50);
    for (i, record) in records.iter().enumerate() {
        assert_eq!(record.phases_ns.server, i as u64 * US);
        assert_eq!(record.duration_ns, (6 + i as u64) * US);
        assert_eq!(record.phases_ns.total(), record.duration_ns);
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut world = World::new();
    let conn = world.connect(0, How::default());
    let all: Vec<u8> = ["/a", "/b", "/c"]
        .iter()
        .flat_map(|path| get(path))
        .collect();
    world.say(conn, Client, At(0, 10, 20, 30), &all);
    for (i, status) in [201, 404, 503].into_iter().enumerate() {
        let at = 100 * (i as u64 + 1);
        let bytes = crate::world::answer(status, 10);
        world.say(conn, Server, At(at, at + 1, at + 2, at + 3), &bytes);
    }
    world.close(conn, 500);
    let records = world.end(2_000_000);
    let seen: Vec<_> = records
        .iter()
        .map(|r| {
            (
                &*r.op,
                r.status.as_deref().unwrap(),
                r.phases_ns.server / US,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("GET /a", "201", 70),
            ("GET /b", "404", 170),
            ("GET /c", "503", 270)
        ]
    );
}

#[test]
fn an_answer_before_the_request_was_read_has_no_negative_phase() {
    let mut world = World::new();
    let conn = world.connect(0, How::default());
    let body = vec![b'x'; 5000];
    let head = b"POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 10000\r\n\r\n";
    world.say(conn, Client, At(0, 1, 2, 3), &[&head[..], &body].concat());
    world.say(
        conn,
        Server,
        At(10, 11, 12, 13),
        &crate::world::answer(413, 0),
    );
    world.say(conn, Client, At(20, 21, 22, 23), &body);
    world.close(conn, 30);
    let records = world.end(2_000_000);
    assert_eq!(records.len(), 1, "{:?}", world.losses);
    assert_eq!(records[0].status.as_deref(), Some("413"));
    assert_eq!(records[0].phases_ns.total(), records[0].duration_ns);
}

#[test]
fn a_request_that_is_never_answered_is_told_by_its_client_alone() {
    let mut world = World::new();
    let conn = world.connect(0, How::default());
    world.say(conn, Client, At::from(0), &get("/never"));
    world.close(conn, 100);
    let records = world.end(2_000_000);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].error.as_deref(), Some("connection_closed"));
    assert_eq!(world.losses["Unfinished"], 1);
}

#[test]
fn a_fin_ends_what_has_no_length() {
    for read_late in [false, true] {
        let mut world = World::new();
        let conn = world.connect(0, How::default());
        world.say(conn, Client, At(0, 1, 2, 3), &get("/"));
        let bytes = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end";
        world.write(conn, Server, 10, bytes);
        world.leave(conn, Server, 11);
        world.arrive(conn, Client, 20);
        if read_late {
            world.fin(conn, Client, 30);
            world.read(conn, Client, 50);
        } else {
            world.read(conn, Client, 50);
            world.fin(conn, Client, 60);
        }
        world.close(conn, 100);
        let records = world.end(2_000_000);
        assert_eq!(records.len(), 1, "{read_late} {:?}", world.losses);
        assert_eq!(
            (records[0].side, records[0].bytes.response),
            (Side::Both, 51)
        );
        assert_eq!(records[0].duration_ns, 50 * US, "{read_late}");
    }
}

#[test]
fn what_nobody_understands_is_timed_turn_by_turn() {
    let mut world = World::new();
    let conn = world.connect(0, How::default());
    world.say(conn, Client, At(0, 1, 2, 3), &[1, 2, 3, 4]);
    world.say(conn, Server, At(10, 11, 12, 13), &[9; 3000]);
    world.say(conn, Client, At(100, 101, 102, 103), &[1, 2, 3, 4, 5]);
    world.say(conn, Server, At(120, 121, 122, 123), &[9; 4]);
    world.tick(50_000);
    world.tick(1_500_000);
    let records = world.end(4_000_000);
    let seen: Vec<_> = records
        .iter()
        .map(|r| {
            (
                &*r.protocol,
                r.bytes.request,
                r.bytes.response,
                r.phases_ns.server / US,
            )
        })
        .collect();
    assert_eq!(seen, [("tcp", 4, 3000, 7), ("tcp", 5, 4, 17)]);
}

proptest! {
    /// Any sizes, packets and gaps: the phases are those of the points, at both ends.
    #[test]
    fn any_times_are_split_exactly(
        gaps in prop::array::uniform8(1u64..5000),
        body in 0usize..20_000, asked in 0usize..20_000,
        mss in 300usize..60_000, bases: (u32, u32), eager: bool,
    ) {
        let mut at = [0u64; 8];
        let mut now = 0;
        for (at, gap) in at.iter_mut().zip(gaps) {
            now += gap;
            *at = now;
        }
        let mut world = World::new();
        (world.mss, world.eager) = (mss, eager);
        let conn = world.connect(0, How { bases, ..How::default() });
        let head = format!("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: {asked}\r\n\r\n");
        let request = [head.into_bytes(), vec![b'q'; asked]].concat();
        let response = ok(body);
        world.say(conn, Client, At(at[0], at[1], at[2], at[3]), &request);
        world.say(conn, Server, At(at[4], at[5], at[6], at[7]), &response);
        world.tick(100_000);
        world.close(conn, 200_000);
        let records = world.end(2_000_000);
        prop_assert_eq!(records.len(), 1);
        let (r, p) = (&records[0], records[0].phases_ns);
        prop_assert_eq!(r.evidence, Evidence::Exact);
        prop_assert_eq!((r.bytes.request, r.bytes.response), (request.len() as u64, response.len() as u64));
        prop_assert_eq!(p.send_queue, (gaps[1] + gaps[5]) * US);
        prop_assert_eq!(p.wire, (gaps[2] + gaps[6]) * US);
        prop_assert_eq!(p.recv_queue, (gaps[3] + gaps[7]) * US);
        prop_assert_eq!((p.server, p.stream, p.client), (gaps[4] * US, 0, 0));
    }
}
