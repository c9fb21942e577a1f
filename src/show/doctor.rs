//! The table of `forebay doctor`: what each kernel program gives and whether it is active here.

use super::cells::clean;
use crate::capture::Feature;
use std::fmt::Write;

/// As people read it: one block of lines per program, so that sentences stay whole.
pub fn text(features: &[Feature]) -> String {
    let mut out = String::new();
    let width = features.iter().map(|f| f.program.len()).max().unwrap_or(0);
    for feature in features {
        let mark = if feature.active { "yes" } else { "NO" };
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{:<width$}  {mark:<3}  {}",
            clean(&feature.program),
            clean(&feature.gives)
        );
        let mut detail = |name: &str, value: &str| {
            if !value.is_empty() {
                let _ = writeln!(out, "{:<width$}       {name}: {}", "", clean(value));
            }
        };
        detail("needs", &feature.needs);
        detail("reason", &feature.reason);
        if !feature.active {
            detail("instead", &feature.fallback);
        }
    }
    let active = features.iter().filter(|f| f.active).count();
    let _ = writeln!(out, "{active} of {} programs active", features.len());
    out
}

/// `docs/features.md`: what each program gives, needs and is replaced by, on any kernel.
pub fn markdown(observe: &[Feature], enforce: &[Feature]) -> String {
    let mut out = String::from(INTRO.trim_start());
    rows(&mut out, observe);
    out.push_str(ENFORCE);
    rows(&mut out, enforce);
    out
}

fn rows(out: &mut String, features: &[Feature]) {
    for feature in features {
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} |",
            feature.program, feature.gives, feature.needs, feature.fallback
        );
    }
}

const INTRO: &str = "
# Kernel programs

Each is optional by declaration unless it has no fallback: it is loaded where the kernel has what it
needs. `forebay doctor` says which are active on this host, and why the others are not. Versions in
brackets are those of the mainline kernel in which the need was met first, as far as known.

Made by `cargo run -p xtask -- docs` from the tables in `crates/kernel/src/features.rs` and
`crates/kernel/src/features/enforce.rs`.

| program | gives | needs | without it |
|---|---|---|---|
";

/// Policies: an object of its own.
const ENFORCE: &str = "
Those that judge by policy are loaded apart, so that trouble with one half never unloads the other. No verb
attaches them yet; `policy test --cases FILE --kernel` runs `judge_rows`.

| program | gives | needs | without it |
|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inactive_program_says_why_and_what_instead() {
        let feature = |program: &str, active| Feature {
            program: program.to_owned(),
            gives: "times of sends".to_owned(),
            needs: "BTF".to_owned(),
            active,
            reason: "no BTF in this kernel".to_owned(),
            fallback: "packet times only".to_owned(),
        };
        let text = text(&[feature("send", false), feature("receive", true)]);
        assert_eq!(
            text,
            "send     NO   times of sends\n\
             \x20             needs: BTF\n\
             \x20             reason: no BTF in this kernel\n\
             \x20             instead: packet times only\n\
             receive  yes  times of sends\n\
             \x20             needs: BTF\n\
             \x20             reason: no BTF in this kernel\n\
             1 of 2 programs active\n"
        );
    }
}
