//! Both halves of a request to one record.

use super::connection::HalfExchange;
use super::points;
use super::record::{Bytes, Evidence, GapSplit, Id, ModelCall, Party, Record, Side, Tcp, Time};
use super::stream::{ChunkTimes, split_gaps};
use crate::decode::{Facts, GenAi, Speaker, raw};
use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::mem::take;

/// A request's name on the wire: both streams' first sequence numbers and its place, the same on
/// every host that sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WireKey {
    /// First sequence number of the client's stream.
    pub client_base: u32,
    /// First sequence number of the server's stream.
    pub server_base: u32,
    /// Place of the request in the client's stream, modulo 2³².
    pub at: u32,
}

impl WireKey {
    /// 64 bits of it, the same on every host and in every version of the agent.
    pub fn id(&self) -> u64 {
        let mut hasher = rustc_hash::FxHasher::default();
        self.hash(&mut hasher);
        // FxHasher's low bits are weak: one round of splitmix64 spreads them.
        let mut id = hasher.finish().wrapping_add(0x9e37_79b9_7f4a_7c15);
        id = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        id = (id ^ (id >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        id ^ (id >> 31)
    }
}

/// Turns monotonic times into wall-clock times.
pub trait WallClock {
    /// Nanoseconds since the Unix epoch.
    fn unix_ns(&self, monotonic_ns: u64) -> u64;
}

/// Makes the record of a request from what its ends saw; takes their facts.
pub fn record(
    key: &WireKey,
    mut client: Option<&mut HalfExchange>,
    mut server: Option<&mut HalfExchange>,
    parties: (Party, Party),
    clock: &dyn WallClock,
) -> Option<Record> {
    let mut facts = facts(client.as_deref_mut(), server.as_deref_mut());
    let (client, server) = (client.as_deref(), server.as_deref());
    let main = match (client, server) {
        // An end that lost its first bytes does not know what is spoken: the other one tells.
        (Some(c), Some(s)) if c.protocol == raw::NAME => s,
        _ => client.or(server)?,
    };
    let min_rtt_ns = client.map_or(main.tcp.1.min_rtt_us, |c| c.tcp.1.min_rtt_us) as u64 * 1000;
    let timed = client
        .zip(server)
        .and_then(|(c, s)| points::both(&c.seen, &s.seen))
        .unwrap_or_else(|| points::one(&main.seen, min_rtt_ns));
    let side = match (client, server) {
        (Some(_), Some(_)) => Side::Both,
        (Some(_), None) => Side::Client,
        _ => Side::Server,
    };
    let evidence = match side {
        Side::Both => Evidence::Exact,
        _ if min_rtt_ns > 0 => Evidence::Rtt,
        _ => Evidence::None,
    };
    let gen_ai = facts
        .gen_ai
        .take()
        .map(|g| Box::new(model_call(*g, client, server, timed.start_ns)));
    let wire_id = key.id();
    let salt = match side {
        Side::Both => 0,
        Side::Client => 1,
        Side::Server => 2,
    };
    Some(Record {
        ts: Time(clock.unix_ns(timed.start_ns)),
        id: Id(wire_id.rotate_left(17) ^ timed.start_ns ^ salt),
        wire_id: Id(wire_id),
        side,
        protocol: Cow::Borrowed(main.protocol),
        op: facts.op.take().unwrap_or_default(),
        status: facts.status.take(),
        error: facts.error.take(),
        client: parties.0,
        server: parties.1,
        bytes: Bytes {
            request: main.request_bytes,
            response: main.response_bytes,
        },
        duration_ns: timed.duration_ns,
        phases_ns: timed.phases,
        directions_ns: timed.directions,
        evidence,
        tcp: tcp(client, server),
        server_run_delay_ns: server.and_then(|s| s.run_delay_ns),
        gen_ai,
        role: facts.role.unwrap_or_default(),
        query: None,
    })
}

/// What both ends found out.
fn facts(client: Option<&mut HalfExchange>, server: Option<&mut HalfExchange>) -> Facts {
    let (client, server) = match (client, server) {
        (Some(client), Some(server)) => (client, server),
        (one, other) => {
            let half = one.or(other);
            return half.map(|half| take(&mut half.facts)).unwrap_or_default();
        }
    };
    let same = client.protocol == server.protocol;
    let server_facts = take(&mut server.facts);
    if client.protocol == raw::NAME {
        return server_facts;
    }
    let mut facts = take(&mut client.facts);
    if same {
        facts.merge(server_facts);
    }
    facts
}

/// TCP during the request: each end counts what its own sender did, so their counts add up.
fn tcp(client: Option<&HalfExchange>, server: Option<&HalfExchange>) -> Tcp {
    let mut sum = Tcp::default();
    for half in [server, client].into_iter().flatten() {
        let (before, after) = &half.tcp;
        // The client's round trip is the one a person waits for: it comes last and stays.
        sum.srtt_ns = u64::from(after.srtt_us) * 1000;
        sum.min_rtt_ns = u64::from(after.min_rtt_us) * 1000;
        sum.retransmits += after.retransmits.saturating_sub(before.retransmits);
        sum.lost = sum.lost.max(after.lost);
        sum.cwnd_limited_ns += u64::from(after.busy_us.saturating_sub(before.busy_us)) * 1000;
        sum.rwnd_limited_ns +=
            u64::from(after.rwnd_limited_us.saturating_sub(before.rwnd_limited_us)) * 1000;
    }
    sum
}

fn model_call(
    facts: GenAi,
    client: Option<&HalfExchange>,
    server: Option<&HalfExchange>,
    start_ns: u64,
) -> ModelCall {
    // The server writes one chunk at a time; the client may read several at once.
    let counted = server.or(client);
    let chunks = counted.map(chunks_by_write).unwrap_or_default();
    let omitted = counted.map_or(0, |half| half.chunks_omitted);
    let times: Vec<ChunkTimes> = chunks
        .iter()
        .map(|c| chunk_times(*c, client, server))
        .collect();
    let streaming = facts.streaming.unwrap_or(!chunks.is_empty());
    let first = times.first().and_then(ChunkTimes::last);
    let gaps = split_gaps(&times, start_ns);
    ModelCall {
        operation: facts.operation,
        model: facts.model,
        streaming,
        chunks: chunks.len() as u64 + omitted,
        input_tokens: facts.input_tokens,
        output_tokens: facts.output_tokens,
        time_to_first_chunk_ns: first.map(|at| at.saturating_sub(start_ns)),
        time_per_output_token_ns: per_token_ns(facts.output_tokens, gaps.split),
        gap_ns: gaps.gaps,
        gap_split_ns: gaps.split,
        stalls: gaps.stalls,
        stalls_omitted: gaps.stalls_omitted,
        gaps_sorted_ns: gaps.sorted_ns.into(),
    }
}

/// Mean time of the tokens after the first.
fn per_token_ns(tokens: Option<u64>, split: Option<GapSplit>) -> Option<u64> {
    let split = split?;
    (split.engine + split.wire + split.reader).checked_div(tokens?.checked_sub(1)?)
}

/// Bytes that are too few to be a chunk of their own: the frame around one (size line, CRLF).
const CHUNK_BYTES_MIN: u64 = 24;

/// The content chunks of a stream. Writes that had to wait leave TCP together, in one piece: where
/// the server's end tells when each began, each is a chunk.
fn chunks_by_write(half: &HalfExchange) -> Vec<(u64, u64)> {
    if half.end == Speaker::Client {
        return half.chunks.clone();
    }
    let mut all = Vec::with_capacity(half.chunks.len());
    for &(start, end) in &half.chunks {
        let mut from = start;
        let writes = half.stream.as_ref();
        for (offset, _) in writes.map_or_else(Vec::new, |s| s.app.range(start, end)) {
            if offset >= from + CHUNK_BYTES_MIN && offset + CHUNK_BYTES_MIN <= end {
                all.push((from, offset));
                from = offset;
            }
        }
        all.push((from, end));
    }
    all
}

fn chunk_times(
    (start, end): (u64, u64),
    client: Option<&HalfExchange>,
    server: Option<&HalfExchange>,
) -> ChunkTimes {
    let last = end.saturating_sub(1);
    let server = server.and_then(|half| half.stream.as_ref());
    let client = client.and_then(|half| half.stream.as_ref());
    ChunkTimes {
        written: server.and_then(|stream| stream.app.at(start)),
        left: server.and_then(|stream| stream.net.at(last)),
        arrived: client.and_then(|stream| stream.net.at(last)),
        read: client.and_then(|stream| stream.app.at(last)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_per_token_needs_the_engines_count() {
        let split = |ns: u64| {
            Some(GapSplit {
                engine: ns / 2,
                wire: ns / 4,
                reader: ns / 4,
            })
        };
        assert_eq!(per_token_ns(Some(5), split(800)), Some(200));
        for (tokens, split) in [
            (None, split(800)),
            (Some(0), split(800)),
            (Some(1), split(800)),
            (Some(5), None),
        ] {
            assert_eq!(per_token_ns(tokens, split), None);
        }
    }
}
