//! `policy`: needs neither an agent nor rights.

use crate::{err, out, output};
use std::path::Path;
use tempfile::TempDir;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance");

const POLICIES: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: qdrant, namespace: rag}
spec:
  podSelector: {matchLabels: {app: qdrant}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: api}}}]
    ports: [{port: 6333}]
";

const WORLD: &str = "
apiVersion: forebay.dev/v1alpha1
kind: Inventory
workloads:
- {namespace: rag, name: api, labels: {app: api}, addresses: [10.0.0.1], match: {unit: api.service}}
- {namespace: rag, name: qdrant, labels: {app: qdrant}, addresses: [10.0.0.2], node: vm1}
nodes: [{name: vm1, addresses: [10.9.0.1]}]
hosts: [{name: pay.example, addresses: [192.0.2.1]}]
";

fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn path(dir: &TempDir, name: &str) -> String {
    dir.path().join(name).to_str().unwrap().to_owned()
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

#[test]
fn every_row_of_the_tables_agrees() {
    for (file, rows) in [
        ("networkpolicy-v1-cases.jsonl.gz", 123_669),
        ("cnp-v1alpha2/expected.jsonl", 110),
    ] {
        let done = output(&["policy", "test", "--cases", &format!("{CASES}/{file}")]);
        assert!(done.status.success(), "{}{}", out(&done), err(&done));
        assert_eq!(last_line(&out(&done)), format!("{rows} rows, 0 mismatches"));
    }
}

/// The table with every verdict that can be wrong turned around.
fn turned(from: &str, yes: &str, no: &str) -> String {
    from.replace(yes, "@").replace(no, yes).replace('@', no)
}

#[test]
fn rows_that_do_not_agree_are_shown_and_counted() {
    let source = format!("{CASES}/cnp-v1alpha2");
    let dir = TempDir::new().unwrap();
    for place in ["admin_tier", "baseline_tier", "api_integration"] {
        copy(&format!("{source}/{place}"), &dir.path().join(place));
    }
    let cluster = std::fs::read_to_string(format!("{source}/cluster.json")).unwrap();
    std::fs::write(dir.path().join("cluster.json"), cluster).unwrap();
    let rows = std::fs::read_to_string(format!("{source}/expected.jsonl")).unwrap();
    let turned = turned(&rows, "\"allowed\": true", "\"allowed\": false");
    std::fs::write(dir.path().join("expected.jsonl"), turned).unwrap();
    let done = output(&["policy", "test", "--cases", &path(&dir, "expected.jsonl")]);
    assert_eq!(done.status.code(), Some(1));
    let said = out(&done);
    assert_eq!(last_line(&said), "110 rows, 110 mismatches");
    assert_eq!(
        said.lines()
            .filter(|line| line.starts_with("mismatch, line "))
            .count(),
        20
    );
    assert!(
        said.contains("90 more mismatches: --json prints all"),
        "{said}"
    );
    let done = output(&[
        "policy",
        "test",
        "--json",
        "--cases",
        &path(&dir, "expected.jsonl"),
    ]);
    let lines: Vec<serde_json::Value> = out(&done)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 111);
    assert_eq!(lines[0]["line"], 1);
    assert_eq!(lines[110]["mismatches"], 110);
}

