//! Where requests come from that policies are tried on: captures, lines of `observe`, or the agent.

use super::PolicyError;
use crate::keep::fbcap::Reader;
use crate::keep::line::{Line, parse_line};
use crate::keep::time::parse_duration;
use crate::show::cli::Global;
use crate::show::client::{Api, Session};
use crate::show::failure::Failure;
use crate::show::playback::play;
use clap::Args;
use forebay_core::pipeline::Output;
use forebay_core::policy::traffic::Traffic;
use http_body_util::BodyExt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// First bytes of every capture file.
const CAPTURE: &[u8] = b"FBCAP";
/// Longest line that is read: records have bounded texts.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// How long the agent is watched where nothing is said.
const DURATION: Duration = Duration::from_secs(30);

/// Which requests.
#[derive(Args)]
pub struct Source {
    /// Requests that were seen: a capture of `record`, or lines of `observe --json`; - is standard input
    #[arg(long, value_name = "FILE", required_unless_present = "live")]
    flows: Vec<PathBuf>,
    /// Take the requests that the agent sees now
    #[arg(long, conflicts_with = "flows")]
    live: bool,
    /// With --live: for so long [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, conflicts_with = "flows")]
    duration: Option<Duration>,
    /// With --live: begin with the requests of this long ago, as far as they are still kept
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, conflicts_with = "flows")]
    since: Option<Duration>,
}

impl Source {
    /// Standard input has one meaning among all that is read.
    ///
    /// # Errors
    /// When it has several.
    pub fn with(&self, others: &[&[PathBuf]]) -> Result<(), Failure> {
        let all = others.iter().copied().flatten().chain(&self.flows);
        if all.filter(|path| *path == Path::new("-")).count() > 1 {
            let what = "standard input can be read once only. Next: write - for one of them";
            return Err(Failure::Usage(what.to_owned()));
        }
        Ok(())
    }

    /// Everything it has.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn traffic(&self, global: &Global) -> Result<Traffic, Failure> {
        let mut traffic = Traffic::default();
        if self.live {
            self.watch(global, &mut traffic)?;
        }
        for path in &self.flows {
            read(path, &mut traffic)?;
        }
        if traffic.talks().is_empty() {
            eprintln!("no requests were seen: nothing is known of real traffic");
        }
        Ok(traffic)
    }

    /// Ctrl-C ends the watch, not the verb.
    fn watch(&self, global: &Global, traffic: &mut Traffic) -> Result<(), Failure> {
        let session = Session::start()?;
        let api = Api::reach(global)?;
        let duration = self.duration.unwrap_or(DURATION).as_nanos();
        let mut path = format!("/v1/observe?duration={duration}ns");
        if let Some(since) = self.since {
            path.push_str(&format!("&since={}ns", since.as_nanos()));
        }
        session.run(async {
            let mut body = api.get(&path).await?.into_body();
            api.announce();
            let mut partial: Vec<u8> = Vec::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| api.broken(&error))?;
                partial.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
                let Some(end) = partial.iter().rposition(|byte| *byte == b'\n') else {
                    continue;
                };
                let rest = partial.split_off(end + 1);
                for line in String::from_utf8_lossy(&partial).lines() {
                    take(traffic, line).map_err(|error| api.broken(&error))?;
                }
                partial = rest;
            }
            Ok(())
        })?;
        api.end()
    }
}

/// One file.
fn read(path: &Path, traffic: &mut Traffic) -> Result<(), Failure> {
    if path == Path::new("-") {
        return lines(path, std::io::stdin().lock(), traffic);
    }
    let failed = |source| PolicyError::Read {
        file: path.display().to_string(),
        source,
    };
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    if !file.fill_buf().map_err(failed)?.starts_with(CAPTURE) {
        return lines(path, file, traffic);
    }
    let played = play(Reader::open(path)?, |batch| {
        for output in batch.drain(..) {
            match output {
                Output::Record(record) => traffic.add(&record),
                Output::Lost { count, .. } => traffic.lost += count,
            }
        }
        Ok(())
    })?;
    if let Err(damage) = played {
        eprintln!("{damage}");
    }
    Ok(())
}

fn lines(path: &Path, mut from: impl BufRead, traffic: &mut Traffic) -> Result<(), Failure> {
    let file = path.display().to_string();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let failed = |source| PolicyError::Read {
            file: file.clone(),
            source,
        };
        let mut bounded = (&mut from).take(LINE_BYTES_MAX);
        if bounded.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        if text.trim().is_empty() {
            continue;
        }
        take(traffic, &text).map_err(|error| PolicyError::Flows {
            file: file.clone(),
            line: number,
            what: error.to_string(),
        })?;
    }
    Ok(())
}

fn take(traffic: &mut Traffic, line: &str) -> Result<(), serde_json::Error> {
    match parse_line(line)? {
        Line::Record(record) => traffic.add(&record),
        Line::Lost(loss) => traffic.lost += loss.records,
    }
    Ok(())
}

/// What is missing, in words for people; nothing if nothing is.
pub fn missing(traffic: &Traffic) -> String {
    let mut text = String::new();
    if traffic.beyond > 0 {
        text.push_str(&format!(
            "{} requests of other flows were not looked at: more than {} flows\n",
            traffic.beyond,
            traffic.max_flows()
        ));
    }
    if traffic.lost > 0 {
        text.push_str(&format!(
            "{} were lost before they came here: flows may be missing\n",
            traffic.lost
        ));
    }
    text
}
