//! A response in progress: who reads its body and what it told.

use super::body::{Body, Sink};
use super::fields::Media;
use super::found::Found;
use super::gen_ai;
use super::head;
use super::json::{Scan, Whose};
use super::queue::Waiting;
use super::stream::Stream;
use crate::decode::{Facts, Frame, GenAi, Role};
use compact_str::CompactString;

/// A response in progress.
#[derive(Debug)]
pub(super) struct Response {
    /// Its request is not known: nothing is told, and its framing is a guess.
    pub(super) muted: bool,
    request: Waiting,
    pub(super) reader: Reader,
    pub(super) learned: Found,
}

/// What is done with the content of a response.
#[derive(Debug)]
pub(super) enum Reader {
    Skip,
    Json(Box<Scan>),
    Stream(Box<Stream>),
}

impl head::Response {
    /// The body is a stream of events.
    fn streams(&self) -> bool {
        self.media != Media::Other && self.status < 400
    }

    /// Status and, for model calls, whether the response is a token stream.
    ///
    /// Status codes of 400 and above are errors, as OpenTelemetry defines `error.type` for clients.
    pub(super) fn facts(&self, model: bool) -> Facts {
        let mut status = CompactString::default();
        for digit in [self.status / 100, self.status / 10 % 10, self.status % 10] {
            status.push((b'0' + (digit % 10) as u8) as char);
        }
        let streaming = Some(self.streams());
        Facts {
            error: (self.status >= 400).then(|| status.clone()),
            status: Some(status),
            gen_ai: model.then(|| {
                Box::new(GenAi {
                    streaming,
                    ..GenAi::default()
                })
            }),
            ..Facts::default()
        }
    }
}

impl Reader {
    /// The reader of a response's body.
    pub(super) fn new(head: &head::Response, body: &Body, request: &Waiting) -> Reader {
        // A body without a known beginning can't be read.
        let readable = !head.encoded && !matches!(body, Body::Unknown);
        if head.streams() {
            let ndjson = head.media == Media::Ndjson;
            let stream = Stream::new(ndjson, !readable, request.rule, request.generates());
            return Reader::Stream(Box::new(stream));
        }
        match request.rule {
            Some(rule) if rule.models() && readable && !body.empty() => {
                Reader::Json(Box::new(Scan::new(Whose::Response)))
            }
            _ => Reader::Skip,
        }
    }
}

/// Feeds the content of a response to its reader.
pub(super) struct Content<'a> {
    pub(super) response: Option<&'a mut Response>,
    pub(super) out: &'a mut Vec<Frame>,
}

impl Sink for Content<'_> {
    fn data(&mut self, at: u64, framed_at: u64, bytes: &[u8]) {
        let Some(Response {
            reader, learned, ..
        }) = self.response.as_deref_mut()
        else {
            return;
        };
        match reader {
            Reader::Skip => {}
            Reader::Json(scan) => scan.feed(bytes),
            Reader::Stream(stream) => stream.data(at, framed_at, bytes, learned, self.out),
        }
    }
    fn unseen(&mut self, len: u64) {
        let Some(response) = self.response.as_deref_mut().filter(|_| len > 0) else {
            return;
        };
        match &mut response.reader {
            Reader::Skip => {}
            Reader::Json(scan) => scan.stop(),
            Reader::Stream(stream) => stream.unseen(),
        }
    }
}

impl Response {
    /// Starts before the body.
    pub(super) fn new(request: Waiting, reader: Reader, muted: bool) -> Response {
        Response {
            muted,
            request,
            reader,
            learned: Found::default(),
        }
    }

    /// What the body told.
    pub(super) fn facts(mut self, out: &mut Vec<Frame>) -> Facts {
        let mut learned = self.learned;
        let mut streams = None;
        match &mut self.reader {
            Reader::Skip => {}
            Reader::Json(scan) => learned = scan.take(),
            Reader::Stream(stream) => {
                stream.finish(&mut learned, out);
                streams = Some(true);
            }
        }
        let answered = self.request.rule.filter(|rule| rule.answered(&learned));
        let upgrade = match (self.request.proven, answered) {
            (true, _) => None,
            (false, Some(rule)) => Some(rule),
            (false, None) => (learned.chat && streams.is_some()).then(gen_ai::chat),
        };
        let mut facts = upgrade.map_or_else(Facts::default, |rule| rule.facts(b""));
        if let Some(gen_ai) = facts
            .gen_ai
            .as_mut()
            .filter(|_| facts.role == Some(Role::Model))
        {
            gen_ai.streaming = Some(streams.unwrap_or(false));
        }
        let models = self.request.rule.is_some_and(|rule| rule.models());
        if upgrade.is_none() && !(self.request.proven && models) {
            return facts;
        }
        let model = learned.model.filter(|_| !self.request.named);
        let (input_tokens, output_tokens) = (learned.input_tokens, learned.output_tokens);
        if model.is_some() || input_tokens.is_some() || output_tokens.is_some() {
            let gen_ai = facts.gen_ai.get_or_insert_default();
            gen_ai.model = model;
            (gen_ai.input_tokens, gen_ai.output_tokens) = (input_tokens, output_tokens);
        }
        facts
    }
}
