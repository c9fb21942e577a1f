//! Files and folders of policies, read.

use super::{PolicyError, count};
use forebay_core::policy::read::{Files, MAX_BYTES, Severity};
use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Reads them all and looks at them together.
///
/// # Errors
/// When one can't be read.
pub fn load(paths: &[PathBuf]) -> Result<(Files, usize), PolicyError> {
    let texts = texts(paths)?;
    Ok((files_of(&[&texts]), texts.len()))
}

/// Files by their names, and what is in them.
pub type Texts = Vec<(String, String)>;

/// What is in the files, for where it is used more than once.
///
/// # Errors
/// When one can't be read.
pub fn texts(paths: &[PathBuf]) -> Result<Texts, PolicyError> {
    let paths = expanded(paths)?.into_iter();
    paths
        .map(|path| Ok((path.display().to_string(), text(&path)?)))
        .collect()
}

/// Looks at all of them together.
pub fn files_of(parts: &[&Texts]) -> Files {
    let mut files = Files::default();
    for (name, text) in parts.iter().copied().flatten() {
        files.add(name, text);
    }
    files.finish();
    files
}

/// As [`load`], and fails when there is an error in them. Warnings are printed.
///
/// # Errors
/// When one can't be read or has an error.
pub fn load_valid(paths: &[PathBuf]) -> Result<Files, PolicyError> {
    let (files, read) = load(paths)?;
    judgeable(&[&files], &count(read, "file", "files"))?;
    Ok(files)
}

/// Prints what is wrong, once where several have it.
///
/// # Errors
/// When something is an error.
pub fn judgeable(all: &[&Files], whose: &str) -> Result<(), PolicyError> {
    let mut said = HashSet::new();
    let mut errors = 0;
    for files in all {
        for problem in files.problems() {
            let text = problem.to_string();
            if !said.contains(&text) {
                eprintln!("{text}");
                said.insert(text);
            }
        }
        errors = files.counts().0.max(errors);
    }
    if errors == 0 {
        return Ok(());
    }
    Err(PolicyError::Invalid {
        errors: count(errors, "error", "errors"),
        files: whose.to_owned(),
    })
}

/// Whether it is as bad as that.
pub fn is_error(severity: Severity) -> bool {
    severity == Severity::Error
}

/// Folders stand for the files in them, in order of their names.
fn expanded(paths: &[PathBuf]) -> Result<Vec<PathBuf>, PolicyError> {
    let mut all = Vec::new();
    for path in paths {
        if !path.is_dir() {
            all.push(path.clone());
            continue;
        }
        let failed = |source| PolicyError::Read {
            file: path.display().to_string(),
            source,
        };
        let mut inside = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            let ending = file.extension().and_then(|ending| ending.to_str());
            if file.is_file() && matches!(ending, Some("yaml" | "yml" | "json")) {
                inside.push(file);
            }
        }
        if inside.is_empty() {
            return Err(PolicyError::Empty(path.display().to_string()));
        }
        inside.sort();
        all.append(&mut inside);
    }
    Ok(all)
}

/// A file's text; `-` is standard input. One byte more than is read tells that it is too long.
pub fn text(path: &Path) -> Result<String, PolicyError> {
    let mut text = String::new();
    let most = MAX_BYTES as u64 + 1;
    let read = if path == Path::new("-") {
        std::io::stdin().take(most).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(most).read_to_string(&mut text))
    };
    read.map_err(|source| PolicyError::Read {
        file: path.display().to_string(),
        source,
    })?;
    Ok(text)
}
