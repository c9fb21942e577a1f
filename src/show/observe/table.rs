//! The live table: its columns adapt to the width of the terminal.

use super::bar::{bar, dominant};
use super::columns::{self, fit};
use crate::keep::line::Loss;
use crate::show::cells::{clean, duration};
use forebay_core::event::LossReason;
use forebay_core::exchange::record::Record;

/// Widths of the columns whose texts have a known length.
const TIME: usize = 12;
const STATUS: usize = 6;
const DURATION: usize = 8;
const EVIDENCE: usize = 8;
const BAR: usize = 20;
const DOMINANT: usize = 15;
/// From this width on a bar is drawn; below it the longest phase is named.
const BAR_FROM: usize = 110;
/// From this width on the evidence is shown.
const EVIDENCE_FROM: usize = 90;
/// Least width of the two columns that share the rest.
const TEXT_MIN: usize = 12;
/// Spaces between columns.
const GAP: usize = 2;

/// A layout.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    edge: usize,
    op: usize,
    bar: bool,
    evidence: bool,
    colour: bool,
    wide: bool,
}

impl Table {
    /// A table for a terminal of `width` columns; `wide` shows everything and cuts nothing but
    /// very long texts.
    pub fn new(width: usize, wide: bool, colour: bool) -> Table {
        let (bar, evidence) = (wide || width >= BAR_FROM, wide || width >= EVIDENCE_FROM);
        let phases = if bar { BAR } else { DOMINANT };
        let mut fixed = TIME + STATUS + DURATION + phases + 5 * GAP;
        if evidence {
            fixed += EVIDENCE + GAP;
        }
        let rest = width.saturating_sub(fixed).max(2 * TEXT_MIN);
        let edge = if wide {
            32
        } else {
            (rest * 2 / 5).max(TEXT_MIN)
        };
        let op = if wide { 80 } else { rest - edge };
        Table {
            edge,
            op,
            bar,
            evidence,
            colour,
            wide,
        }
    }

    /// Whether phases are drawn as bars of letters.
    pub fn has_bars(&self) -> bool {
        self.bar
    }

    /// The names of the columns.
    pub fn header(&self) -> String {
        let phases = if self.bar {
            "PHASES c q w r S t ?"
        } else {
            "LONGEST PHASE"
        };
        let mut cells = vec![
            fit("TIME", TIME),
            fit("CLIENT → SERVER", self.edge),
            fit("OPERATION", self.op),
            fit("STATUS", STATUS),
            format!("{:>DURATION$}", "DURATION"),
            fit(phases, if self.bar { BAR } else { DOMINANT }),
        ];
        if self.evidence {
            cells.push(fit("EVIDENCE", EVIDENCE));
        }
        if self.wide {
            cells.push(fit("LONGEST PHASE", DOMINANT));
            cells.push(fit("PROTOCOL", 10));
            cells.push(fit("ROLE", 13));
            cells.push(format!("{:>21}", "BYTES OUT/IN"));
            cells.push(format!("{:>4}", "RETR"));
            cells.push("CLIENT ADDRESS → SERVER ADDRESS".to_owned());
        }
        row(&cells)
    }

    /// One request.
    pub fn record(&self, record: &Record) -> String {
        let phases = if self.bar {
            bar(&record.phases_ns, BAR, self.colour)
        } else {
            fit(&dominant(&record.phases_ns), DOMINANT)
        };
        let mut cells = vec![
            fit(&columns::time_of_day(record.ts), TIME),
            fit(&columns::edge(record), self.edge),
            fit(&columns::operation(record), self.op),
            fit(&columns::status(record), STATUS),
            format!("{:>DURATION$}", duration(record.duration_ns)),
            phases,
        ];
        if self.evidence {
            cells.push(fit(columns::evidence(record.evidence), EVIDENCE));
        }
        if self.wide {
            let bytes = format!("{}/{}", record.bytes.request, record.bytes.response);
            let (client, server) = (
                columns::party(&record.client),
                columns::party(&record.server),
            );
            cells.push(fit(&dominant(&record.phases_ns), DOMINANT));
            cells.push(fit(&clean(&record.protocol), 10));
            cells.push(fit(role(record), 13));
            cells.push(format!("{bytes:>21}"));
            cells.push(format!("{:>4}", record.tcp.retransmits));
            cells.push(format!("{client} → {server}"));
        }
        row(&cells)
    }
}

/// A loss, on a line of its own.
pub fn loss(loss: &Loss) -> String {
    let what = match loss.why {
        LossReason::RingFull => "records: the kernel's ring was full",
        LossReason::FlowTableFull => "connections: the connection table was full",
        LossReason::PayloadCut => "requests at most: they began in bytes that were not copied",
        LossReason::Resync => "times a parser lost its place and waited for the next message",
        LossReason::Unfinished => "requests were dropped unfinished by a bound",
        LossReason::SlowReader => "records: this reader was too slow",
        LossReason::SlowRecording => "steps: the recording was taken too slowly",
    };
    let since = columns::time_of_day(loss.since);
    format!("!! lost since {since}: {} {what}\n", loss.records)
}

fn role(record: &Record) -> &'static str {
    crate::keep::filter::role_name(record.role)
}

fn row(cells: &[String]) -> String {
    let mut line = cells.join(&" ".repeat(GAP));
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keep::hub::tests::record;
    use unicode_width::UnicodeWidthStr;

    #[test]
    fn every_row_fits_its_terminal() {
        for width in 77..300 {
            let table = Table::new(width, false, false);
            for line in [table.header(), table.record(&record(1))] {
                let used = line.trim_end().width();
                assert!(used <= width, "{used} columns of {width}: {line}");
            }
        }
    }

    #[test]
    fn narrow_names_the_phase_and_wide_draws_it() {
        let narrow = Table::new(80, false, false).record(&record(1));
        assert!(
            narrow.contains("server 90%") && !narrow.contains("exact"),
            "{narrow}"
        );
        let normal = Table::new(120, false, false).record(&record(1));
        assert!(
            normal.contains("SSSSSSSSSSSSSSSSSS") && normal.contains("exact"),
            "{normal}"
        );
        let wide = Table::new(80, true, false).record(&record(1));
        for part in [
            "127.0.0.1:5432 pid 200",
            "vector_search",
            "900/2000",
            "server 90%",
        ] {
            assert!(wide.contains(part), "{wide}");
        }
    }

    #[test]
    fn a_loss_says_how_many_and_why() {
        let text = loss(&Loss::since_unix(7, LossReason::RingFull, 0));
        assert!(
            text.starts_with("!! lost since ") && text.contains(": 7 records: the kernel's ring")
        );
    }
}
