//! HTTP/1.0 and HTTP/1.1 (RFC 9110, RFC 9112), with the token streams of model APIs.
//!
//! Requests are found in the client's stream ([`client`]), responses in the server's ([`server`]);
//! a queue of unanswered requests ([`queue`]) ties them, since the framing of a response depends on
//! its request. Bodies are walked over by their lengths ([`body`], [`chunked`]); of JSON bodies a
//! few facts are kept ([`json`], [`gen_ai`]); streams are split into events ([`stream`]).
//!
//! When the server's stream is lost, the requests that wait are given up with it; after a loss in
//! either stream new ones are told only once nothing unknown can be in flight
//! ([`crate::decode::certainty`]). A head that was cut counts as the last of its turn.

mod body;
mod chunked;
mod client;
mod fields;
mod found;
mod gather;
mod gen_ai;
mod glance;
mod head;
mod json;
mod keys;
mod ndjson;
mod queue;
mod response;
mod server;
mod sniff;
mod sse;
mod stream;
mod target;

use crate::decode::certainty::Certainty;
use crate::decode::{Conversation, Ending, Frame, Piece, Protocol, Report, Speaker, Want};
use client::Client;
use queue::Queue;
use response::Reader;
use server::Server;

/// HTTP/1.x.
pub static HTTP: Protocol = Protocol {
    name: "http",
    about: "HTTP/1.0 and HTTP/1.1, with Server-Sent Events and NDJSON token streams",
    spec: "https://www.rfc-editor.org/rfc/rfc9112",
    attributes: &[
        (
            "http.request.method",
            "method, the first word of the operation",
        ),
        ("url.path", "path, the rest of the operation, without query"),
        (
            "http.response.status_code",
            "status code of the final response",
        ),
        (
            "error.type",
            "status code of 400 and above, or `truncated` if the body was cut off",
        ),
        (
            "gen_ai.operation.name",
            "chat, text_completion, embeddings or rerank",
        ),
        (
            "gen_ai.request.model",
            "model named by the request, else by the response",
        ),
        (
            "gen_ai.usage.input_tokens",
            "tokens of the prompt, if seen in the response",
        ),
        (
            "gen_ai.usage.output_tokens",
            "generated tokens, if seen in the response",
        ),
    ],
    sniff: sniff::sniff,
    open: || Box::new(Http::default()),
};

/// Copied of a client's turn: request line, headers and the first keys of a JSON body.
const CLIENT_BYTES: u16 = 1024;
/// Copied of a server's turn: status line and headers.
const SERVER_BYTES: u16 = 512;
/// Copied of a model server's turn or segment: `model` and `usage` stand behind the headers, and
/// OpenAI's events carry 200 to 400 bytes of names before the content.
const MODEL_BYTES: u16 = 1024;
/// Copied where a head did not fit.
const WIDE_BYTES: u16 = 4096;

/// One connection.
#[derive(Debug, Default)]
struct Http {
    client: Client,
    server: Server,
    queue: Queue,
    certainty: Certainty,
    tunnel: bool,
    /// Model calls were seen. It stays set, so that the kernel isn't told anew for every request.
    models: bool,
}

impl Http {
    /// Requests are known that have no complete answer. A response whose end can't be told may be
    /// complete.
    fn waits(&self) -> bool {
        let endless = matches!(&self.server.state, client::State::Body(body) if body.endless());
        let current = self.server.current.as_ref();
        !self.queue.is_empty() || current.is_some_and(|response| !response.muted) && !endless
    }

    fn open_tunnel(&mut self, out: &mut Vec<Frame>) {
        *self = Http {
            tunnel: true,
            ..Http::default()
        };
        out.push(Frame::Tunnel);
    }

    fn want_server(&self) -> Report {
        let reader = self.server.current.as_ref().map(|current| &current.reader);
        if let Some(Reader::Stream(stream)) = reader {
            if stream.model && stream.content {
                return Report::Chunks {
                    head_bytes: 0,
                    usual: stream.usual(),
                };
            }
            if stream.model {
                return Report::Chunks {
                    head_bytes: MODEL_BYTES,
                    usual: Ending::default(),
                };
            }
        }
        let asked = self
            .client
            .scan
            .as_ref()
            .is_some_and(|scan| scan.found().stream == Some(true));
        if asked || self.queue.may_stream() {
            return Report::Chunks {
                head_bytes: if self.server.wide {
                    WIDE_BYTES
                } else {
                    MODEL_BYTES
                },
                usual: Ending::default(),
            };
        }
        let head_bytes = match (self.server.wide, self.models) {
            (true, _) => WIDE_BYTES,
            (_, true) => MODEL_BYTES,
            _ => SERVER_BYTES,
        };
        Report::Turns { head_bytes }
    }
}

impl Conversation for Http {
    fn feed(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>) {
        if self.tunnel || piece.len == 0 {
            return;
        }
        match piece.from {
            Speaker::Client => {
                if piece.turn {
                    self.certainty.client_turn(self.waits());
                }
                self.client_feed(piece, out);
            }
            Speaker::Server => {
                self.certainty.server_spoke();
                self.server_feed(piece, out);
            }
        }
    }

    fn gap(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>) {
        if self.tunnel {
            return;
        }
        match piece.from {
            Speaker::Client => self.client_gap(piece, out),
            Speaker::Server => self.server_gap(piece, out),
        }
    }

    fn missed(&mut self, out: &mut Vec<Frame>) {
        if !self.tunnel {
            self.server_lose(true, true, out);
            self.certainty.missed();
        }
    }

    fn quiet(&mut self) {
        self.certainty.quiet();
    }

    fn end(&mut self, from: Speaker, out: &mut Vec<Frame>) {
        if self.tunnel {
            return;
        }
        match from {
            Speaker::Client => self.client_end(out),
            Speaker::Server => self.server_end(out),
        }
    }

    fn want(&self) -> Want {
        if self.tunnel {
            return Want {
                client: Report::Quiet,
                server: Report::Quiet,
            };
        }
        let head_bytes = if self.client.wide {
            WIDE_BYTES
        } else {
            CLIENT_BYTES
        };
        Want {
            client: Report::Turns { head_bytes },
            server: self.want_server(),
        }
    }

    fn memory_bytes(&self) -> usize {
        let request = self
            .client
            .scan
            .as_ref()
            .map_or(0, |_| size_of::<json::Scan>());
        let response = match self.server.current.as_ref().map(|current| &current.reader) {
            None | Some(Reader::Skip) => 0,
            Some(Reader::Json(_)) => size_of::<json::Scan>(),
            Some(Reader::Stream(_)) => size_of::<stream::Stream>(),
        };
        let heads = self.client.head.memory_bytes() + self.server.head.memory_bytes();
        size_of::<Http>() + heads + self.queue.memory_bytes() + request + response
    }
}

/// Just after a piece's last byte.
fn end(piece: &Piece<'_>) -> u64 {
    piece.offset.saturating_add(piece.len)
}

/// What follows a piece's copied bytes: bytes that its tail shows after all, or a number of unseen ones.
fn rest<'a>(piece: &Piece<'a>) -> (&'a [u8], u64) {
    let unseen = piece.len.saturating_sub(piece.data.len() as u64);
    if unseen <= piece.tail.len() as u64 {
        (&piece.tail[piece.tail.len() - unseen as usize..], 0)
    } else {
        (&[], unseen)
    }
}