fn copy(from: &str, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn other_clusters_and_policies_are_judged_too() {
    let line = r#"{"case":"mine","namespaces":{"a":{}},"nodes":[{"name":"n","addresses":["10.0.0.9"]}],"pods":[
        {"ns":"a","name":"x","ips":["fd00::1"],"node":"n"},{"namespace":"a","name":"y","ip":"none yet","hostNetwork":true,"node":"n"}],
        "policies":[{"metadata":{"name":"p","namespace":"a"},"spec":{}},
        {"apiVersion":"policy.networking.k8s.io/v1alpha2","kind":"ClusterNetworkPolicy","metadata":{"name":"c"},
         "spec":{"tier":"Admin","priority":0,"subject":{"namespaces":{}},
         "egress":[{"action":"Deny","to":[{"networks":["2001:db8::/32"]}]}]}}],
        "rows":[{"from":"2001:db8::1","to":"a/x","key":"TCP/80","c":"blocked"},{"from":"a/y","to":"a/x","key":"UDP/80","c":"allowed"},
        {"from":"node/n","to":"a/x","key":"ICMP","c":"allowed"},{"from":"a/x","to":"2001:db8::1","key":"SCTP/1","c":"blocked"},
        {"from":"a/x","to":"a/x","key":"TCP/80","c":"blocked"}]}"#;
    let dir = folder(&[("cases.jsonl", &format!("{}\n", line.replace('\n', " ")))]);
    let done = output(&["policy", "test", "--cases", &path(&dir, "cases.jsonl")]);
    let said = "1 of the rows go from a workload to itself: allowed, whatever the table says\n5 rows, 0 mismatches\n";
    assert_eq!((out(&done).as_str(), err(&done).as_str()), (said, ""));
}

