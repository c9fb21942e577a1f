//! `policy suggest`: drafts from real requests, read back by the other verbs.

use crate::agent::{Agent, line};
use crate::policy_diff::{fed, folder, requests};
use crate::{err, forebay, out, output};
use std::process::Output;

fn drafted(world: &str, more: &[&str]) -> Output {
    let lines: String = requests().iter().map(line).collect();
    let mut command = forebay();
    command.args(["policy", "suggest", world, "--flows", "-"]);
    command.args(more);
    fed(command, &lines)
}

#[test]
fn a_draft_is_valid_and_denies_nothing_that_was_seen() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let done = drafted(&at("world.yaml"), &["-o", "yaml"]);
    assert!(done.status.success(), "{}", err(&done));
    let draft = out(&done);
    for part in [
        "# Drafted from 7 requests (vector_search), 20",
        "# 1 request has no rule: a loopback address, and nothing says whose.\n",
        "  name: qdrant\n  namespace: rag\n",
        "  # rag/batch: TCP/6333, 2 requests (vector_search), 20",
        "    - ipBlock: {cidr: \"192.0.2.1/32\"}\n    ports:\n    - {protocol: TCP, port: 80}\n",
        "#   anything out of rag/qdrant\n",
    ] {
        assert!(draft.contains(part), "{part}\n{draft}");
    }
    std::fs::write(dir.path().join("draft.yaml"), &draft).unwrap();
    let checked = output(&["policy", "check", "--strict", &at("draft.yaml")]);
    assert!(checked.status.success(), "{}", out(&checked));
    assert!(
        out(&checked).contains("3 NetworkPolicies"),
        "{}",
        out(&checked)
    );
    // Nothing isolates anybody in the first set, so whatever the draft refuses would be news.
    let lines: String = requests().iter().map(line).collect();
    let mut command = forebay();
    command.args(["policy", "diff", "--flows", "-", "--fail-on-denied"]);
    command.args(["--from", &at("world.yaml"), "--to", &at("draft.yaml")]);
    let done = fed(command, &lines);
    assert!(done.status.success(), "{}{}", out(&done), err(&done));
    assert!(
        out(&done).contains("0 newly denied, 0 newly allowed, 3 unchanged"),
        "{}",
        out(&done)
    );
    let port = [
        "--from",
        "rag/batch",
        "--to",
        "rag/qdrant",
        "--port",
        "TCP/6334",
    ];
    let files = [at("world.yaml"), at("draft.yaml")];
    let args = ["policy", "explain"].into_iter().chain(port);
    let args: Vec<&str> = args.chain(files.iter().map(String::as_str)).collect();
    assert!(out(&output(&args)).contains("TCP/6334: denied"));
}

#[test]
fn namespaces_nobody_was_seen_in_have_no_draft() {
    let dir = folder();
    let world = dir.path().join("world.yaml");
    let world = world.to_str().unwrap();
    let done = drafted(world, &["--namespace", "shop"]);
    assert!(done.status.success(), "{}", err(&done));
    assert!(
        !out(&done).contains("kind: NetworkPolicy"),
        "{}",
        out(&done)
    );
    assert!(err(&done).contains("no policies: "), "{}", err(&done));
    let done = drafted(world, &["--namespace", "rag", "--no-dns"]);
    assert_eq!(out(&done).matches("kind: NetworkPolicy").count(), 3);
    assert!(!out(&done).contains("kube-system"), "{}", out(&done));
}

#[test]
fn the_agents_own_requests_will_do_and_a_world_is_needed() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let mut agent = Agent::start();
    agent.feed(&requests());
    let live = ["--live", "--duration", "200ms", "--since", "5m"];
    let ask = |world: String| {
        let mut client = agent.client(&["policy", "suggest", &world]);
        client.args(live).output().unwrap()
    };
    let done = ask(at("world.yaml"));
    assert_eq!(
        out(&done).matches("kind: NetworkPolicy").count(),
        3,
        "{}",
        err(&done)
    );
    let done = ask(at("now.yaml"));
    assert_eq!(done.status.code(), Some(1));
    assert!(
        err(&done).contains("the files name no workloads"),
        "{}",
        err(&done)
    );
}

#[test]
fn standard_input_is_read_once_and_silence_is_said() {
    let dir = folder();
    let world = dir.path().join("world.yaml");
    let done = drafted("-", &[]);
    assert_eq!(done.status.code(), Some(2), "{}", err(&done));
    assert!(
        err(&done).contains("can be read once only"),
        "{}",
        err(&done)
    );
    let mut command = forebay();
    command.args(["policy", "suggest", world.to_str().unwrap(), "--flows", "-"]);
    let done = fed(command, "");
    assert!(done.status.success());
    assert!(
        err(&done).contains("no requests were seen"),
        "{}",
        err(&done)
    );
}
