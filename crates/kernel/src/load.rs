//! Which programs are loaded and attached: all that can, and each that can't costs only itself.

use crate::features::{self, Feature, Host, Names, has, required};
use crate::observe::{LATE, LoadError, READS};
use crate::skeleton::{ObserveSkel, ObserveSkelBuilder, OpenObserveSkel};
use libbpf_rs::btf::Btf;
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{Link, OpenObject};
use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};

/// The kernel half, loaded and attached.
pub(crate) struct Loaded {
    pub skel: ObserveSkel<'static>,
    pub links: Vec<Link>,
    pub flush: Option<Link>,
}

/// What this host can do; the programs of `without` are off.
pub(crate) fn probe(without: &[&str]) -> Vec<Feature> {
    on_host(|host| features::table(host, without))
}

/// What this host can enforce with.
pub(crate) fn probe_enforce() -> Vec<Feature> {
    on_host(features::enforce_table)
}

fn on_host(table: impl Fn(&Host<'_>) -> Vec<Feature>) -> Vec<Feature> {
    let btf = Btf::from_vmlinux().ok();
    let names = btf
        .as_ref()
        .map(|btf| move |kind, name: &str| has(btf, kind, name));
    let host = Host {
        btf: names.as_ref().map(|names| names as &Names<'_>),
        cgroup2: cgroup2_root().is_some(),
    };
    table(&host)
}

/// Loads and attaches the active programs; gives up those that the kernel refuses.
pub(crate) fn load_and_attach(features: &mut [Feature]) -> Result<Loaded, LoadError> {
    let cgroup = cgroup2_root().ok_or(LoadError::NoCgroup2)?;
    loop {
        see_reads(features)?;
        let skel = settle(features, load)?;
        see_reads(features)?;
        let mut links = Vec::new();
        match attach(&skel, &cgroup, features, &mut links) {
            Ok(flush) => return Ok(Loaded { skel, links, flush }),
            Err(LoadError::Attach { program, error }) if !required(program) => {
                give_up(features, program, format!("it did not attach: {error}"));
            }
            Err(error) => return Err(error),
        }
    }
}

/// Loads what is active. Where that fails each optional program is tried beside the required ones
/// alone, in the order of the table, and given up if that fails too.
pub(crate) fn settle<T>(
    features: &mut [Feature],
    mut load: impl FnMut(&[Feature]) -> Result<T, libbpf_rs::Error>,
) -> Result<T, LoadError> {
    if let Some(off) = features.iter().find(|f| !f.active && required(&f.program)) {
        return Err(LoadError::Required {
            program: off.program.clone(),
            reason: off.reason.clone(),
        });
    }
    let mut error = match load(features) {
        Ok(loaded) => return Ok(loaded),
        Err(error) => error,
    };
    for program in [None].into_iter().chain(spare(features)) {
        let alone: Vec<Feature> = only(features, program.as_deref());
        let Err(refused) = load(&alone) else { continue };
        let Some(program) = program else {
            return Err(blame(features, &mut load, refused));
        };
        give_up(
            features,
            &program,
            format!("the kernel refused it: {refused}"),
        );
        error = match load(features) {
            Ok(loaded) => return Ok(loaded),
            Err(error) => error,
        };
    }
    Err(LoadError::Load(error))
}

/// Reads end every message: without a program that sees them no request would ever be complete.
fn see_reads(features: &[Feature]) -> Result<(), LoadError> {
    let off = |name: &str| features.iter().find(|f| f.program == name && !f.active);
    let (Some(adjust), Some(copy)) = (off(LATE), off(READS)) else {
        return Ok(());
    };
    Err(LoadError::NoReads {
        adjust: adjust.reason.clone(),
        copy: copy.reason.clone(),
    })
}

/// Names the required program that is refused.
fn blame<T>(
    features: &[Feature],
    load: &mut impl FnMut(&[Feature]) -> Result<T, libbpf_rs::Error>,
    error: libbpf_rs::Error,
) -> LoadError {
    for one in features.iter().filter(|f| required(&f.program)) {
        let mut alone = features.to_vec();
        for feature in &mut alone {
            feature.active = feature.program == one.program;
        }
        if let Err(refused) = load(&alone) {
            return LoadError::Required {
                program: one.program.clone(),
                reason: format!("the kernel refused it: {refused}"),
            };
        }
    }
    LoadError::Load(error)
}

/// The active programs that may be given up.
fn spare(features: &[Feature]) -> Vec<Option<String>> {
    let spare = features
        .iter()
        .filter(|f| f.active && !required(&f.program));
    spare.map(|f| Some(f.program.clone())).collect()
}

/// The table with only the required programs, and perhaps one more, active.
fn only(features: &[Feature], program: Option<&str>) -> Vec<Feature> {
    let mut features = features.to_vec();
    for feature in &mut features {
        feature.active = required(&feature.program) || program == Some(&feature.program);
    }
    features
}

/// Notes that a program does not run, and why.
pub(crate) fn give_up(features: &mut [Feature], program: &str, reason: String) {
    for feature in features.iter_mut().filter(|f| f.program == program) {
        feature.active = false;
        feature.reason.clone_from(&reason);
    }
}

fn load(features: &[Feature]) -> Result<ObserveSkel<'static>, libbpf_rs::Error> {
    // The object lives as long as the process: one agent loads it once (or once per fallback).
    let storage: &'static mut MaybeUninit<OpenObject> = Box::leak(Box::new(MaybeUninit::uninit()));
    let mut open = ObserveSkelBuilder::default().open(storage)?;
    choose(&mut open, features);
    if let Some(rodata) = open.maps.rodata_data.as_deref_mut() {
        rodata.agent_pid = std::process::id();
        rodata.copy_on_arrival = u8::from(!active(features, READS));
        rodata.writes_unseen = u8::from(!active(features, "tcp_sendmsg_locked"));
        rodata.ends_unseen = u8::from(!active(features, "tcp_destroy_sock"));
    }
    open.load()
}

fn choose(open: &mut OpenObserveSkel<'_>, features: &[Feature]) {
    for mut program in open.open_object_mut().progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        program.set_autoload(active(features, &name));
    }
}

