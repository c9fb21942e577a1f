//! Whole windows with and without an observer, interleaved: throughput, tails, CPU of server and
//! client, the observer's own CPU, completeness.

use crate::meter::{self, process_cpu_ns, thread_cpu_ns};
use crate::protocol::Protocol;
use crate::quantile::{Spread, spread};
use crate::servers::{Client, Ended, Server, spawn};
use crate::{CostError, Result, Tried};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Who watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Observer {
    /// Nobody.
    Off,
    /// `forebay run`, nobody subscribed.
    Agent,
    /// `forebay run` and `forebay observe --json > file`.
    AgentJson,
    /// `tcpdump -s 0 -w FILE`.
    TcpdumpFile,
    /// `tcpdump -s 0 -w /dev/null`.
    TcpdumpNull,
}

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Load.
    pub protocol: Protocol,
    /// Its connections.
    pub connections: usize,
    /// Its rate; `None`: closed loop.
    pub rate: Option<f64>,
    /// In this order, each between two of `off`.
    pub observers: Vec<Observer>,
    /// Rounds over all of them.
    pub rounds: usize,
    /// Length of a window.
    pub window: Duration,
    /// The binary.
    pub forebay: PathBuf,
}

/// One window.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    pub(crate) units_per_s: f64,
    pub(crate) cpu_per_unit_ns: f64,
    pub(crate) p50_ns: f64,
    pub(crate) p99_ns: f64,
    pub(crate) observer_ns: f64,
    pub(crate) capture_ns: f64,
    pub(crate) reader_ns: f64,
    pub(crate) backlog: usize,
    pub(crate) complete: f64,
}

/// Against the windows without, just before and after.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Units a second.
    pub units_per_s: Spread,
    /// The same, over bare.
    pub units_ratio: Spread,
    /// CPU of server and client per unit.
    pub cpu_per_unit_ns: Spread,
    /// On minus off.
    pub added_ns: Spread,
    /// Median latency.
    pub p50_ns: Spread,
    /// Over bare.
    pub p50_ratio: Spread,
    /// 99th percentile.
    pub p99_ns: Spread,
    /// Over bare.
    pub p99_ratio: Spread,
    /// The observer's own CPU per unit, both ends' records.
    pub observer_ns_per_unit: Spread,
    /// Of it, the capture thread's.
    pub capture_ns_per_unit: Spread,
    /// CPU per unit of the process that reads the agent's records and writes them.
    pub reader_ns_per_unit: Spread,
    /// Records over requests in the window; 0 where not counted.
    pub complete: Spread,
}

/// What came out.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Always `compare`.
    pub experiment: &'static str,
    /// Load.
    pub protocol: Protocol,
    /// Connections.
    pub connections: usize,
    /// Rate, if fixed.
    pub rate: Option<f64>,
    /// Seconds of a window.
    pub window_s: f64,
    /// Bare windows.
    pub off: Row,
    /// By observer.
    pub observers: BTreeMap<String, Row>,
    /// Where.
    pub machine: serde_json::Value,
}

/// Runs the experiment.
///
/// # Errors
/// When something does not start.
pub fn run(plan: &Plan) -> Result<Report> {
    let server = Server::start(plan.protocol)?;
    let mut client = Client::start(plan.protocol, server.addr, plan.connections, plan.rate)?;
    sleep(Duration::from_millis(500));
    let (off, observers) = interleaved(&plan.observers, plan.rounds, |observer| {
        window(plan, observer, &server, &mut client)
    })?;
    Ok(Report {
        experiment: "compare",
        protocol: plan.protocol,
        connections: plan.connections,
        rate: plan.rate,
        window_s: plan.window.as_secs_f64(),
        off,
        observers,
        machine: meter::machine(),
    })
}

/// Windows of each observer between windows without: what the bare ones say, and each observer.
///
/// # Errors
/// Those of `window`.
pub(crate) fn interleaved(
    observers: &[Observer],
    rounds: usize,
    mut window: impl FnMut(Observer) -> Result<Sample>,
) -> Result<(Row, BTreeMap<String, Row>)> {
    let mut offs = vec![window(Observer::Off)?];
    let mut seen: BTreeMap<Observer, Vec<(usize, Sample)>> = BTreeMap::new();
    for _ in 0..rounds {
        for observer in observers {
            let sample = window(*observer)?;
            seen.entry(*observer)
                .or_default()
                .push((offs.len() - 1, sample));
            offs.push(window(Observer::Off)?);
        }
    }
    let bare: Vec<(usize, Sample)> = offs
        .iter()
        .cloned()
        .enumerate()
        .map(|(n, s)| (n.min(offs.len() - 2), s))
        .collect();
    let rows = seen.iter().map(|(o, s)| (name(*o), row(s, &offs)));
    Ok((row(&bare, &offs), rows.collect()))
}

