//! A table's lines, packed or not.

use crate::show::failure::Failure;
use crate::show::policy::PolicyError;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Longest line, bytes; those of the known tables have 60 kB.
const MAX_LINE: u64 = 64 << 20;

/// The lines of a file.
pub(super) type Lines = Box<dyn BufRead>;

/// The file from its beginning, unpacked if it is packed, and its first line with something in it.
pub(super) fn open(path: &Path) -> Result<(String, Lines), PolicyError> {
    let failed = |source| PolicyError::Read {
        file: path.display().to_string(),
        source,
    };
    let start = || -> std::io::Result<Lines> {
        let mut file = BufReader::new(File::open(path)?);
        let packed = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        Ok(if packed {
            Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(file)))
        } else {
            Box::new(file)
        })
    };
    let mut first = String::new();
    let mut lines = start().map_err(failed)?;
    // Empty lines say nothing of the format.
    while first.trim().is_empty() {
        first.clear();
        if (&mut lines)
            .take(MAX_LINE)
            .read_line(&mut first)
            .map_err(failed)?
            == 0
        {
            break;
        }
    }
    Ok((first, start().map_err(failed)?))
}

/// Gives each line that is not empty, with its number.
pub(super) fn each_line(
    path: &Path,
    mut lines: Lines,
    take: &mut dyn FnMut(usize, &str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let file = path.display().to_string();
    let mut text = String::new();
    for number in 1.. {
        text.clear();
        let read = (&mut lines).take(MAX_LINE).read_line(&mut text);
        let read = read.map_err(|source| PolicyError::Read {
            file: file.clone(),
            source,
        })?;
        if read == 0 {
            break;
        }
        if read as u64 == MAX_LINE {
            let what = format!("the line is longer than {MAX_LINE} bytes");
            return Err(PolicyError::Cases {
                file,
                line: number,
                what,
            }
            .into());
        }
        if !text.trim().is_empty() {
            take(number, &text)?;
        }
    }
    Ok(())
}
