//! Rows of our own, for what the tables of others cannot find; see `tests/conformance/README.md`.

mod cluster;
mod ends;
mod network_policy;
mod reasons;

use crate::policy::read::{Files, port};
use crate::policy::{Flow, Judge, Settings, Verdict, ends as pair};

/// Who there is.
const WORLD: &str = "
apiVersion: forebay.dev/v1alpha1
kind: Inventory
namespaces:
- {name: shop, labels: {team: shop}}
- {name: rag, labels: {team: rag, env: prod}}
nodes:
- {name: n1, labels: {zone: a}, addresses: [10.0.0.1, 'fd00::1']}
- {name: n2, labels: {zone: b}, addresses: [10.0.0.2]}
workloads:
- {namespace: shop, name: web, labels: {app: web}, node: n1, addresses: [10.1.0.1, 'fd01::1'],
   ports: [{name: http, port: 8080}]}
- {namespace: shop, name: db, labels: {app: db, tier: data}, node: n1, addresses: [10.1.0.2, 'fd01::2'],
   ports: [{name: http, port: 5432}, {name: dns, port: 53, protocol: UDP}]}
- {namespace: rag, name: api, labels: {app: api}, node: n2, addresses: [10.1.1.1], ports: [{name: http, port: 8000}]}
- {namespace: rag, name: six, labels: {app: six}, node: n2, addresses: ['fd01::9']}
- {namespace: bare, name: plain, addresses: [10.1.2.1]}
- {namespace: shop, name: agent, labels: {app: web}, node: n1, hostNetwork: true, ports: [{name: http, port: 8080}]}
- {namespace: rag, name: agent, labels: {app: web}, node: n2, hostNetwork: true}
hosts:
- {name: pay.example, addresses: [192.0.2.10, '2001:db8::10']}
- {name: inside.example, addresses: [10.1.1.1]}
";

/// A flow: from, to, port, and whether it must pass.
type Row<'r> = (&'r str, &'r str, &'r str, bool);

fn read(documents: &[String]) -> Files {
    let mut files = Files::default();
    files.add("world", WORLD);
    for (index, document) in documents.iter().enumerate() {
        files.add(&format!("document {index}"), document);
    }
    files.finish();
    assert_eq!(files.counts().0, 0, "{:#?}", files.problems());
    files
}

fn verdict(files: &Files, settings: Settings, from: &str, to: &str, at: &str) -> Verdict {
    let (from, to) = pair(&files.world, from, to).unwrap();
    let (protocol, port) = port(at).unwrap();
    let answers = files.world.host_answers();
    Judge::new(&files.policies, &files.world, &answers, settings).judge(&Flow {
        from,
        to,
        protocol,
        port,
    })
}

fn hold_with(settings: Settings, documents: &[String], rows: &[Row<'_>]) {
    let files = read(documents);
    for (from, to, port, expected) in rows {
        let verdict = verdict(&files, settings, from, to, port);
        assert_eq!(
            verdict.allowed, *expected,
            "{from} to {to} {port}\n{verdict:#?}\n{documents:#?}"
        );
    }
}

fn hold(documents: &[String], rows: &[Row<'_>]) {
    hold_with(Settings::default(), documents, rows);
}

/// A `NetworkPolicy` in the namespace `shop`.
fn v1(name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{namespace: shop, name: {name}}}, spec: {{{spec}}}}}"
    )
}

/// A `ClusterNetworkPolicy`.
fn cnp(name: &str, tier: &str, priority: u16, rest: &str) -> String {
    format!(
        "{{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {{name: {name}}}, \
         spec: {{tier: {tier}, priority: {priority}, {rest}}}}}"
    )
}
