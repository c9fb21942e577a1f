//! Every test there is, one step after the other, and the sum of them.

use crate::count::Count;
use crate::step::{self, Kind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const CLIPPY: &[&str] = &[
    "cargo",
    "clippy",
    "--workspace",
    "--all-targets",
    "--all-features",
    "--quiet",
    "--",
    "--deny",
    "warnings",
];
const TESTS: &[&str] = &["cargo", "test", "--workspace", "--no-fail-fast", "--quiet"];
/// They share the kernel, the network namespaces and the clock: one at a time.
const KERNEL_TESTS: &[&str] = &[
    "cargo",
    "test",
    "--package",
    "forebay-rig",
    "--features",
    "kernel",
    "--test",
    "kernel_*",
    "--test",
    "netns",
    "--no-fail-fast",
    "--",
    "--test-threads=1",
];
/// Policies in the kernel: random ones against the evaluator, and real traffic between namespaces.
const ENFORCE_TESTS: &[&str] = &[
    "cargo",
    "test",
    "--package",
    "forebay-kernel",
    "--features",
    "kernel",
    "--test",
    "enforce_*",
    "--no-fail-fast",
    "--",
    "--test-threads=1",
];
/// The tables of verdicts judged by the kernel's programs, and policies held in force, by the verbs.
const ENFORCE_CASES: &[&str] = &[
    "cargo",
    "test",
    "--package",
    "forebay",
    "--features",
    "kernel",
    "--test",
    "kernel_*",
    "--quiet",
    "--",
    "--test-threads=1",
];
/// Instructions that the verifier walks: no program outgrows its committed budget.
const VERIFIER_TEST: &[&str] = &[
    "cargo",
    "test",
    "--package",
    "forebay-cost",
    "--features",
    "kernel",
    "--test",
    "verifier",
    "--quiet",
];
/// A live agent of the binary itself; one at a time as well.
const PRIVATE_TESTS: &[&str] = &[
    "cargo",
    "test",
    "--package",
    "forebay",
    "--features",
    "kernel",
    "--test",
    "private",
    "--quiet",
    "--",
    "--test-threads=1",
];
/// Those that differ for root; only of interest when the tests above ran as somebody else.
const CLI_TESTS: &[&str] = &[
    "cargo",
    "test",
    "--package",
    "forebay",
    "--test",
    "cli",
    "--quiet",
];
const STACK_TEST: &[&str] = &["python3", "demo/test_stack.py"];

/// Runs everything; the last line it prints is `N passed, N failed`.
///
/// # Errors
/// An empty sentence when something failed: the output above has said what.
pub fn run(root: &Path) -> Result<(), String> {
    let begun = Instant::now();
    let mut suite = Suite::default();
    let mut check = |title: &str, words: &[&str]| {
        suite.add(title, Kind::Check, step::command(root, words));
    };
    check("format: cargo fmt", &["cargo", "fmt", "--all", "--check"]);
    check("lints: cargo clippy, warnings denied", CLIPPY);
    check(
        "the code's own documents: cargo doc, warnings denied",
        &[
            "env",
            "RUSTDOCFLAGS=--deny warnings",
            "cargo",
            "doc",
            "--workspace",
            "--no-deps",
            "--quiet",
        ],
    );
    dependencies(root, &mut suite);
    suite.add(
        "unit, property, golden, layout and command line tests",
        Kind::Tests,
        step::command(root, TESTS),
    );
    privileged(root, &mut suite);
    let docs = step::command(
        root,
        &[
            "cargo",
            "run",
            "--quiet",
            "--package",
            "xtask",
            "--",
            "docs",
            "--check",
        ],
    );
    suite.add("the generated documents are fresh", Kind::Check, docs);
    suite.end(begun)
}

#[derive(Default)]
struct Suite {
    count: Count,
    failed: Vec<String>,
}

impl Suite {
    fn add(&mut self, title: &str, kind: Kind, command: Command) {
        let count = step::counted(title, kind, command);
        self.count.add(count);
        if count.failed > 0 {
            self.failed.push(title.to_owned());
        }
    }

    fn refuse(&mut self, title: &str, why: &str) {
        let begun = step::begin(title);
        println!("{why}");
        step::end("FAILED", begun);
        self.count.failed += 1;
        self.failed.push(title.to_owned());
    }

    fn end(self, begun: Instant) -> Result<(), String> {
        println!("\nall steps took {:.0} s", begun.elapsed().as_secs_f64());
        for title in &self.failed {
            println!("failed: {title}");
        }
        println!("{} passed, {} failed", self.count.passed, self.count.failed);
        if self.failed.is_empty() {
            Ok(())
        } else {
            Err(String::new())
        }
    }
}

/// Licences, sources, bans and advisories of what we depend on.
fn dependencies(root: &Path, suite: &mut Suite) {
    let Some(tool) = cargo_deny(root) else {
        let why = "cargo-deny is missing and could not be installed. Next: cargo install --locked cargo-deny";
        suite.refuse("dependencies: cargo deny", why);
        return;
    };
    let tool = tool.display().to_string();
    let checks = [
        tool.as_str(),
        "--all-features",
        "check",
        "--hide-inclusion-graph",
    ];
    let offline = [&checks[..], &["licenses", "bans", "sources"]].concat();
    let title = "dependencies: licences, bans, sources (cargo deny)";
    suite.add(title, Kind::Check, step::command(root, &offline));

    let begun = step::begin("fetching the database of known vulnerabilities");
    let mut fetch = step::command(root, &["timeout", "60", &tool, "fetch", "db"]);
    let there = fetch
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        step::end(
            "not reachable: vulnerabilities are NOT checked in this run; gave up",
            begun,
        );
        return;
    }
    step::end("done", begun);
    let advisories = [&checks[..], &["--disable-fetch", "advisories"]].concat();
    let title = "dependencies: known vulnerabilities (cargo deny)";
    suite.add(title, Kind::Check, step::command(root, &advisories));
}

