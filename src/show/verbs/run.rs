//! `forebay run`: the node agent.

use super::{Verb, parsed};
use crate::agent::{self, Agent, Config};
use crate::capture::{self, LiveOptions, StopFlag};
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
        sudo forebay run --listen-metrics 127.0.0.1:9464\n  \
        sudo forebay run --without tcp_sendmsg_locked",
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
    /// Memory of the agent, what the kernel keeps for it included; connections and lines beyond it are lost (counted). A number with k, M or G
    #[arg(long, value_name = "BYTES", default_value = "64M", value_parser = parse_bytes)]
    memory_max: u64,
    /// Have the kernel measure the agent's own programs, for /metrics and top; costs 60 to 100 ns each time one runs
    #[arg(long)]
    bpf_stats: bool,
    /// Leave out a kernel program, as if this kernel could not run it: when it misbehaves here, or to see what a lesser kernel gives; may be repeated, docs/features.md lists them and what replaces each
    #[arg(long, value_name = "PROGRAM", value_delimiter = ',', value_parser = capture::optional)]
    without: Vec<&'static str>,
    /// Observe although another agent observes this host: both pay the full cost
    #[arg(long)]
    beside: bool,
}

/// Less than this holds no agent: program, ring and maps take 16 MiB, a thousand connection ends 2,
/// full tables 6, and the rest is what waits and what is kept (`Limits`).
const MEMORY_MIN_BYTES: u64 = 32 << 20;

/// `64M`: a number of bytes, with binary prefixes.
fn parse_bytes(text: &str) -> Result<u64, String> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[number.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "ki" | "kib" => 10,
        "m" | "mb" | "mi" | "mib" => 20,
        "g" | "gb" | "gi" | "gib" => 30,
        other => return Err(format!("{other:?} is no unit. Next: k, M or G, as in 64M")),
    };
    let number: u64 = number.parse().map_err(|_| {
        "not a number of bytes. Next: a number with k, M or G, as in 64M".to_owned()
    })?;
    let bytes = number.saturating_mul(1 << shift);
    if bytes < MEMORY_MIN_BYTES {
        let least = MEMORY_MIN_BYTES >> 20;
        return Err(format!(
            "the agent and what the kernel keeps for it need more. Next: {least}M, the least that works"
        ));
    }
    Ok(bytes)
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
        beside: flags.beside,
        live: LiveOptions {
            bpf_stats: flags.bpf_stats,
            memory_max_bytes: flags.memory_max,
            without: flags.without,
        },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_binary_units_and_a_least() {
        assert_eq!(
            parse_bytes("64M"),
            Ok(LiveOptions::default().memory_max_bytes)
        );
        assert_eq!(parse_bytes("1g"), Ok(1 << 30));
        assert_eq!(parse_bytes("65536KiB"), Ok(64 << 20));
        assert_eq!(parse_bytes("50331648"), Ok(48 << 20));
        for wrong in ["", "M", "64X", "-1M", "1M", "6.4G"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_bytes("32M"), Ok(MEMORY_MIN_BYTES));
        let refusal = parse_bytes("31M").unwrap_err();
        assert!(refusal.contains("32M"), "{refusal}");
    }
}
