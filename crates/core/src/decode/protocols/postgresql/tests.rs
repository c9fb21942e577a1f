//! Conversations to test with.

mod properties;
mod requests;
mod unseen;

use super::*;
use crate::decode::{Guess, MEMORY_BYTES_MAX};
use Speaker::{Client, Server};

/// A conversation under test, fed in order.
struct Talk {
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
