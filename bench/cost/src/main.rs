//! Command line of the cost experiments; one JSON line per experiment on standard output.

#![forbid(unsafe_code)]

use clap::{Parser, Subcommand};
use forebay_cost::compare::{self, Observer};
use forebay_cost::protocol::Protocol;
use forebay_cost::toggle::{self, Consumer};
use forebay_cost::tools::{self, Tool};
use forebay_cost::{CostError, Result, Tried, load, memory, verifier};
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// What Forebay costs.
#[derive(Parser)]
#[command(name = "cost", version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// CPU per request by attaching and detaching the kernel half inside one run.
    Toggle {
        protocol: Protocol,
        #[arg(long, default_value_t = 50)]
        connections: usize,
        #[arg(long)]
        rate: Option<f64>,
        #[arg(long, value_enum, default_value = "discard")]
        consumer: Consumer,
        #[arg(long, default_value_t = 20)]
        toggles: usize,
        #[arg(long, default_value_t = 400)]
        window_ms: u64,
        /// Kernel run-time statistics by program.
        #[arg(long)]
        stats: bool,
    },
    /// Windows with and without an observer, interleaved.
    Compare {
        protocol: Protocol,
        #[arg(long, default_value_t = 50)]
        connections: usize,
        #[arg(long)]
        rate: Option<f64>,
        #[arg(
            long,
            value_enum,
            value_delimiter = ',',
            default_value = "agent,agent-json"
        )]
        observers: Vec<Observer>,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        #[arg(long, default_value_t = 2.0)]
        window_s: f64,
        #[arg(long, default_value = "target/release/forebay")]
        forebay: PathBuf,
    },
    /// The field's own load generators, with and without an observer.
    Tools {
        tool: Tool,
        #[arg(
            long,
            value_enum,
            value_delimiter = ',',
            default_value = "agent,tcpdump-file"
        )]
        observers: Vec<Observer>,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..))]
        window_s: u64,
        #[arg(long, default_value = "target/release/forebay")]
        forebay: PathBuf,
    },
    /// Resident set of the agent.
    Memory {
        #[arg(long, default_value_t = 10_000)]
        connections: usize,
        #[arg(long, default_value_t = 1_000)]
        starts_per_s: u32,
        #[arg(long, default_value_t = 60)]
        churn_s: u64,
        #[arg(long, default_value = "target/release/forebay")]
        forebay: PathBuf,
    },
    /// Verifier instructions and sizes of every program, against the budget.
    Verifier {
        #[arg(long, default_value = "bench/verifier-budget.json")]
        budget: PathBuf,
        /// Write the budget instead of checking it.
        #[arg(long)]
        write: bool,
    },
    /// A load, driven by its parent.
    #[command(hide = true)]
    Load {
        protocol: Protocol,
        addr: SocketAddr,
        #[arg(long, default_value_t = 50)]
        connections: usize,
        #[arg(long)]
        rate: Option<f64>,
    },
    /// Reads and drops one stream.
    #[command(hide = true)]
    Sink { addr: SocketAddr },
    /// One connection, one request.
    #[command(hide = true)]
    Once { addr: SocketAddr },
}

fn main() -> ExitCode {
    match run(Arguments::parse().verb) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cost: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::Toggle {
            protocol,
            connections,
            rate,
            consumer,
            toggles,
            window_ms,
            stats,
        } => {
            let connections = if protocol == Protocol::Bulk {
                1
            } else {
                connections
            };
            let window_ns = window_ms * 1_000_000;
            print(&toggle::run(toggle::Plan {
                protocol,
                connections,
                rate,
                consumer,
                toggles,
                window_ns,
                stats,
            })?)
        }
        Verb::Compare {
            protocol,
            connections,
            rate,
            observers,
            rounds,
            window_s,
            forebay,
        } => {
            let connections = if protocol == Protocol::Bulk {
                1
            } else {
                connections
            };
            let window = Duration::from_secs_f64(window_s);
            print(&compare::run(&compare::Plan {
                protocol,
                connections,
                rate,
                observers,
                rounds,
                window,
                forebay,
            })?)
        }
        Verb::Tools {
            tool,
            observers,
            rounds,
            window_s,
            forebay,
        } => print(&tools::run(&tools::Plan {
            tool,
            observers,
            rounds,
            window_s,
            forebay,
        })?),
        Verb::Memory {
            connections,
            starts_per_s,
            churn_s,
            forebay,
        } => {
            let churn = Duration::from_secs(churn_s);
            print(&memory::run(&memory::Plan {
                forebay,
                connections,
                starts_per_s,
                churn,
            })?)
        }
        Verb::Verifier { budget, write } => check_budget(&budget, write),
        Verb::Load {
            protocol,
            addr,
            connections,
            rate,
        } => {
            load::run(load::Plan {
                protocol,
                addr,
                connections,
                rate,
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Sink { addr } => sink(addr),
        Verb::Once { addr } => memory::once(addr).map(|_| ExitCode::SUCCESS),
    }
}

fn print(report: &impl serde::Serialize) -> Result<ExitCode> {
    let text = serde_json::to_string(report).map_err(|e| CostError::Unexpected(e.to_string()))?;
    println!("{text}");
    Ok(ExitCode::SUCCESS)
}

fn check_budget(path: &std::path::Path, write: bool) -> Result<ExitCode> {
    let now = verifier::measure()?;
    let text =
        serde_json::to_string_pretty(&now).map_err(|e| CostError::Unexpected(e.to_string()))?;
    println!("{text}");
    if write {
        std::fs::write(path, text + "\n").tried(format!("cannot write {}", path.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let outgrown = verifier::outgrown(&now, &verifier::read(path)?, verifier::growth_max());
    for sentence in &outgrown {
        eprintln!("{sentence}");
    }
    Ok(if outgrown.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The probe that waits for it to listen is its first connection and ends at once.
fn sink(addr: SocketAddr) -> Result<ExitCode> {
    let listener = TcpListener::bind(addr).tried(format!("cannot listen on {addr}"))?;
    let mut part = vec![0; 262_144];
    for stream in listener.incoming() {
        let mut stream = stream.tried("accept")?;
        while stream.read(&mut part).tried("cannot read")? > 0 {}
    }
    Ok(ExitCode::SUCCESS)
}
