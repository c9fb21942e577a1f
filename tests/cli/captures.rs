//! Golden captures: every `tests/golden/captures/*.fbcap` replays to the text of its `.expect`.
//!
//! They were recorded with bytes by `tests/private/golden.rs` from scripted conversations, so that
//! parsers and phases are run again from the kernel's own records. `UPDATE=1` writes the
//! expectations anew.

use crate::{err, out, output};
use serde_json::Value;
use std::fmt::Write;
use std::path::PathBuf;

/// Most that a capture in the repository may have.
const FILE_BYTES_MAX: u64 = 64 << 10;

fn captures() -> Vec<PathBuf> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/captures");
    let files = std::fs::read_dir(dir).unwrap();
    let mut files: Vec<PathBuf> = files
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "fbcap"))
        .collect();
    files.sort();
    files
}

fn word(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Nanoseconds as whole microseconds: nothing is rounded up to be there.
fn us(value: &Value) -> u64 {
    value.as_u64().unwrap() / 1000
}

/// A request as people read it: what it was, then its phases.
fn text(record: &Value) -> String {
    let mut text = word(&record["protocol"]);
    for field in ["op", "status", "error", "side", "evidence", "role"] {
        write!(text, " | {field} {}", word(&record[field])).unwrap();
    }
    let bytes = &record["bytes"];
    let (request, response) = (&bytes["request"], &bytes["response"]);
    write!(text, "\n  bytes {request} {response}\n  us").unwrap();
    for (phase, ns) in record["phases_ns"].as_object().unwrap() {
        write!(text, " {phase} {}", us(ns)).unwrap();
    }
    writeln!(text, " = {}", us(&record["duration_ns"])).unwrap();
    if let Some(call) = record["gen_ai"].as_object() {
        text.push_str("  gen_ai");
        for field in [
            "operation",
            "model",
            "streaming",
            "chunks",
            "input_tokens",
            "output_tokens",
        ] {
            write!(text, " {field} {}", word(&call[field])).unwrap();
        }
        // Streams only.
        let first = call["time_to_first_chunk_ns"].as_u64().unwrap_or(0) / 1000;
        writeln!(text, " us to first chunk {first}").unwrap();
        for stall in call["stalls"].as_array().unwrap() {
            let (at, gap) = (us(&stall["at_ns"]), us(&stall["gap_ns"]));
            writeln!(text, "  stall at {at} gap {gap} {}", word(&stall["cause"])).unwrap();
        }
    }
    text
}

#[test]
fn captures_replay_as_expected() {
    let update = std::env::var_os("UPDATE").is_some();
    let captures = captures();
    assert!(captures.len() >= 6, "captures are missing");
    for path in captures {
        let name = path.display().to_string();
        let size = std::fs::metadata(&path).unwrap().len();
        assert!(size < FILE_BYTES_MAX, "{name} has {size} bytes");
        let done = output(&["replay", &name, "--json"]);
        assert!(done.status.success(), "{name}: {}", err(&done));
        let lines = out(&done);
        let told = |line| match serde_json::from_str::<Value>(line).unwrap() {
            loss if loss.get("lost").is_some() => format!("lost {}\n", loss["lost"]["why"]),
            record => text(&record),
        };
        let got: String = lines.lines().map(told).collect();
        let expect = path.with_extension("expect");
        if update {
            std::fs::write(&expect, &got).unwrap();
        }
        let wanted = std::fs::read_to_string(&expect).unwrap_or_default();
        assert_eq!(
            got, wanted,
            "{name}. Next: UPDATE=1, and read the difference"
        );
    }
}
