//! The rig against itself: delays happen where they were asked for, and the stamps say so.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use forebay_rig::client::{Ask, ClientConfig, run};
use forebay_rig::server::{Server, ServerConfig};
use forebay_rig::sock::{READ_FAMILIES, WRITE_FAMILIES};
use forebay_rig::stamp::{ClientLine, Read, ServerLine};
use forebay_rig::tools::{compile, run_line};
use forebay_rig::truth::{Points, true_stalls};
use std::net::SocketAddr;

const MS: u64 = 1_000_000;

fn serve(
    at: &str,
    server: ServerConfig,
    with: impl FnOnce(&mut ClientConfig),
) -> (Vec<ClientLine>, Vec<ServerLine>) {
    let server = Server::bind(at.parse::<SocketAddr>().unwrap(), server).unwrap();
    let mut config = ClientConfig::new(server.addr());
    with(&mut config);
    let client = run(&config).unwrap();
    (client, server.stop())
}

fn ask(plan: &str) -> Ask {
    Ask {
        plan: plan.into(),
        ..Ask::default()
    }
}

fn points(client: &[ClientLine], server: &[ServerLine]) -> Vec<Points> {
    client
        .iter()
        .map(|line| {
            assert_eq!(line.error, None);
            let other = server.iter().find(|other| other.id == line.id).unwrap();
            Points::new(line, other).unwrap()
        })
        .collect()
}

/// Never less than asked, and the best within 1 ms of it: other programs may hold up single requests,
/// never hurry them.
fn about(what: &str, asked: u64, seen: Vec<u64>) {
    let best = seen.into_iter().min().unwrap();
    assert!(
        (asked.saturating_sub(50_000)..asked + MS).contains(&best),
        "{what}: asked {asked}, seen at least {best}"
    );
}

#[test]
fn delays_happen_where_they_were_asked_for() {
    for at in ["127.0.0.1:0", "[::1]:0"] {
        let sent_late = Ask {
            send_late_ns: 2 * MS,
            ..ask("")
        };
        let all_late = Ask {
            read_late_ns: 4 * MS,
            ..ask("read_late=5ms,think=7ms,write_late=30ms,size=50")
        };
        let (client, server) = serve(at, ServerConfig::default(), |config| {
            config.requests = 30;
            config.asks = vec![sent_late, all_late];
        });
        let all = points(&client, &server);
        let each = |first: usize, what: fn(&Points) -> u64| {
            all.iter().skip(first).step_by(2).map(what).collect()
        };
        about("client", 2 * MS, each(0, Points::client_ns));
        about("client", 0, each(1, Points::client_ns));
        about("send_queue", 0, each(0, |p| p.phases().unwrap().send_queue));
        about("request's recv_queue", 5 * MS, each(1, |p| p.s1 - p.s0));
        about("response's recv_queue", 4 * MS, each(1, |p| p.c3 - p.c2));
        about("server", 7 * MS, each(1, Points::server_ns));
        about("head to last byte", 30 * MS, each(1, |p| p.c4 - p.s2));
        about("wire", 0, each(1, |p| p.phases().unwrap().wire));
    }
}

#[test]
fn late_reads_show_between_poll_and_recv() {
    let (client, server) = serve("127.0.0.1:0", ServerConfig::default(), |config| {
        config.requests = 15;
        config.asks = vec![ask("read_late=5ms")];
    });
    assert_eq!(client.len(), 15);
    about(
        "poll to recv",
        5 * MS,
        server
            .iter()
            .map(|line| line.reads[0].call_ns - line.reads[0].poll_ns)
            .collect(),
    );
}

