//! What is wrong with a file.

use serde::Serialize;
use std::fmt;

/// Most problems that are kept of one set of files; the rest is counted.
pub const MAX_PROBLEMS: usize = 1000;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub file: String,
    /// Which of its documents, from 1.
    pub document: usize,
    /// The line, from 1; 0 where it is not known.
    pub line: u32,
    /// What object it is about, such as `NetworkPolicy rag/db`; may be empty.
    pub object: String,
    /// The field, such as `spec.ingress[0].ports[1].endPort`; may be empty.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub cure: String,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The object is refused, as the API server would.
    Error,
    /// It is taken, but hardly means what was meant.
    Warning,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(out, "{word}: {}", self.file)?;
        if self.line > 0 {
            write!(out, ":{}", self.line)?;
        }
        write!(out, " (document {}", self.document)?;
        if !self.object.is_empty() {
            write!(out, ", {}", self.object)?;
        }
        out.write_str("): ")?;
        if !self.path.is_empty() {
            write!(out, "{}: ", self.path)?;
        }
        write!(out, "{}. Next: {}", self.what, self.cure)
    }
}

/// Where reading stands, and what was found so far.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub file: String,
    pub document: usize,
    pub object: String,
    pub problems: Vec<Problem>,
    pub errors: usize,
    pub warnings: usize,
}

impl Log {
    pub fn error(&mut self, place: (&str, u32), what: impl Into<String>, cure: impl Into<String>) {
        self.errors += self.add(Severity::Error, place, what.into(), cure.into());
    }

    pub fn warning(
        &mut self,
        place: (&str, u32),
        what: impl Into<String>,
        cure: impl Into<String>,
    ) {
        self.warnings += self.add(Severity::Warning, place, what.into(), cure.into());
    }

    /// How many it adds: the same is said once.
    fn add(
        &mut self,
        severity: Severity,
        (path, line): (&str, u32),
        what: String,
        cure: String,
    ) -> usize {
        let problem = Problem {
            severity,
            file: self.file.clone(),
            document: self.document,
            line,
            object: self.object.clone(),
            path: path.to_owned(),
            what,
            cure,
        };
        if self.problems.contains(&problem) {
            return 0;
        }
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
        1
    }
}
