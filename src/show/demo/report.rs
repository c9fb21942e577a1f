//! What the demo did, step by step: for scripts as JSON lines, for people as a table at the end.

use super::questions::Asked;
use super::teller::Teller;
use crate::show::explain::ExplainView;
use crate::show::failure::Failure;
use crate::show::observe::output::print;
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;

/// A finished step.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// What was done.
    pub step: String,
    /// How long it took.
    pub seconds: f64,
    /// What came of it.
    pub result: String,
    /// Whether it is as it should be.
    pub ok: bool,
}

/// All steps so far.
#[derive(Debug, Default)]
pub struct Report {
    /// In order.
    pub steps: Vec<Step>,
}

impl Report {
    /// Adds a step.
    pub fn add(&mut self, step: &str, took: Duration, ok: bool, result: String) {
        self.steps.push(Step {
            step: step.to_owned(),
            seconds: seconds(took),
            result,
            ok,
        });
    }

    /// The table at the end.
    pub fn table(&self, teller: &Teller) {
        let width = self.steps.iter().map(|step| step.step.len()).max();
        let width = width.unwrap_or(0);
        for step in &self.steps {
            let text = format!(
                "{:<width$}  {:>6.1} s  {}",
                step.step, step.seconds, step.result
            );
            if step.ok {
                teller.good(&text);
            } else {
                teller.bad(&text);
            }
        }
    }

    /// The same as JSON.
    pub fn json(&self) -> Value {
        let ok = self.steps.iter().all(|step| step.ok);
        let total: f64 = self.steps.iter().map(|step| step.seconds).sum();
        json!({"act": "summary", "ok": ok, "seconds": total, "steps": self.steps})
    }
}

/// What scripts learn of an act's questions.
pub fn asked_json(asked: &Asked) -> Value {
    json!({
        "answered": asked.answered,
        "failed": asked.failed,
        "requests": asked.requests,
        "asker_p50_ms": asked.asker_p50_ms,
        "observed_p50_ms": asked.seen_p50_ms,
    })
}

/// Prints an act's result, if results are wanted.
///
/// # Errors
/// When standard output can't be written.
pub fn tell_json(teller: &Teller, act: &Value) -> Result<(), Failure> {
    if teller.json {
        print(&format!("{act}\n"))?;
    }
    Ok(())
}

/// What `explain` said, for scripts.
pub fn explain_json(view: &ExplainView) -> Value {
    serde_json::to_value(view).unwrap_or_default()
}

/// Seconds to the millisecond.
pub fn seconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e3).round() / 1e3
}
