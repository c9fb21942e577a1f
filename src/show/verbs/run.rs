//! `forebay run`: the node agent.

use super::{Verb, parsed};
use crate::agent::{self, Agent, Config};
use crate::capture::StopFlag;
use crate::show::cli::Global;
use crate::show::failure::Failure;
use clap::{ArgMatches, Args};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The verb.
pub static VERB: Verb = Verb {
    name: "run",
    about: "Run the node agent: observe this host and serve its API",
    details: "The API is HTTP on the unix socket (root and its group only). Over TCP only /metrics is\n\
        served, only when asked for, and only on a loopback address: anything else would need TLS and\n\
        a token, which this version refuses rather than leaves out.\n\n\
        Examples:\n  \
        sudo forebay run\n  \
        sudo forebay run --listen-metrics 127.0.0.1:9464",
    flags: Flags::augment_args,
    hidden: false,
    run,
};

#[derive(Args)]
struct Flags {
    /// Serve /metrics over TCP as well, on this loopback address
    #[arg(long, value_name = "IP:PORT")]
    listen_metrics: Option<SocketAddr>,
    /// Serve the requests of a file or pipe made by `forebay observe --json` instead of observing this host; needs no rights
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
}

fn run(matches: &ArgMatches, global: &Global) -> Result<(), Failure> {
    let flags: Flags = parsed(matches)?;
    if let Some(address) = flags.listen_metrics.filter(|a| !a.ip().is_loopback()) {
        return Err(Failure::Usage(format!(
            "refused to serve metrics on {address}: beyond loopback it needs TLS and a token, which this \
             version does not have. Next: `--listen-metrics 127.0.0.1:{}`, with a TLS proxy in front of it",
            address.port()
        )));
    }
    let config = Config {
        socket: global.socket.clone(),
        metrics: flags.listen_metrics,
        records: flags.records,
    };
    let ready = |agent: &Agent| {
        eprintln!(
            "forebay run: serving {} (source: {})",
            agent.socket.display(),
            agent.source
        );
    };
    Ok(agent::run(&config, &StopFlag::default(), true, ready)?)
}
