//! The kernel half's cost by toggling: off, on, off … inside one run of the load, CPU time of server
//! and client per request. Stays valid while other work shares the machine.

use crate::clock::{now_ns, thread_cpu_ns};
use crate::protocol::Protocol;
use crate::quantile::{Spread, spread};
use crate::servers::{Client, Server};
use crate::{Result, meter};
use forebay_core::exchange::join::WallClock;
use forebay_core::pipeline::{Output, Pipeline};
use forebay_kernel::{Observe, ProgramStats, Stop};
use serde::Serialize;
use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

/// Time for a change to settle, not measured.
const SETTLE_NS: u64 = 120_000_000;
/// As the agent's.
const DRAIN_EVERY: Duration = Duration::from_millis(4);

/// What is done with the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Consumer {
    /// Drained and dropped.
    Discard,
    /// Decoded, paired and joined, orders sent back; records dropped.
    Pipeline,
}

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Load.
    pub protocol: Protocol,
    /// Its connections.
    pub connections: usize,
    /// Its rate; `None`: closed loop.
    pub rate: Option<f64>,
    /// Consumer of the records.
    pub consumer: Consumer,
    /// On-windows.
    pub toggles: usize,
    /// Length of one.
    pub window_ns: u64,
    /// Switch run-time statistics on in the on-windows (adds their own cost).
    pub stats: bool,
}

/// What one program cost.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Program {
    /// Runs per unit, both ends.
    pub runs_per_unit: f64,
    /// Nanoseconds a run, the statistics' own 60–100 ns included.
    pub ns_per_run: f64,
    /// Nanoseconds per unit, both ends.
    pub ns_per_unit: f64,
}

/// What came out. A unit is a request (bulk: a megabyte).
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Always `toggle`.
    pub experiment: &'static str,
    /// Load.
    pub protocol: Protocol,
    /// Connections.
    pub connections: usize,
    /// Rate, if fixed.
    pub rate: Option<f64>,
    /// Consumer.
    pub consumer: Consumer,
    /// Whether run-time statistics were on.
    pub stats: bool,
    /// Units a second while off.
    pub units_per_s: Spread,
    /// CPU of server and client per unit while off.
    pub off_ns: Spread,
    /// On minus off, both ends.
    pub added_ns: Spread,
    /// On minus off, halved: one node end.
    pub added_per_end_ns: Spread,
    /// On over off.
    pub ratio: Spread,
    /// Consumer thread's CPU per unit, both ends' records.
    pub consumer_ns: Spread,
    /// Records that came out per unit (1 = complete).
    pub records_per_unit: f64,
    /// Ring records lost.
    pub ring_full: u64,
    /// By program; only with statistics.
    pub programs: BTreeMap<String, Program>,
    /// Where.
    pub machine: serde_json::Value,
}

struct Wall;

impl WallClock for Wall {
    fn unix_ns(&self, monotonic_ns: u64) -> u64 {
        monotonic_ns
    }
}

#[derive(Clone, Copy, Default)]
struct Sample {
    units: f64,
    cpu_ns: f64,
    seconds: f64,
}

impl Sample {
    fn cost(&self) -> f64 {
        self.cpu_ns / self.units
    }
}

/// A window with the kernel half attached.
#[derive(Default)]
struct On {
    sample: Sample,
    consumer_ns: f64,
    records: u64,
    ring_full: u64,
    programs: Vec<ProgramStats>,
}

/// Runs the experiment.
///
/// # Errors
/// When server, load or kernel half don't start.
pub fn run(plan: Plan) -> Result<Report> {
    let server = Server::start(plan.protocol)?;
    let mut client = Client::start(plan.protocol, server.addr, plan.connections, plan.rate)?;
    sleep(Duration::from_millis(500));
    let mut offs = vec![off(&server, &mut client, plan.window_ns)?];
    let mut ons = Vec::new();
    for _ in 0..plan.toggles {
        ons.push(on(&plan, &server, &mut client)?);
        offs.push(off(&server, &mut client, plan.window_ns)?);
    }
    Ok(report(&plan, &offs, &ons))
}

fn cpu_ns(server: &Server, client: &Client) -> Result<f64> {
    Ok((server.group.cpu_ns()? + client.group.cpu_ns()?) as f64)
}

fn off(server: &Server, client: &mut Client, window_ns: u64) -> Result<Sample> {
    sleep(Duration::from_nanos(SETTLE_NS));
    let begin = client.window()?;
    let cpu = cpu_ns(server, client)?;
    sleep(Duration::from_nanos(window_ns));
    let end = client.window()?;
    Ok(Sample {
        units: end.units,
        cpu_ns: cpu_ns(server, client)? - cpu,
        seconds: (end.at_ns - begin.at_ns) as f64 / 1e9,
    })
}

