//! The load: one thread, many connections, closed loop or on a fixed schedule. It runs as a process
//! of its own; its parent asks for a window's figures with a line on standard input.

use crate::clock::now_ns;
use crate::protocol::{End, Protocol};
use crate::{CostError, Result, Tried};
use hdrhistogram::Histogram;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::io::{Read, Write, stdin, stdout};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

/// Longest latency told apart, nanoseconds.
const LATENCY_MAX_NS: u64 = 60_000_000_000;
const STDIN: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;

/// Figures since the last question.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Window {
    /// When it ended.
    pub at_ns: u64,
    /// Requests answered (bulk: megabytes sent).
    pub units: f64,
    /// Median latency, from the scheduled time in open loop.
    pub p50_ns: u64,
    /// 99th percentile.
    pub p99_ns: u64,
    /// 99.9th percentile.
    pub p999_ns: u64,
    /// Requests waiting for a free connection.
    pub backlog: usize,
}

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What is asked.
    pub protocol: Protocol,
    /// Whom.
    pub addr: SocketAddr,
    /// Connections.
    pub connections: usize,
    /// Requests a second of all connections together; `None`: closed loop.
    pub rate: Option<f64>,
}

struct Lane {
    stream: TcpStream,
    end: End,
    due_ns: u64,
    len: usize,
    busy: bool,
}

/// Runs until standard input ends.
///
/// # Errors
/// When a connection fails.
pub fn run(plan: Plan) -> Result<()> {
    if plan.protocol == Protocol::Bulk {
        return bulk(plan.addr);
    }
    let mut load = Load::new(plan)?;
    println!("ready");
    load.drive()
}

