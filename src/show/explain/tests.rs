//! The text of findings: complete, width-aware, safe.

use super::*;
use forebay_core::decode::Role;
use forebay_core::exchange::record::Evidence;
use forebay_core::explain::EdgeKey;

fn view() -> ExplainView {
    let finding = Finding {
        rule: "server_reads_late".into(),
        severity: Severity::Warning,
        title: "retrieval spends 41 % of its time in pgvector's receive queue: the server reads \
                late (exact, 312 of 312 requests)"
            .into(),
        edge: EdgeKey {
            client: "rag-app".into(),
            server: "pgvector".into(),
            protocol: "postgresql".into(),
            role: Role::VectorSearch,
        },
        lost_ns: 3_900_000_000,
        share: 0.41,
        evidence: Evidence::Exact,
        seen: 312,
        requests: 312,
        advice: "look for a busy event loop in pgvector".into(),
        exemplars: vec!["00000000000000aa".into()],
    };
    ExplainView {
        span_ns: 300_000_000_000,
        edges: 3,
        requests: 700,
        lost: BTreeMap::new(),
        findings: vec![finding],
    }
}

#[test]
fn reads_as_promised() {
    let want = "\
the last 5 min: 700 requests on 3 edges, 1 finding, 3.9 s lost

1. WARNING 3.9 s lost, 12 ms a request
   retrieval spends 41 % of its time in pgvector's receive queue: the server
   reads late (exact, 312 of 312 requests)
   rag-app → pgvector (postgresql, vector_search), rule server_reads_late
   next: look for a busy event loop in pgvector
   slowest: 00000000000000aa
";
    assert_eq!(text(&view(), 80, false), want);
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in [40, 60, 100] {
        for line in text(&view(), width, false).lines() {
            assert!(
                textwrap::core::display_width(line) <= width,
                "{width}: {line}"
            );
        }
    }
}

#[test]
fn colours_come_only_where_asked_and_end_with_their_line() {
    assert!(!text(&view(), 80, false).contains('\u{1b}'));
    let coloured = text(&view(), 80, true);
    let mut painted = coloured.lines().filter(|line| line.contains('\u{1b}'));
    assert!(painted.all(|line| line.ends_with("\u{1b}[0m")));
    assert!(coloured.contains('\u{1b}'));
}

#[test]
fn names_cannot_steer_the_terminal() {
    let mut view = view();
    view.findings[0].edge.client = "\u{1b}]0;x\u{7}\u{202e}".into();
    assert!(!text(&view, 80, false).contains(['\u{1b}', '\u{7}', '\u{202e}']));
}

#[test]
fn says_when_nothing_is_wrong_seen_or_complete() {
    let mut view = ExplainView {
        span_ns: 90_000_000_000,
        ..ExplainView::default()
    };
    assert_eq!(text(&view, 80, false), "no requests in the last 90 s\n");
    (view.requests, view.edges) = (1, 1);
    assert_eq!(
        text(&view, 80, false),
        "the last 90 s: 1 request on 1 edge, nothing slow\n"
    );
    view.lost.insert("ring_full".into(), 7);
    assert!(text(&view, 80, false).contains("7 lost records are not in it"));
}

#[test]
fn json_is_one_finding_a_line() {
    let lines = json_lines(&view()).unwrap();
    let back: Finding = serde_json::from_str(lines.trim_end()).unwrap();
    assert_eq!(back, view().findings[0]);
    assert_eq!(lines.lines().count(), 1);
}
