//! `forebay policy apply`: policies in force as long as the command runs.

use super::{PolicyError, count, sources};
use crate::agent::privilege;
use crate::capture::clock::Clock;
use crate::show::cells::clean;
use crate::show::cli::Global;
use crate::show::client::Session;
use crate::show::failure::Failure;
use crate::show::observe::columns::time_of_day;
use crate::show::observe::output::print;
use crate::steer::force::{Force, Options, Refused, Scope, port, shown};
use clap::{Args, ValueEnum};
use forebay_core::exchange::join::WallClock;
use forebay_core::exchange::record::Time;
use forebay_core::policy::Settings;
use serde_json::json;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// What else the help says.
pub const DETAILS: &str = "Workloads are found by `match` of an Inventory: unit, container or control group. What they begin is judged \
    when they connect or send, and refused with an error at once; what reaches a workload with a network of its \
    own is judged on arrival and refused. Connections that are open already go on.\n\n\
    Policies hold as long as this command runs: nothing is pinned, so Ctrl-C and SIGKILL end them. SIGHUP \
    reads the files again; if they have an error, the old ones hold. A workload that starts is let through until it \
    is found, half a second later at most. ICMP, SCTP, raw sockets, and what reaches workloads in the host's network are not \
    judged yet.\n\n\
    Examples:\n  sudo forebay policy apply policies/ inventory.yaml\n  \
    sudo forebay policy apply --json --attach kubepods.slice all.yaml > denials.ndjson";

/// How often denials are read, and new workloads looked for.
const TICK: Duration = Duration::from_millis(100);
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// What a refused program is told.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Refusal {
    /// "Operation not permitted"
    Eperm,
    /// "Connection refused"
    Econnrefused,
}

/// Its flags.
#[derive(Args)]
pub struct Flags {
    /// Files or folders with policies, workloads and an Inventory
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Control group to attach to, from the hierarchy's root [default: the topmost above each workload]
    #[arg(long, value_name = "CGROUP")]
    attach: Vec<PathBuf>,
    /// The node that this host is, by its name in the files
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    /// Let every workload reach the node it runs on
    #[arg(long)]
    node_local_egress: bool,
    /// What a refused connect or send gets
    #[arg(long, value_enum, default_value = "eperm")]
    refusal: Refusal,
    /// End after this long, as 30s or 5m
    #[arg(long, value_name = "TIME", value_parser = crate::keep::time::parse_duration)]
    duration: Option<Duration>,
    /// Print denials as JSON, one object a line
    #[arg(long)]
    json: bool,
}

/// Does it.
///
/// # Errors
/// When a file can't be read or has an error, or the kernel can't enforce.
pub fn run(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let files = sources::load_valid(&flags.files)?;
    if files
        .world
        .workloads
        .iter()
        .all(|one| one.binding.is_none())
    {
        return Err(PolicyError::NobodyHere.into());
    }
    privilege::check(&global.line)?;
    let session = Session::start()?;
    let mut force = Force::start(files, options(flags))?;
    say(&force);
    let result = session.run(hold(&mut force, flags));
    let tally = force.tally();
    drop(force);
    eprintln!(
        "no policy is in force any more: {} let pass, {} refused, {} of nobody the policies know",
        tally.allowed, tally.denied, tally.unmanaged
    );
    if tally.ring_full > 0 {
        eprintln!(
            "{} denials were refused but not told: the ring was full",
            tally.ring_full
        );
    }
    result
}

fn options(flags: &Flags) -> Options {
    Options {
        node: flags.node.clone(),
        settings: Settings {
            node_local_egress: flags.node_local_egress,
        },
        attach: flags.attach.clone(),
        refusal_errno: match flags.refusal {
            Refusal::Eperm => None,
            Refusal::Econnrefused => Some(rustix::io::Errno::CONNREFUSED.raw_os_error()),
        },
    }
}