/// Attaches every loaded program. The flush iterator's link is apart: it only runs when asked to.
fn attach(
    skel: &ObserveSkel<'static>,
    cgroup: &Path,
    features: &[Feature],
    links: &mut Vec<Link>,
) -> Result<Option<Link>, LoadError> {
    let root = File::open(cgroup).map_err(|error| LoadError::Cgroup {
        path: cgroup.to_owned(),
        error,
    })?;
    let fd = root.as_raw_fd();
    let progs = &skel.progs;
    let done = |program, link: libbpf_rs::Result<Link>| {
        link.map_err(|error| LoadError::Attach { program, error })
    };
    let tracing = [
        (READS, &progs.skb_copy_datagram_iovec),
        (LATE, &progs.tcp_rcv_space_adjust),
        ("tcp_sendmsg_locked", &progs.tcp_sendmsg_locked),
        ("inet_sock_set_state", &progs.inet_sock_set_state),
        ("tcp_destroy_sock", &progs.tcp_destroy_sock),
    ];
    for (name, program) in tracing {
        // It waits until a read was found that the other did not see.
        let later = name == LATE && active(features, READS);
        if active(features, name) && !later {
            links.push(done(name, program.attach_trace())?);
        }
    }
    // Arrivals last: whatever arrives from now on is seen when it is read.
    links.push(done("egress", progs.egress.attach_cgroup(fd))?);
    links.push(done("ingress", progs.ingress.attach_cgroup(fd))?);
    if !active(features, "flush") {
        return Ok(None);
    }
    let flush = progs.flush.attach_iter(skel.maps.sockets.as_fd());
    done("flush", flush).map(Some)
}

/// Whether a program is loaded.
pub(crate) fn active(features: &[Feature], program: &str) -> bool {
    features.iter().any(|f| f.program == program && f.active)
}

/// Where cgroup v2 is mounted, by /proc/self/mounts.
pub fn cgroup2_root() -> Option<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (_, path, kind) = (fields.next()?, fields.next()?, fields.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(path))
    })
}

#[cfg(test)]
mod tests;
