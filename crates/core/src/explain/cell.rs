//! Sums over the requests of one service edge in one time bucket.

use super::blame::Blame;
use super::culprit::Seen;
use super::durations::Durations;
use crate::exchange::record::{Cause, Evidence, GapSplit, Phases, Record};

/// Slowest requests remembered per edge.
pub const EXEMPLARS: usize = 3;

/// A request to look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exemplar {
    /// Its record id, 0 when the place is free.
    pub id: u64,
    /// How long it took.
    pub duration_ns: u64,
}

/// Plain sums; every field only grows within a bucket and adds up over buckets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    /// Requests.
    pub requests: u64,
    /// Requests that failed.
    pub errors: u64,
    /// Requests with both ends seen.
    pub exact: u64,
    /// Requests with one end seen and a round trip time.
    pub rtt: u64,
    /// Sum of durations.
    pub duration_ns: u64,
    /// Sum of phases.
    pub phases_ns: Phases,
    /// Requests in which a phase was the longest, in the order of [`Phases::named`].
    pub dominant: [u32; 7],
    /// Sum of what is blamed.
    pub blame: Blame,
    /// Requests in which a culprit was seen.
    pub seen: Seen,
    /// Application bytes of requests.
    pub request_bytes: u64,
    /// Application bytes of responses.
    pub response_bytes: u64,
    /// Segments retransmitted.
    pub retransmits: u64,
    /// Requests with retransmissions.
    pub retransmitted: u64,
    /// Segments thought lost.
    pub lost: u64,
    /// Time held by a congestion window.
    pub cwnd_limited_ns: u64,
    /// Time held by a receive window.
    pub rwnd_limited_ns: u64,
    /// Sum of smallest round trip times, over `min_rtts` requests.
    pub min_rtt_sum_ns: u64,
    /// Requests with a round trip time.
    pub min_rtts: u64,
    /// CPU wait of serving threads, over `run_delays` requests.
    pub server_run_delay_ns: u64,
    /// Requests whose serving thread is known.
    pub run_delays: u64,
    /// Token streams.
    pub streams: u64,
    /// Chunks with content.
    pub chunks: u64,
    /// Output tokens, where the wire told.
    pub output_tokens: u64,
    /// Sum of times to first chunk, over `first_chunks` streams.
    pub first_chunk_sum_ns: u64,
    /// Streams with a first chunk.
    pub first_chunks: u64,
    /// Token gaps by cause.
    pub gaps_ns: GapSplit,
    /// Stalls by cause, in the order of [`Cause`].
    pub stalls: [u32; 3],
    /// Their length by cause.
    pub stalls_ns: [u64; 3],
    /// Stalls that records counted but did not list.
    pub stalls_omitted: u64,
    /// Slowest requests, slowest first.
    pub exemplars: [Exemplar; EXEMPLARS],
}

impl Sums {
    /// Adds a request.
    pub fn add(&mut self, record: &Record) {
        let blame = Blame::of(record);
        self.blame.merge(&blame);
        self.seen.add(&blame, record.duration_ns);
        self.requests += 1;
        self.errors += u64::from(record.error.is_some());
        self.exact += u64::from(record.evidence == Evidence::Exact);
        self.rtt += u64::from(record.evidence == Evidence::Rtt);
        self.duration_ns += record.duration_ns;
        self.add_phases(&record.phases_ns);
        self.request_bytes += record.bytes.request;
        self.response_bytes += record.bytes.response;
        self.add_tcp(record);
        if let Some(ns) = record.server_run_delay_ns {
            self.server_run_delay_ns += ns;
            self.run_delays += 1;
        }
        self.add_stream(record);
        if record.duration_ns > self.exemplars[EXEMPLARS - 1].duration_ns {
            self.keep(Exemplar {
                id: record.id.0,
                duration_ns: record.duration_ns,
            });
        }
    }

    fn add_phases(&mut self, phases: &Phases) {
        add_phases(&mut self.phases_ns, phases);
        let named = phases.named();
        let mut longest = 0;
        for (i, (_, ns)) in named.iter().enumerate() {
            if *ns > named[longest].1 {
                longest = i;
            }
        }
        self.dominant[longest] += 1;
    }

    fn add_tcp(&mut self, record: &Record) {
        let tcp = &record.tcp;
        self.retransmits += u64::from(tcp.retransmits);
        self.retransmitted += u64::from(tcp.retransmits > 0);
        self.lost += u64::from(tcp.lost);
        self.cwnd_limited_ns += tcp.cwnd_limited_ns;
        self.rwnd_limited_ns += tcp.rwnd_limited_ns;
        self.min_rtt_sum_ns += tcp.min_rtt_ns;
        self.min_rtts += u64::from(tcp.min_rtt_ns > 0);
    }