fn name(observer: Observer) -> String {
    serde_json::to_value(observer)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn row(samples: &[(usize, Sample)], offs: &[Sample]) -> Row {
    let of =
        |f: &dyn Fn(&Sample) -> f64| spread(&samples.iter().map(|(_, s)| f(s)).collect::<Vec<_>>());
    let against = |f: &dyn Fn(&Sample) -> f64, how: &dyn Fn(f64, f64) -> f64| {
        let each = samples
            .iter()
            .map(|(n, s)| how(f(s), f64::midpoint(f(&offs[*n]), f(&offs[n + 1]))));
        spread(&each.collect::<Vec<_>>())
    };
    let over = |a: f64, b: f64| a / b;
    Row {
        units_per_s: of(&|s| s.units_per_s),
        units_ratio: against(&|s| s.units_per_s, &over),
        cpu_per_unit_ns: of(&|s| s.cpu_per_unit_ns),
        added_ns: against(&|s| s.cpu_per_unit_ns, &|a, b| a - b),
        p50_ns: of(&|s| s.p50_ns),
        p50_ratio: against(&|s| s.p50_ns, &over),
        p99_ns: of(&|s| s.p99_ns),
        p99_ratio: against(&|s| s.p99_ns, &over),
        observer_ns_per_unit: of(&|s| s.observer_ns),
        capture_ns_per_unit: of(&|s| s.capture_ns),
        reader_ns_per_unit: of(&|s| s.reader_ns),
        complete: of(&|s| s.complete),
    }
}

/// The processes that watch.
pub(crate) struct Watch {
    folder: PathBuf,
    // The reader ends before the agent that it reads from.
    reader: Option<Ended>,
    observer: Option<Ended>,
}

impl Watch {
    pub(crate) fn start(forebay: &Path, observer: Observer) -> Result<Self> {
        let folder =
            std::env::temp_dir().join(format!("forebay-cost-{}-watch", std::process::id()));
        fs::create_dir_all(&folder).tried("temporary folder")?;
        let mut watch = Self {
            folder,
            reader: None,
            observer: None,
        };
        match observer {
            Observer::Off => {}
            Observer::Agent | Observer::AgentJson => watch.agent(forebay, observer)?,
            Observer::TcpdumpFile => {
                watch.tcpdump(&watch.folder.join("pcap").display().to_string())?
            }
            Observer::TcpdumpNull => watch.tcpdump("/dev/null")?,
        }
        Ok(watch)
    }

    fn agent(&mut self, forebay: &Path, observer: Observer) -> Result<()> {
        let socket = self.folder.join("api.sock");
        let binary = forebay.display().to_string();
        let at = format!("--socket={}", socket.display());
        self.observer = Some(Ended(spawn(
            &[binary.clone(), "run".into(), at.clone()],
            None,
            false,
        )?));
        let until = Instant::now() + Duration::from_secs(10);
        while !socket.exists() {
            if Instant::now() > until {
                return Err(CostError::Unexpected("`forebay run` did not start".into()));
            }
            sleep(Duration::from_millis(20));
        }
        if observer == Observer::AgentJson {
            let file = fs::File::create(self.folder.join("records")).tried("file of records")?;
            let reader = Command::new(forebay)
                .args(["observe", "--json", &at])
                .stdin(Stdio::null())
                .stdout(file)
                .stderr(Stdio::null())
                .spawn();
            self.reader = Some(Ended(reader.tried("cannot start `forebay observe`")?));
        }
        Ok(())
    }

    fn tcpdump(&mut self, to: &str) -> Result<()> {
        let command = ["tcpdump", "-i", "lo", "-s", "0", "-Z", "root", "-w", to].map(str::to_owned);
        self.observer = Some(Ended(spawn(&command, None, false)?));
        Ok(())
    }

    fn pid(child: Option<&Ended>) -> Option<u32> {
        child.map(|Ended(child): &Ended| Child::id(child))
    }

    /// CPU time of the observer, of its capture thread, and of the reader of its records.
    pub(crate) fn cpu(&self) -> (f64, f64, f64) {
        let observer = Self::pid(self.observer.as_ref());
        let all = observer.map_or(0, process_cpu_ns);
        let capture = observer.map_or(0, |pid| thread_cpu_ns(pid, "capture"));
        let reader = Self::pid(self.reader.as_ref()).map_or(0, process_cpu_ns);
        (all as f64, capture as f64, reader as f64)
    }

    fn records(&self) -> u64 {
        if self.reader.is_none() {
            return 0;
        }
        count_lines(&self.folder.join("records"))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.reader = None;
        self.observer = None;
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn count_lines(path: &Path) -> u64 {
    let Ok(mut file) = fs::File::open(path) else {
        return 0;
    };
    let mut part = vec![0; 1 << 20];
    let mut lines = 0;
    while let Ok(n) = file.read(&mut part) {
        if n == 0 {
            break;
        }
        lines += part[..n].iter().filter(|b| **b == b'\n').count() as u64;
    }
    lines
}

fn window(plan: &Plan, observer: Observer, server: &Server, client: &mut Client) -> Result<Sample> {
    let watch = Watch::start(&plan.forebay, observer)?;
    sleep(Duration::from_millis(if observer == Observer::Off {
        300
    } else {
        1_000
    }));
    let group = |client: &Client| -> Result<f64> {
        Ok((server.group.cpu_ns()? + client.group.cpu_ns()?) as f64)
    };
    let records = watch.records();
    let (begin, cpu, own) = (client.window()?, group(client)?, watch.cpu());
    sleep(plan.window);
    let end = client.window()?;
    let (cpu, now) = (group(client)? - cpu, watch.cpu());
    let counted = watch.records().saturating_sub(records);
    Ok(Sample {
        units_per_s: end.units / ((end.at_ns - begin.at_ns) as f64 / 1e9),
        cpu_per_unit_ns: cpu / end.units,
        p50_ns: end.p50_ns as f64,
        p99_ns: end.p99_ns as f64,
        observer_ns: (now.0 - own.0) / end.units,
        capture_ns: (now.1 - own.1) / end.units,
        reader_ns: (now.2 - own.2) / end.units,
        backlog: end.backlog,
        complete: counted as f64 / end.units,
    })
}
