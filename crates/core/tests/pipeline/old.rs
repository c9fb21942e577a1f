//! Connections that were there before the agent.

use crate::world::{At, How, View, World, get, ok};
use forebay_core::decode::Speaker::{Client, Server};
use forebay_core::exchange::record::{Evidence, Side};
use proptest::prelude::*;

const VIEWS: [View; 3] = [View::New, View::Old, View::Away];

/// Both ends' requests of a connection that had said `before`.
fn requests(how: How, count: usize) -> Vec<forebay_core::exchange::record::Record> {
    let mut world = World::new();
    let conn = world.connect(0, how);
    for i in 0..count as u64 {
        let at = i * 1000;
        world.say(conn, Client, At::from(at), &get("/old"));
        world.say(conn, Server, At::from(at + 100), &ok(20));
    }
    world.close(conn, 900_000);
    world.end(3_000_000)
}

#[test]
fn whatever_ends_are_old_or_away_they_meet() {
    for client in VIEWS {
        for server in VIEWS {
            let side = match (client, server) {
                (View::Away, View::Away) => continue,
                (_, View::Away) => Side::Client,
                (View::Away, _) => Side::Server,
                _ => Side::Both,
            };
            // An end that was seen to open cannot have said anything before.
            let joined = client != View::New && server != View::New;
            let how = How {
                before: if joined { (1234, 567_890) } else { (0, 0) },
                client,
                server,
                ..How::default()
            };
            let records = requests(how, 3);
            assert_eq!(records.len(), 3, "{client:?} {server:?}");
            for record in &records {
                assert_eq!(record.side, side, "{client:?} {server:?}");
                assert_eq!((&*record.op, record.bytes.request), ("GET /old", 30));
                if side == Side::Both {
                    assert_eq!(record.evidence, Evidence::Exact);
                    assert_eq!(record.duration_ns, 130_000);
                }
            }
        }
    }
}

#[test]
fn the_wire_id_is_the_same_for_every_view() {
    let ids = |client, server, before| {
        let how = How {
            before,
            bases: (u32::MAX - 60, u32::MAX - 3),
            client,
            server,
            ..How::default()
        };
        let records = requests(how, 2);
        records.into_iter().map(|r| r.wire_id).collect::<Vec<_>>()
    };
    for before in [(0, 0), (50, 60)] {
        let known = ids(View::Old, View::Old, before);
        assert_ne!(known[0], known[1]);
        for client in VIEWS {
            for server in VIEWS {
                let opened = client == View::New || server == View::New;
                let away = client == View::Away && server == View::Away;
                if !(away || opened && before != (0, 0)) {
                    assert_eq!(ids(client, server, before), known, "{client:?} {server:?}");
                }
            }
        }
    }
}

#[test]
fn an_answer_without_its_request_is_nobodys() {
    let mut world = World::new();
    let conn = world.connect(
        0,
        How {
            before: (31, 0),
            client: View::Old,
            server: View::Old,
            ..How::default()
        },
    );
    world.say(conn, Server, At::from(0), &crate::world::answer(500, 9));
    world.say(conn, Client, At::from(100), &get("/mine"));
    world.say(conn, Server, At::from(200), &ok(3));
    world.close(conn, 1000);
    let records = world.end(2_000_000);
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0].status.as_deref(), Some("200"));
}

proptest! {
    #[test]
    fn joined_anywhere_in_a_stream(bases: (u32, u32), before: (u32, u32)) {
        let how = How { bases, before, client: View::Old, server: View::Old, ..How::default() };
        let records = requests(how, 2);
        prop_assert_eq!(records.len(), 2);
        for record in &records {
            prop_assert_eq!(record.side, Side::Both);
            prop_assert_eq!(record.duration_ns, 130_000);
        }
    }
}
