//! What comes of good files.

use super::{problems, read, v1};
use crate::policy::model::{Peer, Peers, PortMatch, Ports, Subject};
use crate::policy::{Binding, NAME_LABEL, Protocol, Selector, Tier};

#[test]
fn an_absent_selector_and_an_empty_one_stay_apart() {
    let peers = |text: &str| {
        let files = read(&v1(&format!("ingress: [{{from: [{text}]}}]")));
        let rules = files.policies.all[0].ingress.clone().unwrap();
        rules[0].peers.clone()
    };
    let workloads = |namespaces, workloads| {
        Peers::Any(vec![Peer::Workloads {
            namespaces,
            workloads,
        }])
    };
    let all = Selector::everything;
    assert_eq!(peers("{podSelector: {}}"), workloads(None, Some(all())));
    assert_eq!(
        peers("{namespaceSelector: {}}"),
        workloads(Some(all()), None)
    );
    assert_eq!(
        peers("{namespaceSelector: {}, podSelector: {}}"),
        workloads(Some(all()), Some(all()))
    );
    assert_eq!(
        peers("{namespaceSelector: null, podSelector: {}}"),
        workloads(None, Some(all()))
    );
    assert_eq!(peers(""), Peers::All);
}

#[test]
fn a_policy_is_read_whole() {
    let text = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: db\n  annotations: {a: b}\nspec:\n  podSelector:\n  \
        policyTypes: [Egress]\n  egress:\n  - to:\n    - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}\n    ports:\n    - port: 80\n      \
        endPort: 90\n    - {protocol: UDP, port: dns}\n    - {protocol: SCTP}\nstatus: {}\n";
    assert_eq!(problems(text).len(), 1, "one named port beside a block");
    let files = read(text);
    let policy = &files.policies.all[0];
    assert_eq!(policy.name.to_string(), "NetworkPolicy default/db");
    assert_eq!(policy.tier, Tier::NetworkPolicy);
    assert_eq!(
        policy.subject,
        Subject::InNamespace("default".to_owned(), Selector::everything())
    );
    assert_eq!(policy.ingress, None);
    let rule = &policy.egress.as_ref().unwrap()[0];
    let expected = vec![
        PortMatch::Range(Protocol::Tcp, 80, 90),
        PortMatch::Named(Protocol::Udp, "dns".to_owned()),
        PortMatch::Protocol(Protocol::Sctp),
    ];
    assert_eq!(rule.ports, Ports::Any(expected));
    let [cidr, except] = ["10.0.0.0/8", "10.1.0.0/16"].map(|text| text.parse().unwrap());
    assert_eq!(
        rule.peers,
        Peers::Any(vec![Peer::Block {
            cidr,
            except: vec![except]
        }])
    );
}

#[test]
fn kubernetes_objects_fill_the_world() {
    let text = "
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: rag, labels: {team: rag}}}
- apiVersion: v1
  kind: Pod
  metadata: {name: api, namespace: rag, labels: {app: api}}
  spec:
    nodeName: n1
    initContainers:
    - {name: proxy, restartPolicy: Always, ports: [{name: mesh, containerPort: 15008}]}
    - {name: once, ports: [{name: gone, containerPort: 1}]}
    containers:
    - {name: a, ports: [{name: http, containerPort: 80}, {containerPort: 81}, {name: dns, containerPort: 53, protocol: UDP}]}
  status: {phase: Running, podIP: 10.0.0.9, podIPs: [{ip: 10.0.0.9}, {ip: 'fd00::9'}]}
