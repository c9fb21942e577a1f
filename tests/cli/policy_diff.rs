//! `policy diff`: real requests under two sets of policies.

use crate::agent::{Agent, line, record};
use crate::{err, forebay, out, output};
use forebay_core::decode::Role;
use forebay_core::exchange::record::{Party, Record, Who};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/captures");

pub const WORLD: &str = "
apiVersion: forebay.dev/v1alpha1
kind: Inventory
workloads:
- {namespace: rag, name: api, labels: {app: api}, match: {unit: api.service}}
- {namespace: rag, name: qdrant, labels: {app: qdrant}, addresses: [10.0.0.2, 'fd00::2']}
- {namespace: rag, name: batch, labels: {app: batch}, addresses: [10.0.0.3, 'fd00::3']}
";

/// Only `app` reaches qdrant's port.
fn policy(app: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: qdrant, namespace: rag}}\n\
         spec:\n  podSelector: {{matchLabels: {{app: qdrant}}}}\n  ingress:\n  \
         - from: [{{podSelector: {{matchLabels: {{app: {app}}}}}}}]\n    ports: [{{port: 6333}}]\n"
    )
}

/// A directory with who there is and two sets; the first lets api in, the second batch.
pub fn folder() -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, text) in [
        ("world.yaml", WORLD.to_owned()),
        ("now.yaml", policy("api")),
        ("then.yaml", policy("batch")),
    ] {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn request(unit: Option<&str>, client: &str, server: &str) -> Record {
    let party = |unit: Option<&str>, addr: &str| {
        let unit = unit.map(Into::into);
        let who = Who {
            unit,
            ..Who::default()
        };
        Party::new(who, addr.parse().unwrap())
    };
    Record {
        client: party(unit, client),
        server: party(None, server),
        role: Role::VectorSearch,
        ..record(1)
    }
}

/// Three by api with as many ports of its own, two by batch over IPv6, one from outside to somewhere
/// else, one that nobody can place.
pub fn requests() -> Vec<Record> {
    let api = Some("api.service");
    vec![
        request(api, "10.0.0.9:40001", "10.0.0.2:6333"),
        request(api, "10.0.0.9:40002", "10.0.0.2:6333"),
        request(api, "10.0.0.9:40003", "10.0.0.2:6333"),
        request(None, "[fd00::3]:40001", "[fd00::2]:6333"),
        request(None, "[fd00::3]:40002", "[fd00::2]:6333"),
        request(None, "192.0.2.1:40001", "10.0.0.3:80"),
        request(None, "127.0.0.1:40001", "10.0.0.2:6333"),
    ]
}

fn diff(dir: &Path, more: &[&str]) -> Vec<String> {
    let at = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let fixed = [
        "--from".to_owned(),
        at("now.yaml"),
        "--to".to_owned(),
        at("then.yaml"),
    ];
    let all = ["policy".to_owned(), "diff".to_owned(), at("world.yaml")];
    let more = more.iter().map(|one| (*one).to_owned());
    all.into_iter().chain(fixed).chain(more).collect()
}

pub fn fed(mut command: Command, text: &str) -> Output {
    command.stdin(Stdio::piped());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    match input.write_all(text.as_bytes()) {
        // A command that refuses what it was asked ends without reading; its output is judged all the same.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => written.unwrap(),
    }
    drop(input);
    child.wait_with_output().unwrap()
}

fn over(dir: &Path, text: &str, more: &[&str]) -> Output {
    let mut command = forebay();
    command.args(diff(dir, &[&["--flows", "-"], more].concat()));
    fed(command, text)
}

const LAST: &str = "4 flows, 7 requests: 1 newly denied, 1 newly allowed, 1 unchanged, \
    1 not judged (a loopback address, and nothing says whose: 1)";

#[test]
fn what_changes_is_shown_with_its_reason_and_the_rest_is_counted() {
    let dir = folder();
    let lines: String = requests().iter().map(line).collect();
    let lost = "{\"lost\":{\"records\":9,\"why\":\"ring_full\",\"since\":\"2099-01-02T03:04:05.678901234Z\"}}\n";
    let done = over(dir.path(), &format!("{lost}\n{lines}"), &[]);
    assert!(done.status.success(), "{}", err(&done));
    let said = out(&done);
    let expected = "newly denied:
  rag/api (10.0.0.9) to rag/qdrant (10.0.0.2), TCP/6333: 3 requests (vector_search)
    now: ingress denied: isolated by NetworkPolicy rag/qdrant, and no rule matched
    nearest: NetworkPolicy rag/qdrant rule 0 accepts TCP/6333 from workloads with app=batch in namespace rag; what does not fit is the peer
    before: ingress allowed: NetworkPolicy rag/qdrant rule 0, NetworkPolicy tier, says Accept
newly allowed:
  rag/batch (fd00::3) to rag/qdrant (fd00::2), TCP/6333: 2 requests (vector_search)
    before: ingress denied: isolated by NetworkPolicy rag/qdrant, and no rule matched
    nearest: NetworkPolicy rag/qdrant rule 0 accepts TCP/6333 from workloads with app=api in namespace rag; what does not fit is the peer
    now: ingress allowed: NetworkPolicy rag/qdrant rule 0, NetworkPolicy tier, says Accept
ends of flows were found: 1 by unit, 4 by a workload's address, 1 outside
9 were lost before they came here: flows may be missing
";
    assert!(said.starts_with(expected), "{said}");
    assert_eq!(said.lines().last(), Some(LAST));
    let done = over(dir.path(), &lines, &["--fail-on-denied", "--json"]);
    assert_eq!(done.status.code(), Some(1));
    let json: Vec<Value> = out(&done)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(json.len(), 3);
    assert_eq!(
        (&json[0]["change"], &json[0]["requests"]),
        (&"denied".into(), &3.into())
    );
    assert_eq!(json[0]["roles"]["vector_search"], 3);
    assert_eq!(json[0]["after"]["ingress"]["nearest"]["missed"][0], "peer");
    assert_eq!(json[1]["change"], "allowed");
    assert_eq!(json[2]["not_judged"]["loopback"]["requests"], 1);
    assert_eq!(json[2]["ends"]["unit"], 1);
    assert_eq!(json[2]["denied"]["requests"], 3);
}

#[test]
fn it_fails_only_where_something_is_denied_and_that_was_asked_for() {
    let dir = folder();
    let batch: String = requests()[3..5].iter().map(line).collect();
    let done = over(dir.path(), &batch, &["--fail-on-denied"]);
    assert_eq!(done.status.code(), Some(0), "{}", out(&done));
    assert!(out(&done).contains("1 flow, 2 requests: 0 newly denied, 1 newly allowed"));
}

#[test]
fn captures_are_played_and_what_cannot_be_placed_is_counted() {
    let dir = folder();
    // Recorded on loopback, without units or containers: who it is has to be said.
    let capture = format!("{CAPTURES}/redis.fbcap");
    let replayed = out(&output(&["replay", &capture, "--json"]));
    let records = replayed
        .lines()
        .filter(|line| line.starts_with("{\"ts\""))
        .count();
    assert!(records > 1, "{replayed}");
    let args = diff(dir.path(), &["--flows", &capture]);
    let done = forebay().args(&args).output().unwrap();
    assert!(done.status.success(), "{}", err(&done));
    let last = out(&done).lines().last().unwrap().to_owned();
    assert!(
        last.contains(&format!(
            "{records} requests: 0 newly denied, 0 newly allowed, 0 unchanged,"
        )),
        "{last}"
    );
    assert!(
        last.ends_with("not judged (a loopback address, and nothing says whose: 1)"),
        "{last}"
    );
    let node = "apiVersion: forebay.dev/v1alpha1\nkind: Inventory\nnodes: [{name: here, addresses: [127.0.0.1]}]\n";
    std::fs::write(dir.path().join("now.yaml"), node).unwrap();
    let done = forebay().args(&args).output().unwrap();
    assert!(
        out(&done).contains("2 by a node's address"),
        "{}",
        out(&done)
    );
    assert!(
        out(&done).ends_with("1 unchanged, 0 not judged\n"),
        "{}",
        out(&done)
    );
}

#[test]
fn the_agent_is_asked_for_what_it_sees_and_has_seen() {
    let dir = folder();
    let mut agent = Agent::start();
    agent.feed(&requests());
    let args = diff(
        dir.path(),
        &["--live", "--duration", "200ms", "--since", "5m"],
    );
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = agent.client(&args).output().unwrap();
    assert!(done.status.success(), "{}", err(&done));
    assert_eq!(out(&done).lines().last(), Some(LAST));
}

#[test]
fn a_set_has_its_own_labels_and_borrows_whom_it_lacks() {
    let dir = folder();
    // The policy is the same, api's label is not; qdrant stands in the first set only.
    let relabelled = "
---
apiVersion: forebay.dev/v1alpha1
kind: Inventory
workloads: [{namespace: rag, name: api, labels: {app: other}, match: {unit: api.service}}]
";
    std::fs::write(dir.path().join("now.yaml"), policy("api") + "---" + WORLD).unwrap();
    std::fs::write(dir.path().join("then.yaml"), policy("api") + relabelled).unwrap();
    std::fs::write(dir.path().join("world.yaml"), "").unwrap();
    let api: String = requests()[..3].iter().map(line).collect();
    let done = over(dir.path(), &api, &[]);
    let last = "1 flow, 3 requests: 1 newly denied, 0 newly allowed, 0 unchanged, 0 not judged\n";
    assert!(out(&done).ends_with(last), "{}{}", out(&done), err(&done));
}

#[test]
fn what_is_no_request_no_world_or_no_source_is_said() {
    let dir = folder();
    let done = over(dir.path(), "\nnot json\n", &[]);
    assert_eq!(done.status.code(), Some(1));
    assert!(err(&done).contains("-, line 2: "), "{}", err(&done));
    let done = forebay().args(diff(dir.path(), &[])).output().unwrap();
    assert_eq!(done.status.code(), Some(2), "{}", err(&done));
    std::fs::write(dir.path().join("world.yaml"), "").unwrap();
    let done = over(dir.path(), "", &[]);
    assert!(
        err(&done).contains("the files name no workloads"),
        "{}",
        err(&done)
    );
    std::fs::write(
        dir.path().join("world.yaml"),
        policy("api").replace("port: 6333", "port: 0"),
    )
    .unwrap();
    let done = over(dir.path(), "", &[]);
    let said = err(&done);
    assert_eq!(
        said.matches("ports[0].port").count(),
        1,
        "said once: {said}"
    );
    assert!(said.contains("nothing was judged"), "{said}");
}
