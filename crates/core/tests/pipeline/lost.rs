//! Records that never arrive, or arrive in another order: less is known, nothing is wrong.

use crate::said::Said;
use crate::world::{At, How, World, get};
use forebay_core::decode::Speaker::{Client, Server};
use forebay_core::exchange::record::{Record, Side};
use proptest::prelude::*;
use std::collections::HashSet;

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend((body.len() as u32 + 4).to_be_bytes());
    out.extend(body);
    out
}

/// A request and the only answer that is its own: status and name carry the number.
fn exchange(postgresql: bool, id: usize, body: usize) -> (Vec<u8>, Vec<u8>) {
    if !postgresql {
        let path = format!("/{}", letters(id));
        return (get(&path), crate::world::answer(400 + id as u16, body));
    }
    let query = message(b'Q', format!("select {} from t\0", letters(id)).as_bytes());
    let error = format!(
        "SERROR\0VERROR\0C{:05}\0M{}\0\0",
        id,
        "m".repeat(body.min(4000))
    );
    let answer = [message(b'E', error.as_bytes()), message(b'Z', b"I")].concat();
    (query, answer)
}

/// A number that no parser takes for one.
fn letters(id: usize) -> String {
    format!("{id:03}")
        .bytes()
        .map(|b| char::from(b - b'0' + b'g'))
        .collect()
}

fn check_pairs(records: &[Record]) {
    for record in records {
        let Some(status) = record.status.as_deref() else {
            continue;
        };
        let id = match &*record.protocol {
            "http" => status.parse::<usize>().unwrap() - 400,
            "postgresql" if record.op.to_lowercase().starts_with("select") => {
                match status.parse() {
                    Ok(id) => id,
                    // Its head was cut in front of the code.
                    Err(_) => continue,
                }
            }
            _ => continue,
        };
        let name = letters(id);
        assert!(
            record.op.contains(&name),
            "{} got {status} ({name})",
            record.op
        );
        assert_eq!(record.phases_ns.total(), record.duration_ns);
    }
}

/// Rounds of pipelined exchanges on two connections at once.
fn play(world: &mut World, postgresql: bool, rounds: &[Vec<usize>]) {
    let conns = [0u32, 1].map(|n| {
        let bases = (0xffff_ff00 + n, 1000 + n);
        world.connect(
            0,
            How {
                bases,
                ..How::default()
            },
        )
    });
    let mut us = 1000;
    let mut id = 0;
    if postgresql {
        let startup = [&[0, 0, 0, 17, 0, 3, 0, 0][..], b"user\0me\0\0"].concat();
        for conn in conns {
            world.say(conn, Client, At::from(us), &startup);
            let ready = [message(b'R', &[0; 4]), message(b'Z', b"I")].concat();
            world.say(conn, Server, At::from(us + 100), &ready);
        }
    }
    for round in rounds {
        us += 1000;
        for (n, conn) in conns.into_iter().enumerate() {
            let all: Vec<_> = round
                .iter()
                .map(|body| {
                    id += 1;
                    exchange(postgresql, id % 150, *body)
                })
                .collect();
            let at = us + n as u64 * 7;
            let asks: Vec<u8> = all.iter().flat_map(|(ask, _)| ask.clone()).collect();
            world.say(conn, Client, At::from(at), &asks);
            for (i, (_, answer)) in all.iter().enumerate() {
                world.say(conn, Server, At::from(at + 50 + 40 * i as u64), answer);
            }
        }
    }
    for conn in conns {
        world.close(conn, us + 1000);
    }
}

fn rounds() -> impl Strategy<Value = Vec<Vec<usize>>> {
    prop::collection::vec(prop::collection::vec(0usize..5000, 1..4), 1..8)
}

/// One connection after the other, the last first, and of an end both servers' closing first.
fn other_order(ring: &mut [Said]) {
    let closed = |said: &Said| matches!(said, Said::Close(_));
    ring.sort_by_key(|said| {
        let (connection, server) = ((said.cookie() - 1) / 2, said.cookie() % 2 == 0);
        (
            std::cmp::Reverse(connection),
            closed(said),
            closed(said) && !server,
        )
    });
}

proptest! {
    #[test]
    fn any_lost_record_never_pairs_wrongly(
        rounds in rounds(), postgresql: bool, mss in 200usize..9000, eager: bool,
        lose in prop::collection::hash_set(0usize..150, 0..12),
    ) {
        // Answers that fit in what is copied of a turn.
        let most = if postgresql { 150 } else { 5000 };
        let rounds: Vec<Vec<usize>> = rounds
            .iter()
            .map(|round| round.iter().map(|body| body % most).collect())
            .collect();
        let mut world = World::new();
        (world.mss, world.eager) = (mss, eager);
        let lose: HashSet<usize> = if postgresql {
            // One at a time: a parser that lost both directions of a pipeline may still take a
            // later answer for an earlier one.
            lose.into_iter().min().into_iter().collect()
        } else {
            lose
        };
        world.lose = lose.clone();
        play(&mut world, postgresql, &rounds);
        let said = world.said;
        let records = world.end(5_000_000);
        check_pairs(&records);
        let lost = lose.iter().filter(|n| **n < said).count() as u64;
        prop_assert_eq!(world.losses.get("RingFull").copied().unwrap_or(0), lost);
        let all = 2 * rounds.iter().map(Vec::len).sum::<usize>();
        if lost == 0 {
            let mine = |r: &&Record| r.op.to_lowercase().starts_with("select") || r.op.starts_with("GET");
            let asked = records.iter().filter(mine).count();
            // A head that lies behind more than a turn's budget is not seen, and counted.
            let cut = world.losses.contains_key("PayloadCut") || world.losses.contains_key("Unfinished");
            prop_assert!(asked == all || cut, "{asked} of {all} {:?} {records:?}", world.losses);
        }
    }

    #[test]
    fn the_order_between_sockets_does_not_matter(rounds in rounds(), postgresql: bool, mss in 200usize..9000) {
        let run = |shuffle: Option<fn(&mut [Said])>| {
            let mut world = World::new();
            (world.mss, world.eager, world.shuffle) = (mss, false, shuffle);
            play(&mut world, postgresql, &rounds);
            let mut records = world.end(5_000_000);
            records.sort_by_key(|record| record.wire_id);
            records
        };
        let (one, other) = (run(None), run(Some(other_order)));
        check_pairs(&one);
        prop_assert!(one.iter().all(|r| r.side == Side::Both));
        prop_assert_eq!(one, other);
    }
}

#[test]
fn a_half_whose_other_half_is_lost_still_comes_out() {
    // Records 2.. of the connection; the server's first segment goes.
    let mut world = World::new();
    let conn = world.connect(0, How::default());
    let next = world.said;
    world.lose.insert(next + 1);
    world.say(conn, Client, At::from(0), &get("/a"));
    world.say(conn, Server, At::from(100), &crate::world::ok(3));
    for i in 1..20 {
        world.tick(i * 100_000);
    }
    assert_eq!(world.records.len(), 1);
    assert_eq!(world.records[0].side, Side::Client);
    assert_eq!(world.losses["RingFull"], 1);
}
