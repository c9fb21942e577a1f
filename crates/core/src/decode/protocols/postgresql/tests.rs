use super::*;
use crate::decode::{Guess, MEMORY_BYTES_MAX};
use Speaker::{Client, Server};
use proptest::prelude::*;

/// A conversation under test, fed in order.
pub(super) struct Talk {
    parser: Box<dyn Conversation>,
    said: [u64; 2],
    last: Option<Speaker>,
    pub frames: Vec<Frame>,
}

impl Talk {
    fn new() -> Self {
        Talk {
            parser: (POSTGRESQL.open)(),
            said: [0; 2],
            last: None,
            frames: Vec::new(),
        }
    }

    /// After the start of a session, offsets (9, 15).
    fn started() -> Self {
        let mut talk = Talk::new();
        talk.say(Client, &startup());
        talk.say(Server, &[msg(b'R', &[0; 4]), msg(b'Z', b"I")].concat());
        talk.frames.clear();
        talk
    }

    fn say(&mut self, from: Speaker, data: &[u8]) -> &mut Self {
        self.part(from, data, data.len())
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

    /// Requests and outcomes in short: `> op`, `< status`, `! error`.
    fn short(&self) -> Vec<String> {
        let mut out = Vec::new();
        for frame in &self.frames {
            match frame {
                Frame::Request { facts, .. } => {
                    out.push(format!("> {}", facts.op.as_deref().unwrap()))
                }
                Frame::RequestFacts(facts) => {
                    out.push(format!("= {}", facts.op.as_deref().unwrap()))
                }
                Frame::ResponseFacts(Facts {
                    error: Some(error), ..
                }) => out.push(format!("! {error}")),
                Frame::ResponseFacts(facts) => {
                    out.push(format!("< {}", facts.status.as_deref().unwrap()))
                }
                Frame::NoResponse => out.push("none".into()),
                Frame::Tunnel => out.push("tunnel".into()),
                Frame::Lost { from, unseen } => out.push(format!("lost {from:?} {unseen}")),
                _ => {}
            }
        }
        out
    }
}

fn msg(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend((body.len() as u32 + 4).to_be_bytes());
    out.extend(body);
    out
}

fn packet(code: u32, body: &[u8]) -> Vec<u8> {
    let mut out = (body.len() as u32 + 8).to_be_bytes().to_vec();
    out.extend(code.to_be_bytes());
    out.extend(body);
    out
}

fn startup() -> Vec<u8> {
    packet(196_608, b"user\0bob\0\0")
}

fn query(sql: &str) -> Vec<u8> {
    msg(b'Q', format!("{sql}\0").as_bytes())
}

fn parse(name: &str, sql: &str) -> Vec<u8> {
    msg(b'P', format!("{name}\0{sql}\0\0\0").as_bytes())
}

fn bind(portal: &str, statement: &str, value: &[u8]) -> Vec<u8> {
    let mut body = format!("{portal}\0{statement}\0\0\0\0\x01").into_bytes();
    body.extend((value.len() as u32).to_be_bytes());
    body.extend(value);
    body.extend([0, 0]);
    msg(b'B', &body)
}

fn execute(portal: &str) -> Vec<u8> {
    msg(b'E', format!("{portal}\0\0\0\0\0").as_bytes())
}

fn sync() -> Vec<u8> {
    msg(b'S', b"")
}

fn flush() -> Vec<u8> {
    msg(b'H', b"")
}

fn ready() -> Vec<u8> {
    msg(b'Z', b"I")
}

fn complete(tag: &str) -> Vec<u8> {
    msg(b'C', format!("{tag}\0").as_bytes())
}

fn error(code: &str) -> Vec<u8> {
    msg(
        b'E',
        format!("SERROR\0VERROR\0C{code}\0Msecret\0\0").as_bytes(),
    )
}

fn row(bytes: usize) -> Vec<u8> {
    let mut body = vec![0, 1];
    body.extend((bytes as u32).to_be_bytes());
    body.extend(vec![b'x'; bytes]);
    msg(b'D', &body)
}

#[test]
fn encryption_refused_then_a_session() {
    let mut talk = Talk::new();
    talk.say(Client, &packet(80_877_103, b""))
        .say(Server, b"N")
        .say(Client, &startup());
    talk.say(Server, &msg(b'R', &[0, 0, 0, 3]))
        .say(Client, &msg(b'p', b"secret\0"));
    talk.say(
        Server,
        &[
            msg(b'R', &[0; 4]),
            msg(b'S', b"a\0b\0"),
            msg(b'K', &[0; 8]),
            ready(),
        ]
        .concat(),
    );
    assert_eq!(talk.short(), ["> SSL REQUEST", "< N", "> STARTUP", "< OK"]);
}

#[test]
fn encryption_is_a_tunnel() {
    for (code, answer) in [(80_877_103, b"S"), (80_877_104, b"G")] {
        let mut talk = Talk::new();
        talk.say(Client, &packet(code, b""))
            .say(Server, answer)
            .say(Client, b"\x16\x03\x01");
        let status = std::str::from_utf8(answer).unwrap();
        assert_eq!(
            talk.short(),
            ["> SSL REQUEST", &format!("< {status}"), "tunnel"]
        );
        assert_eq!(talk.parser.want().client, Report::Quiet);
    }
}

#[test]
fn cancel_and_refused_session() {
    let mut talk = Talk::new();
    talk.say(Client, &packet(80_877_102, &[1; 8]));
    assert_eq!(talk.short(), ["> CANCEL", "none"]);
    let mut talk = Talk::new();
    talk.say(Client, &startup()).say(Server, &error("28P01"));
    talk.parser.end(Server, &mut talk.frames);
    assert_eq!(talk.short(), ["> STARTUP", "! 28P01"]);
}

#[test]
fn simple_queries() {
    let mut talk = Talk::started();
    let notice = msg(b'N', b"SNOTICE\0C00000\0\0");
    talk.say(Client, &query("select 'secret'"));
    talk.say(
        Server,
        &[
            notice,
            msg(b'T', &[0, 0]),
            row(3),
            complete("SELECT 1"),
            ready(),
        ]
        .concat(),
    );
    talk.say(Client, &query("insert into t values (1); selec"));
    talk.say(
        Server,
        &[complete("INSERT 0 1"), error("42601"), ready()].concat(),
    );
    talk.say(Client, &query(""))
        .say(Server, &[msg(b'I', b""), ready()].concat());
    talk.say(Server, &msg(b'A', b"1234channel\0secret\0"));
    talk.say(Client, &msg(b'F', &[0; 12]))
        .say(Server, &[msg(b'V', &[0; 4]), ready()].concat());
    talk.say(Client, &msg(b'X', b""));
    assert_eq!(
        talk.short(),
        [
            "> SELECT ?",
            "< SELECT",
            "> INSERT INTO t VALUES (?); selec",
            "! 42601",
            "> ",
            "< OK",
            "> FUNCTION CALL",
            "< OK",
            "> TERMINATE",
            "none"
        ]
    );
    let first: Vec<_> = talk.frames[..5].to_vec();
    let (c, s) = (18, 15);
    assert!(
        matches!(first[0], Frame::Request { at, .. } if at == c),
        "{first:?}"
    );
    assert_eq!(first[1], Frame::RequestEnd { at: c + 21 });
    assert!(
        matches!(first[2], Frame::Response { at, .. } if at == s + 21),
        "{first:?}"
    );
}

#[test]
fn prepared_statements_and_portals() {
    let mut talk = Talk::started();
    let describe = msg(b'D', b"Ss1\0");
    talk.say(
        Client,
        &[
            parse("s1", "select e <=> $1 from t"),
            describe.clone(),
            flush(),
        ]
        .concat(),
    );
    talk.say(
        Server,
        &[msg(b'1', b""), msg(b't', &[0, 0]), msg(b'T', &[0, 0])].concat(),
    );
    talk.say(
        Client,
        &[bind("", "s1", b"secret"), execute(""), sync()].concat(),
    );
    talk.say(
        Server,
        &[msg(b'2', b""), row(4), complete("SELECT 1"), ready()].concat(),
    );
    talk.say(
        Client,
        &[bind("p", "s1", b"1"), execute("p"), sync()].concat(),
    );
    talk.say(
        Server,
        &[msg(b'2', b""), row(1), msg(b's', b""), ready()].concat(),
    );
    talk.say(Client, &[execute("p"), sync()].concat());
    talk.say(Server, &[row(1), complete("SELECT 1"), ready()].concat());
    talk.say(Client, &[msg(b'C', b"Ss1\0"), sync()].concat());
    talk.say(Server, &[msg(b'3', b""), ready()].concat());
    talk.say(
        Client,
        &[bind("", "s1", b"1"), execute(""), sync()].concat(),
    );
    talk.say(Server, &[error("26000"), ready()].concat());
    let shape = "SELECT e <=> $1 FROM t";
    assert_eq!(
        talk.short(),
        [
            &format!("> {shape}"),
            &format!("= PREPARE {shape}"),
            "< OK",
            &format!("> {shape}"),
            "< SELECT",
            &format!("> {shape}"),
            "< OK",
            &format!("> {shape}"),
            "< SELECT",
            "> CLOSE",
            "< OK",
            "> EXECUTE (unknown statement)",
            "! 26000"
        ]
    );
    let roles: Vec<_> = talk
        .frames
        .iter()
        .filter_map(|f| match f {
            Frame::Request { facts, .. } | Frame::RequestFacts(facts) => facts.role,
            _ => None,
        })
        .collect();
    assert_eq!(
        roles[..3],
        [Role::VectorSearch, Role::Database, Role::VectorSearch]
    );
}

#[test]
fn several_groups_in_flight() {
    let mut talk = Talk::started();
    let group = |sql: &str| [parse("", sql), bind("", "", b"1"), execute(""), sync()].concat();
    let many = [
        bind("", "", b"1"),
        execute(""),
        bind("", "", b"2"),
        execute(""),
        sync(),
    ]
    .concat();
    talk.say(
        Client,
        &[group("select 1"), group("delete from t"), many].concat(),
    );
    let two = [msg(b'2', b""), complete("DELETE 1")].concat();
    talk.say(Server, &[msg(b'1', b""), error("22012"), ready()].concat());
    talk.say(
        Server,
        &[
            msg(b'1', b""),
            two.clone(),
            ready(),
            two.clone(),
            two,
            ready(),
        ]
        .concat(),
    );
    assert_eq!(
        talk.short(),
        [
            "> SELECT ?",
            "> DELETE FROM t",
            "> DELETE FROM t",
            "! 22012",
            "< DELETE",
            "< DELETE"
        ]
    );
    assert_eq!(
        talk.parser.want().client,
        Report::Turns { head_bytes: 4096 }
    );
}

#[test]
fn an_error_skips_to_the_sync() {
    let mut talk = Talk::started();
    let prepare = [parse("a", "select x"), msg(b'D', b"Sa\0"), flush()].concat();
    let run = [bind("", "a", b"1"), execute(""), flush()].concat();
    talk.say(Client, &[prepare, run.clone()].concat())
        .say(Server, &error("42703"));
    talk.say(Client, &run)
        .say(Client, &[bind("", "a", b"1"), sync()].concat());
    talk.say(Server, &ready()).say(Client, &query("select 1"));
    talk.say(Server, &[complete("SELECT 1"), ready()].concat());
    assert_eq!(
        talk.short(),
        [
            "> SELECT x",
            "= PREPARE SELECT x",
            "> SELECT x",
            "! 42703",
            "none",
            "> SELECT x",
            "none",
            "> SELECT x",
            "! SKIPPED",
            "> SELECT ?",
            "< SELECT"
        ]
    );
}

#[test]
fn copies() {
    let mut talk = Talk::started();
    let data = [
        msg(b'd', b"secret\n"),
        msg(b'd', b"secret\n"),
        msg(b'c', b""),
    ]
    .concat();
    talk.say(Client, &query("copy t from stdin"))
        .say(Server, &msg(b'G', &[0, 0, 0]));
    let (asked, end) = (talk.said[0], talk.said[0] + data.len() as u64);
    talk.say(Client, &data)
        .say(Server, &[complete("COPY 2"), ready()].concat());
    assert!(asked < end && talk.frames.contains(&Frame::RequestEnd { at: end }));
    // libpq: extended, a second Sync after the data.
    talk.say(
        Client,
        &[
            parse("", "copy t from stdin"),
            bind("", "", b""),
            execute(""),
            sync(),
        ]
        .concat(),
    );
    talk.say(
        Server,
        &[msg(b'1', b""), msg(b'2', b""), msg(b'G', &[0, 0, 0])].concat(),
    );
    talk.say(Client, &[data, sync()].concat())
        .say(Server, &[complete("COPY 2"), ready()].concat());
    talk.say(Client, &query("copy t to stdout"));
    talk.say(
        Server,
        &[
            msg(b'H', &[0, 0, 0]),
            msg(b'd', b"secret\n"),
            msg(b'c', b""),
            complete("COPY 1"),
            ready(),
        ]
        .concat(),
    );
    talk.say(Client, &query("START_REPLICATION SLOT s LOGICAL 0/0"))
        .say(Server, &msg(b'W', &[0, 0, 0]));
    talk.say(Server, &msg(b'd', b"wal"));
    let short = talk.short();
    assert_eq!(
        short[..6],
        [
            "> COPY t FROM STDIN",
            "< COPY",
            "> COPY t FROM STDIN",
            "< COPY",
            "> COPY t TO STDOUT",
            "< COPY"
        ]
    );
    assert_eq!(short[7..], ["< OK", "tunnel"]);
}

#[test]
fn a_response_ends_in_unseen_bytes() {
    let mut talk = Talk::started();
    let rows: Vec<u8> = (0..50).flat_map(|_| row(40)).collect();
    for (last, want) in [(complete("SELECT 50"), "< OK"), (error("57014"), "! ERROR")] {
        talk.frames.clear();
        talk.say(Client, &query("select a from t"));
        talk.part(Server, &rows, 256)
            .part(Server, &[&rows[..], &last, &ready()].concat(), 0);
        let end = talk.said[1];
        assert_eq!(talk.frames.last(), Some(&Frame::ResponseEnd { at: end }));
        assert_eq!(talk.short(), ["> SELECT a FROM t", want]);
    }
    // The next one is read again.
    talk.say(Client, &query("select 1"))
        .say(Server, &[complete("SELECT 1"), ready()].concat());
    assert_eq!(talk.short()[2..], ["> SELECT ?", "< SELECT"]);
}

#[test]
fn a_request_ends_in_unseen_bytes() {
    let mut talk = Talk::started();
    let vector = vec![b'1'; 20_000];
    let group = [
        parse("", "select e <-> $1 from t"),
        bind("", "", &vector),
        msg(b'D', b"P\0"),
        execute(""),
        sync(),
    ]
    .concat();
    talk.part(Client, &group[..9000], 1024)
        .part(Client, &group[9000..], 0);
    let end = talk.said[0];
    assert_eq!(talk.frames.last(), Some(&Frame::RequestEnd { at: end }));
    talk.say(
        Server,
        &[
            msg(b'1', b""),
            msg(b'2', b""),
            complete("SELECT 0"),
            ready(),
        ]
        .concat(),
    );
    talk.say(Client, &query("select 1"))
        .say(Server, &[complete("SELECT 1"), ready()].concat());
    assert_eq!(
        talk.short(),
        [
            "> SELECT e <-> $1 FROM t",
            "< SELECT",
            "> SELECT ?",
            "< SELECT"
        ]
    );
}

#[test]
fn requests_in_unseen_bytes_are_a_loss() {
    let mut talk = Talk::started();
    let two = [query("select 1"), query("select 2")].concat();
    let before = talk.parser.want().client;
    talk.part(Client, &two, 14).say(
        Server,
        &[complete("SELECT 1"), ready(), complete("SELECT 1"), ready()].concat(),
    );
    talk.say(Client, &query("select 3"))
        .say(Server, &[complete("SELECT 1"), ready()].concat());
    assert_eq!(
        talk.short(),
        ["> SELECT ?", "lost Client true", "> SELECT ?", "< SELECT"]
    );
    assert_ne!(talk.parser.want().client, before);
}

#[test]
fn several_responses_in_unseen_bytes_are_a_loss() {
    let mut talk = Talk::started();
    talk.say(Client, &[query("select 1"), query("select 2")].concat());
    let answer = [row(500), complete("SELECT 1"), ready()].concat();
    talk.part(Server, &[answer.clone(), answer].concat(), 100);
    talk.say(Client, &query("select 3"))
        .say(Server, &[complete("SELECT 1"), ready()].concat());
    assert_eq!(
        talk.short(),
        [
            "> SELECT ?",
            "> SELECT ?",
            "lost Server true",
            "> SELECT ?",
            "< SELECT"
        ]
    );
}

#[test]
fn joined_in_the_middle() {
    let mut talk = Talk::new();
    talk.said = [1000, 2000];
    talk.say(Server, &[row(3), complete("SELECT 1"), ready()].concat());
    talk.say(
        Client,
        &[bind("", "s9", b"1"), execute(""), sync()].concat(),
    );
    talk.say(
        Server,
        &[msg(b'2', b""), complete("UPDATE 1"), ready()].concat(),
    );
    assert_eq!(talk.short(), ["> EXECUTE (unknown statement)", "< UPDATE"]);
    for garbage in [
        &b"\0\0\0\0\0\0"[..],
        b"Q\0\0\0\x01",
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        talk.frames.clear();
        talk.say(Client, garbage).say(Server, &ready());
        talk.say(Client, &query("select 1"))
            .say(Server, &[complete("SELECT 1"), ready()].concat());
        assert_eq!(
            talk.short(),
            ["lost Client false", "> SELECT ?", "< SELECT"]
        );
    }
}

#[test]
fn sniffs() {
    use Guess::{Mine, More, NotMine};
    let row = [msg(b'T', &[0, 0]), complete("SELECT 1")].concat();
    let table: Vec<(Vec<u8>, Guess)> = vec![
        (startup(), Mine(Client)),
        (packet(196_610, b"user\0b\0\0"), Mine(Client)),
        (packet(80_877_103, b""), Mine(Client)),
        (query("select 1"), Mine(Client)),
        (parse("", "select 1"), Mine(Client)),
        (sync(), Mine(Client)),
        (ready(), Mine(Server)),
        (msg(b'R', &[0, 0, 0, 10]), Mine(Server)),
        (error("42601"), Mine(Server)),
        (row, Mine(Server)),
        (vec![], More),
        (vec![0, 0, 0], More),
        (b"Q\0\0".to_vec(), More),
        (b"N".to_vec(), More),
        (b"GET / HTTP/1.1\r\n".to_vec(), NotMine),
        (b"POST / HTTP/1.1\r\n".to_vec(), NotMine),
        (b"DELETE /a HTTP/1.1\r\n".to_vec(), NotMine),
        (b"HTTP/1.1 200 OK\r\n".to_vec(), NotMine),
        (b"*1\r\n$4\r\nPING\r\n".to_vec(), NotMine),
        (b"SSH-2.0-OpenSSH_9\r\n".to_vec(), NotMine),
        (b"EHLO example.org\r\n".to_vec(), NotMine),
        (
            b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec(),
            NotMine,
        ),
        (b"\0\0\x12\x04\0\0\0\0\0".to_vec(), NotMine),
    ];
    for (data, want) in table {
        assert_eq!(
            (POSTGRESQL.sniff)(&data, None),
            want,
            "{:?}",
            String::from_utf8_lossy(&data)
        );
    }
    assert_eq!((POSTGRESQL.sniff)(&ready(), Some(Client)), NotMine);
    assert_eq!(
        (POSTGRESQL.sniff)(&query("select 1"), Some(Server)),
        NotMine
    );
}

#[test]
fn secrets_stay() {
    let mut talk = Talk::started();
    let sql = "select 'hunter2', $$hunter2$$, E'hunter2' -- hunter2";
    talk.say(Client, &msg(b'p', b"hunter2\0"))
        .say(Client, &query(sql));
    talk.say(
        Server,
        &[error("hunte"), msg(b'N', b"Mhunter2\0\0"), ready()].concat(),
    );
    talk.say(
        Client,
        &[
            parse("hunter2", sql),
            bind("hunter2", "hunter2", b"hunter2"),
            execute("hunter2"),
            sync(),
        ]
        .concat(),
    );
    talk.say(Server, &[row(1), complete("hunter2"), ready()].concat());
    for end in 0..sql.len() {
        let part = query(sql);
        talk.part(Client, &part, 5 + end).say(Server, &ready());
    }
    let shown = format!("{:?}", talk.frames);
    assert!(
        shown.contains("SELECT ?") && !shown.to_lowercase().contains("hunte"),
        "{shown}"
    );
}

fn talk_of(said: &[(bool, Vec<u8>, usize)]) -> Talk {
    let mut talk = Talk::new();
    for (client, data, seen) in said {
        if !data.is_empty() {
            talk.part(if *client { Client } else { Server }, data, *seen);
        }
    }
    talk
}

fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let kinds = prop::sample::select(b"QPBDECFSHXdcfpRKSZTDCINEA123nstGHWdcvV".to_vec());
    prop_oneof![
        (kinds, prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(k, b)| msg(k, &b)),
        prop::collection::vec(any::<u8>(), 0..30),
        Just(startup()),
        Just(
            [
                parse("s", "select 1"),
                bind("", "s", b"1"),
                execute(""),
                sync()
            ]
            .concat()
        ),
        Just([msg(b'2', b""), complete("SELECT 1"), ready()].concat()),
        Just(query("select a from b")),
    ]
}

