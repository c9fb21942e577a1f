//! The kernel half as a source: drains its ring on a timer and runs the pipeline.

use super::clock::Clock;
use super::meter::{KernelMemory, Meter, resident_once_bytes};
use super::priority::Priority;
use super::sched::Sampler;
use super::{CaptureError, Feature, LiveOptions, Source, StopFlag, processes};
use crate::keep::deck::{Job, Put};
use crate::keep::hub::Hub;
use crate::keep::time::monotonic_ns;
use crate::keep::vitals::Vitals;
use forebay_core::event::{Event, LossReason};
use forebay_core::pipeline::{Output, Pipeline};
use forebay_core::tape::Entry;
use forebay_kernel::{Losses, Observe, RING_BYTES, Stop};
use std::collections::HashMap;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

/// Pause between two drains. Never woken per record: a wake-up costs more than a record.
const DRAIN_EVERY: Duration = Duration::from_millis(4);
/// The same after a drain that took longer than this: a program that shares the CPU waits for as long
/// as a drain takes, so much work is done in short pieces.
const DRAIN_SOON: Duration = Duration::from_millis(1);
const LONG_NS: u64 = 50_000;
/// Records made before they are handed on, even when more waits in the ring: a burst is then worked
/// off in small memory.
const BATCH_MAX: usize = 256;
/// Steps of a recording made before they are handed on, for the same reason.
const ENTRIES_MAX: usize = 256;
/// How long working off what is in the ring at the end may take, on a host without a CPU to spare.
const END_NS: u64 = 8_000_000_000;
/// How often time alone is looked at.
const TICK_NS: u64 = 100_000_000;
/// How long between two flushes that brought nothing: doubles up to this.
const FLUSH_EVERY_MAX_NS: u64 = 1_600_000_000;
/// Processes whose names are remembered as read.
const PROCESSES_MAX: usize = 8192;

/// The kernel half of this host.
pub struct Live {
    observe: Observe,
    memory_max_bytes: u64,
}

impl Live {
    /// Loads and attaches it.
    pub fn start(options: &LiveOptions) -> Result<Self, CaptureError> {
        let mut observe = Observe::start_without(&options.without)?;
        if options.bpf_stats {
            observe.measure();
        }
        Ok(Self {
            observe,
            memory_max_bytes: options.memory_max_bytes,
        })
    }

    /// What each of its programs became.
    pub fn features(&self) -> Vec<Feature> {
        self.observe.table().to_vec()
    }
}

impl Source for Live {
    fn run(self: Box<Self>, hub: Arc<Hub>, stop: StopFlag) -> Result<(), CaptureError> {
        let mut drive = Drive::new(self.observe, self.memory_max_bytes);
        let mut sampler = Sampler::new();
        let mut batch = Vec::new();
        while !stop.stopped() {
            let begin_ns = monotonic_ns();
            let more = drive.step(&mut batch);
            drive.tape(&hub);
            let now_ns = monotonic_ns();
            sampler.answered(&batch, now_ns);
            for sample in sampler.samples(now_ns) {
                hub.process(&sample);
            }
            if let Some(vitals) = drive.vitals(now_ns) {
                hub.bound_waiting(drive.meter.spare_bytes());
                hub.set_vitals(vitals);
            }
            hub.publish(&mut batch);
            if !more {
                drive.rest(begin_ns);
            }
        }
        drive.end(&hub, &mut batch);
        Ok(())
    }
}

/// The loop's state.
struct Drive {
    observe: Observe,
    pipeline: Pipeline,
    clock: Clock,
    /// Process names as read: pid → comm at that time.
    read: HashMap<u32, Box<str>>,
    losses: Losses,
    next_tick_ns: u64,
    next_flush_ns: u64,
    flush_every_ns: u64,
    job: Option<Job>,
    meter: Meter,
    priority: Priority,
}

impl Drive {
    fn new(observe: Observe, memory_max_bytes: u64) -> Self {
        let (clock, now_ns) = (Clock::read(), monotonic_ns());
        let kernel = KernelMemory {
            fixed_bytes: observe.fixed_bytes(),
            socket_bytes: observe.socket_bytes(),
        };
        let resident_bytes = resident_once_bytes().unwrap_or(0);
        let meter = Meter::new(memory_max_bytes, kernel, resident_bytes, now_ns);
        let mut drive = Self {
            observe,
            pipeline: Pipeline::new(Box::new(clock)),
            clock,
            read: HashMap::new(),
            losses: Losses::default(),
            next_tick_ns: 0,
            next_flush_ns: 0,
            flush_every_ns: TICK_NS,
            job: None,
            meter,
            priority: Priority::behind(),
        };
        drive.bound(now_ns);
        drive
    }

    /// Holds kernel and pipeline to the connections that memory allows.
    fn bound(&mut self, now_ns: u64) {
        let connections = self.meter.connections_max();
        self.observe.bound_sockets(connections);
        self.pipeline.bound(connections, now_ns);
    }

