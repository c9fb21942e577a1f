//! Words that have their place: `unsafe` in the kernel half, `unwrap` and `expect` in tests.

use super::{Found, Source, sources};
use std::path::Path;

const UNSAFE: [&str; 4] = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"];
const UNWRAPS: [&str; 3] = [".unwrap()", ".expect(\"", ".unwrap_err()"];

/// Also clippy's and the compiler's business; this one holds where a crate forgets to ask them.
pub(super) fn unsafe_stays_in_the_kernel_half(root: &Path) -> Result<Found, String> {
    let all = sources(root, ".", &[".rs"])?;
    let ours = all.iter().filter(|source| {
        !source.path.starts_with("crates/kernel") && !source.path.starts_with("xtask")
    });
    Ok(search(ours, &UNSAFE))
}

/// Code that can fail returns an error. Clippy knows it too, but an `allow` silences it.
pub(super) fn nothing_unwraps(root: &Path) -> Result<Found, String> {
    let all = sources(root, ".", &[".rs"])?;
    Ok(search(
        all.iter().filter(|source| !source.is_test()),
        &UNWRAPS,
    ))
}

fn search<'a>(sources: impl Iterator<Item = &'a Source>, words: &[&str]) -> Found {
    let mut found = Found::default();
    for source in sources {
        for (number, line) in code(&source.text) {
            if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                found
                    .broken
                    .push(format!("{}:{number} has `{word}`", source.name()));
            }
        }
    }
    found
}

/// The lines of code before a file's tests, numbered from 1, without comments and texts.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .map(|(index, line)| (index + 1, line.split("//").next().unwrap_or_default()))
        .filter(|(_, line)| {
            !line.trim_start().starts_with(['"', '[']) && !line.starts_with("const")
        })
}
