//! Tables of flows and what must come of them, judged row by row.

mod cluster;
mod v1;

use super::PolicyError;
use crate::show::failure::Failure;
use crate::show::observe::output::print;
use forebay_core::policy::{
    Answers, Flow, Judge, Policies, Protocol, Settings, Verdict, World, ends,
};
use serde::Serialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Most mismatches that are printed for people.
const SHOWN: usize = 20;
/// Longest line, bytes; those of the known tables have 60 kB.
const MAX_LINE: u64 = 64 << 20;

/// Policies in force among some workloads, and what must come of flows.
pub struct Step {
    /// What people find it by.
    pub name: String,
    /// Who there is.
    pub world: World,
    /// What is in force.
    pub policies: Policies,
    /// The flows.
    pub rows: Vec<Row>,
}

/// One flow and what must come of it.
pub struct Row {
    /// The line of the file.
    pub line: usize,
    /// Who begins.
    pub from: String,
    /// With whom.
    pub to: String,
    /// The protocol.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
    /// Whether it must pass.
    pub allowed: bool,
}

/// What a judge says of a flow.
pub struct Answer {
    /// Whether it passes.
    pub allowed: bool,
    /// Why, if it can tell.
    pub verdict: Option<Verdict>,
}

/// Whoever judges: the evaluator, or what enforces. It gets the flows of a step together, as loading
/// policies can cost more than judging.
pub trait Bench {
    /// One answer for each flow.
    ///
    /// # Errors
    /// When it can't judge.
    fn judge(
        &mut self,
        policies: &Policies,
        world: &World,
        flows: &[Flow<'_>],
    ) -> Result<Vec<Answer>, PolicyError>;
}

/// The reference evaluator.
pub struct Reference(pub Settings);

impl Bench for Reference {
    fn judge(
        &mut self,
        policies: &Policies,
        world: &World,
        flows: &[Flow<'_>],
    ) -> Result<Vec<Answer>, PolicyError> {
        let answers: Answers = world.host_answers();
        let judge = Judge::new(policies, world, &answers, self.0);
        let answer = |flow: &Flow<'_>| {
            let verdict = judge.judge(flow);
            Answer {
                allowed: verdict.allowed,
                verdict: Some(verdict),
            }
        };
        Ok(flows.iter().map(answer).collect())
    }
}

/// What came of all rows.
#[derive(Default, Serialize)]
struct Count {
    rows: usize,
    mismatches: usize,
    /// From a workload to itself: always allowed, whatever the table says.
    loopback: usize,
    steps: usize,
}

#[derive(Serialize)]
struct Mismatch<'m> {
    step: &'m str,
    line: usize,
    from: &'m str,
    to: &'m str,
    protocol: Protocol,
    port: u16,
    expected: &'static str,
    judged: &'static str,
    verdict: Option<&'m Verdict>,
}

/// Judges a file of either format and prints what does not agree.
///
/// # Errors
/// When it can't be read, or a row does not agree.
pub fn run(path: &Path, bench: &mut dyn Bench, json: bool) -> Result<(), Failure> {
    let mut count = Count::default();
    let mut judge = |step: Step| judge_step(&step, bench, json, &mut count);
    let (first, reader) = open(path)?;
    if v1::is(&first) {
        v1::read(path, reader, &mut judge)?;
    } else {
        cluster::read(path, reader, &mut judge)?;
    }
    end(&count, json)?;
    if count.mismatches > 0 {
        Err(Failure::Said)
    } else {
        Ok(())
    }
}

fn judge_step(
    step: &Step,
    bench: &mut dyn Bench,
    json: bool,
    count: &mut Count,
) -> Result<(), Failure> {
    let mut flows = Vec::with_capacity(step.rows.len());
    for row in &step.rows {
        let (from, to) = ends(&step.world, &row.from, &row.to).map_err(PolicyError::from)?;
        flows.push(Flow {
            from,
            to,
            protocol: row.protocol,
            port: row.port,
        });
    }
    let answers = bench.judge(&step.policies, &step.world, &flows)?;
    count.steps += 1;
    for (row, answer) in step.rows.iter().zip(&answers) {
        count.rows += 1;
        let loopback = row.from == row.to;
        count.loopback += usize::from(loopback);
        if loopback || row.allowed == answer.allowed {
            continue;
        }
        count.mismatches += 1;
        show(step, row, answer, json, count.mismatches)?;
    }
    Ok(())
}

fn show(step: &Step, row: &Row, answer: &Answer, json: bool, number: usize) -> Result<(), Failure> {
    let word = |allowed| if allowed { "allowed" } else { "denied" };
    let verdict = answer.verdict.as_ref();
    let mismatch = Mismatch {
        step: &step.name,
        line: row.line,
        from: &row.from,
        to: &row.to,
        protocol: row.protocol,
        port: row.port,
        expected: word(row.allowed),
        judged: word(answer.allowed),
        verdict,
    };
    if json {
        return print(&line(&mismatch));
    }
    if number > SHOWN {
        return Ok(());
    }
    let Mismatch {
        step,
        line,
        from,
        to,
        protocol,
        port,
        expected,
        judged,
        ..
    } = mismatch;
    let mut text = format!(
        "mismatch, line {line}, {step}: {from} to {to} {protocol}/{port}: expected {expected}, judged {judged}\n"
    );
    for side in verdict.iter().flat_map(|verdict| verdict.sides()) {
        text.push_str(&format!("  {side}\n"));
    }
    print(&text)
}

fn end(count: &Count, json: bool) -> Result<(), Failure> {
    if json {
        return print(&line(count));
    }
    let mut text = String::new();
    if count.mismatches > SHOWN {
        text.push_str(&format!(
            "{} more mismatches: --json prints all\n",
            count.mismatches - SHOWN
        ));
    }
    if count.loopback > 0 {
        text.push_str(&format!(
            "{} of the rows go from a workload to itself: allowed, whatever the table says\n",
            count.loopback
        ));
    }
    text.push_str(&format!(
        "{} rows, {} mismatches\n",
        count.rows, count.mismatches
    ));
    print(&text)
}

/// One line of JSON. Our own types always serialize.
pub fn line<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default() + "\n"
}

type Lines = Box<dyn BufRead>;

/// The file from its beginning, unpacked if it is packed, and its first line with something in it.
fn open(path: &Path) -> Result<(String, Lines), PolicyError> {
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
fn each_line(
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
