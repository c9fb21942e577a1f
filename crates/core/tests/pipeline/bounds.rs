//! Memory is bounded, and nothing stays behind.

use crate::world::{At, How, World, get, ok};
use forebay_core::decode::Speaker::{Client, Server};
use forebay_core::pipeline::CONNECTIONS_MAX;

#[test]
fn a_hundred_thousand_connections_leave_nothing() {
    let mut world = World::new();
    let mut records = 0;
    for i in 0..100_000u64 {
        // The same four sockets' worth of model, again and again.
        world.socks.clear();
        let us = i * 100;
        let bases = (i as u32, !(i as u32));
        let conn = world.connect_as(
            us,
            How {
                bases,
                ..How::default()
            },
            i * 2 + 1,
        );
        world.say(conn, Client, At(us, us + 1, us + 2, us + 3), &get("/"));
        if i % 10 != 0 {
            world.say(conn, Server, At(us + 4, us + 5, us + 6, us + 7), &ok(2));
        }
        world.close(conn, us + 9);
        if i % 1000 == 0 {
            world.tick(us + 10);
            records += world.records.drain(..).len();
            let sizes = world.pipeline.sizes();
            assert_eq!(sizes.connections, 0);
            assert!(sizes.halves <= 4096 && sizes.owners <= 4096, "{sizes:?}");
        }
    }
    world.tick(20_000_000);
    world.tick(21_000_000);
    records += world.records.drain(..).len();
    let sizes = world.pipeline.sizes();
    // The client's end knows that it got no answer, the server's does not.
    assert_eq!(records, 100_000);
    assert_eq!(world.losses["Unfinished"], 10_000);
    assert_eq!(sizes, forebay_core::pipeline::Sizes::default());
}

#[test]
fn connections_whose_end_was_lost_make_room_for_new_ones() {
    let mut world = World::new();
    for i in 0..CONNECTIONS_MAX as u64 {
        world.socks.clear();
        let bases = (i as u32, !(i as u32));
        let conn = world.connect_as(
            i,
            How {
                bases,
                ..How::default()
            },
            i * 2 + 1,
        );
        world.say(conn, Client, At(i, i, i, i), &get("/"));
        world.say(conn, Server, At(i, i, i, i), &ok(2));
        assert!(world.pipeline.connections() <= CONNECTIONS_MAX);
    }
    world.records.clear();
    world.socks.clear();
    let us = 1_000_000;
    let conn = world.connect_as(us, How::default(), 10_000_000);
    world.say(conn, Client, At::from(us), &get("/new"));
    world.say(conn, Server, At::from(us + 100), &ok(2));
    let records = world.end(5_000_000);
    assert_eq!(records.len(), 1, "{:?}", world.losses);
    let gone = world.losses["FlowTableFull"] as usize;
    let kept = world.pipeline.sizes();
    assert_eq!(gone, 2 * CONNECTIONS_MAX + 2 - kept.connections);
    assert!(kept.pairs <= kept.connections);
}

#[test]
fn a_half_waits_only_while_the_other_end_works_on_it() {
    let mut world = World::new();
    let conn = world.connect(0, How::default());
    world.say(conn, Client, At::from(0), &get("/"));
    // The server's last byte leaves and is read; the record of its leaving is held back.
    world.lose.insert(world.said + 1);
    world.write(conn, Server, 100, &ok(3));
    world.leave(conn, Server, 110);
    world.arrive(conn, Client, 120);
    world.read(conn, Client, 130);
    world.tick(200);
    assert!(world.pipeline.sizes().halves <= 1);
    world.close(conn, 500);
    world.tick(400_000);
    world.tick(800_000);
    assert_eq!(world.pipeline.sizes().halves, 0);
}

#[test]
fn requests_that_nobody_answers_are_bounded() {
    let mut world = World::new();
    let conn = world.connect(0, How::default());
    for i in 0..3000u64 {
        world.say(conn, Client, At::from(i * 100), &get("/flood"));
        // Not an answer, but a turn: the kernel's budget starts anew.
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
        world.say(conn, Server, At::from(i * 100 + 50), interim);
    }
    assert!(world.pipeline.sizes().in_flight <= 2 * 512);
    world.close(conn, 400_000);
    world.end(5_000_000);
    // Those that the client's end still knows have certainly no answer.
    assert_eq!(world.losses["Unfinished"], 6000 - 512);
}

/// What one end of an idle connection may take: with 20,000 of them an agent must stay small.
const END_BYTES_MAX: usize = 888;

#[test]
fn an_idle_connection_takes_no_more_the_longer_it_is_used() {
    let mut world = World::new();
    let conn = world.connect(0, How::default());
    let mut seen = Vec::new();
    for i in 0..100u64 {
        world.say(conn, Client, At::from(i * 1000), &get("/"));
        world.say(conn, Server, At::from(i * 1000 + 100), &ok(20_000));
        let sizes = world.pipeline.sizes();
        seen.push(sizes.connection_bytes / sizes.connections);
    }
    assert!(seen[0] <= END_BYTES_MAX, "{} bytes", seen[0]);
    assert!(seen.iter().all(|bytes| *bytes == seen[0]), "{seen:?}");
    assert_eq!(world.records.len(), 100);
}

#[test]
fn a_lowered_bound_lets_the_longest_silent_go_at_once() {
    let mut world = World::new();
    let conns = world.connect_many(50);
    world.say(conns[0], Client, At::from(1000), &get("/"));
    world.say(conns[0], Server, At::from(1100), &ok(2));
    world.pipeline.bound(10, crate::world::ns(2000));
    assert_eq!(world.pipeline.connections(), 10);
    let quiet = world.pipeline.take_orders();
    assert_eq!(quiet.len(), 90, "they need not report any more");
    world.say(conns[0], Client, At::from(3000), &get("/again"));
    world.say(conns[0], Server, At::from(3100), &ok(2));
    let records = world.end(5_000_000);
    assert_eq!(records.len(), 2, "the one in use stays");
    assert_eq!(world.losses["FlowTableFull"], 90);
}
