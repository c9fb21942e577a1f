//! Drafts, read back and judged by the evaluator.

use super::*;
use crate::decode::Role;
use crate::exchange::record::Time;
use crate::policy::evaluate::{Judge, Settings};
use crate::policy::flow::Flow;
use crate::policy::read::Files;
use crate::policy::traffic::Talk;
use crate::policy::traffic::tests::{files, seen};

/// Labels that overlap, copies, another namespace, a node, its network, names that look like numbers.
const WORLD: &str = "
apiVersion: forebay.dev/v1alpha1
kind: Inventory
nodes: [{name: n1, addresses: [10.0.0.1]}]
hosts: [{name: pay.example, addresses: [192.0.2.1]}]
workloads:
- {namespace: rag, name: api-1, labels: {app: api, pod-template-hash: abc}, addresses: [10.1.0.1, 'fd01::1']}
- {namespace: rag, name: api-2, labels: {app: api, pod-template-hash: def}, addresses: [10.1.0.2]}
- {namespace: rag, name: worker, labels: {app: api, component: worker}, addresses: [10.1.0.3], node: n1}
- {namespace: rag, name: chart, labels: {app: api, app.kubernetes.io/name: api}, addresses: [10.1.0.4]}
- {namespace: rag, name: old, labels: {k8s-app: api}, addresses: [10.1.0.5]}
- {namespace: rag, name: both, labels: {app: 'true', k8s-app: api}, addresses: [10.1.0.6]}
- {namespace: rag, name: free, labels: {team: '7'}, addresses: [10.1.0.7]}
- {namespace: rag, name: freer, labels: {team: '7', zone: a}, addresses: [10.1.0.8]}
- {namespace: rag, name: bare, labels: {pod-template-hash: abc}, addresses: [10.1.0.9]}
- {namespace: rag, name: host, labels: {app: api}, addresses: [10.0.0.1], hostNetwork: true, node: n1}
- {namespace: shop, name: api, labels: {app: api}, addresses: [10.2.0.1, 'fd02::1'], ports: [{name: http, port: 80}]}
---
";
const ADDRESSES: [&str; 15] = [
    "10.1.0.1",
    "10.1.0.2",
    "10.1.0.3",
    "10.1.0.4",
    "10.1.0.5",
    "10.1.0.6",
    "10.1.0.7",
    "10.1.0.8",
    "10.1.0.9",
    "10.0.0.1",
    "10.2.0.1",
    "192.0.2.1",
    "192.0.2.2",
    "fd01::1",
    "fd02::1",
];
const PORTS: [u16; 3] = [53, 80, 6333];

fn read_back(draft: &str) -> Files {
    let mut files = Files::default();
    files.add("world", WORLD);
    files.add("draft", draft);
    files.finish();
    assert_eq!(files.counts(), (0, 0), "{:#?}\n{draft}", files.problems());
    files
}

fn talk(from: &str, to: &str, port: u16) -> Talk {
    Talk {
        from: seen(from),
        to: seen(to),
        protocol: Protocol::Tcp,
        port,
    }
}

/// What copies share: their name without its number.
fn kind(world: &World, address: &str) -> String {
    let end = world.at(address.parse().unwrap());
    match end.workload() {
        Some(one) => one.to_string().trim_end_matches(['-', '1', '2']).to_owned(),
        None => address.to_owned(),
    }
}

/// Every flow that can be is either seen and passes, or is none of those and is refused where both
/// ends have a policy.
fn holds(talks: &BTreeSet<(usize, usize, u16)>) -> usize {
    let world = files(WORLD).world;
    let mut traffic = Traffic::default();
    let mut kinds = BTreeSet::new();
    for (from, to, port) in talks {
        let (from, to) = (ADDRESSES[*from], ADDRESSES[*to]);
        kinds.insert((kind(&world, from), kind(&world, to), *port));
        traffic.add_talk(talk(from, to, *port), Time(1), Role::Web);
    }
    let suggestion = suggest(&world, &traffic, Options::default());
    let draft = suggestion.text();
    let files = read_back(&draft);
    assert_eq!(files.policies.all.len(), suggestion.policies());
    let answers = files.world.host_answers();
    let judge = Judge::new(&files.policies, &files.world, &answers, Settings::default());
    let mut refused = 0;
    for (a, from) in ADDRESSES.into_iter().enumerate() {
        for (b, to) in ADDRESSES.into_iter().enumerate() {
            for port in PORTS {
                let ends = [from, to].map(|one| files.world.at(one.parse().unwrap()));
                let verdict = judge.judge(&Flow {
                    from: ends[0],
                    to: ends[1],
                    protocol: Protocol::Tcp,
                    port,
                });
                let was_seen = kinds.contains(&(kind(&world, from), kind(&world, to), port));
                let isolated = ends.iter().all(|end| {
                    let app = end.workload().and_then(|one| suggestion.apps.of(one));
                    app.is_some_and(|app| suggestion.drafts.contains_key(&app))
                });
                let itself =
                    ends[0].to_string().split(' ').next() == ends[1].to_string().split(' ').next();
                if talks.contains(&(a, b, port)) {
                    assert!(
                        verdict.allowed,
                        "{from} to {to} {port}\n{verdict:#?}\n{draft}"
                    );
                } else if isolated && !was_seen && !itself {
                    assert!(
                        !verdict.allowed,
                        "{from} to {to} {port}\n{verdict:#?}\n{draft}"
                    );
                    refused += 1;
                }
            }
        }
    }
    refused
}

