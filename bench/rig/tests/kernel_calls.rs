//! Every family of system calls, io_uring included.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use forebay_rig::client::Ask;
use forebay_rig::server::{Server, ServerConfig};
use forebay_rig::sock::{READ_FAMILIES, WRITE_FAMILIES};
use forebay_rig::tools::{compile, run_line};
use scene::{LOOPBACK, MS, Traffic, ask, hold, loopback, strict};
use std::thread::sleep;
use std::time::Duration;

#[test]
fn plain_calls() {
    for (n, (read_name, read_with)) in READ_FAMILIES.into_iter().enumerate() {
        let (write_name, write_with) = WRITE_FAMILIES[n % WRITE_FAMILIES.len()];
        println!("{write_name} and {read_name}");
        let server = ServerConfig {
            read_with,
            write_with,
            ..ServerConfig::default()
        };
        let report = hold(&strict(), || {
            if read_name == "splice" {
                first_splice(&server);
            }
            loopback(LOOPBACK, server, |config| {
                (config.requests, config.read_with, config.write_with) =
                    (100, read_with, write_with);
                config.prefix = format!("{write_name}-{read_name}-");
                config.asks = vec![
                    ask("think=1ms,size=100"),
                    ask("read_late=2ms,size=100"),
                    Ask {
                        read_late_ns: 2 * MS,
                        body_bytes: 3000,
                        ..ask("size=20000")
                    },
                ];
            })
        });
        assert_eq!(report.matched, 100);
    }
}

/// Reads without a copy are seen from the first one on that was found: its own request is not judged.
fn first_splice(server: &ServerConfig) {
    loopback(LOOPBACK, *server, |config| {
        config.requests = 2;
        config.read_with = server.read_with;
        config.prefix = "first-".to_owned();
        config.asks = vec![ask("think=1ms,size=100")];
    });
    sleep(Duration::from_millis(200));
}

#[test]
fn io_uring() {
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
            println!("io_uring {send} and {receive} {mode}");
            let report = hold(&strict(), || {
                let server = Server::bind((LOOPBACK, 0).into(), ServerConfig::default()).unwrap();
                let port = server.addr().port();
                let line = format!(
                    "{} 127.0.0.1 {port} 100 {send} {receive} {send}-{receive}-{mode} {mode}",
                    program.display()
                );
                let text = run_line("loopback", &line).unwrap();
                let client = text
                    .lines()
                    .map(|line| serde_json::from_str(line).unwrap())
                    .collect();
                Traffic {
                    client,
                    server: server.stop(),
                }
            });
            assert_eq!(report.matched, 100);
        }
    }
}