#[test]
fn points_are_in_order_and_phases_add_up() {
    let (client, server) = serve("127.0.0.1:0", ServerConfig::default(), |config| {
        config.requests = 300;
        config.asks = vec![
            ask("think=100us,size=1000"),
            ask(""),
            ask("write_late=200us,size=10"),
        ];
    });
    let stamped =
        |reads: &[forebay_rig::stamp::Read]| reads.iter().all(|read| read.arrival_ns.is_some());
    assert!(
        server.iter().all(|line| stamped(&line.reads)),
        "a request without an arrival stamp"
    );
    assert!(
        client.iter().all(|line| stamped(&line.reads)),
        "a response without an arrival stamp"
    );
    // A kernel stamp is a wall-clock time turned into monotonic time: exact to 2 µs.
    let clock_ns = 2_000;
    for p in points(&client, &server) {
        let order = [
            p.c0,
            p.c1.unwrap(),
            p.s0,
            p.s1,
            p.s2,
            p.s3.unwrap(),
            p.c2,
            p.c3,
            p.c4,
        ];
        assert!(
            order.windows(2).all(|two| two[0] <= two[1] + clock_ns),
            "{p:?}"
        );
        let phases = p.phases().unwrap();
        let sum = phases.client
            + phases.send_queue
            + phases.wire
            + phases.recv_queue
            + phases.server
            + phases.stream;
        assert!(
            sum.abs_diff(p.duration_ns()) <= 4 * clock_ns,
            "{sum} of {p:?}"
        );
    }
}

#[test]
fn arrivals_are_known_for_every_family_on_loopback() {
    for (name, read_with) in READ_FAMILIES {
        let server = ServerConfig {
            read_with,
            ..ServerConfig::default()
        };
        let (client, server) = serve("127.0.0.1:0", server, |config| {
            config.requests = 15;
            config.read_with = read_with;
            config.asks = vec![ask("read_late=3ms,think=1ms,size=100")];
        });
        let all = points(&client, &server);
        let late = if name == "blocking" { 0 } else { 3 * MS };
        about(name, late, all.iter().map(|p| p.s1 - p.s0).collect());
        about(name, 0, all.iter().map(|p| p.c3 - p.c2).collect());
    }
}

#[test]
fn every_family_of_system_calls_carries_everything() {
    for (name, write_with) in WRITE_FAMILIES {
        for (other, read_with) in READ_FAMILIES {
            let server = ServerConfig {
                read_with,
                write_with,
                ..ServerConfig::default()
            };
            let (client, server) = serve("127.0.0.1:0", server, |config| {
                config.requests = 2;
                (config.read_with, config.write_with) = (read_with, write_with);
                config.asks = vec![
                    Ask {
                        body_bytes: 200_000,
                        ..ask("size=300000,pieces=3")
                    },
                    ask("tokens=3x100us"),
                ];
            });
            assert_eq!((client.len(), server.len()), (2, 2), "{name} {other}");
            assert!(
                client.iter().all(|line| line.error.is_none()),
                "{name} {other}: {client:?}"
            );
            assert!(client[0].response_bytes > 300_000);
            let sent: u64 = client[0].writes.iter().map(|write| write.bytes).sum();
            assert_eq!(sent, client[0].request_bytes, "{name}");
            assert!(
                client[0].writes.last().unwrap().sched_ns.is_some(),
                "{name}: no departure stamp"
            );
            assert_eq!(
                client[1]
                    .chunks
                    .iter()
                    .filter(|chunk| chunk.content)
                    .count(),
                4, // three tokens and the finish event
            );
        }
    }
}

#[test]
fn stalls_are_seen_and_blamed() {
    let (client, server) = serve("127.0.0.1:0", ServerConfig::default(), |config| {
        config.requests = 2;
        config.asks = vec![
            ask("tokens=8x10ms+150ms+5x10ms"),
            Ask {
                read_stall: Some((8, 150 * MS)),
                ..ask("tokens=16x10ms")
            },
        ];
    });
    let causes: Vec<Vec<&str>> = client
        .iter()
        .zip(&server)
        .map(|(c, s)| {
            true_stalls(c, s)
                .iter()
                .map(|stall| stall.cause())
                .collect()
        })
        .collect();
    assert_eq!(causes, [["engine"], ["reader"]]);
}