#[test]
fn what_was_seen_passes_and_what_was_not_is_refused() {
    let mut state = 7_u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut refused = 0;
    for _ in 0..150 {
        let count = next(25);
        let mut talks = BTreeSet::new();
        for _ in 0..count {
            let (from, to) = (next(ADDRESSES.len()), next(ADDRESSES.len()));
            talks.insert((from, to, PORTS[next(PORTS.len())]));
        }
        refused += holds(&talks);
    }
    assert!(refused > 10_000, "{refused} are too few to show anything");
}

#[test]
fn a_draft_says_who_how_often_when_and_what_is_missing() {
    let world = files(WORLD).world;
    let mut traffic = Traffic::with_bound(5);
    let day = Time(1_767_323_045_678_901_234);
    for (from, to, port, role) in [
        ("10.1.0.1", "10.2.0.1", 6333, Role::VectorSearch),
        ("10.1.0.2", "10.2.0.1", 6333, Role::VectorSearch),
        ("10.1.0.1", "192.0.2.1", 443, Role::Web),
        ("127.0.0.1", "10.2.0.1", 1, Role::Other),
        ("10.1.0.9", "10.2.0.1", 80, Role::Web),
        ("10.1.0.7", "10.2.0.1", 80, Role::Web),
    ] {
        traffic.add_talk(talk(from, to, port), day, role);
    }
    let options = Options {
        namespaces: vec!["rag".to_owned()],
        dns: true,
    };
    let expected = "\
# Drafted from 5 requests (vector_search, web), 2026-01-02T03:04:05Z to 2026-01-02T03:04:05Z: read it before you apply it.
# It lets pass what was seen and nothing else. Only TCP is recorded: what else is used (UDP, ICMP) is
# missing here. Copies of a workload are one: what one was seen to do, all may do.
# 1 request has no rule: a loopback address, and nothing says whose.
# Not looked at, as of further flows: 1 request.
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: api
  namespace: rag
spec:
  # Now: api-1, api-2
  podSelector:
    matchLabels:
      app: api
    matchExpressions:
    - {key: app.kubernetes.io/name, operator: DoesNotExist}
    - {key: component, operator: DoesNotExist}
  policyTypes: [Ingress, Egress]
  # None was seen: all of it would be denied.
  ingress: []
  egress:
  # shop/api: TCP/6333, 2 requests (vector_search), 2026-01-02T03:04:05Z to 2026-01-02T03:04:05Z
  - to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: shop
      podSelector:
        matchLabels:
          app: api
    ports:
    - {protocol: TCP, port: 6333}
  # 192.0.2.1, pay.example: TCP/443, 1 request (web), 2026-01-02T03:04:05Z to 2026-01-02T03:04:05Z
  - to:
    - ipBlock: {cidr: \"192.0.2.1/32\"}
    ports:
    - {protocol: TCP, port: 443}
  # DNS is not recorded, and the files name no k8s-app=kube-dns in kube-system. Where names are looked up, add:
  # - to:
";
    let text = suggest(&world, &traffic, options).text();
    assert!(text.starts_with(expected), "{text}");
    let end = "\
# Not seen, and denied once this is applied:
#   anything into rag/api
#   whatever else goes into or out of the workloads above, jobs that run seldom among it
# Without a policy here, and so left open: rag/worker, rag/chart, rag/old, rag/both, rag/free, rag/freer
# Seen, but no lasting label selects them; give them one such as app: rag/bare
";
    assert!(text.ends_with(end), "{text}");
    let all = suggest(&world, &traffic, Options::default()).text();
    assert!(all.contains("#   anything out of shop/api\n"), "{all}");
    assert!(!all.contains("TCP/80 (http), which it names"), "{all}");
}

#[test]
fn dns_is_let_out_where_the_cluster_has_it() {
    let dns = "apiVersion: forebay.dev/v1alpha1\nkind: Inventory\nworkloads:\n\
        - {namespace: kube-system, name: coredns, labels: {k8s-app: kube-dns}, addresses: [10.3.0.1]}\n";
    let world = files(&format!("{WORLD}{dns}")).world;
    let mut traffic = Traffic::default();
    traffic.add_talk(talk("10.2.0.1", "10.1.0.1", 80), Time(1), Role::Web);
    let judged = |dns: bool| {
        let options = Options {
            dns,
            ..Options::default()
        };
        let files = read_back(&suggest(&world, &traffic, options).text());
        let answers = files.world.host_answers();
        let judge = Judge::new(&files.policies, &world, &answers, Settings::default());
        let ask = |from: &str| Flow {
            from: world.at(from.parse().unwrap()),
            to: world.at("10.3.0.1".parse().unwrap()),
            protocol: Protocol::Udp,
            port: 53,
        };
        ["10.1.0.1", "10.2.0.1"].map(|from| judge.judge(&ask(from)).allowed)
    };
    assert_eq!(
        (judged(true), judged(false)),
        ([true, true], [false, false])
    );
}

#[test]
fn odd_names_stay_what_they_are() {
    let mut world = files(WORLD).world;
    world.workloads[0].name = "x\n---\nkind: Evil".to_owned();
    world.workloads[0].namespace = "a\"b: c".to_owned();
    let mut traffic = Traffic::default();
    traffic.add_talk(talk("10.1.0.1", "10.1.0.6", 80), Time(1), Role::Web);
    let text = suggest(&world, &traffic, Options::default()).text();
    assert_eq!(text.matches("\n---\n").count(), 2, "{text}");
    assert!(!text.contains("\nkind: Evil"), "{text}");
    assert!(text.contains("namespace: \"a\\\"b: c\"\n"), "{text}");
    assert!(text.contains("app: \"true\"\n"), "{text}");
}
