//! The field's own load generators, redis-benchmark, wrk and pgbench, in windows with and without an
//! observer; and at 70 % of the bare rate, where a tail says more than at saturation.

use crate::compare::{self, Observer, Row, Sample, Watch};
use crate::meter::{self, Group};
use crate::protocol::Protocol;
use crate::servers::{Server, spawn};
use crate::{CostError, Result, Tried};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

/// Share of the bare rate that tails are compared at.
const LOAD: f64 = 0.7;
/// Requests of redis-benchmark's first run, which tells how many fill a window.
const FIRST_REQUESTS: u64 = 20_000;
/// Share of transactions that pgbench logs: enough for a 99th percentile, little to write.
const LOGGED: &str = "0.1";

/// A load generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// `GET` over 50 connections.
    RedisBenchmark,
    /// `GET /` over 50 connections, one thread; nginx answers with 1 KB.
    Wrk,
    /// `SELECT` by key (`-S`), 8 clients, one thread.
    Pgbench,
}

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// With what.
    pub tool: Tool,
    /// In this order, each between two of `off`.
    pub observers: Vec<Observer>,
    /// Rounds over all of them.
    pub rounds: usize,
    /// Length of a window: wrk and pgbench know whole seconds.
    pub window_s: u64,
    /// The binary.
    pub forebay: PathBuf,
}

/// What came out. CPU per unit holds the tool's own start.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Always `tools`.
    pub experiment: &'static str,
    /// The load generator.
    pub tool: Tool,
    /// Its connections.
    pub connections: usize,
    /// Seconds of a window.
    pub window_s: u64,
    /// Bare windows at saturation.
    pub off: Row,
    /// By observer, at saturation.
    pub observers: BTreeMap<String, Row>,
    /// The same at a fixed rate.
    pub at_rate: AtRate,
    /// Where.
    pub machine: serde_json::Value,
}

/// At a fixed rate; latency counts from the scheduled time.
#[derive(Clone, Debug, Serialize)]
pub struct AtRate {
    /// Requests a second.
    pub rate: f64,
    /// Who kept it: `pgbench --rate`, or `cost load` for the tools that know no rate.
    pub generator: &'static str,
    /// Bare windows.
    pub off: Row,
    /// By observer.
    pub observers: BTreeMap<String, Row>,
}

/// What a tool said of one run.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Figures {
    requests: f64,
    per_s: f64,
    p50_ns: f64,
    p99_ns: f64,
}

/// Runs the experiment.
///
/// # Errors
/// When something does not start, or says something else than expected.
pub fn run(plan: &Plan) -> Result<Report> {
    let (off, observers) = {
        let mut bench = Bench::start(plan)?;
        bench.requests = (bench.tool(None)?.per_s * plan.window_s as f64) as u64;
        compare::interleaved(&plan.observers, plan.rounds, |observer| {
            bench.window(observer, None)
        })?
    };
    let rate = (off.units_per_s.median * LOAD).floor();
    Ok(Report {
        experiment: "tools",
        tool: plan.tool,
        connections: plan.tool.connections(),
        window_s: plan.window_s,
        off,
        observers,
        at_rate: at_rate(plan, rate)?,
        machine: meter::machine(),
    })
}

fn at_rate(plan: &Plan, rate: f64) -> Result<AtRate> {
    if plan.tool == Tool::Pgbench {
        let mut bench = Bench::start(plan)?;
        let (off, observers) = compare::interleaved(&plan.observers, plan.rounds, |observer| {
            bench.window(observer, Some(rate))
        })?;
        return Ok(AtRate {
            rate,
            generator: "pgbench --rate",
            off,
            observers,
        });
    }
    let report = compare::run(&compare::Plan {
        protocol: plan.tool.protocol(),
        connections: plan.tool.connections(),
        rate: Some(rate),
        observers: plan.observers.clone(),
        rounds: plan.rounds,
        window: Duration::from_secs(plan.window_s),
        forebay: plan.forebay.clone(),
    })?;
    Ok(AtRate {
        rate,
        generator: "cost load",
        off: report.off,
        observers: report.observers,
    })
}

