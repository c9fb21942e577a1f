//! Whether what is one file each is also one line in its table.

use super::{Found, sources};
use std::path::Path;

/// A folder whose files are rows of a table.
struct Table {
    folder: &'static str,
    ending: &'static str,
    /// The file with the table.
    file: &'static str,
    /// What a row of it looks like, around the file's name.
    row: (&'static str, &'static str),
}

const TABLES: &[Table] = &[
    Table {
        folder: "crates/core/src/decode/protocols",
        ending: ".rs",
        file: "crates/core/src/decode/protocols.rs",
        row: ("&", "::"),
    },
    Table {
        folder: "crates/core/src/explain/rules",
        ending: ".rs",
        file: "crates/core/src/explain/rules.rs",
        row: (" ", "::RULE,"),
    },
    Table {
        folder: "src/show/verbs",
        ending: ".rs",
        file: "src/show/verbs.rs",
        row: ("&", "::VERB,"),
    },
    Table {
        folder: "bpf/observe",
        ending: ".bpf.c",
        file: "crates/kernel/src/features.rs",
        row: ("program: \"", "\","),
    },
    Table {
        folder: "bpf/enforce",
        ending: ".bpf.c",
        file: "crates/kernel/src/features/enforce.rs",
        row: ("program: \"", "\","),
    },
];

/// Every file of those folders is in its table.
pub(super) fn are_complete(root: &Path) -> Result<Found, String> {
    let mut found = Found::default();
    for table in TABLES {
        let path = root.join(table.file);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let folder = Path::new(table.folder);
        let files = sources(root, table.folder, &[table.ending])?;
        // What lies deeper belongs to the file of the folder's name.
        for source in files
            .iter()
            .filter(|source| source.path.parent() == Some(folder))
        {
            let name = source
                .path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy();
            let name = name.trim_end_matches(table.ending);
            let row = format!("{}{name}{}", table.row.0, table.row.1);
            if !source.is_test() && !text.contains(&row) {
                found
                    .broken
                    .push(format!("{} is not in {}", source.name(), table.file));
            }
        }
    }
    Ok(found)
}

/// What the first comment of a hook tells.
const TOLD: [&str; 5] = [
    "Hook:",
    "Fires when:",
    "Cost bound:",
    "Writes:",
    "Absent on:",
];
const LICENCE: &str = "SPDX-License-Identifier: GPL-2.0 OR Apache-2.0";

/// The licence is what the kernel asks for before it lends its helpers.
pub(super) fn hooks_are_described(root: &Path) -> Result<Found, String> {
    let mut found = Found::default();
    for source in sources(root, "bpf", &[".c", ".h"])? {
        let first = source.text.lines().next().unwrap_or_default();
        if !first.contains(LICENCE) {
            found
                .broken
                .push(format!("{} does not begin with its licence", source.name()));
        }
        if !source.path.to_string_lossy().ends_with(".bpf.c") {
            continue;
        }
        let comment = source.text.split("*/").next().unwrap_or_default();
        for word in TOLD.iter().filter(|word| !comment.contains(**word)) {
            found
                .broken
                .push(format!("{} does not tell: {word}", source.name()));
        }
    }
    Ok(found)
}