#[test]
fn tables_that_are_broken_name_file_and_line() {
    let row =
        |row: &str| format!(r#"{{"namespaces":{{}},"pods":[],"policies":null,"rows":[{row}]}}"#);
    for (text, part) in [
        ("{\"rows\": 1}\n".to_owned(), "line 1: "),
        (format!("\n{}\n", row(r#"{"from":"a/b","to":"10.0.0.1","key":"TCP/80","c":"maybe"}"#)), "line 2: unknown variant `maybe`"),
        (format!("{}\n{{\n", row("")), "line 2: EOF"),
        (row(r#"{"from":"10.0.0.2","to":"10.0.0.1","key":"TPC/80","c":"allowed"}"#), "is no port"),
        (row(r#"{"from":"a/b","to":"10.0.0.1","key":"TCP/80","c":"allowed"}"#), "nobody is called \"a/b\""),
        (row("").replace("null", r#"[{"metadata":{"name":"p"},"spec":{"policyTypes":["x"]}}]"#), "spec.policyTypes[0]"),
        ("{\"manifests\":[\"no.yaml\"],\"client\":\"a/b\",\"server\":\"a/b\",\"protocol\":\"TCP\",\"port\":1,\"allowed\":true}".to_owned(), "cluster.json"),
    ] {
        let dir = folder(&[("c.jsonl", &text)]);
        let done = output(&["policy", "test", "--cases", &path(&dir, "c.jsonl")]);
        assert_eq!(done.status.code(), Some(1), "{text}");
        assert!(err(&done).contains(part), "{text}\n{}", err(&done));
    }
    let done = output(&["policy", "test", "--cases", "/nowhere.jsonl"]);
    assert!(
        err(&done).contains("cannot read /nowhere.jsonl"),
        "{}",
        err(&done)
    );
}

#[test]
fn check_says_what_is_wrong_and_counts() {
    let dir = folder(&[
        ("a.yaml", POLICIES),
        ("b.yml", WORLD),
        ("readme.txt", "not read"),
    ]);
    let all = dir.path().to_str().unwrap();
    let done = output(&["policy", "check", all]);
    assert!(done.status.success(), "{}", err(&done));
    let said = out(&done);
    assert!(
        said.contains("2 documents in 2 files: 1 NetworkPolicy, 0 ClusterNetworkPolicies, 0 namespaces, 2 workloads, 1 node, 1 host\n"),
        "{said}"
    );
    assert!(said.contains("0 errors, 0 warnings\n"), "{said}");
    assert!(said.contains("puts policies in force"), "{said}");
    let bad = POLICIES.replace("ports: [{port: 6333}]", "ports: [{port: 0, protcol: TCP}]");
    let dir = folder(&[("a.yaml", &bad)]);
    let done = output(&["policy", "check", &path(&dir, "a.yaml")]);
    assert_eq!(done.status.code(), Some(1));
    let place = format!(
        "error: {}:9 (document 1, NetworkPolicy rag/qdrant): spec.ingress[0].ports[0].port: ",
        path(&dir, "a.yaml")
    );
    assert!(out(&done).contains(&place), "{}", out(&done));
    assert!(
        out(&done).contains("did you mean protocol?"),
        "{}",
        out(&done)
    );
    assert!(out(&done).contains("1 error, 1 warning"), "{}", out(&done));
    let done = output(&["policy", "check", "--json", &path(&dir, "a.yaml")]);
    let lines: Vec<serde_json::Value> = out(&done)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (
            lines[0]["line"].as_u64(),
            lines.last().unwrap()["errors"].as_u64()
        ),
        (Some(9), Some(1))
    );
}

#[test]
fn warnings_fail_where_that_is_asked_for() {
    let dir = folder(&[("a.yaml", &POLICIES.replace("ports:", "prots:"))]);
    let file = path(&dir, "a.yaml");
    assert_eq!(output(&["policy", "check", &file]).status.code(), Some(0));
    assert_eq!(
        output(&["policy", "check", "--strict", &file])
            .status
            .code(),
        Some(1)
    );
}

#[test]
fn explain_walks_to_the_verdict() {
    let dir = folder(&[("a.yaml", POLICIES), ("b.yaml", WORLD)]);
    let all = dir.path().to_str().unwrap();
    let ask = |from: &str, to: &str, port: &str| {
        let done = output(&[
            "policy", "explain", "--from", from, "--to", to, "--port", port, all,
        ]);
        assert!(done.status.success(), "{}", err(&done));
        assert!(
            out(&done).lines().all(|line| line.chars().count() <= 160),
            "{}",
            out(&done)
        );
        out(&done)
    };
    let said = ask("rag/api", "rag/qdrant", "TCP/6333");
    assert!(
        said.starts_with("rag/api (10.0.0.1) to rag/qdrant (10.0.0.2), TCP/6333: allowed\n"),
        "{said}"
    );
    assert!(
        said.contains("rule 0: TCP/6333 from workloads with app=api in namespace rag: fits"),
        "{said}"
    );
    let said = ask("pay.example", "rag/qdrant", "TCP/6333");
    assert!(
        said.starts_with("192.0.2.1 to rag/qdrant (10.0.0.2), TCP/6333: denied\n"),
        "{said}"
    );
    assert!(
        said.contains("ingress denied: isolated by NetworkPolicy rag/qdrant, and no rule matched"),
        "{said}"
    );
    assert!(said.contains("what does not fit is the peer"), "{said}");
    let said = ask("rag/api", "10.0.0.2", "UDP/6333");
    assert!(said.contains("what does not fit is the protocol"), "{said}");
    let said = ask("node/vm1", "rag/qdrant", "ICMP");
    assert!(said.contains("ICMP: allowed"), "{said}");
    assert!(said.contains("puts policies in force"), "{said}");
    let done = output(&[
        "policy",
        "explain",
        "--json",
        "--from",
        "rag/api",
        "--to",
        "rag/qdrant",
        "--port",
        "TCP/1",
        all,
    ]);
    let json: serde_json::Value = serde_json::from_str(&out(&done)).unwrap();
    assert_eq!(json["verdict"]["ingress"]["why"]["by"], "isolated");
    assert_eq!(json["verdict"]["ingress"]["nearest"]["missed"][0], "port");
    assert!(
        json["steps"]
            .as_array()
            .unwrap()
            .iter()
            .any(|step| step["step"] == "rule"),
        "{json}"
    );
}

#[test]
fn explain_says_who_is_not_there() {
    let dir = folder(&[("a.yaml", POLICIES), ("b.yaml", WORLD)]);
    let args = [
        "policy", "explain", "--from", "rag/apo", "--to", "10.0.0.1", "--port", "TCP/1",
    ];
    let with = |file: &str| output(&[args.as_slice(), &[file]].concat());
    let done = with(dir.path().to_str().unwrap());
    assert_eq!(done.status.code(), Some(1));
    assert!(
        err(&done).contains(
            "nobody is called \"rag/apo\": there are rag/api, rag/qdrant, node/vm1, pay.example"
        ),
        "{}",
        err(&done)
    );
    let done = with(&path(&dir, "a.yaml"));
    assert!(
        err(&done).contains("the files name no workloads. Next: add a file with Pods"),
        "{}",
        err(&done)
    );
    let mut wrong = args;
    wrong[7] = "80/TCP";
    let done = output(&[wrong.as_slice(), &[&path(&dir, "a.yaml")]].concat());
    assert_eq!(done.status.code(), Some(2));
    assert!(
        err(&done).contains("write one such as TCP/80"),
        "{}",
        err(&done)
    );
}

#[test]
fn assertions_hold_or_not() {
    let tests = "apiVersion: forebay.dev/v1alpha1\nkind: PolicyTest\nfiles: [a.yaml, b.yaml]\ntests:\n\
        - {from: rag/api, to: rag/qdrant, port: 6333, expect: allow, because: rag/qdrant}\n\
        - {from: 192.0.2.7, to: rag/qdrant, port: 6333, expect: deny, because: qdrant}\n\
        - {from: rag/qdrant, to: pay.example, protocol: UDP, port: 53, expect: allow, because: default}\n";
    let wrong = "- {from: rag/api, to: rag/qdrant, port: 6334, expect: allow}\n\
        - {from: rag/api, to: rag/qdrant, port: 6333, expect: allow, because: other}\n";
    let dir = folder(&[
        ("a.yaml", POLICIES),
        ("b.yaml", WORLD),
        ("t.yaml", tests),
        ("w.yaml", &format!("{tests}{wrong}")),
    ]);
    let done = output(&["policy", "test", &path(&dir, "t.yaml")]);
    assert!(done.status.success(), "{}{}", out(&done), err(&done));
    assert!(
        out(&done).starts_with("3 assertions, 0 failed\n"),
        "{}",
        out(&done)
    );
    let done = output(&["policy", "test", &path(&dir, "w.yaml")]);
    assert_eq!(done.status.code(), Some(1));
    let said = out(&done);
    assert!(
        said.contains("w.yaml:8: rag/api to rag/qdrant TCP/6334: expected allow, but:"),
        "{said}"
    );
    assert!(said.contains("what does not fit is the port"), "{said}");
    assert!(
        said.contains(
            "w.yaml:9: rag/api to rag/qdrant TCP/6333: expected allow because of other, but:"
        ),
        "{said}"
    );
    assert!(said.contains("5 assertions, 2 failed\n"), "{said}");
    let done = output(&["policy", "test", "--json", &path(&dir, "w.yaml")]);
    assert_eq!(out(&done).lines().count(), 6);
    assert_eq!(last_line(&out(&done)), r#"{"assertions":5,"failed":2}"#);
    let done = output(&["policy", "test", &path(&dir, "a.yaml")]);
    assert!(err(&done).contains("has no PolicyTest"), "{}", err(&done));
}

#[test]
fn files_with_errors_are_not_judged() {
    let bad = format!("{POLICIES}  polcyTypes: [x]\n  policyTypes: [x]\n");
    let dir = folder(&[("a.yaml", &bad), ("b.yaml", WORLD)]);
    let all = dir.path().to_str().unwrap();
    let done = output(&[
        "policy",
        "explain",
        "--from",
        "rag/api",
        "--to",
        "rag/qdrant",
        "--port",
        "TCP/1",
        all,
    ]);
    assert_eq!(done.status.code(), Some(1));
    assert!(
        err(&done).contains("1 error in 2 files: nothing was judged"),
        "{}",
        err(&done)
    );
    assert!(
        err(&done).contains("did you mean policyTypes?"),
        "{}",
        err(&done)
    );
}
