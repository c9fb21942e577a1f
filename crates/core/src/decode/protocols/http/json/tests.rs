//! The scanner against whole, cut and broken documents.

use super::*;

fn read(text: &str, whose: Whose, cut: usize) -> Found {
    let mut scan = Scan::new(whose);
    text.as_bytes().chunks(cut).for_each(|part| scan.feed(part));
    scan.take()
}

#[test]
fn finds_the_same_however_it_is_cut() {
    let text = r#"{"a\"b":[1.5e3,{"model":"no"}],"model":"yes","usage":{"prompt_tokens":12,
        "completion_tokens":0.5,"x":{"input_tokens":9}},"eval_count":7 ,"delta":"\n"}"#;
    let found = read(text, Whose::Response, text.len());
    assert_eq!(found.model.as_deref(), Some("yes"));
    assert_eq!(
        (found.input_tokens, found.output_tokens),
        (Some(12), Some(7))
    );
    assert!(found.content && found.complete);
    for cut in 1..text.len() {
        assert_eq!(read(text, Whose::Response, cut), found, "{cut}");
    }
}

#[test]
fn incomplete_input_gives_what_is_certain() {
    let text = r#"{"model":"m","stream":true,"usage":{"prompt_tokens":12"#;
    let found = read(text, Whose::Response, 1);
    assert_eq!(
        (found.model.as_deref(), found.stream),
        (Some("m"), Some(true))
    );
    assert_eq!((found.input_tokens, found.complete), (None, false));
    assert_eq!(read(r#"{"model":"m"#, Whose::Response, 1).model, None);
}

#[test]
fn only_the_request_s_own_level_counts() {
    let text = r#"{"message":{"model":"no","stream":true},"tools":[{"model":"no"}]}"#;
    let found = read(text, Whose::Request, 1);
    assert_eq!((found.model, found.stream), (None, None));
}

#[test]
fn what_is_not_json_gives_nothing() {
    for text in [
        "]",
        "model",
        "\"model\":\"x\"",
        "}{\"model\":\"x\"}",
        "[[[[[[[[[[[[[[",
    ] {
        assert_eq!(read(text, Whose::Response, 1).model, None, "{text}");
    }
}