/// A server, and the tool's place beside it.
struct Bench<'a> {
    plan: &'a Plan,
    server: Server,
    client: Group,
    folder: PathBuf,
    /// Of a window, for the tool that knows no duration.
    requests: u64,
}

impl<'a> Bench<'a> {
    fn start(plan: &'a Plan) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("forebay-cost-{}-tool", std::process::id()));
        fs::create_dir_all(&folder).tried("temporary folder")?;
        Ok(Self {
            plan,
            server: Server::start(plan.tool.protocol())?,
            client: Group::new("client")?,
            folder,
            requests: FIRST_REQUESTS,
        })
    }

    /// One run of the tool, to its end.
    fn tool(&mut self, rate: Option<f64>) -> Result<Figures> {
        let tool = self.plan.tool;
        let mut command = tool.command(self.server.addr, self.plan.window_s, self.requests);
        if tool == Tool::Pgbench {
            command.push(format!(
                "--log-prefix={}",
                self.folder.join("log").display()
            ));
            command.extend(rate.map(|rate| format!("--rate={rate}")));
            command.push("postgres".into());
        }
        let child = spawn(&command, Some(&self.client), true)?;
        let done = child
            .wait_with_output()
            .tried(format!("cannot wait for {}", command[0]))?;
        let said = String::from_utf8_lossy(&done.stdout);
        let figures = match tool {
            Tool::RedisBenchmark => redis_benchmark(&said, self.requests),
            Tool::Wrk => wrk(&said),
            Tool::Pgbench => pgbench(&said, &taken_log(&self.folder)?),
        };
        let wrong = || CostError::Unexpected(format!("{} said {said:?}", command.join(" ")));
        figures.filter(|_| done.status.success()).ok_or_else(wrong)
    }

    fn window(&mut self, observer: Observer, rate: Option<f64>) -> Result<Sample> {
        let watch = Watch::start(&self.plan.forebay, observer)?;
        sleep(Duration::from_millis(if observer == Observer::Off {
            300
        } else {
            1_000
        }));
        let (cpu, own) = (self.cpu_ns()?, watch.cpu());
        let figures = self.tool(rate)?;
        let (cpu, now) = (self.cpu_ns()? - cpu, watch.cpu());
        Ok(Sample {
            units_per_s: figures.per_s,
            cpu_per_unit_ns: cpu / figures.requests,
            p50_ns: figures.p50_ns,
            p99_ns: figures.p99_ns,
            observer_ns: (now.0 - own.0) / figures.requests,
            capture_ns: (now.1 - own.1) / figures.requests,
            reader_ns: (now.2 - own.2) / figures.requests,
            backlog: 0,
            complete: 0.0,
        })
    }

