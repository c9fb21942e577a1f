//! Ring records to events: the only place where kernel bytes become Rust values.

use crate::skeleton::types::{
    fb_close, fb_end, fb_kind, fb_mark, fb_open, fb_owner, fb_record, fb_segment, fb_segment_flags,
    fb_tcp,
};
use forebay_core::event::{
    Close, Direction, End, Event, Mark, Open, Owner, Segment, TcpState, Thread,
};
use std::mem::size_of;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Types of the contract: plain integers and arrays of them, any bit pattern is a value.
///
/// # Safety
/// Only for `repr(C)` types made of integers.
unsafe trait Plain: Copy {}
// SAFETY: generated from wire.h, integers and arrays of integers only.
unsafe impl Plain for fb_record {}
// SAFETY: as above.
unsafe impl Plain for fb_open {}
// SAFETY: as above.
unsafe impl Plain for fb_owner {}
// SAFETY: as above; the flexible `head` array has no size.
unsafe impl Plain for fb_segment {}
// SAFETY: as above.
unsafe impl Plain for fb_mark {}
// SAFETY: as above.
unsafe impl Plain for fb_close {}

fn read<T: Plain>(bytes: &[u8]) -> Option<T> {
    if bytes.len() < size_of::<T>() {
        return None;
    }
    // SAFETY: the length was checked, the read may be unaligned, and T takes any bit pattern.
    Some(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

/// Makes an event of a ring record; `None` if it is not one of ours (never seen).
pub(crate) fn event(bytes: &[u8]) -> Option<Event<'_>> {
    let record: fb_record = read(bytes)?;
    match fb_kind(u32::from(record.kind)) {
        fb_kind::FB_SEGMENT => segment(bytes, &record),
        fb_kind::FB_MARK => read(bytes).map(mark),
        fb_kind::FB_OPEN => read(bytes).map(open),
        fb_kind::FB_OWNER => read(bytes).map(owner),
        fb_kind::FB_CLOSE => read(bytes).map(close),
        _ => None,
    }
}

fn segment<'a>(bytes: &'a [u8], record: &fb_record) -> Option<Event<'a>> {
    let fixed: fb_segment = read(bytes)?;
    let copied = usize::from(record.head_len);
    let head = bytes.get(size_of::<fb_segment>()..)?.get(..copied)?;
    // `tail` must borrow from the ring, not from the copy on the stack.
    let tail_at = std::mem::offset_of!(fb_segment, tail);
    let tail = bytes.get(tail_at..tail_at + usize::from(fixed.tail_len).min(8))?;
    let flag = |flag: fb_segment_flags| u32::from(fixed.flags) & flag.0 != 0;
    // Of an unusual end the copied bytes are the last ones.
    let (head, tail) = match head {
        [_, ..] if flag(fb_segment_flags::FB_ENDING) => (&head[..0], head),
        _ => (head, tail),
    };
    Some(Event::Segment(Segment {
        cookie: record.cookie,
        direction: direction(fixed.direction),
        seq: fixed.seq,
        len: fixed.len,
        app_ns: fixed.app_ns,
        app_last_ns: fixed.app_last_ns,
        net_ns: fixed.net_ns,
        net_last_ns: fixed.net_last_ns,
        turn: flag(fb_segment_flags::FB_TURN),
        turns: fixed.turns,
        bytes_only: flag(fb_segment_flags::FB_COPIED),
        head,
        tail,
        tcp: tcp(&fixed.tcp),
        thread: Thread {
            tid: fixed.tcp.tid,
            run_delay_ns: fixed.tcp.run_delay_ns,
        },
    }))
}

fn mark(m: fb_mark) -> Event<'static> {
    Event::Mark(Mark {
        cookie: m.r.cookie,
        direction: direction(m.direction),
        seq: m.seq,
        at_ns: m.at_ns,
    })
}

fn open(o: fb_open) -> Event<'static> {
    Event::Open(Open {
        cookie: o.r.cookie,
        at_ns: o.at_ns,
        local: SocketAddr::new(address(o.local), o.local_port),
        peer: SocketAddr::new(address(o.peer), o.peer_port),
        netns: o.netns,
        cgroup: o.cgroup_id,
        end: match fb_end(u32::from(o.end)) {
            fb_end::FB_END_CLIENT => End::Client,
            fb_end::FB_END_SERVER => End::Server,
            _ => End::Unknown,
        },
        out_base: o.out_base,
        in_base: o.in_base,
        old: o.old != 0,
    })
}

fn owner(o: fb_owner) -> Event<'static> {
    let comm: Vec<u8> = o
        .comm
        .iter()
        .map(|c| *c as u8)
        .take_while(|c| *c != 0)
        .collect();
    Event::Owner(Owner {
        cookie: o.r.cookie,
        pid: o.pid,
        comm: String::from_utf8_lossy(&comm).into(),
        cgroup: o.cgroup_id,
    })
}

fn close(c: fb_close) -> Event<'static> {
    Event::Close(Close {
        cookie: c.r.cookie,
        at_ns: c.at_ns,
        half: c.half != 0,
        fin_seq: c.fin_seq,
        tcp: tcp(&c.tcp),
    })
}

fn direction(d: u8) -> Direction {
    if d == 0 {
        Direction::In
    } else {
        Direction::Out
    }
}

fn address(bytes: [u8; 16]) -> IpAddr {
    let v6 = Ipv6Addr::from(bytes);
    v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4)
}

fn tcp(t: &fb_tcp) -> TcpState {
    TcpState {
        srtt_us: t.srtt_us,
        min_rtt_us: t.min_rtt_us,
        retransmits: t.retransmits,
        lost: t.lost,
        busy_us: t.busy_us,
        rwnd_limited_us: t.rwnd_limited_us,
        sndbuf_limited_us: t.sndbuf_limited_us,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any bytes of a length near a record's: refused or read, never a panic, and never bytes from
    /// behind the record.
    #[test]
    fn malformed_records_are_refused_or_read() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let (mut read, mut refused) = (0, 0);
        for round in 0..200_000u64 {
            let len = next() as usize % (size_of::<fb_segment>() + 300);
            let mut bytes: Vec<u8> = (0..len).map(|_| next() as u8).collect();
            let kind_at = std::mem::offset_of!(fb_record, kind);
            if let Some(kind) = bytes.get_mut(kind_at) {
                *kind = (round % 7) as u8;
            }
            if let Some(high) = bytes.get_mut(kind_at + 1).filter(|_| round % 3 > 0) {
                *high = 0;
            }
            match event(&bytes) {
                Some(Event::Segment(segment)) => {
                    let copied = segment.head.len() + size_of::<fb_segment>();
                    assert!(copied <= len);
                    // The last bytes of an unusual end stand where the first ones do.
                    assert!(segment.tail.len() <= 8 || segment.tail.len() <= len - copied);
                    read += 1;
                }
                Some(_) => read += 1,
                None => refused += 1,
            }
        }
        assert!(read > 1000 && refused > 1000, "{read} {refused}");
    }
}
