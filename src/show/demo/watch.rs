//! Reads what the agent sees of the stack: its requests, one by one, and what `explain` makes of them.

use super::stack::Up;
use super::verdict::{Names, Part};
use crate::keep::line::{Line, Loss, parse_line};
use crate::keep::time::monotonic_ns;
use crate::show::client::Api;
use crate::show::explain::ExplainView;
use crate::show::failure::Failure;
use forebay_core::exchange::record::Record;
use forebay_core::explain::Sizes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// What comes from the API without an end of line cannot be a record.
const PARTIAL_BYTES_MAX: usize = 1 << 20;

/// Losses remembered for a sentence that needs a reason.
const LOSSES_MAX: usize = 4;

/// The stack's addresses, and the names its parts turn out to have.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    parts: BTreeMap<String, Part>,
    /// Learnt from records.
    pub names: Names,
}

impl Watched {
    /// What `up` started.
    pub fn of(up: &Up) -> Watched {
        let address = |(name, server): (&String, &super::stack::Server)| {
            let at = format!("{}:{}", server.address, server.port);
            Some((at, Part::of(name)?))
        };
        Watched {
            parts: up.servers.iter().filter_map(address).collect(),
            names: Names::default(),
        }
    }

    /// The part that answered a request; learns its name, and the app's from what it asks.
    pub fn part(&mut self, record: &Record) -> Option<Part> {
        let part = *self.parts.get(&record.server.addr.to_string())?;
        self.names.learn(part, &record.server.workload);
        Some(part)
    }
}

/// Requests as they end.
#[derive(Debug)]
pub struct Watch {
    body: Incoming,
    partial: Vec<u8>,
    /// The last losses, of whatever this host does.
    pub lost: VecDeque<Loss>,
}

impl Watch {
    /// Begins with the next request that ends.
    ///
    /// # Errors
    /// When the agent can't be asked.
    pub async fn start(api: &Api) -> Result<Watch, Failure> {
        let body = api.get("/v1/observe").await?.into_body();
        Ok(Watch {
            body,
            partial: Vec::new(),
            lost: VecDeque::new(),
        })
    }

    /// The next records; nothing is lost when this is not waited for to its end.
    ///
    /// # Errors
    /// When the stream breaks.
    pub async fn next(&mut self, api: &Api) -> Result<Vec<Record>, Failure> {
        let Some(frame) = self.body.frame().await else {
            return Err(Failure::Ended);
        };
        let frame = frame.map_err(|error| api.broken(&error))?;
        let Ok(data) = frame.into_data() else {
            return Ok(Vec::new());
        };
        self.partial.extend_from_slice(&data);
        let Some(end) = self.partial.iter().rposition(|byte| *byte == b'\n') else {
            if self.partial.len() > PARTIAL_BYTES_MAX {
                self.partial.clear();
            }
            return Ok(Vec::new());
        };
        let rest = self.partial.split_off(end + 1);
        let lines = std::mem::replace(&mut self.partial, rest);
        let mut records = Vec::new();
        for line in String::from_utf8_lossy(&lines).lines() {
            match parse_line(line).map_err(|error| api.broken(&error))? {
                Line::Record(record) => records.push(*record),
                Line::Lost(loss) => self.lost.push_back(loss),
            }
        }
        self.lost
            .drain(..self.lost.len().saturating_sub(LOSSES_MAX));
        Ok(records)
    }
}

/// A stretch of time for `explain`. It sums in steps of ten seconds, so one begins with a step.
#[derive(Clone, Debug)]
pub struct Window {
    begin_ns: u64,
    lost: BTreeMap<String, u64>,
}

impl Window {
    /// How long until a step begins in which nothing of before `quiet_since_ns` counts.
    pub fn wait(quiet_since_ns: u64) -> Duration {
        let step_ns = Sizes::default().bucket_ns;
        let now_ns = monotonic_ns();
        let begun_ns = now_ns / step_ns * step_ns;
        if begun_ns >= quiet_since_ns {
            return Duration::ZERO;
        }
        Duration::from_nanos(begun_ns + step_ns - now_ns)
    }

    /// Begins with the present step.
    ///
    /// # Errors
    /// When the agent can't be asked.
    pub async fn begin(api: &Api) -> Result<Window, Failure> {
        let step_ns = Sizes::default().bucket_ns;
        let begin_ns = monotonic_ns() / step_ns * step_ns;
        let all: ExplainView = api.json("/v1/explain?since=1s").await?;
        let lost = all.lost;
        Ok(Window { begin_ns, lost })
    }

    /// What happened in it so far: of the stack alone, whatever else this host does. `seen`: the
    /// stack's requests and edges.
    ///
    /// # Errors
    /// When the agent can't be asked.
    pub async fn explain(
        &self,
        api: &Api,
        names: &Names,
        seen: (u64, u64),
    ) -> Result<ExplainView, Failure> {
        let past_ns = monotonic_ns().saturating_sub(self.begin_ns);
        let path = format!("/v1/explain?since={past_ns}ns");
        let mut view: ExplainView = api.json(&path).await?;
        view.findings
            .retain(|found| names.knows(&found.edge.server));
        for (why, count) in &mut view.lost {
            *count -= self.lost.get(why).copied().unwrap_or(0).min(*count);
        }
        view.lost.retain(|_, count| *count > 0);
        (view.requests, view.edges) = seen;
        Ok(view)
    }
}
