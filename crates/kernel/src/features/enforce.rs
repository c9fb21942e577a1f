//! The programs that enforce.

use super::{Probe, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        program: "connect4",
        gives: "verdict on outgoing TCP and connected UDP over IPv4: an errno at once",
        needs: "cgroup v2 mounted (cgroup/connect4)",
        probe: Probe::Cgroup2,
        fallback: "what begins over IPv4 is judged on arrival only, if at all",
        required: false,
    },
    Row {
        program: "connect6",
        gives: "the same over IPv6, and over IPv4 from sockets of both families",
        needs: "cgroup v2 mounted (cgroup/connect6)",
        probe: Probe::Cgroup2,
        fallback: "what begins over IPv6 is judged on arrival only, if at all",
        required: false,
    },
    Row {
        program: "sendmsg4",
        gives: "verdict on datagrams of unconnected UDP sockets over IPv4",
        needs: "cgroup v2 mounted (cgroup/sendmsg4)",
        probe: Probe::Cgroup2,
        fallback: "such datagrams leave unjudged, and an isolated workload's answers to them are refused",
        required: false,
    },
    Row {
        program: "sendmsg6",
        gives: "the same over IPv6, and over IPv4 from sockets of both families",
        needs: "cgroup v2 mounted (cgroup/sendmsg6)",
        probe: Probe::Cgroup2,
        fallback: "such datagrams leave unjudged, and an isolated workload's answers to them are refused",
        required: false,
    },
    Row {
        program: "socket_lookup",
        gives: "verdict on what arrives: a refusal at once, in network namespaces of workloads",
        needs: "sk_lookup (5.9)",
        probe: Probe::Structure("bpf_sk_lookup_kern"),
        fallback: "nothing is refused on arrival: rules about traffic into a workload do not hold",
        required: false,
    },
    Row {
        program: "judge_rows",
        gives: "verdicts of this kernel on flows that nobody sends (`policy test --kernel`)",
        needs: "function bpf_loop (5.17)",
        probe: Probe::Function("bpf_loop"),
        fallback: "policies can be tested by the evaluator alone",
        required: false,
    },
];
