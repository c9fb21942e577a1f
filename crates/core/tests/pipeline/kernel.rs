//! A socket as the kernel half sees it: the rules of `bpf/` in Rust, without a kernel.
//!
//! Turns, 64 segments a turn, sums of the rest with their tails, the head budget, marks and orders
//! follow `bpf/lib/segment.h` and the hooks in `bpf/observe/`.

use crate::said::Said;
use forebay_core::decode::Report;
use forebay_core::event::{Close, Direction, Mark, Open, TcpState, Thread};
use forebay_core::tape::Passage;
use std::collections::VecDeque;

mod half;

use half::{Half, SEGMENTS_PER_TURN, TAIL_MAX};

/// One socket.
pub struct Sock {
    /// How it is announced.
    pub open: Open,
    /// Nothing is announced or reported: the socket is on another host.
    pub away: bool,
    pub tcp: TcpState,
    pub thread: Thread,
    pub said: Vec<Said>,
    pub orders: Option<(Report, Report)>,
    opened: bool,
    last: Option<Direction>,
    halves: [Half; 2],
    /// Written, not yet sent: where it begins, and the bytes.
    pub unsent: VecDeque<u8>,
    pub sent_seq: u32,
    rcv_nxt: u32,
    copied_seq: u32,
    arrived_ns: u64,
    unread: VecDeque<Vec<u8>>,
    fin_seen: bool,
}

impl Sock {
    /// A socket that has sent and received some bytes before.
    pub fn new(open: Open, away: bool, sent_seq: u32, rcv_nxt: u32) -> Self {
        Self {
            open,
            away,
            tcp: TcpState::default(),
            thread: Thread::default(),
            said: Vec::new(),
            orders: None,
            opened: false,
            last: None,
            halves: Default::default(),
            unsent: VecDeque::new(),
            sent_seq,
            rcv_nxt,
            copied_seq: rcv_nxt,
            arrived_ns: 0,
            unread: VecDeque::new(),
            fin_seen: false,
        }
    }

    /// Announced when established, or at the first event if the agent came later.
    pub fn announce(&mut self, at_ns: u64) {
        if !self.opened {
            self.opened = true;
            self.open.at_ns = at_ns;
            self.said.push(Said::Open(self.open));
        }
        if let Some((incoming, outgoing)) = self.orders.take() {
            self.halves[0].obey(incoming);
            self.halves[1].obey(outgoing);
        }
    }

    /// `tcp_sendmsg_locked`: one write.
    pub fn write(&mut self, at_ns: u64, data: &[u8]) {
        self.announce(at_ns);
        let seq = self.sent_seq.wrapping_add(self.unsent.len() as u32);
        self.unsent.extend(data);
        let out = &mut self.halves[1];
        if out.next.is_none_or(|next| next == seq) {
            out.pending = (seq, at_ns);
        } else if out.reported() {
            self.mark(Direction::Out, seq, at_ns);
        }
    }

    fn mark(&mut self, direction: Direction, seq: u32, at_ns: u64) {
        let cookie = self.open.cookie;
        self.said.push(Said::Mark(Mark {
            cookie,
            direction,
            seq,
            at_ns,
        }));
    }

    /// `egress`: one packet of at most `most` bytes.
    pub fn leave(&mut self, at_ns: u64, most: usize) -> Vec<u8> {
        self.announce(at_ns);
        let n = most.min(self.unsent.len());
        let data: Vec<u8> = self.unsent.drain(..n).collect();
        let seq = self.sent_seq;
        self.sent_seq = seq.wrapping_add(n as u32);
        self.halves[1].next = Some(self.sent_seq);
        let pending = self.halves[1].pending;
        let reported_ns = if pending.0 == seq { pending.1 } else { 0 };
        self.pass(
            Direction::Out,
            seq,
            &data,
            [reported_ns, at_ns, at_ns],
            pending.1,
        );
        data
    }

    /// `ingress`: a packet arrived.
    pub fn arrive(&mut self, at_ns: u64, data: &[u8]) {
        self.announce(at_ns);
        let seq = self.rcv_nxt;
        self.rcv_nxt = seq.wrapping_add(data.len() as u32);
        self.arrived_ns = at_ns;
        if self.copied_seq == seq {
            self.halves[0].pending = (seq, at_ns);
        } else if self.halves[0].reported() {
            self.mark(Direction::In, seq, at_ns);
        }
        self.unread.push_back(data.to_vec());
    }

