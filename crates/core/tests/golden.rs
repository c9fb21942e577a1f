//! Golden captures: every `tests/golden/<protocol>/*.txt` must give the frames of its `.expect`.
//!
//! A capture has one piece a line: `C` or `S`, the offset of its first byte, its bytes with `\r`,
//! `\n`, `\\` and `\xNN` escapes. A line that ends in ` +N` had N more bytes that were not copied.
//! `#` begins a comment. `UPDATE=1` writes the expectations anew.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use forebay_core::decode::protocols::PROTOCOLS;
use forebay_core::decode::{Conversation, Frame, Guess, MEMORY_BYTES_MAX, Piece, Report, Speaker};
use std::fmt::Write;
use std::path::{Path, PathBuf};

struct Said {
    from: Speaker,
    offset: u64,
    data: Vec<u8>,
    unseen: u64,
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        if b != b'\\' {
            out.push(b);
            continue;
        }
        out.push(
            match bytes.next().expect("a character after the backslash") {
                b'r' => b'\r',
                b'n' => b'\n',
                b'x' => {
                    let hex: Vec<u8> = bytes.by_ref().take(2).collect();
                    u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16)
                        .expect("two hex digits")
                }
                other => other,
            },
        );
    }
    out
}

fn read(path: &Path) -> Vec<Said> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'));
    lines
        .map(|line| said(line).unwrap_or_else(|| panic!("{}: {line}", path.display())))
        .collect()
}

fn said(line: &str) -> Option<Said> {
    let (from, rest) = line.split_once(' ')?;
    let (offset, rest) = rest.split_once(' ')?;
    let cut = rest
        .rsplit_once(" +")
        .and_then(|(text, n)| Some((text, n.parse().ok()?)));
    let (text, unseen) = cut.unwrap_or((rest, 0));
    let from = match from {
        "C" => Speaker::Client,
        "S" => Speaker::Server,
        _ => return None,
    };
    Some(Said {
        from,
        offset: offset.parse().ok()?,
        data: unescape(text),
        unseen,
    })
}

/// Feeds a capture in pieces of at most `cut` seen bytes.
fn frames(parser: &mut dyn Conversation, all: &[Said], cut: usize) -> Vec<Frame> {
    let mut out = Vec::new();
    let mut last = None;
    for one in all {
        let mut turn = last != Some(one.from);
        last = Some(one.from);
        let end = one.offset + one.data.len() as u64;
        let mut offset = one.offset;
        for data in one.data.chunks(cut) {
            let last_part = offset + data.len() as u64 == end;
            let len = data.len() as u64 + if last_part { one.unseen } else { 0 };
            parser.feed(
                &Piece {
                    from: one.from,
                    offset,
                    len,
                    data,
                    tail: &[],
                    turn,
                },
                &mut out,
            );
            assert!(parser.memory_bytes() <= MEMORY_BYTES_MAX);
            offset += len;
            turn = false;
        }
    }
    out
}

fn captures() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let mut all = Vec::new();
    for folder in std::fs::read_dir(root).unwrap() {
        let folder = folder.unwrap().path();
        let protocol = folder.file_name().unwrap().to_string_lossy().into_owned();
        if PROTOCOLS.iter().all(|p| p.name != protocol) {
            continue;
        }
        for file in std::fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().path();
            if file.extension().is_some_and(|e| e == "txt") {
                all.push((protocol.clone(), file));
            }
        }
    }
    all.sort();
    all
}

fn open(protocol: &str) -> Box<dyn Conversation> {
    (PROTOCOLS.iter().find(|p| p.name == protocol).unwrap().open)()
}

/// A frame on one readable line, without what is not known.
fn show(frame: &Frame) -> String {
    fn strip(value: serde_json::Value) -> serde_json::Value {
        let serde_json::Value::Object(map) = value else {
            return value;
        };
        map.into_iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(k, v)| (k, strip(v)))
            .collect()
    }
    strip(serde_json::to_value(frame).unwrap()).to_string()
}

