//! The rules hold here, and each of them can be broken.

use super::*;

struct Repository(PathBuf);

impl Repository {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let root =
            std::env::temp_dir().join(format!("forebay-layout-{}-{name}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self(root)
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn this_repository_keeps_every_rule() {
    let root = crate::root();
    for rule in RULES {
        let found = (rule.look)(&root).unwrap();
        assert_eq!(found.broken, Vec::<String>::new(), "{}", rule.says);
    }
}

#[test]
fn a_dependency_out_of_place_is_found() {
    let repository = Repository::new("dependencies", &[
        ("Cargo.toml", "[workspace]\nmembers = [\"crates/core\", \"crates/tokio\"]\nresolver = \"3\"\n"),
        ("Cargo.lock", "version = 4\n\n[[package]]\nname = \"forebay-core\"\nversion = \"0.1.0\"\n\
            dependencies = [\n \"tokio\",\n]\n\n[[package]]\nname = \"tokio\"\nversion = \"0.1.0\"\n"),
        ("crates/core/Cargo.toml", "[package]\nname = \"forebay-core\"\nversion = \"0.1.0\"\n\
            edition = \"2024\"\n[dependencies]\ntokio = { path = \"../tokio\" }\nlibbpf-rs = \"0\"\n"
            .strip_suffix("libbpf-rs = \"0\"\n").unwrap()),
        ("crates/core/src/lib.rs", ""),
        ("crates/tokio/Cargo.toml", "[package]\nname = \"tokio\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
        ("crates/tokio/src/lib.rs", ""),
        ("extra/Cargo.toml", "[dependencies]\nlibbpf-sys = \"1\"\n"),
    ]);
    let found = dependencies::core_is_pure(&repository.0).unwrap();
    assert_eq!(found.broken, ["forebay-core depends on tokio"]);
    let found = dependencies::libbpf_stays_in_the_kernel_half(&repository.0).unwrap();
    assert_eq!(found.broken, ["extra/Cargo.toml: libbpf-sys = \"1\""]);
    let found = dependencies::lints_are_shared(&repository.0).unwrap();
    assert!(
        found
            .broken
            .contains(&"extra/Cargo.toml lacks `[lints] workspace = true`".to_owned())
    );
}

#[test]
fn a_file_without_a_row_is_found() {
    let hook = "// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0\n/* Hook: Fires when: */\n";
    let repository = Repository::new(
        "tables",
        &[
            (
                "crates/core/src/decode/protocols.rs",
                "mod dns;\n&[&http::HTTP]",
            ),
            ("crates/core/src/decode/protocols/http.rs", ""),
            ("crates/core/src/decode/protocols/http/deeper.rs", ""),
            ("crates/core/src/decode/protocols/dns.rs", ""),
            ("crates/core/src/explain/rules.rs", "\n    slow::RULE,\n"),
            ("crates/core/src/explain/rules/slow.rs", ""),
            ("crates/core/src/explain/rules/tests.rs", ""),
            ("src/show/verbs.rs", ""),
            ("src/show/verbs/top.rs", ""),
            ("crates/kernel/src/features.rs", "program: \"egress\",\n"),
            ("bpf/observe/egress.bpf.c", hook),
            ("bpf/observe/ingress.bpf.c", ""),
            (
                "crates/kernel/src/features/enforce.rs",
                "program: \"connect4\",\n",
            ),
            ("bpf/enforce/connect6.bpf.c", hook),
        ],
    );
    let found = tables::are_complete(&repository.0).unwrap();
    assert_eq!(
        found.broken,
        [
            "crates/core/src/decode/protocols/dns.rs is not in crates/core/src/decode/protocols.rs",
            "src/show/verbs/top.rs is not in src/show/verbs.rs",
            "bpf/observe/ingress.bpf.c is not in crates/kernel/src/features.rs",
            "bpf/enforce/connect6.bpf.c is not in crates/kernel/src/features/enforce.rs",
        ]
    );
    let found = tables::hooks_are_described(&repository.0).unwrap();
    assert_eq!(found.broken.len(), 3 + 3 + 6);
}

#[test]
fn a_long_file_and_a_word_out_of_place_are_found() {
    let repository = Repository::new(
        "words",
        &[
            ("src/long.rs", "\n".repeat(401).as_str()),
            ("src/longish.rs", "\n".repeat(400).as_str()),
            ("src/bold.rs", "// unsafe { }\nlet a = unsafe { b() };\n"),
            ("crates/kernel/src/lib.rs", "unsafe { c() }\n"),
            (
                "src/hope.rs",
                "let a = b.unwrap();\nlet c = d.expect(\"e\");\n#[cfg(test)]\nf.unwrap();\n",
            ),
            ("src/hope/tests.rs", "g.unwrap();\n"),
        ],
    );
    let found = sizes::files_are_short(&repository.0).unwrap();
    assert_eq!(
        found.broken,
        ["./src/long.rs has 401 lines".trim_start_matches("./")]
    );
    assert_eq!(found.warnings.len(), 1);
    let found = words::unsafe_stays_in_the_kernel_half(&repository.0).unwrap();
    assert_eq!(found.broken, ["src/bold.rs:2 has `unsafe {`"]);
    let found = words::nothing_unwraps(&repository.0).unwrap();
    assert_eq!(
        found.broken,
        [
            "src/hope.rs:1 has `.unwrap()`",
            "src/hope.rs:2 has `.expect(\"`"
        ]
    );
}
