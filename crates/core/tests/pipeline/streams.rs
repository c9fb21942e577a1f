//! Token streams seen at both ends.

use crate::world::{At, How, View, World};
use forebay_core::decode::Speaker::{Client, Server};
use forebay_core::exchange::record::{Cause, ModelCall, Record};

const MS: u64 = 1000;

fn ask() -> Vec<u8> {
    let body = r#"{"model":"tiny","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    (head + body).into_bytes()
}

fn chunk(data: &str) -> Vec<u8> {
    let event = format!("data: {data}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len()).into_bytes()
}

fn token(i: usize) -> Vec<u8> {
    chunk(&format!(
        r#"{{"object":"chat.completion.chunk","choices":[{{"delta":{{"content":"t{i}"}}}}]}}"#
    ))
}

/// A stream of tokens, each with its own four times in milliseconds.
fn stream(how: How, eager: bool, times: &[At]) -> Record {
    let mut world = World::new();
    world.eager = eager;
    let conn = world.connect(0, how);
    world.say(conn, Client, At(0, 10, 20, 30), &ask());
    world.drain();
    let head =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    world.say(conn, Server, At(500, 510, 520, 530), head);
    world.drain();
    // Every step in order of time: a reader that is late reads several at once.
    let mut steps: Vec<(u64, u8, usize)> = Vec::new();
    for (i, at) in times.iter().enumerate() {
        steps.extend([(at.0, 0, i), (at.1, 1, i), (at.2, 2, i), (at.3, 3, i)]);
    }
    steps.sort_unstable();
    let mut last = 0;
    for (ms, step, i) in steps {
        // Records of a step that happens at the same moment differ by their order only.
        let us = (ms * MS).max(last);
        last = us;
        match step {
            0 => world.write(conn, Server, us, &token(i)),
            1 => world.leave(conn, Server, us),
            2 => world.arrive(conn, Client, us),
            _ => world.read(conn, Client, us),
        }
        world.drain();
    }
    let done = [chunk("[DONE]"), b"0\r\n\r\n".to_vec()].concat();
    world.say(conn, Server, At::from(last + MS), &done);
    world.close(conn, last + 2 * MS);
    let mut records = world.end(last + 3_000_000);
    assert_eq!(records.len(), 1, "{:?}", world.losses);
    records.remove(0)
}

fn call(record: &Record) -> &ModelCall {
    record.gen_ai.as_deref().unwrap()
}

fn steady(n: u64) -> Vec<At> {
    (1..=n)
        .map(|i| At(i * 20, i * 20, i * 20 + 1, i * 20 + 2))
        .collect()
}

#[test]
fn gaps_are_split_between_engine_wire_and_reader() {
    let record = stream(How::default(), true, &steady(30));
    let call = call(&record);
    assert_eq!((call.chunks, call.streaming), (30, true));
    assert_eq!(call.time_to_first_chunk_ns, Some(22_000_000));
    let gaps = call.gap_ns.unwrap();
    assert_eq!((gaps.p50, gaps.max), (20_000_000, 20_000_000));
    let split = call.gap_split_ns.unwrap();
    assert_eq!(split.engine + split.wire + split.reader, 29 * 20_000_000);
    assert_eq!((split.wire, split.reader), (29_000_000, 29_000_000));
    assert!(call.stalls.is_empty());
    assert_eq!(*call.gaps_sorted_ns, [20_000_000; 29]);
    let json = serde_json::to_string(&record).unwrap();
    assert!(!json.contains("gaps_sorted"), "{json}");
}

#[test]
fn each_stall_names_its_cause() {
    let late = |which: usize, cause: Cause| {
        let mut times = steady(20);
        for (i, at) in times.iter_mut().enumerate().skip(10) {
            let by = 200;
            *at = match (which, i) {
                (0, _) => At(at.0 + by, at.1 + by, at.2 + by, at.3 + by),
                (1, _) => At(at.0, at.1, at.2.max(400), at.3.max(401)),
                _ => At(at.0, at.1, at.2, at.3.max(401)),
            };
        }
        let record = stream(How::default(), true, &times);
        let call = call(&record);
        assert_eq!(call.chunks, 20, "{cause:?}");
        assert_eq!(call.stalls.len(), 1, "{cause:?} {call:?}");
        assert_eq!(call.stalls[0].cause, cause);
    };
    late(0, Cause::Engine);
    late(1, Cause::Wire);
    late(2, Cause::Reader);
}

#[test]
fn a_client_alone_counts_the_chunks_too() {
    let how = How {
        server: View::Away,
        ..How::default()
    };
    let record = stream(how, true, &steady(25));
    assert_eq!(call(&record).chunks, 25);
    assert_eq!(call(&record).gap_split_ns.unwrap().wire, 0);
}

#[test]
fn a_server_alone_counts_the_chunks_too() {
    let how = How {
        client: View::Away,
        ..How::default()
    };
    let record = stream(how, true, &steady(25));
    assert_eq!(call(&record).chunks, 25);
    assert_eq!(call(&record).gap_split_ns.unwrap().engine, 24 * 20_000_000);
}

#[test]
fn long_streams_stay_exact_beyond_the_segments_of_a_turn() {
    // The order to report every segment is obeyed late: user space drains once a step.
    for eager in [true, false] {
        let record = stream(How::default(), eager, &steady(300));
        assert_eq!(call(&record).chunks, 300, "{eager}");
        assert_eq!(call(&record).gap_ns.unwrap().p50, 20_000_000);
    }
}
