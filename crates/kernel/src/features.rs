//! Which kernel programs this host can run, what each gives and what replaces it.

use libbpf_rs::btf::Btf;
use libbpf_rs::btf::types::{Func, Typedef};
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
    /// Always there on the kernels we load on at all.
    Always,
    /// A tracepoint with typed arguments: the kernel's BTF has `btf_trace_NAME`.
    Tracepoint(&'static str),
    /// As `Tracepoint`, and a kernel function.
    TracepointAnd(&'static str, &'static str),
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
        probe: Probe::Always,
        fallback: "none: nothing can be observed",
        required: true,
    },
    Row {
        program: "ingress",
        gives: "when bytes reach their socket",
        needs: "cgroup v2 mounted (cgroup_skb)",
        probe: Probe::Always,
        fallback: "none: nothing can be observed",
        required: true,
    },
    Row {
        program: "skb_copy_datagram_iovec",
        gives: "when the application reads, and the bytes it reads, in order",
        needs: "tracepoint skb_copy_datagram_iovec, kfunc bpf_dynptr_from_skb in tracing (about 6.12)",
        probe: Probe::TracepointAnd("skb_copy_datagram_iovec", "bpf_dynptr_from_skb"),
        fallback: "bytes are copied on arrival, tcp_rcv_space_adjust tells the time of the read",
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
        fallback: "a write counts as old as its first packet: send_queue is 0 until the queue blocks",
        required: false,
    },
    Row {
        program: "inet_sock_set_state",
        gives: "who opened a connection, and its ends",
        needs: "tracepoint inet_sock_set_state",
        probe: Probe::Tracepoint("inet_sock_set_state"),
        fallback: "the protocol tells who asks",
        required: false,
    },
    Row {
        program: "tcp_destroy_sock",
        gives: "the end of a connection and its last bytes",
        needs: "tracepoint tcp_destroy_sock",
        probe: Probe::Tracepoint("tcp_destroy_sock"),
        fallback: "connections end by age",
        required: false,
    },
    Row {
        program: "flush",
        gives: "the end of a large response before the next request comes",
        needs: "iterator bpf_sk_storage_map (5.8)",
        probe: Probe::Always,
        fallback: "such a request shows when the next one begins or the connection ends",
        required: false,
    },
];

/// The table for this kernel. `btf` is the running kernel's, `None` if it has none.
pub(crate) fn table(btf: Option<&Btf<'_>>) -> Vec<Feature> {
    ROWS.iter()
        .map(|row| {
            let reason = missing(row.probe, btf);
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

/// Programs that may be left out, in the order in which a failing load gives them up.
pub(crate) fn optional() -> impl Iterator<Item = &'static str> {
    ROWS.iter()
        .filter(|row| !row.required)
        .map(|row| row.program)
}

fn missing(probe: Probe, btf: Option<&Btf<'_>>) -> Option<String> {
    let Some(btf) = btf else {
        return Some("this kernel has no BTF (/sys/kernel/btf/vmlinux)".to_owned());
    };
    let tracepoint = |name: &str| {
        let symbol = format!("btf_trace_{name}");
        btf.type_by_name::<Typedef<'_>>(symbol.as_str())
            .is_none()
            .then(|| format!("this kernel has no tracepoint {name}"))
    };
    match probe {
        Probe::Always => None,
        Probe::Tracepoint(name) => tracepoint(name),
        Probe::TracepointAnd(name, function) => tracepoint(name).or_else(|| {
            btf.type_by_name::<Func<'_>>(function)
                .is_none()
                .then(|| format!("this kernel has no function {function} for BPF"))
        }),
    }
}