#[test]
fn bytes_behind_a_hole_arrive_when_it_is_filled() {
    let read = |arrival_ns| Read {
        poll_ns: 300 * MS,
        arrival_ns,
        ..Read::default()
    };
    assert_eq!(read(None).first_arrival_ns(false), 300 * MS);
    let (just_now, long_ago) = (300 * MS - 50_000, 100 * MS);
    assert_eq!(read(Some(just_now)).first_arrival_ns(false), just_now);
    assert_eq!(read(Some(long_ago)).first_arrival_ns(false), 300 * MS);
    assert_eq!(read(Some(long_ago)).first_arrival_ns(true), long_ago);
}

#[test]
fn connections_end_as_planned() {
    let (client, server) = serve("127.0.0.1:0", ServerConfig::default(), |config| {
        config.requests = 4;
        config.asks = vec![
            ask("end=fin"),
            ask("size=40000,end=rst"),
            Ask {
                half_close: true,
                ..ask("think=1ms")
            },
            ask(""),
        ];
    });
    assert_eq!(server.len(), 4);
    let errors: Vec<bool> = client.iter().map(|line| line.error.is_some()).collect();
    assert_eq!(errors, [false, true, false, false], "{client:?}");
    assert!(
        client[1].error.as_ref().unwrap().contains("reset"),
        "{:?}",
        client[1].error
    );
    assert_eq!(
        client.iter().map(|line| line.nth).collect::<Vec<_>>(),
        [0, 0, 0, 0],
        "each needs a new connection"
    );
}

#[test]
fn pipelined_and_short_connections_are_complete() {
    let (client, server) = serve("127.0.0.1:0", ServerConfig::default(), |config| {
        (config.requests, config.pipeline) = (64, 16);
        config.asks = vec![ask("size=100"), ask("tokens=2x50us")];
    });
    assert_eq!(points(&client, &server).len(), 64);
    let (client, server) = serve("127.0.0.1:0", ServerConfig::default(), |config| {
        (config.requests, config.short) = (100, true)
    });
    assert_eq!(points(&client, &server).len(), 100);
    assert!(client.iter().all(|line| line.nth == 0));
}

#[test]
fn open_loop_keeps_its_schedule() {
    let quiet = ServerConfig {
        kernel_stamps: false,
        ..ServerConfig::default()
    };
    let (client, server) = serve("127.0.0.1:0", quiet, |config| {
        (
            config.requests,
            config.connections,
            config.rate,
            config.kernel_stamps,
        ) = (1000, 2, Some(2000.0), false);
    });
    assert_eq!(server.len(), 1000);
    about(
        "late against the schedule",
        0,
        client
            .iter()
            .map(|line| line.writes[0].call_ns - line.due_ns)
            .collect(),
    );
}

#[test]
fn refuses_instructions_it_does_not_know() {
    let (client, _) = serve("127.0.0.1:0", ServerConfig::default(), |config| {
        config.asks = vec![ask("sing=1")]
    });
    assert_eq!(client[0].status, 400);
}

#[test]
fn io_uring_client_does_every_operation() {
    let program = compile("uring_client").unwrap();
    let pairs = [
        ("send", "recv"),
        ("write", "read"),
        ("writev", "readv"),
        ("sendmsg", "recvmsg"),
        ("send_zc", "recv_multi"),
    ];
    for mode in ["", "sqpoll", "async"] {
        for (send, receive) in pairs {
            let server =
                Server::bind("127.0.0.1:0".parse().unwrap(), ServerConfig::default()).unwrap();
            let port = server.addr().port();
            let text = run_line(
                "loopback",
                &format!(
                    "{} 127.0.0.1 {port} 10 {send} {receive} u {mode}",
                    program.display()
                ),
            )
            .unwrap();
            let client: Vec<ClientLine> = text
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            let server = server.stop();
            assert_eq!(
                (client.len(), server.len()),
                (10, 10),
                "{send} {receive} {mode}"
            );
            assert!(
                points(&client, &server).iter().all(|p| p.server_ns() >= MS),
                "{send} {receive}"
            );
        }
    }
}