- {apiVersion: v1, kind: Pod, metadata: {name: job}, status: {phase: Succeeded, podIP: 10.0.0.9}}
- {apiVersion: v1, kind: Pod, metadata: {name: host}, spec: {hostNetwork: true, nodeName: n1}}
- {apiVersion: v1, kind: Node, metadata: {name: n1, labels: {zone: a}}, status: {addresses: [{type: InternalIP, address: 10.1.0.1}, {type: Hostname, address: n1}]}}
- {apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: rag}, spec: {template: {metadata: {labels: {app: web}}, spec: {containers: []}}}}
- {apiVersion: batch/v1, kind: CronJob, metadata: {name: c}, spec: {jobTemplate: {spec: {template: {metadata: {labels: {app: c}}}}}}}
- {apiVersion: v1, kind: Service, metadata: {name: s}}
";
    let files = read(text);
    assert_eq!(files.problems(), []);
    let names: Vec<String> = files
        .world
        .workloads
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["rag/api", "default/host", "rag/web", "default/c"]);
    let api = files.world.workload("rag", "api").unwrap();
    let ports: Vec<&str> = api.ports.iter().map(|port| port.name.as_str()).collect();
    assert_eq!(
        (ports, api.addresses.len()),
        (vec!["mesh", "http", "dns"], 2)
    );
    assert!(
        files
            .world
            .workload("default", "host")
            .unwrap()
            .host_network
    );
    assert_eq!(
        files.world.workload("rag", "web").unwrap().labels["app"],
        "web"
    );
    assert_eq!(files.world.nodes[0].addresses.len(), 1);
    assert_eq!(files.world.namespace_labels("rag")[NAME_LABEL], "rag");
    assert_eq!(
        files.world.namespace_labels("nowhere")[NAME_LABEL],
        "nowhere"
    );
    assert_eq!(files.skipped["Service"], 1);
}

#[test]
fn a_list_of_one_kind_says_what_its_items_are() {
    let text = "
{apiVersion: v1, kind: NamespaceList, items: [{metadata: {name: rag, labels: {team: rag}}}]}
---
{apiVersion: v1, kind: PodList, items: [{metadata: {name: api, namespace: rag}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicyList
items:
- {metadata: {name: p, namespace: rag}, spec: {podSelector: {}}}
";
    let files = read(text);
    assert_eq!(files.problems(), []);
    assert_eq!(files.world.namespace_labels("rag")["team"], "rag");
    assert!(files.world.workload("rag", "api").is_some());
    let name = files.policies.all[0].name.to_string();
    assert_eq!(name, "NetworkPolicy rag/p");
    let mixed = problems("{apiVersion: v1, kind: List, items: [{metadata: {name: rag}}]}");
    let paths: Vec<&str> = mixed.iter().map(|(_, _, path, _)| path.as_str()).collect();
    assert_eq!(paths, ["items[0].apiVersion", "items[0].kind"]);
}

#[test]
fn an_inventory_says_who_runs_where() {
    let text = "
apiVersion: forebay.dev/v1alpha1
kind: Inventory
namespaces: [{name: rag, labels: {env: prod}}]
nodes: [{name: vm1, addresses: [10.0.0.1]}]
workloads:
- {namespace: rag, name: qdrant, labels: {app: qdrant}, node: vm1, match: {unit: qdrant.service}, ports: [{name: http, port: 6333}]}
- {name: job, match: {cgroup: '/user.slice/**/job-*'}}
- {name: box, match: {container: 'abcdef012345'}, hostNetwork: true}
hosts: [{name: pay.example, addresses: [192.0.2.1]}]
";
    let files = read(text);
    assert_eq!(files.problems(), []);
    let bindings: Vec<_> = files
        .world
        .workloads
        .iter()
        .map(|one| one.binding.clone().unwrap())
        .collect();
    assert_eq!(
        bindings,
        [
            Binding::Unit("qdrant.service".to_owned()),
            Binding::Cgroup("/user.slice/**/job-*".to_owned()),
            Binding::Container("abcdef012345".to_owned()),
        ]
    );
    assert_eq!(files.world.hosts[0].name, "pay.example");
    assert_eq!(files.world.workloads[1].namespace, "default");
}

#[test]
fn assertions_are_read() {
    let text = "{apiVersion: forebay.dev/v1alpha1, kind: PolicyTest, files: [a.yaml], tests: [\
        {from: a/b, to: 10.0.0.1, port: 80, expect: allow}, {from: a/b, to: c/d, protocol: ICMP, expect: deny, because: a/p}]}";
    let files = read(text);
    assert_eq!(files.problems(), []);
    let all = &files.assertions[0].all;
    assert_eq!(
        (all[0].protocol, all[0].port, all[0].allow),
        (Protocol::Tcp, 80, true)
    );
    assert_eq!(
        (all[1].protocol, all[1].allow, all[1].because.as_deref()),
        (Protocol::Icmp, false, Some("a/p"))
    );
}
