//! Conversations of which everything is known: whatever a record says of them can be checked.

use crate::world::{At, Conn, How, World, get, ns};
use forebay_core::decode::Speaker::{Client, Server};
use forebay_core::exchange::join::WireKey;
use forebay_core::exchange::record::{Record, Side};
use std::collections::HashMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    Http,
    Postgresql,
    Redis,
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend((body.len() as u32 + 4).to_be_bytes());
    out.extend(body);
    out
}

/// A number in letters, which no parser takes for a literal.
fn letters(id: usize) -> String {
    format!("{id:03}")
        .bytes()
        .map(|b| char::from(b - b'0' + b'G'))
        .collect()
}

/// A request, its answer, and the status that it must show where it shows one.
fn exchange(speaks: Speaks, id: usize, body: usize) -> (Vec<u8>, Vec<u8>, String) {
    match speaks {
        Speaks::Http => http(id, body),
        Speaks::Postgresql => postgresql(id, body),
        Speaks::Redis => redis(id, body),
    }
}

fn http(id: usize, body: usize) -> (Vec<u8>, Vec<u8>, String) {
    let status = 400 + id;
    let path = format!("/{}", letters(id));
    let ask = match id % 3 {
        0 => format!(
            "POST {path} HTTP/1.1\r\nContent-Length: {body}\r\n\r\n{}",
            "q".repeat(body)
        )
        .into_bytes(),
        _ => get(&path),
    };
    let content = "b".repeat(body);
    let answer = match id % 2 {
        0 => format!("HTTP/1.1 {status} X\r\nContent-Length: {body}\r\n\r\n{content}"),
        _ => format!(
            "HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{content}x\r\n0\r\n\r\n",
            body + 1
        ),
    };
    (ask, answer.into_bytes(), status.to_string())
}

fn postgresql(id: usize, body: usize) -> (Vec<u8>, Vec<u8>, String) {
    let sql = format!("select {} from t\0", letters(id));
    let error = format!("SERROR\0VERROR\0C{id:05}\0M{}\0\0", "m".repeat(body));
    let failed = message(b'E', error.as_bytes());
    let ready = message(b'Z', b"I");
    let status = format!("{id:05}");
    if !id.is_multiple_of(3) {
        let answer = [failed, ready].concat();
        return (message(b'Q', sql.as_bytes()), answer, status);
    }
    let parse = [&[0][..], sql.as_bytes(), &[0, 0]].concat();
    let bind = [&[0, 0, 0, 0, 0, 1][..], &(body as u32).to_be_bytes()].concat();
    let bind = [bind, vec![b'v'; body], vec![0, 0]].concat();
    let ask = [
        message(b'P', &parse),
        message(b'B', &bind),
        message(b'D', b"P\0"),
        message(b'E', &[0, 0, 0, 0, 0]),
        message(b'S', b""),
    ];
    let row = [&[0, 1][..], &(body as u32).to_be_bytes(), &vec![b'r'; body]].concat();
    let done = [message(b'1', b""), message(b'2', b""), message(b'n', b"")].concat();
    let answer = if id.is_multiple_of(2) {
        [done, message(b'D', &row), failed, ready].concat()
    } else {
        [message(b'1', b""), failed, ready].concat()
    };
    (ask.concat(), answer, status)
}

fn redis(id: usize, body: usize) -> (Vec<u8>, Vec<u8>, String) {
    let key = "k".repeat(id);
    let ask = format!("*2\r\n$3\r\nGET\r\n${id}\r\n{key}\r\n");
    let (answer, status) = match id % 4 {
        0 => (format!("${body}\r\n{}\r\n", "v".repeat(body)), "OK".into()),
        1 => {
            let item = format!("${body}\r\n{}\r\n", "v".repeat(body));
            (format!("*3\r\n{item}:7\r\n{item}"), "OK".into())
        }
        _ => {
            let word = format!("E{}", letters(id));
            (format!("-{word} {}\r\n", "m".repeat(body)), word)
        }
    };
    (ask.into_bytes(), answer.into_bytes(), status)
}

