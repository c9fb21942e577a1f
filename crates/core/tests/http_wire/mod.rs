//! Drives the HTTP parser with byte strings and prints its frames as short lines.
#![allow(dead_code)]

use forebay_core::decode::protocols::PROTOCOLS;
use forebay_core::decode::{
    Conversation, Ending, Facts, Frame, Piece, Protocol, Report, Speaker, Want,
};

/// The protocol under test.
pub fn http() -> &'static Protocol {
    PROTOCOLS
        .iter()
        .find(|protocol| protocol.name == "http")
        .unwrap_or_else(|| panic!("http is not in the table"))
}

/// The wish for every segment, and for bytes of those that end otherwise.
pub const fn every_segment(head_bytes: u16, bytes: [u8; 8], mask: [u8; 8]) -> Report {
    let usual = Ending { bytes, mask };
    Report::Chunks { head_bytes, usual }
}

/// One connection and everything said on it.
pub struct Wire {
    conversation: Box<dyn Conversation>,
    /// Bytes said so far, client and server.
    at: [u64; 2],
    last: Option<Speaker>,
    /// All frames, in order.
    pub frames: Vec<Frame>,
    told: usize,
}

impl Wire {
    /// A connection seen from its first byte.
    pub fn new() -> Wire {
        Wire::joined(0, 0)
    }
    /// A connection seen from these places on.
    pub fn joined(client: u64, server: u64) -> Wire {
        let conversation = (http().open)();
        Wire {
            conversation,
            at: [client, server],
            last: None,
            frames: Vec::new(),
            told: 0,
        }
    }
    /// A piece of which only `seen` bytes were copied.
    pub fn cut(&mut self, from: Speaker, bytes: &[u8], seen: usize) -> &mut Wire {
        let seen = seen.min(bytes.len());
        let tail = if seen < bytes.len() {
            &bytes[bytes.len().saturating_sub(8)..]
        } else {
            &[]
        };
        self.piece(from, bytes, seen, tail)
    }
    /// A piece as the kernel reports it, `copied` bytes into the turn; returns the bytes copied.
    pub fn reported(
        &mut self,
        from: Speaker,
        bytes: &[u8],
        report: Report,
        copied: usize,
    ) -> usize {
        let seen = match report {
            Report::Turns { head_bytes } => usize::from(head_bytes).saturating_sub(copied),
            Report::Chunks {
                head_bytes: 0,
                usual,
            } => {
                if bytes.last_chunk().is_some_and(|last| !usual.fits(*last)) {
                    let ending = &bytes[bytes.len().saturating_sub(4096)..];
                    if ending.len() < bytes.len() {
                        self.piece(from, bytes, 0, ending);
                    } else {
                        self.cut(from, bytes, usize::MAX);
                    }
                    return ending.len();
                }
                0
            }
            Report::Chunks { head_bytes, .. } => usize::from(head_bytes),
            Report::Quiet => 0,
        };
        self.cut(from, bytes, seen);
        seen.min(bytes.len())
    }
    fn piece(&mut self, from: Speaker, bytes: &[u8], seen: usize, tail: &[u8]) -> &mut Wire {
        let side = (from == Speaker::Server) as usize;
        let piece = Piece {
            from,
            offset: self.at[side],
            len: bytes.len() as u64,
            data: &bytes[..seen],
            tail,
            turn: self.last.is_some_and(|last| last != from),
        };
        self.conversation.feed(&piece, &mut self.frames);
        self.at[side] += bytes.len() as u64;
        self.last = Some(from);
        let bound = forebay_core::decode::MEMORY_BYTES_MAX;
        assert!(self.conversation.memory_bytes() <= bound, "memory bound");
        self
    }
    /// The client says this, all of it copied.
    pub fn c(&mut self, bytes: impl AsRef<[u8]>) -> &mut Wire {
        self.cut(Speaker::Client, bytes.as_ref(), usize::MAX)
    }
    /// The server says this, all of it copied.
    pub fn s(&mut self, bytes: impl AsRef<[u8]>) -> &mut Wire {
        self.cut(Speaker::Server, bytes.as_ref(), usize::MAX)
    }
    /// The client says this, of which nothing but the last bytes was copied.
    pub fn c_unseen(&mut self, bytes: impl AsRef<[u8]>) -> &mut Wire {
        self.cut(Speaker::Client, bytes.as_ref(), 0)
    }
    /// The server says this, of which nothing but the last bytes was copied.
    pub fn s_unseen(&mut self, bytes: impl AsRef<[u8]>) -> &mut Wire {
        self.cut(Speaker::Server, bytes.as_ref(), 0)
    }
    /// A speaker says no more.
    pub fn end(&mut self, from: Speaker) -> &mut Wire {
        self.conversation.end(from, &mut self.frames);
        self
    }
    /// The frames since the last call.
    pub fn told(&mut self) -> Vec<String> {
        let lines = self.frames[self.told..].iter().map(line).collect();
        self.told = self.frames.len();
        lines
    }
    /// Heap bytes held.
    pub fn memory_bytes(&self) -> usize {
        self.conversation.memory_bytes()
    }
    /// What it wants to see.
    pub fn want(&self) -> Want {
        self.conversation.want()
    }
    /// What it wants to see of the server.
    pub fn want_server(&self) -> Report {
        self.want().server
    }
}

/// One frame, short.
pub fn line(frame: &Frame) -> String {
    match frame {
        Frame::Request { at, facts } => format!("> {at}{}", words(facts)),
        Frame::RequestFacts(facts) => format!(">+{}", words(facts)),
        Frame::RequestEnd { at } => format!(">| {at}"),
        Frame::Response { at, facts } => format!("< {at}{}", words(facts)),
        Frame::ResponseFacts(facts) => format!("<+{}", words(facts)),
        Frame::ResponseEnd { at } => format!("<| {at}"),
        Frame::Chunk {
            start,
            end,
            content,
        } => {
            format!("~ {start}..{end}{}", if *content { " content" } else { "" })
        }
        Frame::NoResponse => "no response".into(),
        Frame::Tunnel => "tunnel".into(),
        Frame::Lost { from, unseen } => {
            format!("lost {from:?}{}", if *unseen { " unseen" } else { "" })
        }
    }
}

fn words(facts: &Facts) -> String {
    let mut text = String::new();
    let mut word = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            text += &format!(" {name}{value}");
        }
    };
    let boxed = |value: &Option<Box<str>>| value.as_deref().map(str::to_owned);
    word("", facts.op.as_deref().map(str::to_owned));
    word("", facts.status.as_deref().map(str::to_owned));
    word("error=", facts.error.as_deref().map(str::to_owned));
    word("", facts.role.map(|role| format!("{role:?}")));
    if let Some(gen_ai) = &facts.gen_ai {
        word("", boxed(&gen_ai.operation));
        word("model=", boxed(&gen_ai.model));
        word(
            "streaming=",
            gen_ai.streaming.map(|value| value.to_string()),
        );
        word("in=", gen_ai.input_tokens.map(|value| value.to_string()));
        word("out=", gen_ai.output_tokens.map(|value| value.to_string()));
    }
    text
}

/// A POST with a JSON body.
pub fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A 200 with a JSON body.
pub fn json(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// One chunk.
pub fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

/// Head of a chunked response of this content type.
pub fn chunked_head(media: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nTransfer-Encoding: chunked\r\n\r\n")
}
