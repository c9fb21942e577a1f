use super::*;

fn sse(bytes: &str) -> (Option<u64>, Option<u64>) {
    let seen = glance(bytes.as_bytes(), true, b"data:");
    (seen.input_tokens, seen.output_tokens)
}

const USAGE: &str =
    r#"{"choices":[],"usage":{"prompt_tokens":11,"total_tokens":15,"completion_tokens":4}}"#;

#[test]
fn a_report_is_found_wherever_its_event_stands() {
    for around in [
        ["data: ", "\n\n"],
        ["data:", "\n\ndata: [DONE]\n\n"],
        ["6a\r\ndata: ", "\r\n\r\n\r\n0\r\n\r\n"],
        ["k\"}]}\n\n\r\n6a\r\nevent: e\ndata: ", "\n\n"],
        [
            "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: ",
            "\n\n",
        ],
    ] {
        let text = [around[0], USAGE, around[1]].concat();
        assert_eq!(sse(&text), (Some(11), Some(4)), "{text}");
    }
}

#[test]
fn only_the_report_itself_counts() {
    let escaped = USAGE.replace('"', "\\\"");
    for text in [
        // Text that looks like one.
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{escaped}\"}}}}]}}\n\n"),
        format!(
            "data: {{\"choices\":[{{\"delta\":{{\"content\":\"data: {escaped}\\n\\n\"}}}}]}}\n\n"
        ),
        // Its second half, cut where text looks like the beginning of an event.
        format!("data: {escaped}\"}}}}]}}\n\n"),
        // Not at the event's top level.
        format!("data: {{\"choices\":[{{\"delta\":{USAGE}}}]}}\n\n"),
        // No event, or not to its first digit's end.
        format!("x{USAGE}\n\n"),
        format!("datum: {USAGE}\n\n"),
        "data: {\"usage\":{\"completion_tokens\":4".into(),
        "data: {\"usage\":null}\n\n".into(),
        String::new(),
    ] {
        assert_eq!(sse(&text), (None, None), "{text}");
    }
}

#[test]
fn a_count_in_front_of_content_is_not_the_last() {
    let token = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n";
    assert_eq!(sse(&format!("data: {USAGE}\n\n{token}")), (Some(11), None));
}

#[test]
fn a_first_line_of_unknown_beginning_is_left_out() {
    let line = "{\"done\":true,\"prompt_eval_count\":26,\"eval_count\":298}\n";
    let look = |text: &str, start| glance(text.as_bytes(), start, b"").output_tokens;
    assert_eq!(look(line, true), Some(298));
    assert_eq!(look(line, false), None);
    assert_eq!(look(&format!("}}\r\n1a\r\n{line}"), false), Some(298));
}

#[test]
fn timings_of_llama_cpp() {
    let timings = |cached: &str| {
        format!(
            "data: {{\"choices\":[],\"timings\":{{{cached}\"prompt_n\":7,\"prompt_ms\":1.5,\"predicted_n\":8,\"predicted_ms\":0.9}}}}\n\n"
        )
    };
    assert_eq!(sse(&timings("\"cache_n\":20,")), (Some(27), Some(8)));
    // Without it nobody knows how much of the prompt was computed earlier.
    assert_eq!(sse(&timings("")), (None, Some(8)));
}

#[test]
fn only_whole_events_without_content_are_quiet() {
    let quiet = |text: &str| glance(text.as_bytes(), true, b"data:").quiet;
    let token = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n";
    assert!(quiet(&format!(
        ": ping\n\n6a\r\nevent: e\ndata: {USAGE}\n\n"
    )));
    assert!(quiet("data: [DONE]\n\n\r\n0\r\n\r\n"));
    assert!(!quiet(&format!("data: {USAGE}\n\n{token}")));
    assert!(!quiet("\"content\":\"Hi\"}}]}\n\ndata: [DONE]\n\n"));
    assert!(!quiet("data: {\"choices\":[{\"delta\":{\"con"));
    assert!(!glance(b"x\ndata: [DONE]\n\n", false, b"data:").quiet);
}