/// What is true of an exchange; times in microseconds.
#[derive(Debug)]
pub struct Truth {
    pub ask: At,
    pub answer: Option<At>,
    answer_bytes: u64,
    status: String,
}

/// A connection whose exchanges are remembered.
pub struct Talk {
    speaks: Speaks,
    conn: Conn,
    how: How,
    asked: u32,
    ids: usize,
    waiting: std::collections::VecDeque<(String, Vec<u8>)>,
    pub truths: HashMap<String, Truth>,
}

impl Talk {
    /// Opens a connection. A session that is seen from its beginning begins as it must.
    pub fn open(world: &mut World, speaks: Speaks, us: u64, how: How) -> Self {
        let conn = world.connect(us, how);
        let mut talk = Self {
            speaks,
            conn,
            how,
            asked: how.before.0,
            ids: 0,
            waiting: Default::default(),
            truths: HashMap::new(),
        };
        if speaks == Speaks::Postgresql && how.before == (0, 0) {
            let startup = [&[0, 0, 0, 17, 0, 3, 0, 0][..], b"user\0me\0\0"].concat();
            world.say(conn, Client, At::from(us + 100), &startup);
            let ready = [message(b'R', &[0; 4]), message(b'Z', b"I")].concat();
            world.say(conn, Server, At::from(us + 200), &ready);
            talk.asked = startup.len() as u32;
        }
        talk
    }

    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Requests in one write.
    pub fn ask(&mut self, world: &mut World, us: u64, bodies: &[usize]) {
        let at = At::from(us);
        let mut all = Vec::new();
        for &body in bodies {
            self.ids = self.ids % 149 + 1;
            let (ask, answer, status) = exchange(self.speaks, self.ids, body);
            let key = WireKey {
                client_base: self.how.bases.0,
                server_base: self.how.bases.1,
                at: self.asked,
            };
            self.asked += ask.len() as u32;
            let truth = Truth {
                ask: at,
                answer: None,
                answer_bytes: answer.len() as u64,
                status,
            };
            let id = format!("{:016x}", key.id());
            self.truths.insert(id.clone(), truth);
            self.waiting.push_back((id, answer));
            all.extend(ask);
        }
        world.say(self.conn, Client, at, &all);
    }

    /// The answer to the oldest.
    pub fn answer(&mut self, world: &mut World, us: u64) {
        let Some((id, answer)) = self.waiting.pop_front() else {
            return;
        };
        let at = At::from(us);
        world.say(self.conn, Server, at, &answer);
        if let Some(truth) = self.truths.get_mut(&id) {
            truth.answer = Some(at);
        }
    }

    pub fn close(&self, world: &mut World, us: u64) {
        world.close(self.conn, us);
    }
}

impl Truth {
    /// Whatever a record says must be so. Its request's bytes may be more or less: an end that was
    /// not seen counts as the last byte before the answer.
    pub fn check(&self, record: &Record) {
        let answer = self.answer.expect("an answer");
        let (start, end) = match record.side {
            Side::Server => (self.ask.2, answer.1),
            Side::Client | Side::Both => (self.ask.0, answer.3),
        };
        let what = format!("{record:?}\n{self:?}");
        let start_ns: u64 = record.ts.0;
        assert_eq!(start_ns, ns(start), "begins: {what}");
        assert_eq!(start_ns + record.duration_ns, ns(end), "ends: {what}");
        assert_eq!(record.phases_ns.total(), record.duration_ns, "{what}");
        assert_eq!(record.bytes.response, self.answer_bytes, "{what}");
        if let Some(status) = record.status.as_deref() {
            // The end of an error may be all that was seen of it.
            let cut = matches!(status, "ERROR" | "ERR") && record.error.is_some();
            assert!(cut || status == self.status, "{what}");
        }
    }
}