/// The tool: the user's, ours, or a new one of ours.
fn cargo_deny(root: &Path) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let theirs = std::env::split_paths(&paths).map(|folder| folder.join("cargo-deny"));
    let tools = root.join(".forebay/tools");
    let ours = tools.join("bin/cargo-deny");
    if let Some(found) = theirs.chain([ours.clone()]).find(|path| path.exists()) {
        return Some(found);
    }
    let words = [
        "cargo",
        "install",
        "--locked",
        "--quiet",
        "cargo-deny",
        "--root",
    ];
    let mut install = step::command(root, &words);
    install.arg(&tools);
    let title = "building cargo-deny into .forebay/tools, once: about 5 minutes on 2 cores";
    step::run(title, install).ok().map(|()| ours)
}

/// What root runs: the kernel half for real, and the demo's namespaces.
fn privileged(root: &Path, suite: &mut Suite) {
    let kernel = "the kernel half against the truth rig, as root: about 4 minutes";
    let stack = "the demo's stack with a tiny model: installs it the first time (185 MB), then about 2 minutes";
    let rights = Rights::find();
    if rights == Rights::None {
        let why =
            "needs root, or sudo without a password. Next: sudo -E env \"PATH=$PATH\" make test";
        suite.refuse(kernel, why);
        suite.refuse(stack, why);
        return;
    }
    let binary = step::command(root, &["cargo", "build", "--package", "forebay", "--quiet"]);
    suite.add(
        "building the binary that the kernel tests watch with",
        Kind::Check,
        binary,
    );
    suite.add(kernel, Kind::Tests, rights.cargo(root, KERNEL_TESTS));
    suite.add(
        "policies in the kernel: against the evaluator, and on real traffic, as root",
        Kind::Tests,
        rights.cargo(root, ENFORCE_TESTS),
    );
    suite.add(
        "every row of the tables of verdicts through the kernel's programs, as root",
        Kind::Tests,
        rights.cargo(root, ENFORCE_CASES),
    );
    suite.add(
        "no kernel program outgrows its verifier budget, as root",
        Kind::Tests,
        rights.cargo(root, VERIFIER_TEST),
    );
    suite.add(
        "a live agent keeps secrets, and replays what it saw, as root",
        Kind::Tests,
        rights.cargo(root, PRIVATE_TESTS),
    );
    if rights == Rights::Sudo {
        suite.add(
            "command line tests, as root",
            Kind::Tests,
            rights.cargo(root, CLI_TESTS),
        );
    }
    let python = if rights == Rights::Sudo {
        [&["sudo", "--non-interactive"], STACK_TEST].concat()
    } else {
        STACK_TEST.to_vec()
    };
    suite.add(stack, Kind::Tests, step::command(root, &python));
}

/// How we get root's rights.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rights {
    Root,
    Sudo,
    None,
}

impl Rights {
    fn find() -> Self {
        let said = |program: &str, words: &[&str]| {
            let mut command = Command::new(program);
            command
                .args(words)
                .stdin(Stdio::null())
                .stderr(Stdio::null());
            command
                .output()
                .ok()
                .filter(|output| output.status.success())
        };
        if said("id", &["-u"]).is_some_and(|output| output.stdout == b"0\n") {
            Self::Root
        } else if said("sudo", &["--non-interactive", "true"]).is_some() {
            Self::Sudo
        } else {
            Self::None
        }
    }

    /// A cargo command whose test programs run as root, built as ourselves: a build by root would
    /// leave files behind that we can't replace.
    fn cargo(self, root: &Path, words: &[&str]) -> Command {
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let binary = target.join("debug/forebay").display().to_string();
        let mut command = step::command(root, words);
        command.env("FOREBAY_BIN", &binary);
        if self == Self::Sudo {
            let path = std::env::var("PATH").unwrap_or_default();
            let runner = format!("sudo --non-interactive env FOREBAY_BIN={binary} PATH={path}");
            let arch = std::env::consts::ARCH.to_uppercase();
            command.env(
                format!("CARGO_TARGET_{arch}_UNKNOWN_LINUX_GNU_RUNNER"),
                runner,
            );
        }
        command
    }
}
