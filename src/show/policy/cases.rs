//! Tables of flows and what must come of them, judged row by row.

mod cluster;
mod kernel;
mod lines;
mod report;
mod v1;

use super::PolicyError;
use crate::show::failure::Failure;
use forebay_core::policy::{
    Answers, Flow, Judge, Policies, Protocol, Settings, Verdict, World, ends,
};
pub use kernel::Kernel;
use lines::open;
use report::{end, show};
use serde::Serialize;
use std::path::Path;

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

/// One line of JSON. Our own types always serialize.
pub fn line<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default() + "\n"
}
