//! Connections between two sockets, the ring between them and a pipeline, and what comes out.

use crate::kernel::Sock;
use crate::said::Said;
use forebay_core::decode::Speaker;
use forebay_core::event::{Cookie, End, LossReason, Open, Owner, TcpState, Thread};
use forebay_core::exchange::join::WallClock;
use forebay_core::exchange::record::Record;
use forebay_core::pipeline::{Output, Pipeline};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::net::SocketAddr;

/// Monotonic time of microsecond 0 of a test.
pub const START_NS: u64 = 1_000_000_000_000;

/// Shows monotonic nanoseconds as they are.
pub struct Bare;

impl WallClock for Bare {
    fn unix_ns(&self, monotonic_ns: u64) -> u64 {
        monotonic_ns
    }
}

/// How an end of a connection is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// From its beginning.
    New,
    /// It was there before the agent.
    Old,
    /// It is on another host.
    Away,
}

/// How a connection begins.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// First sequence numbers of the client's and the server's stream.
    pub bases: (u32, u32),
    /// Bytes that both said before the test.
    pub before: (u32, u32),
    pub client: View,
    pub server: View,
    pub min_rtt_us: u32,
}

impl Default for How {
    fn default() -> Self {
        Self {
            bases: (7_000, 90_000),
            before: (0, 0),
            client: View::New,
            server: View::New,
            min_rtt_us: 40,
        }
    }
}

/// When bytes are written, leave, arrive and are read, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct At(pub u64, pub u64, pub u64, pub u64);

impl At {
    /// Ten microseconds between all of them.
    pub fn from(us: u64) -> Self {
        Self(us, us + 10, us + 20, us + 30)
    }
}

pub struct World {
    pub pipeline: Pipeline,
    pub socks: Vec<Sock>,
    /// On the wire, by sending socket.
    flying: Vec<VecDeque<Vec<u8>>>,
    /// In the ring.
    ring: Vec<Said>,
    /// Ring records that get lost, by their number.
    pub lose: HashSet<usize>,
    pub lost: u64,
    /// A socket's announcement was among them.
    pub lost_open: bool,
    pub said: usize,
    /// Drain after every call, as if user space were always first.
    pub eager: bool,
    /// Reorders the ring between sockets; a socket's own records stay in order.
    pub shuffle: Option<fn(&mut [Said])>,
    pub records: Vec<Record>,
    pub losses: BTreeMap<String, u64>,
    /// Bytes of one packet.
    pub mss: usize,
}

/// The `n`th connection.
pub type Conn = usize;

impl World {
    pub fn new() -> Self {
        Self {
            pipeline: Pipeline::new(Box::new(Bare)),
            socks: Vec::new(),
            flying: Vec::new(),
            ring: Vec::new(),
            lose: HashSet::new(),
            lost: 0,
            lost_open: false,
            said: 0,
            eager: true,
            shuffle: None,
            records: Vec::new(),
            losses: BTreeMap::new(),
            mss: 60_000,
        }
    }

    pub fn index(conn: Conn, who: Speaker) -> usize {
        conn * 2 + usize::from(who == Speaker::Server)
    }

    /// Opens a connection.
    pub fn connect(&mut self, us: u64, how: How) -> Conn {
        let cookie = self.socks.len() as Cookie + 1;
        self.connect_as(us, how, cookie)
    }

    /// Opens `n` connections, each with first sequence numbers of its own.
    pub fn connect_many(&mut self, n: u32) -> Vec<Conn> {
        let one = |n: u32| {
            let how = How {
                bases: (n, !n),
                ..How::default()
            };
            self.connect(u64::from(n), how)
        };
        (0..n).map(one).collect()
    }

    /// The same, under these cookies: the client's and the one after it.
    pub fn connect_as(&mut self, us: u64, how: How, mut cookie: Cookie) -> Conn {
        let conn = self.socks.len() / 2;
        let client: SocketAddr = ([10, 0, (conn >> 8) as u8, conn as u8], 40_000).into();
        let server: SocketAddr = ([10, 9, 0, 1], 8_080).into();
        let (cb, sb) = how.bases;
        let (c, s) = (cb.wrapping_add(how.before.0), sb.wrapping_add(how.before.1));
        let parts = [
            (how.client, End::Client, client, server, cb, sb, c, s),
            (how.server, End::Server, server, client, sb, cb, s, c),
        ];
        for (view, end, local, peer, out, inn, sent, got) in parts {
            let old = view == View::Old;
            let open = Open {
                cookie,
                at_ns: 0,
                local,
                peer,
                netns: 1,
                cgroup: 0,
                end: if old { End::Unknown } else { end },
                // An old client's base is one too low: its SYN was acknowledged too.
                out_base: out.wrapping_sub(u32::from(old && end == End::Client)),
                in_base: inn,
                old,
            };
            let mut sock = Sock::new(open, view == View::Away, sent, got);
            sock.tcp = TcpState {
                min_rtt_us: how.min_rtt_us,
                srtt_us: how.min_rtt_us * 2,
                ..TcpState::default()
            };
            let name = if end == End::Client {
                "asker"
            } else {
                "engine"
            };
            let pid = 100 + self.socks.len() as u32;
            sock.thread = Thread {
                tid: pid,
                run_delay_ns: 0,
            };
            sock.said.push(Said::Owner(Owner {
                cookie: open.cookie,
                pid,
                comm: name.into(),
                cgroup: 0,
            }));
            if view == View::New {
                sock.announce(ns(us));
            }
            cookie += 1;
            self.socks.push(sock);
            self.flying.resize_with(self.socks.len(), VecDeque::new);
            self.collect(self.socks.len() - 1);
        }
        conn
    }

