//! Why enforcement can't begin or go on.

use crate::observe::LoadError;
use std::path::PathBuf;

/// What failed, on which object, with the next step.
#[derive(Debug, thiserror::Error)]
pub enum EnforceError {
    /// The programs were refused.
    #[error("nothing can be enforced: {0}")]
    Load(#[from] LoadError),
    /// We may not.
    #[error(
        "no right to load kernel programs. Next: as root (`sudo`), or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN"
    )]
    Rights,
    /// A program that something rests on can't run here.
    #[error("{program} does not run here: {reason}. Next: `forebay doctor`")]
    Off {
        /// Its name.
        program: String,
        /// Why.
        reason: String,
    },
    /// A table outgrew its bound.
    #[error(
        "the policies need {needs} entries of the kernel's table {map}, which has room for {most}; what was in \
         force stays so. Next: fewer distinct policies, blocks or workloads on this node"
    )]
    TooLarge {
        /// Which.
        map: &'static str,
        /// Entries it would need.
        needs: usize,
        /// Entries it may have.
        most: usize,
    },
    /// A table can't be made.
    #[error(
        "cannot make the kernel's table {map} with {entries} entries: {error}; what was in force stays so. Likely \
         cause: a limit on memory (`ulimit -l`, the agent's cgroup)"
    )]
    Make {
        /// Which.
        map: &'static str,
        /// For how many.
        entries: usize,
        /// What the kernel said.
        error: libbpf_rs::Error,
    },
    /// A table can't be written.
    #[error(
        "cannot write the kernel's table {map}: {error}. Likely cause: it is full, or a limit on memory. Next: \
         install the policies again"
    )]
    Write {
        /// Which.
        map: &'static str,
        /// What the kernel said.
        error: libbpf_rs::Error,
    },
    /// Something needs tables that nobody has installed.
    #[error("no policies are in force yet. Next: install some first")]
    NoTables,
    /// A control group can't be used.
    #[error(
        "cannot open the control group {path}: {error}. Next: `find /sys/fs/cgroup -type d` lists them"
    )]
    Cgroup {
        /// Which.
        path: PathBuf,
        /// What the kernel said.
        error: std::io::Error,
    },
    /// Policing the root would police the agent and every session on the host.
    #[error(
        "the root of all control groups is never policed, since the agent and your session live there too. Next: \
         name the one above the workloads, such as kubepods.slice"
    )]
    Root,
    /// The same of the network.
    #[error(
        "the host's own network namespace is never policed. Next: name the namespace of a workload, such as \
         /proc/PID/ns/net"
    )]
    HostNetwork,
    /// A program loaded but did not attach.
    #[error("{program} did not attach: {error}. Next: `forebay doctor`")]
    Attach {
        /// Its name.
        program: &'static str,
        /// What the kernel said.
        error: libbpf_rs::Error,
    },
    /// The ring can't be mapped.
    #[error("cannot map the ring of denials: {0}. Likely cause: a memory limit of the agent")]
    Ring(libbpf_rs::Error),
    /// Rows can't be judged.
    #[error(
        "this kernel did not judge the rows: {0}. Likely cause: a limit on memory. Next: `forebay doctor`"
    )]
    Judge(String),
}
