//! `forebay observe`: requests as they end.

use super::{Verb, parsed};
use crate::keep::filter::Selection;
use crate::keep::line::{Line, parse_line};
use crate::show::cli::Global;
use crate::show::client::{Api, Session};
use crate::show::failure::Failure;
use crate::show::observe::output;
use crate::show::observe::table::{self, Table};
use bytes::Bytes;
use clap::{ArgMatches, Args, ValueEnum};
use http_body_util::BodyExt;
use hyper::body::Incoming;

/// The verb.
pub static VERB: Verb = Verb {
    name: "observe",
    about: "Show requests as they end, and where their time went",
    details: "Letters of the phase bar: c client  q send_queue  w wire  r recv_queue  S server  t stream  ? remote (far\n\
        side, not split). Evidence: exact = both ends seen, rtt = one end seen, wire from TCP's round\n\
        trips, none = one end seen and no round trip known. Conditions are joined by AND. Losses have\n\
        their own line.\n\n\
        Examples:\n  \
        sudo forebay observe --role model --slower-than 500ms\n  \
        sudo forebay observe --since 5m --status error -o wide\n  \
        sudo forebay observe --workload postgres --json -n 100",
    flags: Flags::augment_args,
    hidden: false,
    run,
};

#[derive(Args)]
struct Flags {
    #[command(flatten)]
    selection: Selection,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Form::Table)]
    output: Form,
    /// Print JSON, one request a line; the same as -o json
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

/// How requests are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A table that fits the terminal
    Table,
    /// A table with everything
    Wide,
    /// NDJSON
    Json,
}

fn run(matches: &ArgMatches, global: &Global) -> Result<(), Failure> {
    let flags: Flags = parsed(matches)?;
    let form = if flags.json { Form::Json } else { flags.output };
    let session = Session::start()?;
    let api = Api::reach(global)?;
    let path = format!("/v1/observe?{}", Selection::query_of(matches));
    let mut cut = false;
    session.run(async {
        let body = api.get(&path).await?.into_body();
        api.announce();
        let printer = Printer::new(form);
        let count = tokio::select! {
            count = printer.print_all(&api, body) => count?,
            closed = output::closed() => return Err(closed),
        };
        let selection = &flags.selection;
        cut = selection.duration.is_none() && selection.limit.is_none_or(|n| count < n);
        Ok(())
    })?;
    api.end()?;
    if cut { Err(Failure::Ended) } else { Ok(()) }
}

/// Prints a stream of lines.
struct Printer {
    /// `None`: as they come.
    table: Option<Table>,
}

impl Printer {
    fn new(form: Form) -> Printer {
        let wide = form == Form::Wide;
        let table = || Table::new(output::width(), wide, output::wants_colour());
        Printer {
            table: (form != Form::Json).then(table),
        }
    }

    /// Prints to the end of the stream; gives the number of requests.
    async fn print_all(&self, api: &Api, mut body: Incoming) -> Result<u64, Failure> {
        if let Some(table) = &self.table {
            output::write(table.header().into()).await?;
        }
        let mut count = 0;
        let mut partial: Vec<u8> = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| api.broken(&error))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            partial.extend_from_slice(&data);
            let Some(end) = partial.iter().rposition(|byte| *byte == b'\n') else {
                continue;
            };
            let rest = partial.split_off(end + 1);
            let lines = std::mem::replace(&mut partial, rest);
            output::write(self.printed(api, lines, &mut count)?).await?;
        }
        Ok(count)
    }

    fn printed(&self, api: &Api, lines: Vec<u8>, count: &mut u64) -> Result<Bytes, Failure> {
        let Some(table) = &self.table else {
            let of_loss = crate::keep::line::LOSS_START;
            let each = lines.split_inclusive(|byte| *byte == b'\n');
            *count += each.filter(|line| !line.starts_with(of_loss)).count() as u64;
            return Ok(lines.into());
        };
        let mut out = String::new();
        for line in String::from_utf8_lossy(&lines).lines() {
            match parse_line(line).map_err(|error| api.broken(&error))? {
                Line::Record(record) => {
                    *count += 1;
                    out.push_str(&table.record(&record));
                }
                Line::Lost(loss) => out.push_str(&table::loss(&loss)),
            }
        }
        Ok(out.into())
    }
}
