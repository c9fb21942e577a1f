//! Conversations to test with.

mod properties;
mod unseen;

use super::*;
use crate::decode::{Guess, MEMORY_BYTES_MAX, Role};
use Speaker::{Client, Server};

/// A conversation under test, fed in order.
struct Talk {
    parser: Box<dyn Conversation>,
    said: [u64; 2],
    last: Option<Speaker>,
    frames: Vec<Frame>,
}

impl Talk {
    fn new() -> Self {
        Talk {
            parser: (REDIS.open)(),
            said: [0; 2],
            last: None,
            frames: Vec::new(),
        }
    }

    fn ask(&mut self, data: &[u8]) -> &mut Self {
        self.part(Client, data, data.len())
    }

    fn answer(&mut self, data: &[u8]) -> &mut Self {
        self.part(Server, data, data.len())
    }

    /// Says `data` of which only the first `seen` bytes are copied.
    fn part(&mut self, from: Speaker, data: &[u8], seen: usize) -> &mut Self {
        let seen = seen.min(data.len());
        let tail = if seen < data.len() {
            &data[data.len().saturating_sub(8)..]
        } else {
            &[]
        };
        let offset = self.said[usize::from(from == Server)];
        let turn = self.last != Some(from);
        let piece = Piece {
            from,
            offset,
            len: data.len() as u64,
            data: &data[..seen],
            tail,
            turn,
        };
        self.parser.feed(&piece, &mut self.frames);
        assert!(self.parser.memory_bytes() <= MEMORY_BYTES_MAX);
        self.said[usize::from(from == Server)] += data.len() as u64;
        self.last = Some(from);
        self
    }

    /// Requests and outcomes in short: `> op`, `< status`, `! error`, `.` at a response's end.
    fn short(&self) -> String {
        let mut out = Vec::new();
        for frame in &self.frames {
            match frame {
                Frame::Request { facts, .. } => {
                    out.push(format!("> {}", facts.op.as_deref().unwrap()))
                }
                Frame::Response { facts, .. } | Frame::ResponseFacts(facts) => {
                    match (&facts.error, &facts.status) {
                        (Some(error), _) => out.push(format!("! {error}")),
                        (_, Some(status)) => out.push(format!("< {status}")),
                        _ => out.push("<".into()),
                    }
                }
                Frame::ResponseEnd { .. } => out.push(".".into()),
                Frame::NoResponse => out.push("none".into()),
                Frame::Tunnel => out.push("tunnel".into()),
                Frame::Lost { from, unseen } => out.push(format!("lost {from:?} {unseen}")),
                _ => {}
            }
        }
        out.join(" ")
    }
}

/// A command as clients send it.
fn cmd(words: &str) -> Vec<u8> {
    let words: Vec<&str> = words.split(' ').collect();
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
    }
    out
}

#[test]
fn replies_of_every_type() {
    let replies: &[&[u8]] = &[
        b"+OK\r\n",
        b":-12\r\n",
        b"$5\r\nhel\r\n\r\n",
        b"$-1\r\n",
        b"$0\r\n\r\n",
        b"*-1\r\n",
        b"*0\r\n",
        b"*2\r\n*2\r\n:1\r\n$1\r\na\r\n*1\r\n*0\r\n",
        b"_\r\n",
        b"#t\r\n",
        b",3.14\r\n",
        b"(3492890328409238509324850943850943825024385\r\n",
        b"=7\r\ntxt:abc\r\n",
        b"%2\r\n+a\r\n:1\r\n+b\r\n%1\r\n+c\r\n_\r\n",
        b"~2\r\n+a\r\n+b\r\n",
        b"|1\r\n+ttl\r\n:3\r\n*2\r\n:1\r\n|1\r\n+k\r\n+v\r\n:2\r\n",
        b"$?\r\n;4\r\nabcd\r\n;2\r\nef\r\n;0\r\n",
        b"*?\r\n:1\r\n*1\r\n:2\r\n.\r\n",
        b"%?\r\n+a\r\n:1\r\n.\r\n",
        b">2\r\n+invalidate\r\n*1\r\n$3\r\nkey\r\n+OK\r\n",
    ];
    for reply in replies {
        let mut talk = Talk::new();
        talk.ask(&cmd("GET k"))
            .answer(reply)
            .ask(&cmd("GET k"))
            .answer(reply);
        let name = String::from_utf8_lossy(reply);
        assert_eq!(talk.short(), "> GET < OK . > GET < OK .", "{name}");
        assert_eq!(
            talk.frames.last(),
            Some(&Frame::ResponseEnd {
                at: 2 * reply.len() as u64
            }),
            "{name}"
        );
    }
}

#[test]
fn errors() {
    for (reply, want) in [
        (
            &b"-WRONGTYPE Operation against a key\r\n"[..],
            "! WRONGTYPE .",
        ),
        (b"-MOVED 3999 127.0.0.1:6381\r\n", "! MOVED ."),
        (b"-ERR\r\n", "! ERR ."),
        (b"-secret is wrong\r\n", "! ERR ."),
        (b"-S3CRET is wrong\r\n", "! ERR ."),
        (b"!21\r\nSYNTAX invalid syntax\r\n", "< ! SYNTAX ."),
    ] {
        let mut talk = Talk::new();
        talk.ask(&cmd("GET k")).answer(reply);
        assert_eq!(talk.short(), format!("> GET {want}"));
    }
}