    /// `skb_copy_datagram_iovec`: everything that waits is read, packet by packet.
    pub fn read(&mut self, at_ns: u64) -> usize {
        self.announce(at_ns);
        let mut all = 0;
        while let Some(data) = self.unread.pop_front() {
            all += data.len();
            let seq = self.copied_seq;
            self.copied_seq = seq.wrapping_add(data.len() as u32);
            self.halves[0].next = Some(self.copied_seq);
            let pending = self.halves[0].pending;
            let net_ns = if pending.0 == seq { pending.1 } else { 0 };
            let net_last_ns = if self.unread.is_empty() {
                self.arrived_ns
            } else {
                net_ns
            };
            let rest_ns = if net_ns != 0 { net_ns } else { self.arrived_ns };
            self.pass(
                Direction::In,
                seq,
                &data,
                [at_ns, net_ns, net_last_ns],
                rest_ns,
            );
        }
        all
    }

    /// One segment. `times`: app, net and last net as a record of its own shows them; `other_ns`:
    /// the far side's time in a sum.
    fn pass(
        &mut self,
        direction: Direction,
        seq: u32,
        data: &[u8],
        times: [u64; 3],
        other_ns: u64,
    ) {
        let turn = self.turn_to(direction);
        let side = direction as usize;
        let [app_ns, net_ns, net_last_ns] = times;
        let tail = &data[data.len().saturating_sub(TAIL_MAX)..];
        if !self.halves[side].reported() {
            let (app, net) = match direction {
                Direction::Out => (other_ns, net_ns),
                Direction::In => (app_ns, other_ns),
            };
            let half = &mut self.halves[side];
            let rest = &mut half.rest;
            if rest.len == 0 {
                rest.seq = seq;
                rest.times_ns = [app, app, net, net];
                rest.turn = turn;
            }
            rest.len = seq.wrapping_add(data.len() as u32).wrapping_sub(rest.seq);
            rest.times_ns[1] = app;
            rest.times_ns[3] = if direction == Direction::In {
                self.arrived_ns
            } else {
                net
            };
            rest.tail = if half.report != Report::Quiet && data.len() >= TAIL_MAX {
                tail.to_vec()
            } else {
                Vec::new()
            };
            if half.rest_is_due() {
                self.send_rest(direction, false);
            }
            return;
        }
        self.send_rest(direction, false);
        let (head, tail) = self.halves[side].copied(data);
        let passage = Passage {
            cookie: self.open.cookie,
            direction,
            seq,
            len: data.len() as u32,
            times_ns: [app_ns, app_ns, net_ns, net_last_ns],
            turn,
            turns: self.halves[side].turns,
            bytes_only: false,
            tcp: self.tcp,
            thread: self.thread,
        };
        self.said
            .push(Said::Segment(passage, head.to_vec(), tail.to_vec()));
        self.halves[side].spend(head.len());
    }

    fn turn_to(&mut self, direction: Direction) -> bool {
        if self.last == Some(direction) {
            return false;
        }
        self.last = Some(direction);
        let (this, other) = match direction {
            Direction::In => (0, Direction::Out),
            Direction::Out => (1, Direction::In),
        };
        self.halves[this].turns = self.halves[this].turns.wrapping_add(1);
        if self.halves[this].report != Report::Quiet {
            self.send_rest(other, false);
            self.send_rest(direction, false);
            let half = &mut self.halves[this];
            half.segments_left = SEGMENTS_PER_TURN;
            if matches!(half.report, Report::Turns { .. }) {
                half.head_left = half.head;
            }
        }
        true
    }

    fn send_rest(&mut self, direction: Direction, keep: bool) {
        let half = &mut self.halves[direction as usize];
        if half.rest.len == 0 {
            return;
        }
        let passage = Passage {
            cookie: self.open.cookie,
            direction,
            seq: half.rest.seq,
            len: half.rest.len,
            times_ns: half.rest.times_ns,
            turn: half.rest.turn,
            turns: half.turns,
            bytes_only: false,
            tcp: if keep { TcpState::default() } else { self.tcp },
            thread: Thread::default(),
        };
        let tail = half.rest.tail.clone();
        if !keep {
            half.rest.len = 0;
        }
        self.said.push(Said::Segment(passage, Vec::new(), tail));
    }

    /// `flush`: a look at the sums.
    pub fn flush(&mut self) {
        self.send_rest(Direction::Out, true);
        self.send_rest(Direction::In, true);
    }

    /// The peer's FIN arrived.
    pub fn fin(&mut self, at_ns: u64) {
        self.fin_seen = true;
        self.close(at_ns, true);
    }

    /// The socket is gone.
    pub fn destroy(&mut self, at_ns: u64) {
        if self.opened {
            self.send_rest(Direction::Out, false);
            self.send_rest(Direction::In, false);
            self.close(at_ns, false);
        }
    }

    fn close(&mut self, at_ns: u64, half: bool) {
        self.said.push(Said::Close(Close {
            cookie: self.open.cookie,
            at_ns,
            half,
            fin_seq: self.rcv_nxt.wrapping_add(u32::from(self.fin_seen && !half)),
            tcp: self.tcp,
        }));
    }
}