proptest! {
    #[test]
    fn never_panics(said in prop::collection::vec((any::<bool>(), any_message(), 0usize..60), 0..30)) {
        talk_of(&said);
    }

    #[test]
    fn cuts_change_nothing(rounds in prop::collection::vec(0usize..6, 1..12), cut in 1usize..20) {
        let mut said = vec![(Client, startup()), (Server, [msg(b'R', &[0; 4]), ready()].concat())];
        for round in rounds {
            let (ask, answer) = match round {
                0 => (query("select 1"), [complete("SELECT 1"), ready()].concat()),
                1 => (query("nope"), [error("42601"), ready()].concat()),
                2 => ([parse("s", "select e <-> $1"), flush()].concat(), msg(b'1', b"")),
                3 => ([bind("", "s", b"12"), execute(""), sync()].concat(), [msg(b'2', b""), row(9), complete("SELECT 1"), ready()].concat()),
                4 => ([query("select 1"), query("select 2")].concat(), [complete("A"), ready(), complete("B"), ready()].concat()),
                _ => (query(&"x, ".repeat(900)), [row(3000), complete("SELECT 1"), ready()].concat()),
            };
            said.extend([(Client, ask), (Server, answer)]);
        }
        let mut whole = Talk::new();
        let mut parts = Talk::new();
        for (from, data) in said {
            whole.say(from, &data);
            for part in data.chunks(cut) {
                parts.say(from, part);
            }
        }
        prop_assert_eq!(&whole.frames, &parts.frames);
        prop_assert!(whole.short().iter().all(|s| !s.starts_with("lost")));
    }

    #[test]
    fn unseen_bytes_never_mispair(seen in 0usize..400, rows in 0usize..30) {
        let mut talk = Talk::started();
        for _ in 0..3 {
            let answer: Vec<u8> = (0..rows).flat_map(|_| row(30)).collect();
            talk.part(Client, &query("select 1"), seen.max(20));
            talk.part(Server, &[answer, complete("SELECT 1"), ready()].concat(), seen);
        }
        let count = |start: &str| talk.short().iter().filter(|s| s.starts_with(start)).count();
        prop_assert_eq!(count("> "), 3);
        prop_assert_eq!(count("< "), 3);
    }
}
