//! A token stream: finds its events and which of them carry generated content.
//!
//! While bytes are seen there is one chunk per event, from the framing in front of it to the byte
//! that completes it. When bytes are unseen there is one chunk per piece: model servers write every
//! event by itself. Such a chunk counts as content unless its last bytes show a closing event; a
//! finish reason or a usage report in unseen bytes therefore counts as content.
//!
//! Once content has begun the kernel copies only what ends in another way than content does: that is
//! where an engine reports its token counts. Such bytes are searched for these numbers ([`glance`])
//! and change nothing else, so what is counted does not depend on them.

use super::found::Found;
use super::gen_ai::Rule;
use super::glance::{Glance, glance};
use super::json::{Scan, Whose};
use super::{ndjson, sse};
use crate::decode::{ENDING_BYTES, Ending, Frame};

/// `data: [DONE]` as a chunk, with the last chunk behind it: nothing shorter carries content.
const CLOSING_BYTES_MAX: u64 = 24;

/// As many of an event's last bytes as are seen when the rest is not.
const LAST_BYTES: usize = ENDING_BYTES;
/// Pieces with an unusual end but no report in them after which a stream is left alone.
const ODD_MAX: u8 = 64;

#[derive(Debug)]
enum Format {
    Sse(sse::Events),
    Ndjson,
}

/// The body of a streamed response.
#[derive(Debug)]
pub(super) struct Stream {
    format: Format,
    scan: Scan,
    /// The API that may be answering.
    rule: Option<&'static Rule>,
    /// The content is encoded: its bytes say nothing.
    opaque: bool,
    /// It is a model's: its events are chunks.
    pub(super) model: bool,
    /// A chunk with content was seen.
    pub(super) content: bool,
    /// First byte of the event being read.
    event_at: Option<u64>,
    /// Just after the last content byte that was seen.
    end: u64,
    /// Part of this piece was unseen.
    hidden: bool,
    /// Last bytes of the event being read, at most [`LAST_BYTES`].
    last: Vec<u8>,
    /// The newest whole event carries generated content, for certain.
    generated: bool,
    /// How pieces with content end.
    usual: Option<Ending>,
    /// Pieces that ended otherwise and told nothing.
    odd: u8,
}

/// A piece that was not seen in full, at its end.
pub(super) struct Glimpse<'a> {
    /// First byte.
    pub(super) at: u64,
    /// Just after the last byte.
    pub(super) end: u64,
    /// Its first bytes, if they were seen.
    pub(super) first: &'a [u8],
    /// Its last bytes; `first` if all of it was seen.
    pub(super) last: &'a [u8],
    /// The size lines of its chunks were unseen.
    pub(super) blind: bool,
    /// The body ends with it.
    pub(super) ended: bool,
}

impl Stream {
    /// Starts at the first byte of the body.
    pub(super) fn new(
        ndjson: bool,
        opaque: bool,
        rule: Option<&'static Rule>,
        model: bool,
    ) -> Stream {
        let format = if ndjson {
            Format::Ndjson
        } else {
            Format::Sse(sse::Events::default())
        };
        let scan = Scan::new(Whose::Response);
        let (content, event_at, end, hidden) = (false, None, 0, false);
        Stream {
            format,
            scan,
            rule,
            opaque,
            model,
            content,
            event_at,
            end,
            hidden,
            last: Vec::new(),
            generated: false,
            usual: None,
            odd: 0,
        }
    }

    /// Takes seen content; `learned` gathers what the events tell.
    pub(super) fn data(
        &mut self,
        at: u64,
        framed_at: u64,
        mut bytes: &[u8],
        learned: &mut Found,
        out: &mut Vec<Frame>,
    ) {
        if self.opaque {
            self.hidden |= !bytes.is_empty();
            return;
        }
        let (mut at, mut framed_at) = (at, framed_at);
        while !bytes.is_empty() {
            let mut used = 0;
            if self.event_at.is_none() {
                used = bytes
                    .iter()
                    .take_while(|b| matches!(b, b'\r' | b'\n'))
                    .count();
                if used == 0 {
                    self.event_at = Some(framed_at);
                }
            }
            let mut ended = false;
            if used == 0 {
                (used, ended) = match &mut self.format {
                    Format::Sse(events) => events.next(bytes, &mut self.scan),
                    Format::Ndjson => ndjson::next(bytes, &mut self.scan),
                };
            }
            at = at.saturating_add(used as u64);
            (framed_at, self.end) = (at, at);
            self.last
                .extend_from_slice(&bytes[used.saturating_sub(LAST_BYTES)..used]);
            self.last
                .drain(..self.last.len().saturating_sub(LAST_BYTES));
            bytes = &bytes[used..];
            if ended {
                // The same test as for unseen events, so that the count of chunks does not depend
                // on when the kernel stopped copying.
                let closes = self.closes(&self.last);
                self.event_end(closes, learned, out);
            }
        }
    }

    /// Bytes passed unseen.
    pub(super) fn unseen(&mut self) {
        self.hidden = true;
        self.scan.stop();
    }

