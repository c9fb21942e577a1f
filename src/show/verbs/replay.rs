//! `forebay replay`: the requests of a capture file.

use super::{Verb, parsed};
use crate::keep::fbcap::Reader;
use crate::keep::filter::Filter;
use crate::keep::line::{Loss, write_loss, write_record};
use crate::show::cli::Global;
use crate::show::failure::Failure;
use crate::show::observe::output;
use crate::show::observe::table::{self, Table};
use crate::show::playback::play;
use clap::{ArgMatches, Args};
use forebay_core::pipeline::Output;
use std::path::PathBuf;

/// The verb.
pub static VERB: Verb = Verb {
    name: "replay",
    about: "Print the requests of a capture file",
    details: "Needs no agent and no rights. The same file always gives the same requests, byte for byte.\n\n\
        Examples:\n  forebay replay slow.fbcap --role model\n  forebay replay slow.fbcap --json",
    flags: Flags::augment_args,
    hidden: false,
    run,
};

#[derive(Args)]
struct Flags {
    /// The capture file
    file: PathBuf,
    #[command(flatten)]
    filter: Filter,
    /// Print JSON, one request a line
    #[arg(long)]
    json: bool,
}

fn run(matches: &ArgMatches, _: &Global) -> Result<(), Failure> {
    let flags: Flags = parsed(matches)?;
    let reader = Reader::open(&flags.file)?;
    let table = (!flags.json).then(|| Table::new(output::width(), false, output::wants_colour()));
    if let Some(table) = &table {
        output::print(&table.header())?;
    }
    let played = play(reader, |batch| {
        let mut out = Vec::new();
        for output in batch.drain(..) {
            print(&mut out, &output, &flags.filter, table.as_ref());
        }
        if out.is_empty() {
            return Ok(());
        }
        output::print(&String::from_utf8_lossy(&out))
    })?;
    Ok(played?)
}

fn print(out: &mut Vec<u8>, output: &Output, filter: &Filter, table: Option<&Table>) {
    match (output, table) {
        (Output::Record(record), _) if !filter.matches(record) => {}
        (Output::Record(record), Some(table)) => out.extend(table.record(record).into_bytes()),
        (Output::Record(record), None) => {
            // Serialising plain data to memory cannot fail.
            let _ = write_record(out, record);
        }
        (
            Output::Lost {
                count,
                why,
                since_ns,
            },
            table,
        ) => {
            let loss = Loss::since_unix(*count, *why, *since_ns);
            match table {
                Some(_) => out.extend(table::loss(&loss).into_bytes()),
                None => {
                    let _ = write_loss(out, &loss);
                }
            }
        }
    }
}