    /// `true`: more waits.
    fn step(&mut self, batch: &mut Vec<Output>) -> bool {
        let more = self.drain();
        let now_ns = monotonic_ns();
        if now_ns >= self.next_tick_ns {
            self.next_tick_ns = now_ns + TICK_NS;
            self.tick(now_ns);
        }
        self.order();
        self.pipeline.take_outputs(batch);
        more
    }

    /// Sleeps after a round that began then.
    fn rest(&self, begin_ns: u64) {
        let now_ns = monotonic_ns();
        let pause = if now_ns.saturating_sub(begin_ns) > LONG_NS {
            DRAIN_SOON
        } else {
            DRAIN_EVERY
        };
        self.priority.rest(now_ns, pause);
        sleep(pause);
    }

    /// What the agent costs and holds, once a second.
    fn vitals(&mut self, now_ns: u64) -> Option<Vitals> {
        let connections = self.pipeline.connections();
        let vitals = self.meter.take(&self.observe, connections, now_ns)?;
        self.bound(now_ns);
        Some(vitals)
    }

    /// `true`: more waits.
    fn drain(&mut self) -> bool {
        let waiting_bytes = self.observe.waiting_bytes();
        self.meter.ring(waiting_bytes);
        self.priority
            .follow(waiting_bytes, RING_BYTES, monotonic_ns());
        let (pipeline, read) = (&mut self.pipeline, &mut self.read);
        let mut full = false;
        self.observe.drain(|event| {
            if let Event::Owner(owner) = &event {
                learn(pipeline, read, owner.pid, &owner.comm);
            }
            pipeline.event(event);
            full = pipeline.waiting_outputs() >= BATCH_MAX
                || pipeline.waiting_entries() >= ENTRIES_MAX;
            if full { Stop::Stop } else { Stop::Continue }
        });
        full
    }

    fn tick(&mut self, now_ns: u64) {
        let losses = self.observe.losses();
        let ring = losses.ring_full - self.losses.ring_full;
        let table = losses.socket_table_full - self.losses.socket_table_full;
        self.losses = losses;
        self.pipeline.lost(ring, LossReason::RingFull, now_ns);
        self.pipeline.lost(table, LossReason::FlowTableFull, now_ns);
        if !self.pipeline.tick(now_ns) {
            self.flush_every_ns = TICK_NS;
        } else if now_ns >= self.next_flush_ns {
            self.next_flush_ns = now_ns + self.flush_every_ns;
            self.flush_every_ns = (self.flush_every_ns * 2).min(FLUSH_EVERY_MAX_NS);
            self.observe.flush();
        }
    }

    /// Starts, feeds and ends a recording.
    fn tape(&mut self, hub: &Hub) {
        if self.job.is_none()
            && let Some(mut job) = hub.deck.take()
        {
            self.pipeline.start_tape(job.payload);
            let start = Entry::Start {
                epoch_ns: self.clock.epoch_ns,
                version: env!("CARGO_PKG_VERSION").into(),
                payload: job.payload,
            };
            job.put(&[start], 0);
            self.job = Some(job);
        }
        let (Some(job), Some(entries)) = (&mut self.job, self.pipeline.take_tape()) else {
            return;
        };
        match job.put(&entries, monotonic_ns()) {
            Put::Going => {}
            Put::Missed(steps) => {
                hub.lost_to_recording(steps);
                self.pipeline.restart_tape();
            }
            Put::Over => {
                self.pipeline.end_tape();
                self.job = None;
                hub.deck.free();
            }
        }
    }

    fn order(&mut self) {
        let orders = self.pipeline.take_orders();
        self.observe.order(&orders);
    }

    fn end(&mut self, hub: &Hub, batch: &mut Vec<Output>) {
        self.priority.hurry();
        // Traffic goes on: still attached, the ring might be filled as fast as it is drained.
        self.observe.detach();
        self.observe.flush();
        let until_ns = monotonic_ns() + END_NS;
        while self.drain() && monotonic_ns() < until_ns {
            self.hand_on(hub, batch);
        }
        self.pipeline.finish_all(monotonic_ns());
        self.hand_on(hub, batch);
    }

    fn hand_on(&mut self, hub: &Hub, batch: &mut Vec<Output>) {
        self.pipeline.take_outputs(batch);
        self.tape(hub);
        hub.publish(batch);
    }
}

/// Reads what /proc says of a process the first time it is seen under this name.
fn learn(pipeline: &mut Pipeline, read: &mut HashMap<u32, Box<str>>, pid: u32, comm: &str) {
    if read.get(&pid).is_some_and(|known| &**known == comm) {
        return;
    }
    if read.len() >= PROCESSES_MAX {
        read.clear();
    }
    read.insert(pid, comm.into());
    pipeline.workload(pid, processes::workload(pid, comm));
}
