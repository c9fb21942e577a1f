//! What is said to databases and caches, byte for byte.

use crate::talk::{Turn, client, server};

/// A message: a type, a length that counts itself, a body.
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = (body.len() as u32 + 4).to_be_bytes();
    [&[kind][..], &len, body].concat()
}

fn text(kind: u8, body: &str) -> Vec<u8> {
    message(kind, &[body.as_bytes(), b"\0"].concat())
}

/// ReadyForQuery, outside of a transaction.
fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

/// One row of one column.
fn row(x: &str) -> Vec<u8> {
    let len = (x.len() as u32).to_be_bytes();
    message(b'D', &[&[0, 1][..], &len, x.as_bytes()].concat())
}

/// The fields of an ErrorResponse.
fn error(x: &str) -> Vec<u8> {
    let fields = [
        "SERROR".to_owned(),
        "C23505".to_owned(),
        format!("Mduplicate key {x}"),
        format!("DKey (token)=({x}) already exists."),
        format!("H{x}"),
        format!("n{x}"),
    ];
    let body = fields.map(|field| field + "\0").concat();
    text(b'E', &body)
}

/// Bind: no names, one value as text.
fn bind(x: &str) -> Vec<u8> {
    let len = (x.len() as u32).to_be_bytes();
    let head = [0, 0, 0, 0, 0, 1];
    message(b'B', &[&head[..], &len, x.as_bytes(), &[0, 0]].concat())
}

/// Password, simple query, extended query, error.
pub fn postgresql(x: &str) -> Vec<Turn> {
    let settings = format!("user\0app\0database\0shop\0application_name\0{x}\0options\0{x}\0\0");
    let len = (settings.len() as u32 + 8).to_be_bytes();
    let startup = [&len[..], &[0, 3, 0, 0], settings.as_bytes()].concat();
    let simple = format!("SELECT * FROM orders WHERE token = '{x}' AND note = $q${x}$q$ -- {x}");
    let extended = format!("UPDATE users SET token = $1 WHERE name = E'{x}' /* {x} */");
    let asked = [
        text(b'P', &format!("\0{extended}\0\0")),
        bind(x),
        message(b'E', &[0; 5]),
        message(b'S', b""),
    ];
    let done = [
        message(b'1', b""),
        message(b'2', b""),
        text(b'C', "UPDATE 1"),
        ready(),
    ];
    // The last literal ends in two places, by the server's setting of backslashes.
    let odd = format!(
        "SELECT E'a\\'{x}', U&'{x}', N'it''s {x}', 7 /* /* 1 */ {x} */ FROM logs \
         WHERE b = 'b\\'' || '{x}'"
    );
    let refused = format!("INSERT INTO users VALUES (1, '{x}')");
    vec![
        client(startup),
        server(message(b'R', &[0, 0, 0, 3])),
        client(text(b'p', x)),
        server([message(b'R', &[0; 4]), text(b'S', "TimeZone\0UTC"), ready()].concat()),
        client(text(b'Q', &simple)).after_ms(5),
        server([row(x), text(b'C', "SELECT 1"), ready()].concat()).after_ms(10),
        client(asked.concat()).after_ms(5),
        server(done.concat()).after_ms(3),
        client(text(b'Q', &odd)).after_ms(5),
        server([row(x), text(b'C', "SELECT 1"), ready()].concat()).after_ms(3),
        client(text(b'Q', &refused)).after_ms(5),
        server([error(x), ready()].concat()).after_ms(3),
        client(message(b'X', b"")),
    ]
}

/// A command as an array of bulk strings. <https://redis.io/docs/latest/develop/reference/protocol-spec/>
fn command(words: &[&str]) -> Turn {
    let each = words.iter().map(|w| format!("${}\r\n{w}\r\n", w.len()));
    client(format!("*{}\r\n{}", words.len(), each.collect::<String>()))
}

/// A password, keys, values, an error, and a command that nobody knows.
pub fn redis(x: &str) -> Vec<Turn> {
    let bulk = format!("${}\r\n{x}\r\n", x.len());
    vec![
        command(&["AUTH", "app", x]),
        server("+OK\r\n").after_ms(2),
        command(&["SET", &format!("session:{x}"), x, "EX", "60"]).after_ms(5),
        server("+OK\r\n").after_ms(2),
        command(&["GET", &format!("session:{x}")]).after_ms(5),
        server(bulk).after_ms(2),
        command(&["HSET", "user:1", x, x]).after_ms(5),
        server(format!("-WRONGTYPE {x}\r\n")).after_ms(2),
        command(&[x, x]).after_ms(5),
        server(format!("-ERR unknown command '{x}'\r\n")).after_ms(2),
    ]
}
