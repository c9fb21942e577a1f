//! Traffic of real programs, reported the way the parser asks for it.

mod http_wire;

use forebay_core::decode::{Facts, Frame, Speaker};
use http_wire::{Wire, line};

/// The segments of a capture; no bytes means that the speaker said no more.
fn segments(capture: &str) -> Vec<(Speaker, Vec<u8>)> {
    capture
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let from = if line.starts_with('C') {
                Speaker::Client
            } else {
                Speaker::Server
            };
            (from, unescape(line.get(2..).unwrap_or_default()))
        })
        .collect()
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, more)) = rest.split_first() {
        rest = more;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let Some((&kind, more)) = rest.split_first() else {
            panic!("nothing is escaped")
        };
        rest = more;
        bytes.push(match kind {
            b'r' => b'\r',
            b'n' => b'\n',
            b'\\' => b'\\',
            other => panic!("unknown escape {other}"),
        });
    }
    bytes
}

/// Copies bytes as the kernel does: so many of each turn, or of each segment. What is wanted takes
/// effect `late` segments later.
fn replay(capture: &str, late: usize) -> Wire {
    let mut wire = Wire::new();
    let mut wants = vec![wire.want(); late + 1];
    let (mut last, mut copied) = (None, 0);
    for (from, bytes) in segments(capture) {
        if bytes.is_empty() {
            wire.end(from);
            continue;
        }
        if last.replace(from) != Some(from) {
            copied = 0;
        }
        let want = wants[0];
        let report = if from == Speaker::Client {
            want.client
        } else {
            want.server
        };
        copied += wire.reported(from, &bytes, report, copied);
        wants.remove(0);
        wants.push(wire.want());
    }
    wire
}

fn request(frames: &[Frame]) -> Facts {
    let mut all = Facts::default();
    for frame in frames {
        match frame {
            Frame::Request { facts, .. }
            | Frame::RequestFacts(facts)
            | Frame::Response { facts, .. }
            | Frame::ResponseFacts(facts) => all.merge(facts.clone()),
            _ => {}
        }
    }
    all
}

fn chunks(frames: &[Frame]) -> Vec<bool> {
    frames
        .iter()
        .filter_map(|frame| match frame {
            Frame::Chunk { content, .. } => Some(*content),
            _ => None,
        })
        .collect()
}

/// What a capture comes down to, however late the kernel follows.
fn expect(capture: &str, facts: &str, content: &[bool], last: &str) {
    for late in [0, 1] {
        let frames = replay(capture, late).frames;
        let all = line(&Frame::RequestFacts(request(&frames)));
        assert_eq!(all, format!(">+ {facts}"), "late {late}");
        assert_eq!(chunks(&frames), content, "late {late}");
        assert_eq!(
            frames.last().map(line).as_deref(),
            Some(last),
            "late {late}"
        );
        assert!(!format!("{frames:?}").contains("SECRETKEY"));
    }
}

#[test]
fn openai_client_and_llama_cpp() {
    // The role event shares a chunk with the first token; the last write was read in one go.
    let capture = include_str!("captures/http_openai_chat_stream.txt");
    let frames: Vec<String> = replay(capture, 0).frames.iter().map(line).collect();
    let expected = [
        "> 0 POST /v1/chat/completions Model chat",
        ">+ model=tiny",
        ">| 680",
        "< 0 200 streaming=true",
        "~ 185..445",
        "~ 445..686 content",
        "~ 688..934 content",
        "~ 934..3216 content",
        "<+ in=27 out=8",
        "<| 3216",
    ];
    assert_eq!(frames, expected);
}

#[test]
fn openai_client_all_seen() {
    let mut wire = Wire::new();
    for (from, bytes) in segments(include_str!("captures/http_openai_chat_stream.txt")) {
        wire.cut(from, &bytes, usize::MAX);
    }
    // The role; eight tokens, the finish reason and the usage, which count as chunks; `[DONE]`.
    let content = chunks(&wire.frames);
    assert_eq!(
        content,
        [
            false, true, true, true, true, true, true, true, true, true, true, false
        ]
    );
    let facts = request(&wire.frames);
    let gen_ai = facts.gen_ai.unwrap_or_default();
    assert_eq!(
        (gen_ai.model.as_deref(), gen_ai.output_tokens),
        (Some("tiny"), Some(8))
    );
}

#[test]
fn llama_cpp_with_the_anthropic_api() {
    expect(
        include_str!("captures/http_llama_messages_stream.txt"),
        "POST /v1/messages 200 Model chat model=m streaming=true in=1 out=4",
        &[false, false, true, true, true, true, true],
        "<| 1378",
    );
}

#[test]
fn llama_cpp_whole_answer() {
    expect(
        include_str!("captures/http_llama_chat_whole.txt"),
        "POST /v1/chat/completions 200 Model chat model=tiny.gguf streaming=false in=18 out=4",
        &[],
        "<| 806",
    );
}

#[test]
fn llama_cpp_completion_that_was_cut_off() {
    for late in [0, 1] {
        let capture = include_str!("captures/http_llama_completion_cut.txt");
        let frames = replay(capture, late).frames;
        assert_eq!(chunks(&frames), [true; 4]);
        let gen_ai = request(&frames).gen_ai.unwrap_or_default();
        assert_eq!(
            (gen_ai.input_tokens, gen_ai.output_tokens),
            (Some(15), None)
        );
    }
}

#[test]
fn an_event_stream_of_a_web_application() {
    let capture = include_str!("captures/http_fastapi_sse.txt");
    expect(capture, "POST /ask 200 Web", &[], "<| 304");
}
