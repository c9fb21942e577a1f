//! Drives the demo stack: runs `python3 -m stack …` and reads its JSON.

use super::DemoError;
use super::teller::Teller;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use tokio::sync::mpsc;

/// Lines that may wait between the stack and the demo; the stack then waits too.
const LINES_MAX: usize = 256;
/// Longest line taken from the stack: an answer is far below it.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// The folder with the stack.
#[derive(Clone, Debug)]
pub struct Stack {
    folder: PathBuf,
}

/// What `up` and `status` say.
#[derive(Clone, Debug, Deserialize)]
pub struct Up {
    /// `netns` or `loopback`.
    pub mode: String,
    /// The chat model.
    pub model: String,
    /// Where each part listens.
    pub servers: BTreeMap<String, Server>,
    /// Where everything of it lies.
    pub folder: PathBuf,
}

/// A part of the stack.
#[derive(Clone, Debug, Deserialize)]
pub struct Server {
    /// Its IP address.
    pub address: String,
    /// Its port.
    pub port: u16,
}

/// A fault as the stack describes it.
#[derive(Clone, Debug, Deserialize)]
pub struct Fault {
    /// What it does and how.
    pub does: String,
    /// What an observer should find.
    pub shows_as: String,
    /// It needs the network namespaces.
    #[serde(default)]
    pub needs_netns: bool,
}

impl Up {
    /// Whether the stack lives in namespaces of its own.
    pub fn has_netns(&self) -> bool {
        self.mode == "netns"
    }
}

impl Stack {
    /// The stack in `given`, or in the checkout this program was built from. The current folder is
    /// not looked at: who runs the demo as root would run whatever lies there.
    ///
    /// # Errors
    /// When it is not there.
    pub fn find(given: Option<&Path>) -> Result<Stack, DemoError> {
        let built = concat!(env!("CARGO_MANIFEST_DIR"), "/demo");
        let folder = given.unwrap_or(Path::new(built));
        let main = folder.join("stack/__main__.py");
        if !main.is_file() {
            let wanted = main.display().to_string();
            return Err(DemoError::NoStack { wanted });
        }
        let folder = folder.to_path_buf();
        Ok(Stack { folder })
    }

    /// Starts a command of the stack.
    ///
    /// # Errors
    /// When Python can't be started.
    pub fn start(&self, words: &[&str]) -> Result<Running, DemoError> {
        let mut command = Command::new("python3");
        command.args(["-m", "stack"]).args(words);
        command.current_dir(&self.folder);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        // Ctrl-C comes to the demo alone: it decides what ends, and in which order.
        command.process_group(0);
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|source| DemoError::NoPython { source })?;
        let (tell, lines) = mpsc::channel(LINES_MAX);
        if let Some(out) = child.stdout.take() {
            forward(out, tell.clone(), Said::Result);
        }
        if let Some(progress) = child.stderr.take() {
            forward(progress, tell, Said::Progress);
        }
        Ok(Running {
            child,
            lines,
            line: format!("python3 -m stack {}", words.join(" ")),
            ended: false,
        })
    }

    /// Runs a command to its end, tells its progress, reads its result.
    ///
    /// # Errors
    /// When it fails or says something else.
    pub async fn call<T: DeserializeOwned>(
        &self,
        words: &[&str],
        teller: &Teller,
    ) -> Result<T, DemoError> {
        let mut running = self.start(words)?;
        let mut result = String::new();
        while let Some(said) = running.lines.recv().await {
            said.sort(&mut result, teller);
        }
        self.result(running, &result)
    }

    /// The same without an event loop, for what must be done after it was stopped.
    ///
    /// # Errors
    /// As [`Stack::call`].
    pub fn call_blocking<T: DeserializeOwned>(
        &self,
        words: &[&str],
        teller: &Teller,
    ) -> Result<T, DemoError> {
        let mut running = self.start(words)?;
        let mut result = String::new();
        while let Some(said) = running.lines.blocking_recv() {
            said.sort(&mut result, teller);
        }
        self.result(running, &result)
    }

    fn result<T: DeserializeOwned>(
        &self,
        mut running: Running,
        text: &str,
    ) -> Result<T, DemoError> {
        running.end()?;
        serde_json::from_str(text).map_err(|error| DemoError::Unreadable {
            command: running.line.clone(),
            reason: error.to_string(),
            folder: self.folder.display().to_string(),
        })
    }
}

/// A line of a running command.
#[derive(Debug)]
pub enum Said {
    /// On standard output: JSON.
    Result(String),
    /// On standard error: for people.
    Progress(String),
}

impl Said {
    fn sort(self, result: &mut String, teller: &Teller) {
        match self {
            Said::Result(line) => result.push_str(&line),
            Said::Progress(line) => teller.progress(&line),
        }
    }
}

/// A command of the stack at work; asked to end, and waited for, when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// What it says; closed at its end.
    pub lines: mpsc::Receiver<Said>,
    /// What was run.
    pub line: String,
    ended: bool,
}

impl Running {
    /// Waits for its end.
    ///
    /// # Errors
    /// When it failed.
    pub fn end(&mut self) -> Result<(), DemoError> {
        let status = self.wait();
        match status {
            Some(status) if status.success() => Ok(()),
            status => Err(DemoError::Stack {
                command: self.line.clone(),
                status: status.map_or_else(|| "cannot be waited for".into(), |s| s.to_string()),
                log: "logs lie in run/ of the stack's folder".into(),
            }),
        }
    }

    /// Waits for its end, whatever it is.
    pub fn wait(&mut self) -> Option<ExitStatus> {
        self.ended = true;
        // Nobody reads its lines any more: a full pipe must not keep it.
        self.lines.close();
        while self.lines.try_recv().is_ok() {}
        self.child.wait().ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            // It stops what it has begun, and says nothing on a terminal: SIGTERM, not SIGINT.
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            self.wait();
        }
    }
}

/// Sends a stream's lines on from a thread of its own, which ends with the stream.
fn forward(from: impl Read + Send + 'static, to: mpsc::Sender<Said>, kind: fn(String) -> Said) {
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        loop {
            let mut line = Vec::new();
            match (&mut from)
                .take(LINE_BYTES_MAX)
                .read_until(b'\n', &mut line)
            {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            // With nobody listening the stream is still read to its end, so that nobody blocks.
            let _ = to.blocking_send(kind(text));
        }
    });
}
