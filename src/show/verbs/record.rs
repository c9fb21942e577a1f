//! `forebay record`: keeps what the kernel said in a file.

use super::{Verb, parsed};
use crate::keep::fbcap::{Tally, Writer};
use crate::keep::time::parse_duration;
use crate::show::cli::Global;
use crate::show::client::{Api, Session};
use crate::show::failure::Failure;
use clap::{ArgMatches, Args};
use http_body_util::BodyExt;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The verb.
pub static VERB: Verb = Verb {
    name: "record",
    about: "Record what the kernel reports into a capture file",
    details: "The file (.fbcap) gives the same requests again with `forebay replay`, byte for byte. Without\n\
        --payload it holds times and sizes only: no bytes of any message.\n\n\
        Example:\n  sudo forebay record slow.fbcap --duration 30s",
    flags: Flags::augment_args,
    hidden: false,
    run,
};

#[derive(Args)]
struct Flags {
    /// The capture file
    file: PathBuf,
    /// End after this time
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Keep the first bytes of messages as well; they can hold secrets
    #[arg(long)]
    payload: bool,
}

fn run(matches: &ArgMatches, global: &Global) -> Result<(), Failure> {
    let flags: Flags = parsed(matches)?;
    let mut writer = Writer::create(&flags.file)?;
    let session = Session::start()?;
    let api = Api::reach(global)?;
    if flags.payload {
        eprintln!("recording the first bytes of messages too: the file can hold secrets");
    }
    let duration = flags
        .duration
        .map(|d| format!("&duration={}ns", d.as_nanos()));
    let path = format!(
        "/v1/record?payload={}{}",
        flags.payload,
        duration.unwrap_or_default()
    );
    let mut progress = Progress::new(&flags.file);
    let result = session.run(async {
        let mut body = api.get(&path).await?.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| api.broken(&error))?;
            if let Ok(bytes) = frame.into_data() {
                if progress.bytes == 0 {
                    // Capture has begun to fill it.
                    api.announce();
                }
                progress.tally.see(&bytes);
                writer.write(&bytes)?;
                progress.add(bytes.len());
            }
        }
        Ok(())
    });
    writer.finish()?;
    progress.end();
    result?;
    api.end()
}

/// Says how much has been recorded, on a terminal once a second.
struct Progress {
    file: String,
    bytes: usize,
    tally: Tally,
    since: Instant,
    said: Instant,
    live: bool,
}

impl Progress {
    fn new(file: &Path) -> Progress {
        let now = Instant::now();
        let live = std::io::stderr().is_terminal();
        Progress {
            file: file.display().to_string(),
            bytes: 0,
            tally: Tally::default(),
            since: now,
            said: now,
            live,
        }
    }

    fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.live && self.said.elapsed() >= Duration::from_secs(1) {
            self.said = Instant::now();
            eprint!("\r{}", self.text());
        }
    }

    fn text(&self) -> String {
        let seconds = self.since.elapsed().as_secs();
        let (file, kilobytes) = (&self.file, self.bytes / 1000);
        let lost = match self.tally.lost() {
            0 => String::new(),
            steps => format!(
                ", {steps} steps lost (slow_recording): this file was written more slowly than they came"
            ),
        };
        format!("{file}: {seconds} s, {kilobytes} kB before packing{lost}")
    }

    fn end(&self) {
        let start = if self.live { "\r" } else { "" };
        eprintln!("{start}{}. Next: forebay replay {}", self.text(), self.file);
    }
}