struct Load {
    plan: Plan,
    epoll: Epoll,
    timer: TimerFd,
    lanes: Vec<Lane>,
    idle: Vec<usize>,
    backlog: VecDeque<u64>,
    next_due_ns: f64,
    sent: u64,
    done: u64,
    latency: Histogram<u64>,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Load {
    fn new(plan: Plan) -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::empty()).tried("epoll")?;
        let timer =
            TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK).tried("timerfd")?;
        let mut lanes = Vec::new();
        for n in 0..plan.connections {
            let (stream, end) = plan.protocol.connect(plan.addr)?;
            stream.set_nonblocking(true).tried("non-blocking")?;
            let event = EpollEvent::new(EpollFlags::EPOLLIN, n as u64);
            epoll.add(&stream, event).tried("epoll")?;
            lanes.push(Lane {
                stream,
                end,
                due_ns: 0,
                len: 0,
                busy: false,
            });
        }
        epoll
            .add(stdin(), EpollEvent::new(EpollFlags::EPOLLIN, STDIN))
            .tried("epoll")?;
        epoll
            .add(timer.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, TIMER))
            .tried("epoll")?;
        let latency = Histogram::new_with_bounds(1_000, LATENCY_MAX_NS, 3)
            .map_err(|e| CostError::Unexpected(e.to_string()))?;
        Ok(Self {
            idle: (0..lanes.len()).collect(),
            plan,
            epoll,
            timer,
            lanes,
            backlog: VecDeque::new(),
            next_due_ns: now_ns() as f64,
            sent: 0,
            done: 0,
            latency,
            request: Vec::new(),
            answer: vec![0; 65_536],
        })
    }

    fn drive(&mut self) -> Result<()> {
        let mut events = vec![EpollEvent::empty(); 128];
        loop {
            self.send_due()?;
            let n = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
                Ok(n) => n,
                Err(nix::errno::Errno::EINTR) => 0,
                Err(error) => return Err(error).tried("epoll"),
            };
            for event in &events[..n] {
                match event.data() {
                    STDIN => {
                        if !self.answer_parent()? {
                            return Ok(());
                        }
                    }
                    TIMER => {
                        let _ = self.timer.wait();
                    }
                    lane => self.receive(lane as usize)?,
                }
            }
        }
    }

    /// Sends what is due; in closed loop everything idle is.
    fn send_due(&mut self) -> Result<()> {
        let Some(rate) = self.plan.rate else {
            while let Some(lane) = self.idle.pop() {
                self.send(lane, now_ns())?;
            }
            return Ok(());
        };
        let now = now_ns() as f64;
        while self.next_due_ns <= now {
            self.backlog.push_back(self.next_due_ns as u64);
            self.next_due_ns += 1e9 / rate;
        }
        while !self.backlog.is_empty() {
            let Some(lane) = self.idle.pop() else { break };
            let due_ns = self.backlog.pop_front().unwrap_or_default();
            self.send(lane, due_ns)?;
        }
        let at = TimeSpec::from_duration(Duration::from_nanos(self.next_due_ns as u64));
        self.timer
            .set(
                Expiration::OneShot(at),
                TimerSetTimeFlags::TFD_TIMER_ABSTIME,
            )
            .tried("timerfd")
    }

    fn send(&mut self, lane: usize, due_ns: u64) -> Result<()> {
        self.plan.protocol.request(self.sent, &mut self.request);
        self.sent += 1;
        let lane = &mut self.lanes[lane];
        lane.due_ns = due_ns;
        lane.len = 0;
        lane.busy = true;
        lane.stream
            .write_all(&self.request)
            .tried("cannot send a request")
    }

    fn receive(&mut self, number: usize) -> Result<()> {
        let lane = &mut self.lanes[number];
        let n = match lane.stream.read(&mut self.answer) {
            Ok(0) => {
                return Err(CostError::Unexpected(
                    "the server closed a connection".into(),
                ));
            }
            Ok(n) => n,
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
            Err(e) => return Err(e).tried("cannot read an answer"),
        };
        lane.len += n;
        if lane.busy && lane.end.is_reached(lane.len, &self.answer[..n]) {
            lane.busy = false;
            self.done += 1;
            self.latency
                .saturating_record(now_ns().saturating_sub(lane.due_ns));
            self.idle.push(number);
        }
        Ok(())
    }

    /// `false`: the parent is gone.
    fn answer_parent(&mut self) -> Result<bool> {
        let mut line = [0; 64];
        if stdin().read(&mut line).tried("standard input")? == 0 {
            return Ok(false);
        }
        tell(&Window {
            at_ns: now_ns(),
            units: self.done as f64,
            p50_ns: self.latency.value_at_quantile(0.5),
            p99_ns: self.latency.value_at_quantile(0.99),
            p999_ns: self.latency.value_at_quantile(0.999),
            backlog: self.backlog.len(),
        })?;
        self.done = 0;
        self.latency.reset();
        Ok(true)
    }
}

fn tell(window: &Window) -> Result<()> {
    let text = serde_json::to_string(window).map_err(|e| CostError::Unexpected(e.to_string()))?;
    println!("{text}");
    stdout().flush().tried("standard output")
}

/// One stream, as fast as it goes.
fn bulk(addr: SocketAddr) -> Result<()> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let (mut stream, _) = Protocol::Bulk.connect(addr)?;
    println!("ready");
    let piece = vec![b'x'; 65_536];
    let mut bytes = 0_u64;
    loop {
        for _ in 0..32 {
            stream.write_all(&piece).tried("cannot send")?;
            bytes += piece.len() as u64;
        }
        let input = stdin();
        let mut fds = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, PollTimeout::ZERO).tried("poll")? == 0 {
            continue;
        }
        let mut line = [0; 64];
        if stdin().read(&mut line).tried("standard input")? == 0 {
            return Ok(());
        }
        let units = bytes as f64 / 1e6;
        tell(&Window {
            at_ns: now_ns(),
            units,
            p50_ns: 0,
            p99_ns: 0,
            p999_ns: 0,
            backlog: 0,
        })?;
        bytes = 0;
    }
}
