//! Any text as a file of policies: it is refused with a reason, or read and judged, without panic.
#![no_main]

use forebay_core::policy::read::{Files, MAX_PROBLEMS};
use forebay_core::policy::{Answers, Flow, Judge, Policies, Protocol, Settings, ends};
use libfuzzer_sys::fuzz_target;

/// Most workloads that are paired with each other.
const MAX_WORKLOADS: usize = 4;

fuzz_target!(|text: &str| {
    let mut files = Files::default();
    files.add("fuzz", text);
    files.finish();
    let problems = files.problems();
    assert!(problems.len() <= MAX_PROBLEMS);
    assert!(problems.iter().all(|one| !one.what.is_empty() && !one.cure.is_empty()));
    let names: Vec<String> =
        files.world.workloads.iter().take(MAX_WORKLOADS).map(ToString::to_string).collect();
    let reversed = Policies { all: files.policies.all.iter().rev().cloned().collect() };
    let answers: Answers = files.world.host_answers();
    let judge = |policies| Judge::new(policies, &files.world, &answers, Settings::default());
    let (one, other) = (judge(&files.policies), judge(&reversed));
    // The same name twice is an error, and makes the order count.
    let ordered = files.counts().0 > 0;
    for from in names.iter().map(String::as_str).chain(["192.0.2.1"]) {
        for to in names.iter().map(String::as_str).chain(["2001:db8::1"]) {
            let Ok((from, to)) = ends(&files.world, from, to) else { continue };
            for (protocol, port) in [(Protocol::Tcp, 80), (Protocol::Udp, 53), (Protocol::Icmp, 0)] {
                let flow = Flow { from, to, protocol, port };
                let verdict = one.judge(&flow);
                assert!(!verdict.to_owned().egress.to_string().is_empty());
                assert!(ordered || verdict == other.judge(&flow));
            }
        }
    }
});
