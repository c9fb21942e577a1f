//! The demo from begin to end: the stack comes up, works, is disturbed, and goes.

use super::DemoError;
use super::questions::{Asked, Load, ask};
use super::report::{Report, asked_json, explain_json, seconds, tell_json};
use super::stack::{Fault, Stack, Up};
use super::teller::Teller;
use super::verdict::Expected;
use super::watch::{Watched, Window};
use crate::keep::time::monotonic_ns;
use crate::show::client::Api;
use crate::show::explain::{ExplainView, text};
use crate::show::failure::Failure;
use forebay_core::explain::finding::duration;
use forebay_core::explain::{Finding, Severity};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The small model.
    pub tiny: bool,
    /// Faults, in order.
    pub faults: Vec<&'static Expected>,
    /// Questions in each act.
    pub questions: u64,
}

/// Questions whose requests are shown in full while the stack is healthy, and while it is not.
const SHOWN_HEALTHY: u64 = 2;
const SHOWN_DISTURBED: u64 = 1;
/// What the live table shows, for who sees it for the first time.
const LEGEND: [&str; 2] = [
    "A question makes five requests: its embedding, the vector search, the reset of the database \
     connection, the chat that streams the answer, and last to end, the question itself.",
    "The letters of a request say where its time went: c the client wrote it, q waited in a send \
     queue, w was on the wire, r lay unread, S the server worked, t the answer streamed.",
];
/// Questions that fill the prompt cache.
const WARMING: u64 = 4;
/// The last second's CPU samples must be in what `explain` looks at.
const SAMPLED: Duration = Duration::from_millis(1500);
/// Findings shown in full.
const FINDINGS_SHOWN: usize = 3;
/// Findings below this part of the largest are lesser ones.
const LESSER: u64 = 10;

/// A demo under way.
pub struct Demo<'a> {
    /// The stack.
    pub stack: &'a Stack,
    /// How it speaks.
    pub teller: Teller,
    /// What was asked for.
    pub wish: Wish,
    /// What was done.
    pub report: Report,
    /// Faults that were not named.
    pub missed: Vec<&'static str>,
    watched: Watched,
    acts: u32,
    healthy: Vec<Finding>,
    healthy_ms: f64,
    quiet_since_ns: u64,
}