    fn cpu_ns(&self) -> Result<f64> {
        Ok((self.server.group.cpu_ns()? + self.client.cpu_ns()?) as f64)
    }
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Tool {
    fn protocol(self) -> Protocol {
        match self {
            Tool::RedisBenchmark => Protocol::Redis,
            Tool::Wrk => Protocol::Http,
            Tool::Pgbench => Protocol::Postgresql,
        }
    }

    fn connections(self) -> usize {
        match self {
            Tool::RedisBenchmark | Tool::Wrk => 50,
            Tool::Pgbench => 8,
        }
    }

    fn command(self, addr: SocketAddr, seconds: u64, requests: u64) -> Vec<String> {
        let (ip, port, connections) = (addr.ip(), addr.port(), self.connections());
        let line = match self {
            Tool::RedisBenchmark => {
                format!(
                    "redis-benchmark -h {ip} -p {port} -c {connections} -n {requests} --csv GET key"
                )
            }
            Tool::Wrk => format!("wrk -t1 -c{connections} -d{seconds}s --latency http://{addr}/"),
            Tool::Pgbench => format!(
                "pgbench -S -n -c {connections} -j 1 -T {seconds} -h {ip} -p {port} -U postgres \
                 --log --sampling-rate={LOGGED}"
            ),
        };
        line.split_whitespace().map(str::to_owned).collect()
    }
}

/// A header and one line: name, requests a second, then milliseconds: mean, least, p50, p95, p99, most.
fn redis_benchmark(said: &str, requests: u64) -> Option<Figures> {
    let line = said.lines().find(|line| line.starts_with("\"GET"))?;
    let fields: Vec<f64> = line
        .split(',')
        .skip(1)
        .filter_map(|f| f.trim_matches('"').parse().ok())
        .collect();
    let [per_s, _, _, p50_ms, _, p99_ms, ..] = fields[..] else {
        return None;
    };
    Some(Figures {
        requests: requests as f64,
        per_s,
        p50_ns: p50_ms * 1e6,
        p99_ns: p99_ms * 1e6,
    })
}

fn wrk(said: &str) -> Option<Figures> {
    let after = |name: &str| {
        let mut lines = said.lines().map(str::trim);
        Some(lines.find_map(|line| line.strip_prefix(name))?.trim())
    };
    let total = said.lines().find(|line| line.contains(" requests in "))?;
    Some(Figures {
        requests: total.split_whitespace().next()?.parse().ok()?,
        per_s: after("Requests/sec:")?.parse().ok()?,
        p50_ns: with_unit_ns(after("50%")?)?,
        p99_ns: with_unit_ns(after("99%")?)?,
    })
}

/// `635.00us`, `1.20ms`, `2.01s`.
fn with_unit_ns(text: &str) -> Option<f64> {
    for (unit, ns) in [("us", 1e3), ("ms", 1e6), ("s", 1e9)] {
        if let Some(number) = text.strip_suffix(unit) {
            return Some(number.parse::<f64>().ok()? * ns);
        }
    }
    None
}

/// pgbench itself tells the mean alone: quantiles come from its log.
fn pgbench(said: &str, log: &str) -> Option<Figures> {
    let after = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(name))?;
        line.split(['/', ' ']).next()?.parse::<f64>().ok()
    };
    let mut took_us: Vec<f64> = log
        .lines()
        .filter_map(|line| line.split(' ').nth(2)?.parse().ok())
        .collect();
    took_us.sort_by(f64::total_cmp);
    let quantile = |q: f64| {
        took_us
            .get((took_us.len() as f64 * q) as usize)
            .map(|us| us * 1e3)
    };
    Some(Figures {
        requests: after("number of transactions actually processed: ")?,
        per_s: after("tps = ")?,
        p50_ns: quantile(0.5)?,
        p99_ns: quantile(0.99)?,
    })
}

/// What lies in a folder, which is empty then.
fn taken_log(folder: &Path) -> Result<String> {
    let mut log = String::new();
    for entry in fs::read_dir(folder).tried("the log of pgbench")? {
        let path = entry.tried("the log of pgbench")?.path();
        log += &fs::read_to_string(&path).tried("the log of pgbench")?;
        fs::remove_file(&path).tried("the log of pgbench")?;
    }
    Ok(log)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_tool_says_is_read() {
        let redis = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\
                     \"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"\n\
                     \"GET key\",\"95238.10\",\"0.281\",\"0.080\",\"0.263\",\"0.375\",\"0.767\",\"1.5\"\n";
        let figures = |requests, per_s, p50_ns, p99_ns| {
            Some(Figures {
                requests,
                per_s,
                p50_ns,
                p99_ns,
            })
        };
        assert_eq!(
            redis_benchmark(redis, 7),
            figures(7.0, 95238.1, 263_000.0, 767_000.0)
        );
        let said = "  Latency Distribution\n     50%  635.00us\n     75%  801.00us\n     90%    1.10ms\n\
                    \x20    99%    2.50ms\n  151515 requests in 2.00s, 190.1MB read\nRequests/sec:  75657.25\n";
        assert_eq!(
            wrk(said),
            figures(151_515.0, 75_657.25, 635_000.0, 2_500_000.0)
        );
        let said = "number of transactions actually processed: 1234/1300\n\
                    tps = 617.123 (without initial connection time)\n";
        let log = "0 1 300 0 1 2\n1 1 100 0 1 2\n2 1 200 0 1 2\n";
        assert_eq!(
            pgbench(said, log),
            figures(1_234.0, 617.123, 200_000.0, 300_000.0)
        );
        assert_eq!(pgbench(said, ""), None);
        assert_eq!(
            (redis_benchmark("", 1), wrk("unable to connect")),
            (None, None)
        );
    }
}
