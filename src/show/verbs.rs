//! The verbs: one file each, and one line in [`VERBS`].

mod completions;
mod demo;
mod doctor;
mod explain;
mod man;
mod observe;
mod policy;
mod record;
mod reference;
mod replay;
mod run;
mod status;
mod top;

use super::cli::Global;
use super::failure::Failure;
use clap::{ArgMatches, Command, FromArgMatches};

/// Every verb, in the order of help.
pub static VERBS: &[&Verb] = &[
    &observe::VERB,
    &top::VERB,
    &explain::VERB,
    &policy::VERB,
    &record::VERB,
    &replay::VERB,
    &status::VERB,
    &doctor::VERB,
    &run::VERB,
    &demo::VERB,
    &completions::VERB,
    &man::VERB,
    &reference::VERB,
];

/// The one definition of a verb: help, man page, completions and reference are made from it.
pub struct Verb {
    /// What is typed.
    pub name: &'static str,
    /// One line for the list of verbs.
    pub about: &'static str,
    /// What else the help says, examples last.
    pub details: &'static str,
    /// Adds the flags.
    pub flags: fn(Command) -> Command,
    /// Left out of help and completions.
    pub hidden: bool,
    /// Does it.
    pub run: fn(&ArgMatches, &Global) -> Result<(), Failure>,
}

impl Verb {
    /// Its part of the command line.
    pub fn command(&self) -> Command {
        // The flags' own type would put its doc in the place of ours: ours come last.
        (self.flags)(Command::new(self.name))
            .about(self.about)
            .long_about(None)
            .after_help(self.details)
            .hide(self.hidden)
    }
}

/// The flags of a verb as its own type.
fn parsed<F: FromArgMatches>(matches: &ArgMatches) -> Result<F, Failure> {
    F::from_arg_matches(matches).map_err(|error| Failure::Usage(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_in_the_table_and_the_definition_holds() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/src/show/verbs");
        let mut files: Vec<String> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| {
                entry
                    .unwrap()
                    .path()
                    .file_stem()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        let mut verbs: Vec<String> = VERBS.iter().map(|verb| verb.name.to_owned()).collect();
        files.sort();
        verbs.sort();
        assert_eq!(files, verbs);
        crate::show::cli::command().debug_assert();
    }
}
