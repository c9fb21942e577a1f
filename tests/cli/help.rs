//! Help, reference, completions and man pages come from one definition.

use crate::{err, out, output};

const VERBS: [&str; 12] = [
    "observe",
    "top",
    "explain",
    "policy",
    "record",
    "replay",
    "status",
    "doctor",
    "run",
    "demo",
    "completions",
    "man",
];

#[test]
fn the_reference_in_the_documentation_is_fresh() {
    let found = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md"));
    let fresh = output(&["reference"]);
    assert_eq!(
        found.unwrap(),
        out(&fresh),
        "docs/cli.md is stale. Next: cargo run -p xtask -- docs"
    );
}

#[test]
fn the_reference_is_what_help_says() {
    let reference = out(&output(&["reference"]));
    for verb in VERBS {
        let help = output(&[verb, "-h"]);
        assert!(help.status.success());
        let help = out(&help);
        let usage = help
            .lines()
            .find(|line| line.starts_with("Usage: "))
            .unwrap();
        assert!(reference.contains(usage), "{usage}");
        assert!(
            out(&output(&["--help"])).contains(&format!("\n  {verb} ")),
            "{verb}"
        );
    }
}

#[test]
fn completions_know_verbs_and_values() {
    for shell in ["bash", "zsh", "fish"] {
        let done = output(&["completions", shell]);
        assert!(done.status.success(), "{}", err(&done));
        let script = out(&done);
        for word in ["observe", "slower-than", "vector_search"] {
            assert!(script.contains(word), "{shell} lacks {word}");
        }
        assert!(
            !script.contains("reference"),
            "{shell} offers a hidden verb"
        );
    }
}

#[test]
fn every_verb_has_a_man_page() {
    let dir = tempfile::TempDir::new().unwrap();
    let place = dir.path().join("man1");
    let done = output(&["man", place.to_str().unwrap()]);
    assert!(done.status.success(), "{}", err(&done));
    for verb in VERBS {
        let page = std::fs::read_to_string(place.join(format!("forebay-{verb}.1"))).unwrap();
        assert!(page.contains(".TH"), "{verb}");
    }
    let page = std::fs::read_to_string(place.join("forebay-observe.1")).unwrap();
    assert!(page.contains("slower\\-than"));
}
