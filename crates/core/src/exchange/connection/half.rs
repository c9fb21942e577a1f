//! What one end saw of one finished request.

use super::Connection;
use crate::decode::{Facts, Speaker};
use crate::event::TcpState;
use crate::exchange::pair::Pending;
use crate::exchange::points::Seen;
use crate::exchange::timeline::Timeline;
use std::mem::take;

/// What one end saw of one finished request.
#[derive(Clone, Debug)]
pub struct HalfExchange {
    /// Which end.
    pub end: Speaker,
    /// Socket of this end.
    pub cookie: u64,
    /// Place of the request in the client's stream.
    pub at: u64,
    /// Request bytes.
    pub request_bytes: u64,
    /// Response bytes.
    pub response_bytes: u64,
    /// What was said.
    pub facts: Facts,
    /// Protocol's name.
    pub protocol: &'static str,
    /// The points this end saw.
    pub seen: Seen,
    /// TCP when it began and when it ended.
    pub tcp: (TcpState, TcpState),
    /// Run-queue wait of the server's thread between read and first write, if one thread did both.
    pub run_delay_ns: Option<u64>,
    /// Content chunks of a token stream: (first byte, just after the last).
    pub chunks: Vec<(u64, u64)>,
    /// Content chunks whose places were not kept.
    pub chunks_omitted: u64,
    /// When the response's bytes passed this end's two points; only for token streams. Boxed: most
    /// requests have none, and every half is moved about.
    pub stream: Option<Box<Timeline>>,
}

impl Connection {
    /// What this end saw of a finished request, with its facts and chunks taken; `None` if its
    /// times are not complete.
    #[inline]
    pub fn half(&self, pending: &mut Pending) -> Option<HalfExchange> {
        let end = self.speaker()?;
        let (ask, answer) = match end {
            Speaker::Client => (&self.timelines[1], &self.timelines[0]),
            Speaker::Server => (&self.timelines[0], &self.timelines[1]),
        };
        let at = pending.at;
        let request_end = pending.end?.max(at + 1);
        if let Some(closed_ns) = pending.closed_ns {
            return self.closed(pending, request_end, closed_ns);
        }
        let answer_at = pending.response_at?;
        let answer_end = pending.response_end?.max(answer_at + 1);
        let seen = match end {
            Speaker::Client => Seen::Client {
                c0: ask.app.at(at)?,
                w0: ask.app.at(request_end - 1)?,
                c1: ask.net.at(request_end - 1)?,
                c2: answer.net.at(answer_at)?,
                c3: answer.app.at(answer_at)?,
                c4: answer.app.at(answer_end - 1)?,
            },
            Speaker::Server => Seen::Server {
                first: ask.net.at(at)?,
                s0: ask.net.at(request_end - 1)?,
                s1: ask.app.at(request_end - 1)?,
                s2: answer.app.at(answer_at)?,
                s3: answer.net.at(answer_at)?,
                last: answer.net.at(answer_end - 1)?,
            },
        };
        let stream = (!pending.chunks.is_empty()).then(|| {
            let mut stream = Box::<Timeline>::default();
            for (offset, at_ns) in answer.app.range(answer_at, answer_end) {
                stream.app.add(offset, at_ns);
            }
            for (offset, at_ns) in answer.net.range(answer_at, answer_end) {
                stream.net.add(offset, at_ns);
            }
            stream
        });
        let (reader, writer) = (pending.reader, pending.writer);
        let same = end == Speaker::Server && reader.tid != 0 && reader.tid == writer.tid;
        Some(HalfExchange {
            end,
            cookie: self.open.cookie,
            at: self.common_place(at),
            request_bytes: request_end - at,
            response_bytes: answer_end - answer_at,
            facts: take(&mut pending.facts),
            protocol: self.protocol()?,
            seen,
            tcp: (pending.tcp_before, self.moment.tcp),
            run_delay_ns: same.then(|| writer.run_delay_ns.saturating_sub(reader.run_delay_ns)),
            chunks: take(&mut pending.chunks),
            chunks_omitted: pending.chunks_omitted,
            stream,
        })
    }

    /// The client's half of a request that got no answer: it ends with the connection.
    fn closed(
        &self,
        pending: &mut Pending,
        request_end: u64,
        closed_ns: u64,
    ) -> Option<HalfExchange> {
        let ask = &self.timelines[1];
        let seen = Seen::Client {
            c0: ask.app.at(pending.at)?,
            w0: ask.app.at(request_end - 1)?,
            c1: ask.net.at(request_end - 1)?,
            c2: closed_ns,
            c3: closed_ns,
            c4: closed_ns,
        };
        Some(HalfExchange {
            end: Speaker::Client,
            cookie: self.open.cookie,
            at: self.common_place(pending.at),
            request_bytes: request_end - pending.at,
            response_bytes: 0,
            facts: take(&mut pending.facts),
            protocol: self.protocol()?,
            seen,
            tcp: (pending.tcp_before, self.moment.tcp),
            run_delay_ns: None,
            chunks: Vec::new(),
            chunks_omitted: 0,
            stream: None,
        })
    }
}
