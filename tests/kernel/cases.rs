//! Every row of the tables of verdicts, judged by the kernel's own programs. Needs root; attaches nothing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::process::{Command, Output};

fn judged(file: &str) -> Output {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance");
    let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
    command
        .args(["policy", "test", "--kernel", "--cases"])
        .arg(PathBuf::from(folder).join(file));
    command.output().unwrap()
}

fn last_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn every_row_of_networkpolicy_holds_in_the_kernel() {
    let output = judged("networkpolicy-v1-cases.jsonl.gz");
    assert_eq!(
        last_line(&output),
        "123669 rows, 0 mismatches",
        "{output:?}"
    );
    assert!(output.status.success());
}

#[test]
fn every_row_of_clusternetworkpolicy_holds_in_the_kernel() {
    let output = judged("cnp-v1alpha2/expected.jsonl");
    assert_eq!(last_line(&output), "110 rows, 0 mismatches", "{output:?}");
    assert!(output.status.success());
}

/// Else the tests above could pass without the kernel being asked.
#[test]
fn a_wrong_row_is_found() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("wrong.jsonl");
    let line = "{\"case\": 1, \"namespaces\": {\"x\": {}}, \"pods\": [\
        {\"ns\": \"x\", \"name\": \"a\", \"ip\": \"10.0.0.1\"}, {\"ns\": \"x\", \"name\": \"b\", \"ip\": \"10.0.0.2\"}], \
        \"policies\": [{\"metadata\": {\"name\": \"closed\", \"namespace\": \"x\"}, \"spec\": {\"podSelector\": {}}}], \
        \"rows\": [{\"from\": \"x/a\", \"to\": \"x/b\", \"key\": \"TCP/80\", \"c\": \"allowed\"}]}\n";
    std::fs::write(&file, line).unwrap();
    let output = judged(&file.display().to_string());
    assert_eq!(last_line(&output), "1 rows, 1 mismatches", "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("isolated by NetworkPolicy x/closed"),
        "{text}"
    );
}