async fn hold(force: &mut Force, flags: &Flags) -> Result<(), Failure> {
    let (clock, begun) = (Clock::read(), Instant::now());
    let mut again = signal(SignalKind::hangup()).map_err(Failure::stdout)?;
    let mut followed = Instant::now();
    loop {
        tokio::select! {
            _ = again.recv() => reload(force, flags),
            () = tokio::time::sleep(TICK) => {}
        }
        for refused in force.denials() {
            print(&line(&refused, &clock, flags.json))?;
        }
        if followed.elapsed() >= FOLLOW_EVERY {
            followed = Instant::now();
            if force.follow()? {
                say(force);
            }
        }
        if flags.duration.is_some_and(|most| begun.elapsed() >= most) {
            return Ok(());
        }
    }
}

/// What is wrong with new files is said, and the old ones hold.
fn reload(force: &mut Force, flags: &Flags) {
    let files = match sources::load_valid(&flags.files) {
        Ok(files) => files,
        Err(error) => return eprintln!("the policies before this hold: {error}"),
    };
    match force.replace(files) {
        Ok(()) => say(force),
        Err(error) => eprintln!("the policies before this hold: {error}"),
    }
}

/// On standard error: who is policed, and who is not.
fn say(force: &Force) {
    let Scope {
        attached,
        workloads,
        networks,
        shared,
        unplaced,
    } = force.scope();
    let files = force.files();
    let known = files.world.workloads.len();
    eprintln!(
        "{} in force for {} of {known} known, attached to {}, {}",
        count(files.policies.all.len(), "policy", "policies"),
        count(workloads.len(), "workload", "workloads"),
        if attached.is_empty() {
            "nothing yet".to_owned()
        } else {
            attached
                .iter()
                .map(|path| shown(path))
                .collect::<Vec<_>>()
                .join(", ")
        },
        count(*networks, "network", "networks"),
    );
    for name in shared {
        eprintln!(
            "what reaches {name} is NOT judged: processes of it are in the host's network. Likely cause: it is no \
             container. What it begins is judged"
        );
    }
    for name in unplaced {
        eprintln!(
            "what reaches {name} is NOT judged: the files give it no address. Next: `addresses` in its Inventory. \
             What it begins is judged"
        );
    }
}

fn line(refused: &Refused, clock: &Clock, as_json: bool) -> String {
    let denial = &refused.denial;
    let ts = Time(clock.unix_ns(denial.at_ns));
    let direction = denial.direction;
    let to = port(denial.protocol, denial.port);
    if as_json {
        let nearest = refused.side.as_ref().and_then(|side| side.nearest.as_ref());
        return format!(
            "{}\n",
            json!({"denied": {
                "ts": ts, "workload": refused.workload, "direction": direction, "peer": refused.peer,
                "peer_addr": denial.peer, "protocol": denial.protocol, "port": denial.port,
                "count": denial.count, "reason": refused.reason,
                "why": refused.side.as_ref().map(|side| &side.why), "nearest": nearest,
            }})
        );
    }
    let arrow = match direction {
        forebay_core::policy::Direction::Egress => "→",
        forebay_core::policy::Direction::Ingress => "←",
    };
    let times = match denial.count {
        0 | 1 => String::new(),
        more => format!(" (× {more})"),
    };
    let mut text = format!(
        "{} denied {} {arrow} {} {to}{times}\n    {direction}: {}\n",
        time_of_day(ts),
        clean(&refused.workload),
        clean(&refused.peer),
        clean(&refused.reason),
    );
    if let Some(nearest) = refused.side.as_ref().and_then(|side| side.nearest.as_ref()) {
        let missed: Vec<String> = nearest.missed.iter().map(ToString::to_string).collect();
        text += &format!(
            "    nearest: {} accepts {}; what does not fit: {}\n",
            clean(&nearest.rule.to_string()),
            clean(&nearest.accepts),
            missed.join(", ")
        );
    }
    text
}
