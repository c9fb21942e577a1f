//! Asks questions of the stack while showing the requests that each of them makes.

use super::DemoError;
use super::stack::{Said, Stack};
use super::teller::Teller;
use super::verdict::Part;
use super::watch::{Watch, Watched};
use crate::show::client::Api;
use crate::show::failure::Failure;
use crate::show::observe::table::{Table, loss};
use forebay_core::exchange::record::Record;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How long the last requests may take from their end to the screen.
const LATE_MAX: Duration = Duration::from_secs(3);
/// What the asker asks for.
const QUESTION_OP: &str = "POST /ask";

/// How much to ask, and how much of it to show.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Questions, one after the other.
    pub count: u64,
    /// Questions whose requests are shown.
    pub shown: u64,
}

/// Different questions: repeated, so that their prompts are cached as in a busy service.
const DISTINCT: &str = "4";

/// What came of it.
#[derive(Debug, Default)]
pub struct Asked {
    /// Questions answered.
    pub answered: u64,
    /// Questions not answered.
    pub failed: u64,
    /// Requests of the stack seen meanwhile.
    pub requests: u64,
    /// The first question and its answer.
    pub sample: Option<(String, String)>,
    /// Median answer by the asker's own clock, milliseconds.
    pub asker_p50_ms: f64,
    /// The same as observed.
    pub seen_p50_ms: f64,
    edges: BTreeSet<(String, String, String)>,
    seen_ms: Vec<f64>,
    reason: Option<String>,
}

/// An answer as the asker prints it; the last line is a summary.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Summary { summary: Summary },
    Answer(Answer),
}

#[derive(Deserialize)]
struct Answer {
    question: String,
    answer: String,
    ok: bool,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize)]
struct Summary {
    asker: Times,
}

#[derive(Deserialize)]
struct Times {
    total_ms: Spread,
}

#[derive(Deserialize)]
struct Spread {
    p50: Option<f64>,
}

impl Asked {
    /// Edges of the stack seen meanwhile.
    pub fn edges(&self) -> u64 {
        self.edges.len() as u64
    }

    fn line(&mut self, text: &str) {
        match serde_json::from_str(text) {
            Ok(Line::Summary { summary }) => {
                self.asker_p50_ms = summary.asker.total_ms.p50.unwrap_or(0.0);
            }
            Ok(Line::Answer(answer)) if answer.ok => {
                self.answered += 1;
                self.sample.get_or_insert((answer.question, answer.answer));
            }
            Ok(Line::Answer(answer)) => {
                self.failed += 1;
                let reason = answer.error.unwrap_or_else(|| "it broke off".to_owned());
                self.reason.get_or_insert(reason);
            }
            // What is no answer does not count as one.
            Err(_) => {}
        }
    }

    fn see(&mut self, record: &Record, part: Part) {
        self.requests += 1;
        let (client, server) = (&record.client.workload, &record.server.workload);
        let role = format!("{:?}", record.role);
        self.edges
            .insert((client.to_string(), server.to_string(), role));
        if part == Part::App && *record.op == *QUESTION_OP {
            self.seen_ms.push(record.duration_ns as f64 / 1e6);
        }
    }

    fn questions_seen(&self) -> u64 {
        self.seen_ms.len() as u64
    }
}

/// Asks, shows, and waits until everything asked was seen.
///
/// # Errors
/// When nothing was answered, or nothing was seen.
pub async fn ask(
    stack: &Stack,
    api: &Api,
    watched: &mut Watched,
    teller: &Teller,
    load: Load,
) -> Result<Asked, Failure> {
    let mut watch = Watch::start(api).await?;
    let count = load.count.to_string();
    let mut running = stack.start(&["ask", "--json", "--distinct", DISTINCT, "--count", &count])?;
    let table = Table::new(teller.block_width(), false, teller.colour);
    if load.shown > 0 {
        teller.block(&table.header());
    }
    let mut asked = Asked::default();
    let mut until: Option<Instant> = None;
    while until.is_none() || asked.questions_seen() < asked.answered {
        let deadline = until.unwrap_or_else(|| Instant::now() + LATE_MAX);
        tokio::select! {
            said = running.lines.recv(), if until.is_none() => match said {
                Some(Said::Result(line)) => asked.line(&line),
                Some(Said::Progress(line)) => teller.progress(&line),
                None => until = Some(Instant::now() + LATE_MAX),
            },
            records = watch.next(api) => for record in records? {
                let Some(part) = watched.part(&record) else { continue };
                if asked.questions_seen() < load.shown {
                    teller.block(&table.record(&record));
                }
                asked.see(&record, part);
            },
            () = sleep_until(deadline), if until.is_some() => break,
        }
    }
    // A failed question makes the asker fail; its answers say so more precisely.
    running.wait();
    finish(asked, &watch)
}

fn finish(mut asked: Asked, watch: &Watch) -> Result<Asked, Failure> {
    if asked.answered == 0 {
        let nothing = || "the asker ended before it began".to_owned();
        return Err(DemoError::Unanswered {
            asked: asked.failed,
            reason: asked.reason.unwrap_or_else(nothing),
            next: "read the logs in run/ of the stack's folder".to_owned(),
        }
        .into());
    }
    if asked.seen_ms.is_empty() {
        let lost = watch.lost.iter().map(loss).collect::<String>();
        let counts = format!(
            "{} answers, {} requests of the stack. {}",
            asked.answered,
            asked.requests,
            lost.trim_end()
        );
        return Err(DemoError::Unseen(counts).into());
    }
    asked.seen_ms.sort_by(f64::total_cmp);
    // The nearest rank, as the asker's summary has it.
    asked.seen_p50_ms = asked.seen_ms[asked.seen_ms.len() / 2];
    Ok(asked)
}
