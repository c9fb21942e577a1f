//! Which kernel programs this host can run, what each gives and what replaces it.

mod enforce;

use libbpf_rs::btf::Btf;
use libbpf_rs::btf::types::{Func, Struct, Typedef};
use serde::{Deserialize, Serialize};

/// One kernel program as `forebay doctor` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// Name of the program, equal to its file's.
    pub program: String,
    /// What it is good for.
    pub gives: String,
    /// What it needs of the kernel.
    pub needs: String,
    /// It is (or would be) attached.
    pub active: bool,
    /// Why it is not; empty when it is.
    pub reason: String,
    /// What happens without it.
    pub fallback: String,
}

/// How a program's needs are probed.
#[derive(Clone, Copy)]
enum Probe {
    /// cgroup v2 is mounted.
    Cgroup2,
    /// A tracepoint with typed arguments: the kernel's BTF has `btf_trace_NAME`.
    Tracepoint(&'static str),
    /// As `Tracepoint`, and a kernel function.
    TracepointAnd(&'static str, &'static str),
    /// A kernel function.
    Function(&'static str),
    /// A kernel's structure.
    Structure(&'static str),
    /// An iterator: the kernel's BTF has its context, `bpf_iter__NAME`.
    Iterator(&'static str),
}

struct Row {
    program: &'static str,
    gives: &'static str,
    needs: &'static str,
    probe: Probe,
    fallback: &'static str,
    required: bool,
}

const ROWS: &[Row] = &[
    Row {
        program: "egress",
        gives: "when bytes leave TCP, and the first bytes of what is sent",
        needs: "cgroup v2 mounted (cgroup_skb)",
        probe: Probe::Cgroup2,
        fallback: "none: nothing can be observed",
        required: true,
    },
    Row {
        program: "ingress",
        gives: "when bytes reach their socket",
        needs: "cgroup v2 mounted (cgroup_skb)",
        probe: Probe::Cgroup2,
        fallback: "none: nothing can be observed",
        required: true,
    },
    Row {
        program: "skb_copy_datagram_iovec",
        gives: "when the application reads, and the bytes it reads, in order",
        needs: "tracepoint skb_copy_datagram_iovec, kfunc bpf_dynptr_from_skb in tracing (about 6.12)",
        probe: Probe::TracepointAnd("skb_copy_datagram_iovec", "bpf_dynptr_from_skb"),
        fallback: "bytes are copied on arrival, tcp_rcv_space_adjust tells the time of the read; what begins \
                   behind a lost packet, in front of a deferred accept or in a deep pipeline may be missed \
                   (payload_cut)",
        required: false,
    },
    Row {
        program: "tcp_rcv_space_adjust",
        gives: "reads without a copy: splice, MSG_TRUNC, TCP_ZEROCOPY_RECEIVE (attached when the first is found)",
        needs: "tracepoint tcp_rcv_space_adjust",
        probe: Probe::Tracepoint("tcp_rcv_space_adjust"),
        fallback: "such reads show with the next ordinary one",
        required: false,
    },
    Row {
        program: "tcp_sendmsg_locked",
        gives: "when the application writes: splits send_queue off",
        needs: "tracepoint tcp_sendmsg_locked (about 6.16)",
        probe: Probe::Tracepoint("tcp_sendmsg_locked"),
        fallback: "a write counts as old as its first packet: what it waited before that shows as client or \
                   server, not as send_queue, and chunks that leave in one packet count as one",
        required: false,
    },
    Row {
        program: "inet_sock_set_state",
        gives: "who opened a connection, and its ends",
        needs: "tracepoint inet_sock_set_state",
        probe: Probe::Tracepoint("inet_sock_set_state"),
        fallback: "the protocol tells who asks; a response that only the end of its sending ends shows when \
                   the connection is gone",
        required: false,
    },
    Row {
        program: "tcp_destroy_sock",
        gives: "the end of a connection and its last bytes",
        needs: "tracepoint tcp_destroy_sock",
        probe: Probe::Tracepoint("tcp_destroy_sock"),
        fallback: "inet_sock_set_state tells the end; without that too connections end by age, and only \
                   the first 32768 are seen",
        required: false,
    },
    Row {
        program: "flush",
        gives: "the end of a large response before the next request comes",
        needs: "iterator bpf_sk_storage_map (5.8)",
        probe: Probe::Iterator("bpf_sk_storage_map"),
        fallback: "such a request shows when the next one begins or the connection ends",
        required: false,
    },
];

/// Whether the running kernel's BTF has a name.
pub(crate) type Names<'a> = dyn Fn(Kind, &str) -> bool + 'a;

/// What of a host decides which programs it can run.
pub(crate) struct Host<'a> {
    /// Answers whether the running kernel's BTF has a name; `None` if it has no BTF.
    pub btf: Option<&'a Names<'a>>,
    /// cgroup v2 is mounted.
    pub cgroup2: bool,
}

/// What a name in BTF stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Typedef,
    Function,
    Struct,
}

/// Whether a kernel's BTF has a name.
pub(crate) fn has(btf: &Btf<'_>, kind: Kind, name: &str) -> bool {
    match kind {
        Kind::Typedef => btf.type_by_name::<Typedef<'_>>(name).is_some(),
        Kind::Function => btf.type_by_name::<Func<'_>>(name).is_some(),
        Kind::Struct => btf.type_by_name::<Struct<'_>>(name).is_some(),
    }
}

/// The table for a host; the programs of `without` are off.
pub(crate) fn table(host: &Host<'_>, without: &[&str]) -> Vec<Feature> {
    of(ROWS, host, without)
}

/// The same of the programs that enforce.
pub(crate) fn enforce_table(host: &Host<'_>) -> Vec<Feature> {
    of(enforce::ROWS, host, &[])
}

fn of(rows: &[Row], host: &Host<'_>, without: &[&str]) -> Vec<Feature> {
    rows.iter()
        .map(|row| {
            let off = without.contains(&row.program);
            let reason = if off {
                Some(ASKED.to_owned())
            } else {
                missing(row.probe, host)
            };
            Feature {
                program: row.program.to_owned(),
                gives: row.gives.to_owned(),
                needs: row.needs.to_owned(),
                active: reason.is_none(),
                reason: reason.unwrap_or_default(),
                fallback: row.fallback.to_owned(),
            }
        })
        .collect()
}

/// Why a program is off that could run.
const ASKED: &str = "off: asked for by --without";

/// Whether nothing can be observed without a program.
pub(crate) fn required(program: &str) -> bool {
    ROWS.iter()
        .any(|row| row.required && row.program == program)
}

/// The program of this name, if it may be left out.
///
/// # Errors
/// A sentence that says what may be.
pub fn optional(name: &str) -> Result<&'static str, String> {
    if required(name) {
        return Err("nothing can be observed without it".to_owned());
    }
    let mut names = ROWS
        .iter()
        .filter(|row| !row.required)
        .map(|row| row.program);
    if let Some(known) = names.clone().find(|known| *known == name) {
        return Ok(known);
    }
    let last = names.next_back().unwrap_or_default();
    let others = names.collect::<Vec<_>>().join(", ");
    Err(format!("no such program. Next: one of {others} or {last}"))
}

fn missing(probe: Probe, host: &Host<'_>) -> Option<String> {
    let Some(btf) = host.btf else {
        return Some("this kernel has no BTF (/sys/kernel/btf/vmlinux)".to_owned());
    };
    let lacks = |kind, name: &str, sentence: String| (!btf(kind, name)).then_some(sentence);
    let tracepoint = |name: &str| {
        let sentence = format!("this kernel has no tracepoint {name}");
        lacks(Kind::Typedef, &format!("btf_trace_{name}"), sentence)
    };
    match probe {
        Probe::Cgroup2 => (!host.cgroup2).then(|| "no cgroup v2 hierarchy is mounted".to_owned()),
        Probe::Tracepoint(name) => tracepoint(name),
        Probe::TracepointAnd(name, function) => tracepoint(name).or_else(|| {
            let sentence = format!("this kernel has no function {function} for BPF");
            lacks(Kind::Function, function, sentence)
        }),
        Probe::Function(name) => {
            let sentence = format!("this kernel has no function {name}");
            lacks(Kind::Function, name, sentence)
        }
        Probe::Structure(name) => {
            let sentence = format!("this kernel has no {name}");
            lacks(Kind::Struct, name, sentence)
        }
        Probe::Iterator(name) => {
            let sentence = format!("this kernel has no iterator {name}");
            lacks(Kind::Struct, &format!("bpf_iter__{name}"), sentence)
        }
    }
}

#[cfg(test)]
mod tests;
