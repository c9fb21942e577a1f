//! Flows of our own, and who is found at their ends.

use super::*;
use crate::policy::read::Files;

const WORLD: &str = "
apiVersion: forebay.dev/v1alpha1
kind: Inventory
nodes: [{name: n1, addresses: [10.0.0.1, 'fd00::1']}]
workloads:
- {name: api, addresses: [10.0.0.1], match: {unit: api.service}}
- {name: qdrant, match: {container: '0123456789abcdef'}}
- {name: jobs, match: {cgroup: '/system.slice/job-*.service'}}
- {name: web, addresses: [10.1.0.2, 'fd01::2']}
- {name: one, addresses: [10.1.0.9]}
- {name: two, addresses: [10.1.0.9]}
- {name: same, match: {unit: same.service}}
- {name: again, match: {unit: same.service}}
- {name: agent, hostNetwork: true, addresses: [10.0.0.7]}
---
apiVersion: v1
kind: Pod
metadata: {name: pod, namespace: rag, uid: 0F4E2D1C-1111-2222-3333-444455556666}
status: {podIP: 10.1.0.3}
---
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {clusterIP: 10.2.0.1, clusterIPs: [10.2.0.1, 'fd02::1']}
---
apiVersion: v1
kind: Service
metadata: {name: headless}
spec: {clusterIP: None, clusterIPs: [None]}
";

pub(in crate::policy) fn files(text: &str) -> Files {
    let mut files = Files::default();
    files.add("world", text);
    files.finish();
    assert_eq!(files.counts().0, 0, "{:#?}", files.problems());
    files
}

pub(in crate::policy) fn seen(address: &str) -> Seen {
    Seen {
        address: unmapped(address.parse().unwrap()),
        pod: None,
        namespace: None,
        unit: None,
        container: None,
    }
}

fn unit(address: &str, unit: &str) -> Seen {
    Seen {
        unit: Some(unit.into()),
        ..seen(address)
    }
}

fn pod(address: &str, namespace: Option<&str>, pod: &str) -> Seen {
    Seen {
        pod: Some(pod.into()),
        namespace: namespace.map(Into::into),
        ..seen(address)
    }
}

#[test]
fn ends_are_found_by_name_then_by_address_and_else_by_nobody() {
    let files = files(WORLD);
    let places = Places::new(&files.world);
    let container = Seen {
        container: Some("0123456789ab".into()),
        ..seen("127.0.0.1")
    };
    let uid = "0f4e2d1c-1111-2222-3333-444455556666";
    let found = [
        (
            unit("127.0.0.1", "api.service"),
            "default/api (127.0.0.1)",
            How::Unit,
        ),
        (container, "default/qdrant (127.0.0.1)", How::Container),
        (
            unit("10.0.0.1", "job-7.service"),
            "default/jobs (10.0.0.1)",
            How::Cgroup,
        ),
        (seen("10.0.0.1"), "default/api (10.0.0.1)", How::Address),
        (
            unit("10.0.0.1", "sshd.service"),
            "node n1 (10.0.0.1)",
            How::Node,
        ),
        (seen("fd00::1"), "node n1 (fd00::1)", How::Node),
        (seen("fd01::2"), "default/web (fd01::2)", How::Address),
        (
            seen("::ffff:10.1.0.2"),
            "default/web (10.1.0.2)",
            How::Address,
        ),
        (seen("10.0.0.7"), "default/agent (10.0.0.7)", How::Address),
        (pod("10.9.9.9", None, uid), "rag/pod (10.9.9.9)", How::Pod),
        (
            pod("10.9.9.9", Some("rag"), "pod"),
            "rag/pod (10.9.9.9)",
            How::Pod,
        ),
        (
            pod("10.1.0.2", None, "gone"),
            "default/web (10.1.0.2)",
            How::Address,
        ),
        (seen("192.0.2.1"), "192.0.2.1", How::Outside),
        (unit("192.0.2.1", "x.service"), "192.0.2.1", How::Outside),
    ];
    for (seen, name, how) in found {
        let (end, by) = places.find(&seen).unwrap();
        assert_eq!((end.to_string().as_str(), by), (name, how), "{seen:?}");
    }
    let not = [
        (seen("10.1.0.9"), Unplaced::Several),
        (unit("10.0.0.1", "same.service"), Unplaced::Several),
        (seen("127.0.0.1"), Unplaced::Loopback),
        (unit("::1", "x.service"), Unplaced::Loopback),
        (seen("10.2.0.1"), Unplaced::Service),
        (seen("fd02::1"), Unplaced::Service),
        (seen("0.0.0.0"), Unplaced::NoAddress),
        (pod("10.1.0.3", None, "another"), Unplaced::SomebodyElse),
    ];
    for (seen, why) in not {
        assert_eq!(places.find(&seen).unwrap_err(), why, "{seen:?}");
    }
}

#[test]
fn flows_have_a_bound_and_the_rest_is_counted() {
    let mut traffic = Traffic::with_bound(2);
    let talk = |port| Talk {
        from: seen("10.0.0.1"),
        to: seen("10.0.0.2"),
        protocol: Protocol::Tcp,
        port,
    };
    for (port, at) in [(1, 30), (2, 20), (3, 10), (1, 40), (4, 50), (2, 5)] {
        traffic.add_talk(talk(port), Time(at), Role::Cache);
    }
    let kept: Vec<(u16, u64, u64, u64)> = traffic
        .talks()
        .iter()
        .map(|(talk, amount)| {
            let (first, last) = (amount.first.unwrap().0, amount.last.unwrap().0);
            (talk.port, amount.requests, first, last)
        })
        .collect();
    assert_eq!(kept, [(1, 2, 30, 40), (2, 2, 5, 20)]);
    assert_eq!(traffic.beyond, 2);
}

#[test]
fn what_requests_were_for_comes_commonest_first() {
    let mut amount = Amount::default();
    for role in [
        Role::Web,
        Role::Other,
        Role::Model,
        Role::Model,
        Role::Other,
    ] {
        amount.add(Time(1), role);
    }
    assert_eq!(amount.role_names(), ["model", "web"]);
}