    fn add_stream(&mut self, record: &Record) {
        let Some(call) = record.gen_ai.as_deref() else {
            return;
        };
        self.output_tokens += call.output_tokens.unwrap_or(0);
        if !call.streaming {
            return;
        }
        self.streams += 1;
        self.chunks += call.chunks;
        if let Some(ns) = call.time_to_first_chunk_ns {
            self.first_chunk_sum_ns += ns;
            self.first_chunks += 1;
        }
        add_gaps(&mut self.gaps_ns, &call.gap_split_ns.unwrap_or_default());
        self.stalls_omitted += u64::from(call.stalls_omitted);
        for stall in &call.stalls {
            self.stalls[cause_index(stall.cause)] += 1;
            self.stalls_ns[cause_index(stall.cause)] += stall.gap_ns;
        }
    }

    /// Keeps `exemplar` if it is one of the slowest.
    fn keep(&mut self, exemplar: Exemplar) {
        let slower = |kept: &Exemplar| kept.duration_ns >= exemplar.duration_ns;
        let place = self.exemplars.partition_point(slower);
        if place < EXEMPLARS && exemplar.id != 0 {
            self.exemplars[place..].rotate_right(1);
            self.exemplars[place] = exemplar;
        }
    }

    /// Adds what `other` holds.
    pub fn merge(&mut self, other: &Sums) {
        macro_rules! add {
            ($($field:ident),*) => { $(self.$field += other.$field;)* };
        }
        add!(
            requests,
            errors,
            exact,
            rtt,
            duration_ns,
            request_bytes,
            response_bytes,
            retransmits,
            retransmitted,
            lost,
            cwnd_limited_ns,
            rwnd_limited_ns,
            min_rtt_sum_ns,
            min_rtts,
            server_run_delay_ns,
            run_delays,
            streams,
            chunks,
            output_tokens,
            first_chunk_sum_ns,
            first_chunks,
            stalls_omitted
        );
        add_phases(&mut self.phases_ns, &other.phases_ns);
        self.blame.merge(&other.blame);
        self.seen.merge(&other.seen);
        add_gaps(&mut self.gaps_ns, &other.gaps_ns);
        for i in 0..self.dominant.len() {
            self.dominant[i] += other.dominant[i];
        }
        for i in 0..self.stalls.len() {
            self.stalls[i] += other.stalls[i];
            self.stalls_ns[i] += other.stalls_ns[i];
        }
        for exemplar in other.exemplars {
            self.keep(exemplar);
        }
    }
}

/// Place of a cause in arrays by cause.
pub fn cause_index(cause: Cause) -> usize {
    match cause {
        Cause::Engine => 0,
        Cause::Wire => 1,
        Cause::Reader => 2,
    }
}

fn add_phases(sum: &mut Phases, phases: &Phases) {
    sum.client += phases.client;
    sum.send_queue += phases.send_queue;
    sum.wire += phases.wire;
    sum.recv_queue += phases.recv_queue;
    sum.server += phases.server;
    sum.stream += phases.stream;
    sum.remote += phases.remote;
}

fn add_gaps(sum: &mut GapSplit, gaps: &GapSplit) {
    sum.engine += gaps.engine;
    sum.wire += gaps.wire;
    sum.reader += gaps.reader;
}

/// One bucket of one edge.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// Sums.
    pub sums: Sums,
    /// Distribution of durations.
    pub durations: Durations,
    /// Distribution of times to first chunk; only edges with streams have one.
    pub first_chunks: Option<Box<Durations>>,
}

impl Cell {
    /// Most bytes one cell can hold.
    pub const BYTES_MAX: usize =
        size_of::<Cell>() + size_of::<Durations>() + 2 * Durations::HEAP_BYTES;

    /// Adds a request.
    pub fn add(&mut self, record: &Record) {
        self.sums.add(record);
        self.durations.add(record.duration_ns);
        let call = record.gen_ai.as_deref().filter(|call| call.streaming);
        if let Some(ns) = call.and_then(|call| call.time_to_first_chunk_ns) {
            self.first_chunks.get_or_insert_default().add(ns);
        }
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.sums = Sums::default();
        self.durations.clear();
        if let Some(first_chunks) = &mut self.first_chunks {
            first_chunks.clear();
        }
    }

    /// Adds what `other` holds.
    pub fn merge(&mut self, other: &Cell) {
        self.sums.merge(&other.sums);
        self.durations.merge(&other.durations);
        if let Some(first_chunks) = &other.first_chunks {
            self.first_chunks
                .get_or_insert_default()
                .merge(first_chunks);
        }
    }

    /// Bytes held.
    pub fn memory_bytes(&self) -> usize {
        let first = self.first_chunks.as_ref();
        let first = first.map_or(0, |_| size_of::<Durations>() + Durations::HEAP_BYTES);
        size_of::<Cell>() + Durations::HEAP_BYTES + first
    }
}
