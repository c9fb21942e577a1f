//! What `forebay policy` does: it checks, judges, explains, and holds policies in force.

pub mod apply;
pub mod cases;
pub mod check;
pub mod diff;
pub mod explain;
mod flows;
mod sources;
pub mod suggest;
pub mod test;

/// Said wherever somebody could take a verdict for a fact.
pub const ONLY_JUDGED: &str = "Only judged: `forebay policy apply` puts policies in force.";

/// Why a policy verb ended badly.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A file can't be read.
    #[error("cannot read {file}: {source}. Next: check the name and the permissions")]
    Read {
        /// Its name.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A directory has nothing to read.
    #[error("{0} holds no .yaml, .yml or .json file. Next: name the files")]
    Empty(String),
    /// Files have errors; they were printed.
    #[error(
        "{errors} in {files}: nothing was judged. Next: correct them; `forebay policy check` lists them again"
    )]
    Invalid {
        /// How many, in words.
        errors: String,
        /// Where.
        files: String,
    },
    /// A name means nobody.
    #[error(transparent)]
    End(#[from] forebay_core::policy::UnknownEnd),
    /// There is nothing to test.
    #[error(
        "{0} has no PolicyTest. Next: write one (docs/policy.md shows it), or give the file to --cases"
    )]
    NoTests(String),
    /// The kernel can't judge.
    #[error(transparent)]
    Kernel(#[from] forebay_kernel::EnforceError),
    /// Nothing tells programs of different workloads apart.
    #[error(
        "this host has no cgroup v2, by which workloads are told apart. Next: mount it, or `forebay doctor`"
    )]
    NoCgroup2,
    /// No file says how workloads are found here.
    #[error(
        "none of the workloads says how it is found on this host. Next: an Inventory with `match` \
         (docs/policy.md shows one)"
    )]
    NobodyHere,
    /// A file of cases is not what it should be.
    #[error("{file}, line {line}: {what}. Next: docs/policy.md describes both formats")]
    Cases {
        /// Its name.
        file: String,
        /// From 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A line is no request.
    #[error(
        "{file}, line {line}: {what}. Next: give it a capture of `forebay record` or lines of `forebay observe --json`"
    )]
    Flows {
        /// Its name.
        file: String,
        /// From 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// Everyone would be outside.
    #[error(
        "the files name no workloads: no policy would be about anybody. Next: add a file with Pods \
         (`kubectl get ns,po,no -A -o yaml`) or an Inventory"
    )]
    Nobody,
}

/// A number and its noun.
pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