    pub fn write(&mut self, conn: Conn, who: Speaker, us: u64, data: &[u8]) {
        let i = Self::index(conn, who);
        self.socks[i].write(ns(us), data);
        self.collect(i);
    }

    /// All that was written and not sent leaves.
    pub fn leave(&mut self, conn: Conn, who: Speaker, us: u64) {
        let i = Self::index(conn, who);
        while !self.socks[i].unsent.is_empty() {
            let mss = self.mss;
            let packet = self.socks[i].leave(ns(us), mss);
            self.flying[i].push_back(packet);
        }
        self.collect(i);
    }

    /// All that is on its way to `who` arrives.
    pub fn arrive(&mut self, conn: Conn, who: Speaker, us: u64) {
        let (i, from) = (Self::index(conn, who), Self::index(conn, who.other()));
        while let Some(packet) = self.flying[from].pop_front() {
            self.socks[i].arrive(ns(us), &packet);
        }
        self.collect(i);
    }

    pub fn read(&mut self, conn: Conn, who: Speaker, us: u64) {
        let i = Self::index(conn, who);
        self.socks[i].read(ns(us));
        self.collect(i);
    }

    /// One write, one flight, one read.
    pub fn say(&mut self, conn: Conn, who: Speaker, at: At, data: &[u8]) {
        self.write(conn, who, at.0, data);
        self.leave(conn, who, at.1);
        self.arrive(conn, who.other(), at.2);
        self.read(conn, who.other(), at.3);
    }

    /// A FIN reaches `who`.
    pub fn fin(&mut self, conn: Conn, who: Speaker, us: u64) {
        let i = Self::index(conn, who);
        self.socks[i].fin(ns(us));
        self.collect(i);
    }

    /// Both sockets go, the client's first.
    pub fn close(&mut self, conn: Conn, us: u64) {
        for who in [Speaker::Client, Speaker::Server] {
            let i = Self::index(conn, who);
            self.socks[i].destroy(ns(us));
            self.collect(i);
        }
    }

    /// The kernel shows what it holds back.
    pub fn flush(&mut self) {
        for i in 0..self.socks.len() {
            self.socks[i].flush();
            self.collect(i);
        }
    }

    fn collect(&mut self, i: usize) {
        let said = std::mem::take(&mut self.socks[i].said);
        if self.socks[i].away {
            return;
        }
        for one in said {
            if self.lose.contains(&self.said) {
                self.lost += 1;
                self.lost_open |= matches!(one, Said::Open(_));
            } else {
                self.ring.push(one);
            }
            self.said += 1;
        }
        if self.eager {
            self.drain();
        }
    }

    /// User space takes what is in the ring, and gives its orders.
    pub fn drain(&mut self) {
        let mut ring = std::mem::take(&mut self.ring);
        if let Some(shuffle) = self.shuffle {
            shuffle(&mut ring);
        }
        for one in &ring {
            one.to(&mut self.pipeline);
        }
        for order in self.pipeline.take_orders() {
            let asked = self
                .socks
                .iter_mut()
                .find(|s| s.open.cookie == order.cookie);
            if let Some(sock) = asked {
                sock.orders = Some((order.incoming, order.outgoing));
            }
        }
        self.take();
    }

    fn take(&mut self) {
        let mut outputs = Vec::new();
        self.pipeline.take_outputs(&mut outputs);
        for output in outputs {
            match output {
                Output::Record(record) => self.records.push(record),
                Output::Lost { count, why, .. } => {
                    *self.losses.entry(format!("{why:?}")).or_default() += count;
                }
            }
        }
    }

    /// Time passes; the kernel is asked for what it holds back if the pipeline wants it.
    pub fn tick(&mut self, us: u64) {
        self.drain();
        let lost = std::mem::take(&mut self.lost);
        self.pipeline.lost(lost, LossReason::RingFull, ns(us));
        if self.pipeline.tick(ns(us)) {
            self.flush();
        }
        self.drain();
    }

    /// Everything comes out.
    pub fn end(&mut self, us: u64) -> Vec<Record> {
        self.tick(us);
        self.pipeline.finish_all(ns(us));
        self.take();
        std::mem::take(&mut self.records)
    }
}

pub fn ns(us: u64) -> u64 {
    START_NS + us * 1000
}

/// An HTTP exchange: a path and an answer of so many bytes.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").into_bytes()
}

pub fn ok(body: usize) -> Vec<u8> {
    answer(200, body)
}

pub fn answer(status: u16, body: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {body}\r\n\r\n");
    [head.into_bytes(), vec![b'b'; body]].concat()
}