impl<'a> Demo<'a> {
    /// Nothing is up yet.
    pub fn new(stack: &'a Stack, teller: Teller, wish: Wish) -> Demo<'a> {
        Demo {
            stack,
            teller,
            wish,
            report: Report::default(),
            missed: Vec::new(),
            watched: Watched::default(),
            acts: 0,
            healthy: Vec::new(),
            healthy_ms: 0.0,
            quiet_since_ns: 0,
        }
    }

    /// Everything but the end.
    ///
    /// # Errors
    /// When something does not work; a fault that is not named is no error here.
    pub async fn play(&mut self, api: &Api) -> Result<(), Failure> {
        let up = self.up().await?;
        self.watched = Watched::of(&up);
        self.warm(api).await?;
        self.work(api).await?;
        let faults: BTreeMap<String, Fault> = self
            .stack
            .call(&["fault", "list", "--json"], &self.teller)
            .await?;
        for expected in self.wish.faults.clone() {
            let Some(fault) = faults.get(expected.fault) else {
                return Err(DemoError::NoFault(expected.fault.to_owned()).into());
            };
            if fault.needs_netns && !up.has_netns() {
                self.skip(expected);
            } else {
                self.disturb(api, expected, fault).await?;
            }
        }
        Ok(())
    }

    fn act(&mut self, title: &str) {
        self.acts += 1;
        self.teller.act(&format!("{}. {title}", self.acts));
    }

    async fn up(&mut self) -> Result<Up, Failure> {
        let begun = Instant::now();
        self.act("A real service: an app asks two models and a vector store");
        let size = if self.wish.tiny { 185 } else { 280 };
        self.teller.say(&format!(
            "FastAPI app, llama.cpp servers, PostgreSQL with pgvector. None of them knows of Forebay. \
             What is missing is fetched first, once: {size} MB."
        ));
        let tiny: &[&str] = if self.wish.tiny { &["--tiny"] } else { &[] };
        let words = [&["up", "--json"], tiny].concat();
        let up: Up = self.stack.call(&words, &self.teller).await?;
        let took = begun.elapsed();
        let place = if up.has_netns() {
            "in network namespaces"
        } else {
            "on loopback"
        };
        let result = format!("{} {place}", up.model);
        self.teller.good(&format!(
            "it runs: {result}, files in {}",
            up.folder.display()
        ));
        self.report.add("start the service", took, true, result);
        let act = json!({
            "act": "up", "seconds": seconds(took), "mode": up.mode, "model": up.model,
            "folder": up.folder,
        });
        tell_json(&self.teller, &act)?;
        Ok(up)
    }

    /// Fills the prompt cache, out of everybody's sight.
    async fn warm(&mut self, api: &Api) -> Result<(), Failure> {
        self.act("The service at work");
        self.teller.say(&format!(
            "{WARMING} questions first, so that their prompts are cached, as in a busy service."
        ));
        let load = Load {
            count: WARMING,
            shown: 0,
        };
        let asked = ask(self.stack, api, &mut self.watched, &self.teller, load).await?;
        if let Some((question, answer)) = &asked.sample {
            self.teller.item("asked", question);
            let answer: String = answer.split_whitespace().collect::<Vec<_>>().join(" ");
            let random = if self.wish.tiny {
                " (random weights: quick, but nonsense)"
            } else {
                ""
            };
            self.teller.item("answer", &format!("{answer}{random}"));
        }
        self.quiet_since_ns = monotonic_ns();
        Ok(())
    }

    async fn work(&mut self, api: &Api) -> Result<(), Failure> {
        let begun = Instant::now();
        for sentence in LEGEND {
            self.teller.say(sentence);
        }
        let (asked, view) = self.observe(api, SHOWN_HEALTHY, Duration::ZERO).await?;
        self.healthy_ms = asked.seen_p50_ms;
        self.healthy.clone_from(&view.findings);
        self.teller.say(&format!(
            "A question took {:.1} ms by the asker's own clock, {:.1} ms as seen from outside (medians \
             of {}).",
            asked.asker_p50_ms, asked.seen_p50_ms, asked.answered
        ));
        self.say_explain(&view, None);
        self.say_healthy(&view);
        let result = format!("{} requests seen, {}", asked.requests, findings(&view));
        self.report
            .add("observe it, healthy", begun.elapsed(), true, result);
        let act = json!({
            "act": "healthy", "seconds": seconds(begun.elapsed()),
            "questions": asked_json(&asked), "explain": explain_json(&view),
        });
        tell_json(&self.teller, &act)
    }

    fn say_healthy(&self, view: &ExplainView) {
        let worst = view.findings.iter().map(|found| found.severity).max();
        match worst {
            None => self.teller.good("nothing is slow"),
            Some(Severity::Notice) => self
                .teller
                .good("nothing that anybody feels: all of it is below 10 ms a request"),
            Some(_) => self.teller.say(
                "(Something else is going on here, perhaps other work on this machine. A fault \
                 counts as named below only if it makes things twice as bad.)",
            ),
        }
    }

    /// Asks in a window of its own, and lets `explain` judge it.
    async fn observe(
        &mut self,
        api: &Api,
        shown: u64,
        least: Duration,
    ) -> Result<(Asked, ExplainView), Failure> {
        let wait = Window::wait(self.quiet_since_ns);
        if wait > Duration::from_secs(1) {
            self.teller.say(&format!(
                "(waiting {:.0} s: explain sums in steps of 10 s, and what was before shall not count)",
                wait.as_secs_f64()
            ));
        }
        sleep(wait).await;
        let begun = Instant::now();
        let window = Window::begin(api).await?;
        let first = match shown {
            1 => "first one".to_owned(),
            n => format!("first {n}"),
        };
        self.teller.say(&format!(
            "Asking {} questions. The requests that the {first} made, each as it ended:",
            self.wish.questions
        ));
        let load = Load {
            count: self.wish.questions,
            shown,
        };
        let asked = ask(self.stack, api, &mut self.watched, &self.teller, load).await?;
        if asked.failed > 0 {
            self.teller
                .bad(&format!("{} questions failed", asked.failed));
        }
        sleep(SAMPLED.max(least.saturating_sub(begun.elapsed()))).await;
        let seen = (asked.requests, asked.edges());
        let view = window.explain(api, &self.watched.names, seen).await?;
        self.quiet_since_ns = monotonic_ns();
        Ok((asked, view))
    }

    async fn disturb(
        &mut self,
        api: &Api,
        expected: &'static Expected,
        fault: &Fault,
    ) -> Result<(), Failure> {
        let begun = Instant::now();
        self.act(&format!("Fault {}", expected.fault));
        self.teller.item("does", &fault.does);
        self.teller.item("expect", &fault.shows_as);
        self.switch("on", expected).await?;
        let (asked, view) = self.observe(api, SHOWN_DISTURBED, expected.least).await?;
        self.teller.say(&format!(
            "A question took {:.0} ms, {:.0} ms without the fault (medians).",
            asked.seen_p50_ms, self.healthy_ms
        ));
        let place = expected.place(&view.findings, &self.healthy, &self.watched.names);
        self.say_explain(&view, place);
        let result = self.judge(expected, &view, place);
        self.switch("off", expected).await?;
        self.quiet_since_ns = monotonic_ns();
        let (took, step) = (begun.elapsed(), format!("fault {}", expected.fault));
        self.report.add(&step, took, place.is_some(), result);
        let named = place.and_then(|place| view.findings.get(place));
        let act = json!({
            "act": "fault", "fault": expected.fault, "seconds": seconds(took),
            "does": fault.does, "shows_as": fault.shows_as,
            "named": place.is_some(), "place": place.map(|place| place + 1), "finding": named,
            "questions": asked_json(&asked), "explain": explain_json(&view),
        });
        tell_json(&self.teller, &act)
    }

    async fn switch(&self, to: &str, expected: &Expected) -> Result<(), Failure> {
        let words = ["fault", to, expected.fault, "--json"];
        // What it does has been said.
        let quiet = Teller {
            mute: true,
            ..self.teller
        };
        let _: serde_json::Value = self.stack.call(&words, &quiet).await?;
        Ok(())
    }

    /// Says whether the fault was named; a sentence for the table.
    fn judge(
        &mut self,
        expected: &'static Expected,
        view: &ExplainView,
        place: Option<usize>,
    ) -> String {
        let found = place.and_then(|place| Some((place, view.findings.get(place)?)));
        if let Some((place, found)) = found {
            let edge = format!("{} → {}", found.edge.client, found.edge.server);
            self.teller.good(&format!(
                "named: {} (finding {} of {}, {} on {edge})",
                expected.culprit,
                place + 1,
                view.findings.len(),
                found.rule
            ));
            return format!("named: {} on {edge}", found.rule);
        }
        let seen = view.findings.iter().take(FINDINGS_SHOWN);
        let seen: Vec<String> = seen.map(|found| format!("“{}”", found.title)).collect();
        let instead = if seen.is_empty() {
            "nothing".to_owned()
        } else {
            seen.join("; ")
        };
        self.teller.bad(&format!(
            "not named: {} should say “… {} …”. Seen instead: {instead}",
            expected.rule, expected.words
        ));
        self.missed.push(expected.fault);
        "not named".to_owned()
    }

    fn skip(&mut self, expected: &Expected) {
        self.act(&format!("Fault {}", expected.fault));
        let why = "left out: faults of links need network namespaces, and they need root (sudo)";
        self.teller.say(why);
        let step = format!("fault {}", expected.fault);
        self.report.add(&step, Duration::ZERO, true, why.to_owned());
    }

    /// What `explain` says: the largest findings, and the one that names the fault.
    fn say_explain(&self, view: &ExplainView, named: Option<usize>) {
        let least_ns = view
            .findings
            .first()
            .map_or(0, |first| first.lost_ns / LESSER);
        let shown = |(place, found): (usize, &Finding)| {
            let large = place < FINDINGS_SHOWN && found.lost_ns >= least_ns;
            (large || named == Some(place)).then(|| found.clone())
        };
        let shown = view.findings.iter().enumerate().filter_map(shown).collect();
        let part = ExplainView {
            findings: shown,
            ..view.clone()
        };
        self.teller.gap();
        self.teller.say("forebay explain says:");
        let lines = text(&part, self.teller.block_width(), self.teller.colour);
        self.teller.block(&lines);
        let rest = &view.findings[..];
        let omitted = rest.len() - part.findings.len();
        if omitted > 0 {
            let all: u64 = rest.iter().map(|found| found.lost_ns).sum();
            let told: u64 = part.findings.iter().map(|found| found.lost_ns).sum();
            let (lost, s) = (duration(all - told), if omitted == 1 { "" } else { "s" });
            self.teller
                .say(&format!("(and {omitted} lesser finding{s}, {lost} in all)"));
        }
        self.teller.gap();
    }
}

fn findings(view: &ExplainView) -> String {
    match view.findings.len() {
        0 => "nothing slow".to_owned(),
        1 => "1 finding".to_owned(),
        n => format!("{n} findings"),
    }
}
