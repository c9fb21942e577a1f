//! Files and folders of policies, read.

use super::{PolicyError, count};
use forebay_core::policy::read::{Files, MAX_BYTES, Severity};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Reads them all and looks at them together.
///
/// # Errors
/// When one can't be read.
pub fn load(paths: &[PathBuf]) -> Result<(Files, usize), PolicyError> {
    let mut files = Files::default();
    let mut read = 0;
    for path in expanded(paths)? {
        files.add(&path.display().to_string(), &text(&path)?);
        read += 1;
    }
    files.finish();
    Ok((files, read))
}

/// As [`load`], and fails when there is an error in them. Warnings are printed.
///
/// # Errors
/// When one can't be read or has an error.
pub fn load_valid(paths: &[PathBuf]) -> Result<Files, PolicyError> {
    let (files, read) = load(paths)?;
    judgeable(&files, &count(read, "file", "files"))?;
    Ok(files)
}

/// Prints what is wrong.
///
/// # Errors
/// When something is an error.
pub fn judgeable(files: &Files, whose: &str) -> Result<(), PolicyError> {
    for problem in files.problems() {
        eprintln!("{problem}");
    }
    let (errors, _) = files.counts();
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