fn on(plan: &Plan, server: &Server, client: &mut Client) -> Result<On> {
    let mut drain = Drain::start(plan)?;
    drain.until(now_ns() + SETTLE_NS);
    drain.records = 0;
    let begin = client.window()?;
    let cpu = cpu_ns(server, client)?;
    let own = thread_cpu_ns();
    let stats = drain.observe.stats();
    drain.until(now_ns() + plan.window_ns);
    let end = client.window()?;
    let sample = Sample {
        units: end.units,
        cpu_ns: cpu_ns(server, client)? - cpu,
        seconds: (end.at_ns - begin.at_ns) as f64 / 1e9,
    };
    let consumer_ns = (thread_cpu_ns() - own) as f64;
    let mut programs = drain.observe.stats();
    for (now, before) in programs.iter_mut().zip(stats) {
        now.runs -= before.runs;
        now.run_time_ns -= before.run_time_ns;
    }
    Ok(On {
        sample,
        consumer_ns,
        records: drain.records,
        ring_full: drain.observe.losses().ring_full,
        programs,
    })
}

/// The agent's loop without its shell.
struct Drain {
    observe: Observe,
    pipeline: Option<Pipeline>,
    outputs: Vec<Output>,
    records: u64,
}

impl Drain {
    fn start(plan: &Plan) -> Result<Self> {
        let mut observe = Observe::start()?;
        if plan.stats {
            observe.measure();
        }
        let pipeline = (plan.consumer == Consumer::Pipeline).then(|| Pipeline::new(Box::new(Wall)));
        Ok(Self {
            observe,
            pipeline,
            outputs: Vec::new(),
            records: 0,
        })
    }

    fn until(&mut self, end_ns: u64) {
        while now_ns() < end_ns {
            let pipeline = &mut self.pipeline;
            self.observe.drain(|event| {
                if let Some(pipeline) = pipeline {
                    pipeline.event(event);
                }
                Stop::Continue
            });
            if let Some(pipeline) = &mut self.pipeline {
                pipeline.take_outputs(&mut self.outputs);
                let orders = pipeline.take_orders();
                self.observe.order(&orders);
            }
            let is_record = |o: &&Output| matches!(o, Output::Record(_));
            self.records += self.outputs.iter().filter(is_record).count() as u64;
            self.outputs.clear();
            sleep(DRAIN_EVERY);
        }
    }
}

fn report(plan: &Plan, offs: &[Sample], ons: &[On]) -> Report {
    let around = |n: usize| f64::midpoint(offs[n].cost(), offs[n + 1].cost());
    let every = |f: &dyn Fn(usize, &On) -> f64| -> Spread {
        spread(
            &ons.iter()
                .enumerate()
                .map(|(n, on)| f(n, on))
                .collect::<Vec<_>>(),
        )
    };
    let units: f64 = ons.iter().map(|on| on.sample.units).sum();
    let rates: Vec<f64> = offs.iter().map(|s| s.units / s.seconds).collect();
    let costs: Vec<f64> = offs.iter().map(Sample::cost).collect();
    Report {
        experiment: "toggle",
        protocol: plan.protocol,
        connections: plan.connections,
        rate: plan.rate,
        consumer: plan.consumer,
        stats: plan.stats,
        units_per_s: spread(&rates),
        off_ns: spread(&costs),
        added_ns: every(&|n, on| on.sample.cost() - around(n)),
        added_per_end_ns: every(&|n, on| (on.sample.cost() - around(n)) / 2.0),
        ratio: every(&|n, on| on.sample.cost() / around(n)),
        consumer_ns: every(&|_, on| on.consumer_ns / on.sample.units),
        records_per_unit: ons.iter().map(|on| on.records as f64).sum::<f64>() / units,
        ring_full: ons.iter().map(|on| on.ring_full).sum(),
        programs: if plan.stats {
            programs(ons, units)
        } else {
            BTreeMap::new()
        },
        machine: meter::machine(),
    }
}

fn programs(ons: &[On], units: f64) -> BTreeMap<String, Program> {
    let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for program in ons.iter().flat_map(|on| &on.programs) {
        let sum = sums.entry(program.program.clone()).or_default();
        sum.0 += program.runs;
        sum.1 += program.run_time_ns;
    }
    let each = |(name, (runs, ns)): (String, (u64, u64))| {
        let program = Program {
            runs_per_unit: runs as f64 / units,
            ns_per_run: if runs == 0 {
                0.0
            } else {
                ns as f64 / runs as f64
            },
            ns_per_unit: ns as f64 / units,
        };
        (name, program)
    };
    sums.into_iter().map(each).collect()
}