    fn event_end(&mut self, closes: bool, learned: &mut Found, out: &mut Vec<Frame>) {
        let Some(start) = self.event_at.take() else {
            return;
        };
        self.last.clear();
        let found = self.scan.take();
        self.generated = found.content;
        let content = found.content || (self.content && !closes);
        self.model |= found.chat
            || self
                .rule
                .is_some_and(|rule| rule.generates() && rule.answered(&found));
        learned.learn(found);
        self.chunk(start, self.end, content, out);
    }

    fn chunk(&mut self, start: u64, end: u64, content: bool, out: &mut Vec<Frame>) {
        if self.model {
            self.content |= content;
            out.push(Frame::Chunk {
                start,
                end,
                content,
            });
        }
    }

    /// A piece ended.
    pub(super) fn piece_end(&mut self, piece: &Glimpse, learned: &mut Found, out: &mut Vec<Frame>) {
        if !self.hidden && !piece.blind {
            let generated = std::mem::take(&mut self.generated) && self.event_at.is_none();
            return self.learn_end(piece, generated);
        }
        let framing_only = piece.blind
            && piece.end - piece.at <= LAST_BYTES.min(piece.last.len()) as u64
            && piece
                .last
                .iter()
                .all(|b| matches!(b, b'\r' | b'\n') || b.is_ascii_hexdigit());
        let start = self.event_at.take().unwrap_or(piece.at.max(self.end));
        let found = self.scan.take();
        let generated = found.content;
        let content = generated || !((found.delta && !self.content) || self.closing(piece));
        learned.learn(found);
        let seen = self.glance(piece);
        if content && !framing_only && !seen.quiet {
            // Some servers count as they go: a count from before unseen events is not the last.
            learned.output_tokens = None;
        }
        learned.input_tokens = seen.input_tokens.or(learned.input_tokens);
        learned.output_tokens = seen.output_tokens.or(learned.output_tokens);
        self.end = piece.end;
        self.hidden = false;
        if let Format::Sse(events) = &mut self.format {
            *events = sse::Events::default();
        }
        if !framing_only && start < piece.end {
            self.chunk(start, piece.end, content, out);
        }
        self.generated = false;
        self.learn_end(piece, generated || seen.content);
    }

    /// Looks at a piece that was seen to its end.
    fn glance(&mut self, piece: &Glimpse) -> Glance {
        let whole = piece.end - piece.at == piece.first.len() as u64;
        let (bytes, line_start) = match piece.first {
            [] => (piece.last, false),
            first => (first, true),
        };
        if self.opaque || bytes.len() <= LAST_BYTES || (line_start && !whole) {
            return Glance::default();
        }
        let field: &[u8] = match self.format {
            Format::Sse(_) => b"data:",
            Format::Ndjson => b"",
        };
        let seen = glance(bytes, line_start, field);
        let fits = match (self.usual, piece.last.last_chunk()) {
            (Some(usual), Some(last)) => usual.fits(*last),
            _ => true,
        };
        if !fits && !seen.content && !seen.tokens() {
            self.odd = self.odd.saturating_add(1);
        }
        seen
    }

    /// Learns how pieces with content end. `generated`: this one did so with generated content.
    fn learn_end(&mut self, piece: &Glimpse, generated: bool) {
        let Some(last) = piece.last.last_chunk().filter(|_| self.content) else {
            return;
        };
        // What begins a stream's content may end with something else: content will tell.
        let first = generated || !self.closing(piece);
        match &mut self.usual {
            Some(usual) if generated => usual.admit(*last),
            None if first => self.usual = Some(Ending::of(*last)),
            _ => {}
        }
    }

    /// How the kernel knows a piece with nothing but content; all ends are usual while unknown.
    pub(super) fn usual(&self) -> Ending {
        let usual = self.usual.filter(|_| !self.opaque && self.odd < ODD_MAX);
        usual.unwrap_or_default()
    }

    /// The last bytes show an event that closes the stream.
    fn closing(&self, piece: &Glimpse) -> bool {
        if piece.ended && piece.end - piece.at <= CLOSING_BYTES_MAX {
            return true;
        }
        self.closes(piece.last)
    }

    /// The last bytes of an event show that it closes the stream.
    fn closes(&self, bytes: &[u8]) -> bool {
        let last = &bytes[bytes.len().saturating_sub(LAST_BYTES)..];
        let holds = |needle: &[u8]| last.windows(needle.len()).any(|w| w == needle);
        match self.format {
            // `[DONE]` of OpenAI's API, `"type":"message_stop"}` of Anthropic's.
            Format::Sse(_) => holds(b"NE]\n\n") || holds(b"E]\r\n\r\n") || holds(b"op\"}\n\n"),
            // Ollama's last document ends with a duration, all others with `"done":false`.
            Format::Ndjson => last
                .windows(3)
                .any(|w| w[0].is_ascii_digit() && w[1..] == *b"}\n"),
        }
    }

    /// The body ended; an event without its last line end counts.
    pub(super) fn finish(&mut self, learned: &mut Found, out: &mut Vec<Frame>) {
        if !self.hidden {
            self.event_end(true, learned, out);
        }
    }
}