#[test]
fn names_and_roles() {
    for (words, op, role) in [
        ("get k", "GET", Role::Cache),
        ("client setinfo lib-name x", "CLIENT SETINFO", Role::Cache),
        ("config get x", "CONFIG GET", Role::Cache),
        ("config hunter2 x", "CONFIG", Role::Cache),
        ("xgroup create s g $", "XGROUP CREATE", Role::Queue),
        ("hunter2", "other", Role::Cache),
        ("hunter2 hunter2", "other", Role::Cache),
        ("VSIM k VALUES 2 1 0", "VSIM", Role::VectorSearch),
        (
            "FT.SEARCH idx *=>[KNN_5_@v_$q] DIALECT 2",
            "FT.SEARCH",
            Role::VectorSearch,
        ),
        ("FT.SEARCH idx words", "FT.SEARCH", Role::Database),
        ("JSON.GET k", "JSON.GET", Role::Cache),
        ("AUTH hunter2", "AUTH", Role::Cache),
        ("HELLO 3 AUTH bob hunter2", "HELLO", Role::Cache),
    ] {
        let mut talk = Talk::new();
        talk.ask(&cmd(words));
        let Frame::Request { facts, at: 0 } = &talk.frames[0] else {
            panic!("{:?}", talk.frames)
        };
        assert_eq!(
            (facts.op.as_deref(), facts.role),
            (Some(op), Some(role)),
            "{words}"
        );
        assert_eq!(
            talk.frames[1],
            Frame::RequestEnd {
                at: cmd(words).len() as u64
            }
        );
        assert!(!format!("{:?}", talk.frames).contains("hunter2"));
    }
}

#[test]
fn inline_commands() {
    let mut talk = Talk::new();
    talk.ask(b"PING\r\n")
        .answer(b"+PONG\r\n")
        .ask(b"\r\nget  secret\n")
        .answer(b"$-1\r\n");
    assert_eq!(talk.short(), "> PING < OK . > GET < OK .");
    talk.frames.clear();
    talk.ask(b"hunter2 x\r\n")
        .answer(b"-ERR unknown command\r\n")
        .ask(&cmd("PING"))
        .answer(b"+PONG\r\n");
    assert_eq!(talk.short(), "lost Client false > PING < OK .");
}

#[test]
fn pipelines_and_transactions() {
    let mut talk = Talk::new();
    talk.ask(&["MULTI", "INCR n", "EXEC", "GET k"].map(cmd).concat());
    talk.answer(b"+OK\r\n+QUEUED\r\n*1\r\n:1\r\n$-1\r\n");
    assert_eq!(
        talk.short(),
        "> MULTI > INCR > EXEC > GET < OK . < OK . < OK . < OK ."
    );
    assert_eq!(
        talk.parser.want().server,
        Report::Turns { head_bytes: 4096 }
    );
}

#[test]
fn publish_and_subscribe() {
    for (push, hello) in [("*", ""), (">", "HELLO 3")] {
        let mut talk = Talk::new();
        if !hello.is_empty() {
            talk.ask(&cmd(hello)).answer(b"%0\r\n");
        }
        talk.frames.clear();
        let said = |kind: &str, rest: &str| {
            format!("{push}3\r\n${}\r\n{kind}\r\n$1\r\nc\r\n{rest}", kind.len())
        };
        talk.ask(&cmd("SUBSCRIBE a b"));
        talk.answer(said("subscribe", ":1\r\n").as_bytes())
            .answer(said("message", "$1\r\nx\r\n").as_bytes());
        talk.answer(said("subscribe", ":2\r\n").as_bytes())
            .answer(said("message", "$1\r\nx\r\n").as_bytes());
        talk.ask(&cmd("PING"));
        let pong: &[u8] = if hello.is_empty() {
            b"*2\r\n$4\r\npong\r\n$0\r\n\r\n"
        } else {
            b"+PONG\r\n"
        };
        talk.answer(said("message", "$1\r\nx\r\n").as_bytes())
            .answer(pong);
        talk.ask(&cmd("UNSUBSCRIBE"));
        talk.answer(said("unsubscribe", ":1\r\n").as_bytes())
            .answer(said("unsubscribe", ":0\r\n").as_bytes());
        talk.ask(&cmd("GET k")).answer(b"$-1\r\n");
        assert_eq!(
            talk.short(),
            "> SUBSCRIBE < OK . > PING < OK . > UNSUBSCRIBE < OK . > GET < OK ."
        );
    }
}

#[test]
fn monitor_is_a_tunnel() {
    let mut talk = Talk::new();
    talk.ask(&cmd("MONITOR"))
        .answer(b"+OK\r\n+1.2 [0 127.0.0.1] \"GET\" \"k\"\r\n");
    assert_eq!(talk.short(), "> MONITOR < OK . tunnel");
}

#[test]
fn replies_switched_off() {
    let mut talk = Talk::new();
    talk.ask(
        &["GET a", "CLIENT REPLY SKIP", "GET b", "GET c"]
            .map(cmd)
            .concat(),
    );
    talk.answer(b"$-1\r\n:1\r\n");
    talk.ask(
        &["CLIENT REPLY OFF", "GET a", "CLIENT REPLY ON", "GET b"]
            .map(cmd)
            .concat(),
    );
    talk.answer(b"+OK\r\n$-1\r\n");
    assert_eq!(
        talk.short(),
        "> GET > CLIENT REPLY > GET > GET < OK . none none < OK . \
         > CLIENT REPLY none > GET none > CLIENT REPLY > GET < OK . < OK ."
    );
}
