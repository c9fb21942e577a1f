//! `forebay replay`: the requests of a capture file.

use super::{Verb, parsed};
use crate::capture::clock::Clock;
use crate::keep::fbcap::Reader;
use crate::keep::filter::Filter;
use crate::keep::line::{Loss, write_loss, write_record};
use crate::show::cli::Global;
use crate::show::failure::Failure;
use crate::show::observe::output;
use crate::show::observe::table::{self, Table};
use clap::{ArgMatches, Args};
use forebay_core::pipeline::{Output, Pipeline};
use forebay_core::tape::Entry;
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
    let mut reader = Reader::open(&flags.file)?;
    let table = (!flags.json).then(|| Table::new(output::width(), false, output::wants_colour()));
    if let Some(table) = &table {
        output::print(&table.header())?;
    }
    let mut epoch_ns = 0;
    let mut pipeline = Pipeline::new(Box::new(Clock { epoch_ns }));
    let mut batch = Vec::new();
    loop {
        let next = reader.next();
        match &next {
            Ok(Some(Entry::Start { epoch_ns: at, .. })) => {
                epoch_ns = *at;
                pipeline = Pipeline::new(Box::new(Clock { epoch_ns }));
            }
            Ok(Some(entry)) => pipeline.replay(entry.clone()),
            // The recorder was killed, or the rest is damaged: what waits comes out all the same.
            Ok(None) | Err(_) => pipeline.finish_all(u64::MAX / 2),
        }
        pipeline.take_outputs(&mut batch);
        let mut out = Vec::new();
        for output in batch.drain(..) {
            print(&mut out, &output, &flags.filter, table.as_ref());
        }
        if !out.is_empty() {
            output::print(&String::from_utf8_lossy(&out))?;
        }
        if next?.is_none() {
            return Ok(());
        }
    }
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