#[test]
fn golden() {
    let mut failed = Vec::new();
    let all = captures();
    assert!(!all.is_empty());
    for (protocol, file) in all {
        let mut text = String::new();
        for frame in frames(&mut *open(&protocol), &read(&file), usize::MAX) {
            writeln!(text, "{}", show(&frame)).unwrap();
        }
        let expect = file.with_extension("expect");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&expect, &text).unwrap();
        } else if std::fs::read_to_string(&expect).unwrap_or_default() != text {
            failed.push(format!("{}:\n{text}", file.display()));
        }
    }
    assert!(
        failed.is_empty(),
        "UPDATE=1 accepts these:\n{}",
        failed.join("\n")
    );
}

#[test]
fn cutting_changes_nothing() {
    for (protocol, file) in captures() {
        let said = read(&file);
        let whole = frames(&mut *open(&protocol), &said, usize::MAX);
        // A parser that was lost, or joined in the middle, finds its feet in a whole message only.
        let lost = whole.iter().any(|f| matches!(f, Frame::Lost { .. }));
        if lost || said.iter().all(|s| s.offset != 0) {
            continue;
        }
        for cut in [1, 2, 3, 5, 7, 16, 61, 200] {
            let parts = frames(&mut *open(&protocol), &said, cut);
            assert_eq!(whole, parts, "{} in pieces of {cut}", file.display());
        }
    }
}

/// As the kernel reports: of each turn the first bytes that the parser wants, then only lengths
/// and tails.
fn frames_of_heads(parser: &mut dyn Conversation, all: &[Said], write: usize) -> Vec<Frame> {
    let mut out = Vec::new();
    let (mut last, mut budget) = (None, 0);
    for one in all {
        let mut offset = one.offset;
        for data in one.data.chunks(write) {
            let turn = last != Some(one.from);
            if turn {
                let want = parser.want();
                let report = if one.from == Speaker::Client {
                    want.client
                } else {
                    want.server
                };
                budget = match report {
                    Report::Turns { head_bytes } => usize::from(head_bytes),
                    _ => 0,
                };
            }
            last = Some(one.from);
            let seen = &data[..data.len().min(budget)];
            budget -= seen.len();
            let tail = if seen.len() < data.len() {
                &data[data.len().saturating_sub(8)..]
            } else {
                &[]
            };
            let len = data.len() as u64;
            parser.feed(
                &Piece {
                    from: one.from,
                    offset,
                    len,
                    data: seen,
                    tail,
                    turn,
                },
                &mut out,
            );
            offset += len;
        }
    }
    out
}

/// Where requests begin, what they are, and where responses end.
fn outline(frames: &[Frame]) -> Vec<String> {
    let mut all: Vec<String> = frames
        .iter()
        .filter_map(|frame| match frame {
            Frame::Request { at, facts } => Some(format!("request {at:09} {:?}", facts.op)),
            Frame::Response { at, .. } => Some(format!("response {at:09}")),
            Frame::ResponseEnd { at } => Some(format!("end {at:09}")),
            Frame::Lost { .. } => Some(format!("{frame:?}")),
            _ => None,
        })
        .collect();
    all.sort();
    all
}

#[test]
fn the_first_bytes_of_each_turn_are_enough() {
    for (protocol, file) in captures() {
        let said = read(&file);
        if said.iter().any(|s| s.unseen > 0) || !["postgresql", "redis"].contains(&&*protocol) {
            continue;
        }
        let whole = frames(&mut *open(&protocol), &said, usize::MAX);
        for write in [usize::MAX, 1460, 700] {
            let mut parser = open(&protocol);
            let mut heads = frames_of_heads(&mut *parser, &said, write);
            parser.end(Speaker::Server, &mut heads);
            assert_eq!(
                outline(&whole),
                outline(&heads),
                "{} written in {write}",
                file.display()
            );
        }
    }
}

#[test]
fn the_opener_is_recognised() {
    for (protocol, file) in captures() {
        let said = read(&file);
        let (data, from) = (&said[0].data[..], said[0].from);
        let mine = |p: &&&forebay_core::decode::Protocol| {
            matches!((p.sniff)(data, Some(from)), Guess::Mine(_))
        };
        let first = PROTOCOLS.iter().find(mine);
        assert_eq!(
            first.map(|p| p.name),
            Some(&*protocol),
            "{}",
            file.display()
        );
    }
}
