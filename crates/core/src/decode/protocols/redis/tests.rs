use super::*;
use crate::decode::{Guess, MEMORY_BYTES_MAX, Role};
use Speaker::{Client, Server};
use proptest::prelude::*;

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

#[test]
fn large_values_are_skipped_by_their_length() {
    let value = "v".repeat(100_000);
    let set = cmd(&format!("SET k {value}"));
    let get = format!("$100000\r\n{value}\r\n").into_bytes();
    let mut talk = Talk::new();
    for _ in 0..2 {
        talk.part(Client, &set[..50_000], 40)
            .part(Client, &set[50_000..], 0)
            .answer(b"+OK\r\n");
        talk.ask(&cmd("GET k"))
            .part(Server, &get[..500], 16)
            .part(Server, &get[500..], 0);
    }
    assert_eq!(
        talk.short(),
        "> SET < OK . > GET < OK . > SET < OK . > GET < OK ."
    );
    assert_eq!(
        talk.frames.last(),
        Some(&Frame::ResponseEnd { at: talk.said[1] })
    );
}

#[test]
fn ends_in_unseen_bytes() {
    let set = cmd(&format!("SET k {} EX 60", "v".repeat(1000)));
    let list: Vec<u8> = [b"*100\r\n".to_vec(), b"$3\r\nabc\r\n".repeat(100)].concat();
    let mut talk = Talk::new();
    talk.part(Client, &set, 100)
        .answer(b"+OK\r\n")
        .ask(&cmd("LRANGE l 0 -1"));
    talk.part(Server, &list[..600], 30)
        .part(Server, &list[600..], 0);
    let end = talk.said[1];
    talk.ask(&cmd("GET k")).answer(b"$-1\r\n");
    assert_eq!(talk.short(), "> SET < OK . > LRANGE < OK . > GET < OK .");
    assert!(talk.frames.contains(&Frame::ResponseEnd { at: end }));
    talk.ask(&cmd("LRANGE l 0 -1")).part(Server, &list, 30);
    talk.parser.end(Server, &mut talk.frames);
    assert_eq!(
        talk.frames.last(),
        Some(&Frame::ResponseEnd { at: talk.said[1] })
    );
}

#[test]
fn losses() {
    // Commands that began in unseen bytes.
    let mut talk = Talk::new();
    talk.part(Client, &["GET a", "GET b"].map(cmd).concat(), 20)
        .answer(b"$-1\r\n$-1\r\n");
    talk.ask(&cmd("PING")).answer(b"+PONG\r\n");
    assert_eq!(talk.short(), "> GET lost Client true > PING < OK .");
    assert_eq!(
        talk.parser.want().client,
        Report::Turns { head_bytes: 2048 }
    );
    // Commands behind the unseen rest of another.
    let mut talk = Talk::new();
    let set = cmd(&format!("SET k {} EX 60", "v".repeat(1000)));
    talk.part(Client, &[set, cmd("GET a")].concat(), 100)
        .answer(b"+OK\r\n$-1\r\n");
    talk.ask(&cmd("PING")).answer(b"+PONG\r\n");
    assert_eq!(talk.short(), "> SET < OK . lost Client true > PING < OK .");
    // Replies of a pipeline that can't be told apart.
    let mut talk = Talk::new();
    talk.ask(&["LRANGE l 0 -1", "GET b"].map(cmd).concat());
    talk.part(
        Server,
        &[b"*9\r\n".to_vec(), b":1\r\n".repeat(9), b"$-1\r\n".to_vec()].concat(),
        8,
    );
    talk.ask(&cmd("PING")).answer(b"+PONG\r\n");
    assert_eq!(
        talk.short(),
        "> LRANGE > GET < OK lost Server true > PING < OK ."
    );
    // Garbage.
    for garbage in [
        &b"\0\xff\r\n"[..],
        b"*x\r\n",
        b"*1\r\n+PING\r\n",
        b"*1\r\n$-1\r\n",
    ] {
        let mut talk = Talk::new();
        talk.ask(garbage)
            .answer(b"-ERR\r\n")
            .ask(&cmd("PING"))
            .answer(b"+PONG\r\n");
        assert_eq!(talk.short(), "lost Client false > PING < OK .");
        let mut talk = Talk::new();
        talk.ask(&cmd("PING"))
            .answer(b"\x80\r\n")
            .ask(&cmd("PING"))
            .answer(b"+PONG\r\n");
        assert_eq!(talk.short(), "> PING lost Server false > PING < OK .");
    }
}

#[test]
fn joined_in_the_middle() {
    let mut talk = Talk::new();
    talk.said = [100, 200];
    talk.answer(b"half\r\n")
        .ask(&cmd("GET k"))
        .answer(b"$-1\r\n");
    assert_eq!(talk.short(), "> GET < OK .");
}

