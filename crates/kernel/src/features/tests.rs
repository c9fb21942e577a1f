use super::*;

/// A kernel whose BTF has every name but these.
fn reasons(lacks: &'static [&'static str], cgroup2: bool, without: &[&str]) -> Vec<Feature> {
    let btf = |_: Kind, name: &str| !lacks.contains(&name);
    let host = Host {
        btf: Some(&btf),
        cgroup2,
    };
    table(&host, without)
}

fn off(features: &[Feature]) -> Vec<(&str, &str)> {
    let off = features.iter().filter(|feature| !feature.active);
    off.map(|f| (f.program.as_str(), f.reason.as_str()))
        .collect()
}

#[test]
fn a_kernel_with_everything_runs_everything() {
    assert_eq!(off(&reasons(&[], true, &[])), []);
}

#[test]
fn what_a_host_lacks_is_named_where_it_matters() {
    let cases: [(&[&str], &str, &str); 4] = [
        (
            &["btf_trace_tcp_sendmsg_locked"],
            "tcp_sendmsg_locked",
            "this kernel has no tracepoint tcp_sendmsg_locked",
        ),
        (
            &["bpf_dynptr_from_skb"],
            "skb_copy_datagram_iovec",
            "this kernel has no function bpf_dynptr_from_skb for BPF",
        ),
        (
            &["btf_trace_skb_copy_datagram_iovec", "bpf_dynptr_from_skb"],
            "skb_copy_datagram_iovec",
            "this kernel has no tracepoint skb_copy_datagram_iovec",
        ),
        (
            &["bpf_iter__bpf_sk_storage_map"],
            "flush",
            "this kernel has no iterator bpf_sk_storage_map",
        ),
    ];
    for (lacks, program, reason) in cases {
        let btf = |_: Kind, name: &str| !lacks.contains(&name);
        let host = Host {
            btf: Some(&btf),
            cgroup2: true,
        };
        assert_eq!(off(&table(&host, &[])), [(program, reason)]);
    }
    let reason = "no cgroup v2 hierarchy is mounted";
    let features = reasons(&[], false, &[]);
    assert_eq!(off(&features), [("egress", reason), ("ingress", reason)]);
}

#[test]
fn without_btf_nothing_runs_and_each_says_so() {
    let host = Host {
        btf: None,
        cgroup2: true,
    };
    let features = table(&host, &[]);
    assert!(features.iter().all(|feature| {
        !feature.active && feature.reason.contains("no BTF (/sys/kernel/btf/vmlinux)")
    }));
}

#[test]
fn a_program_that_was_left_out_says_who_did_it_even_where_it_could_not_run() {
    let features = reasons(
        &["btf_trace_tcp_sendmsg_locked"],
        true,
        &["tcp_sendmsg_locked"],
    );
    assert_eq!(off(&features), [("tcp_sendmsg_locked", ASKED)]);
}

#[test]
fn names_are_checked_and_listed() {
    assert_eq!(optional("flush"), Ok("flush"));
    let error = optional("tcp_sendmsg").unwrap_err();
    for row in ROWS {
        assert_eq!(error.contains(row.program), !row.required, "{error}");
    }
    assert!(
        optional("egress")
            .unwrap_err()
            .contains("nothing can be observed")
    );
}

#[test]
fn every_optional_program_has_a_fallback() {
    for row in ROWS {
        assert_eq!(
            row.fallback.starts_with("none"),
            row.required,
            "{}",
            row.program
        );
    }
}