#[test]
fn sniffs() {
    use Guess::{Mine, More, NotMine};
    let table: [(&[u8], Option<Speaker>, Guess); 17] = [
        (b"*1\r\n$4\r\nPING\r\n", None, Mine(Client)),
        (b"*3\r\n$3\r\nset\r\n$1\r\na\r\n", None, Mine(Client)),
        (b"*3\r\n$3\r\nse", None, More),
        (b"*1", None, More),
        (b"", None, More),
        (b"*1\r\n$6\r\nhunter\r\n", Some(Client), NotMine),
        (b"PING\r\n", None, NotMine),
        (b"PING\r\n", Some(Client), Mine(Client)),
        (b"hello 3\r\n", Some(Client), Mine(Client)),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", None, NotMine),
        (b"+OK\r\n", None, Mine(Server)),
        (b"$5\r\nhello\r\n", None, Mine(Server)),
        (b"$5\r\nhel", None, More),
        (b"-ERR no\r\n", Some(Server), Mine(Server)),
        (b"+OK\r\n", Some(Client), NotMine),
        (b"\x16\x03\x01\x02\0", None, NotMine),
        (b"HTTP/1.1 200 OK\r\n\r\n", None, NotMine),
    ];
    for (data, hint, want) in table {
        assert_eq!(
            (REDIS.sniff)(data, hint),
            want,
            "{:?} {hint:?}",
            String::from_utf8_lossy(data)
        );
    }
}

#[test]
fn secrets_stay() {
    let mut talk = Talk::new();
    for words in [
        "AUTH hunter2",
        "AUTH bob hunter2",
        "HELLO 3 AUTH bob hunter2 SETNAME hunter2",
        "SET hunter2 hunter2",
        "hunter2 hunter2",
        "CONFIG SET requirepass hunter2",
        "CONFIG hunter2 hunter2",
        "CLIENT hunter2",
        "ACL SETUSER hunter2 >hunter2",
        "EVAL hunter2 0",
        "FT.SEARCH hunter2 hunter2",
        "FT.hunter2 x",
        "hunter2.get x",
    ] {
        let whole = cmd(words);
        for seen in 1..=whole.len() {
            talk.part(Client, &whole, seen)
                .answer(b"-hunter2 hunter2\r\n");
        }
        talk.ask(words.as_bytes())
            .ask(b"\r\n")
            .answer(b"+hunter2\r\n")
            .ask(&whole)
            .answer(b"!7\r\nhunter2\r\n");
    }
    let shown = format!("{:?}", talk.frames).to_lowercase();
    assert!(
        shown.contains("config set") && !shown.contains("hunter"),
        "{shown}"
    );
}

fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let sample = |all: &[&'static str]| {
        prop::sample::select(all.to_vec()).prop_map(|s| s.as_bytes().to_vec())
    };
    prop_oneof![
        sample(&[
            "*2\r\n$3\r\nGET\r\n$1\r\na\r\n",
            "PING\r\n",
            "*1\r\n$7\r\nMONITOR\r\n",
            "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n"
        ]),
        sample(&[
            "+OK\r\n",
            "*2\r\n:1\r\n",
            ">1\r\n",
            "|1\r\n",
            "*?\r\n",
            ".\r\n",
            "$?\r\n;1\r\n",
            "%1\r\n",
            "$9999999\r\n",
            "*4294967295\r\n"
        ]),
        prop::collection::vec(any::<u8>(), 1..30),
        "[*$+:>|%~.;0-9\r\n-]{1,20}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn never_panics(said in prop::collection::vec((any::<bool>(), any_message(), 0usize..40), 0..40)) {
        let mut talk = Talk::new();
        for (client, data, seen) in said {
            talk.part(if client { Client } else { Server }, &data, seen);
        }
    }

    #[test]
    fn cuts_change_nothing(rounds in prop::collection::vec(0usize..7, 1..12), cut in 1usize..12) {
        let mut whole = Talk::new();
        let mut parts = Talk::new();
        for round in rounds {
            let (ask, answer): (Vec<u8>, &[u8]) = match round {
                0 => (cmd("GET k"), b"$5\r\nhello\r\n"),
                1 => (cmd("CONFIG GET maxmemory"), b"%1\r\n+a\r\n*2\r\n:1\r\n_\r\n"),
                2 => (cmd("FT.SEARCH i *=>[KNN_5_@v_$q]"), b"!5\r\nERR x\r\n"),
                3 => (["MULTI", "EXEC"].map(cmd).concat(), b"+OK\r\n|1\r\n+a\r\n+b\r\n*0\r\n"),
                4 => (b"  ping\r\n".to_vec()[2..].to_vec(), b">2\r\n$1\r\nx\r\n:1\r\n+PONG\r\n"),
                5 => (cmd("CLIENT REPLY SKIP"), b""),
                _ => (cmd(&format!("SET k {}", "v".repeat(300))), b"-MOVED 1 a:1\r\n"),
            };
            let answer = if round == 5 { &b""[..] } else { answer };
            let ask = if round == 5 { [ask, cmd("GET a")].concat() } else { ask };
            for (from, data) in [(Client, &ask[..]), (Server, answer)] {
                if data.is_empty() { continue; }
                whole.part(from, data, data.len());
                for part in data.chunks(cut) {
                    parts.part(from, part, part.len());
                }
            }
        }
        prop_assert_eq!(&whole.frames, &parts.frames);
        prop_assert!(!whole.short().contains("lost"));
    }

    #[test]
    fn unseen_bytes_never_mispair(asked in 16usize..80, seen in 0usize..200, values in 0usize..30) {
        let mut talk = Talk::new();
        let reply = [format!("*{values}\r\n").into_bytes(), b"$3\r\nabc\r\n".repeat(values)].concat();
        for _ in 0..3 {
            talk.part(Client, &cmd("LRANGE l 0 -1"), asked).part(Server, &reply, seen);
        }
        talk.ask(&cmd("PING"));
        prop_assert_eq!(talk.short().matches("> LRANGE").count(), 3);
        prop_assert_eq!(talk.short().matches('.').count(), 3);
    }
}
