//! The program under test as a child process: started, awaited, stopped, its records read.

use crate::truth::RecordFile;
use crate::{Result, RigError};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a verb with an agent of its own, and `run`, say once they observe.
const READY: [&str; 2] = ["observing with one of our own", "serving"];
/// From "ready" to the subscription of a verb to its own agent.
const SUBSCRIBE: Duration = Duration::from_millis(500);
/// How long the observer may take to get ready, and to end after SIGINT.
const READY_WAIT: Duration = Duration::from_secs(30);
const END_WAIT: Duration = Duration::from_secs(15);
/// Time for the last records to be finished before SIGINT.
const SETTLE: Duration = Duration::from_millis(1500);

/// A running `forebay observe --json`. Killed on drop.
pub struct Observer {
    child: Child,
    records: Option<JoinHandle<String>>,
    messages: Option<JoinHandle<String>>,
    /// The agent it asks, where that is not its own, and the folder of its socket.
    agent: Option<(Box<Observer>, PathBuf)>,
}

/// The program: `FOREBAY_BIN`, else `target/debug/forebay`.
pub fn program() -> PathBuf {
    std::env::var_os("FOREBAY_BIN").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../target/debug/forebay"
            ))
        },
        PathBuf::from,
    )
}

impl Observer {
    /// Starts `observe --json --duration 120s` and waits until it says on its standard error that it
    /// observes. `RIG_WITHOUT` names kernel programs that its agent leaves out.
    ///
    /// # Errors
    /// When it does not start, ends early or stays silent; with what it said.
    pub fn start(more: &[&str]) -> Result<Self> {
        if let (Ok(without), true) = (std::env::var("RIG_WITHOUT"), more.is_empty()) {
            return Self::start_without(&without.split(',').collect::<Vec<_>>());
        }
        Self::start_verb(&[&["observe", "--json", "--duration", "120s"], more].concat())
    }

    /// As [`Observer::start`], with an agent that leaves these kernel programs out.
    ///
    /// # Errors
    /// As [`Observer::start`].
    pub fn start_without(programs: &[&str]) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("rig-agent-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(RigError::io("make a folder for a socket"))?;
        let socket = folder.join("api.sock").display().to_string();
        let left_out = programs.join(",");
        let mut run = vec!["run", "--beside", "--socket", &socket];
        if !programs.is_empty() {
            run.extend(["--without", &left_out]);
        }
        let agent = Self::start_verb(&run)?;
        let verb = [
            "observe",
            "--json",
            "--duration",
            "120s",
            "--socket",
            &socket,
        ];
        let mut observer = Self::spawn(&verb)?;
        observer.messages = Some(observer.read_messages()?.0);
        observer.agent = Some((Box::new(agent), folder));
        std::thread::sleep(SUBSCRIBE);
        Ok(observer)
    }

    /// Starts any verb that says that it observes.
    ///
    /// # Errors
    /// As [`Observer::start`].
    pub fn start_verb(arguments: &[&str]) -> Result<Self> {
        let mut observer = Self::spawn(arguments)?;
        let (observer_messages, ready) = observer.read_messages()?;
        observer.messages = Some(observer_messages);
        if ready.recv_timeout(READY_WAIT).is_ok() {
            std::thread::sleep(SUBSCRIBE);
            return Ok(observer);
        }
        let _ = observer.child.kill();
        let _ = observer.child.wait();
        Err(RigError::Observer(format!(
            "not ready within {READY_WAIT:?}; it said:\n{}",
            observer.said()
        )))
    }

    fn spawn(arguments: &[&str]) -> Result<Self> {
        let program = program();
        let mut child = Command::new(&program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                RigError::Observer(format!(
                    "{}: {error}; build it, or set FOREBAY_BIN",
                    program.display()
                ))
            })?;
        let stdout = child.stdout.take();
        let records = std::thread::spawn(move || {
            let mut text = Vec::new();
            if let Some(mut stdout) = stdout {
                let _ = stdout.read_to_end(&mut text);
            }
            String::from_utf8_lossy(&text).into_owned()
        });
        Ok(Self {
            child,
            records: Some(records),
            messages: None,
            agent: None,
        })
    }

    fn read_messages(&mut self) -> Result<(JoinHandle<String>, Receiver<()>)> {
        let stderr = self
            .child
            .stderr
            .take()
            .ok_or_else(|| RigError::Observer("no standard error".into()))?;
        let (sender, ready) = channel();
        let thread = std::thread::spawn(move || {
            let mut all = String::new();
            for line in BufReader::new(stderr)
                .lines()
                .map_while(std::result::Result::ok)
            {
                if READY.iter().any(|words| line.contains(words)) {
                    let _ = sender.send(());
                }
                all += &line;
                all.push('\n');
            }
            all
        });
        Ok((thread, ready))
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lets the last records settle, interrupts, and returns everything it wrote.
    ///
    /// # Errors
    /// When it does not end, fails, or writes something that is no record.
    pub fn stop(mut self) -> Result<RecordFile> {
        std::thread::sleep(SETTLE);
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGINT)?;
        let begin = Instant::now();
        let status = loop {
            match self
                .child
                .try_wait()
                .map_err(RigError::io("wait for the observer"))?
            {
                Some(status) => break status,
                None if begin.elapsed() > END_WAIT => {
                    return Err(RigError::Observer(format!(
                        "still runs {END_WAIT:?} after SIGINT"
                    )));
                }
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        let text = self
            .records
            .take()
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default();
        // 130 is the shell's convention for an interrupted program.
        if !matches!(status.code(), Some(0 | 130)) {
            return Err(RigError::Observer(format!(
                "{status}; it said:\n{}",
                self.said()
            )));
        }
        let records = RecordFile::parse(&text)?;
        if let Some((agent, folder)) = self.agent.take() {
            agent.stop_agent()?;
            let _ = std::fs::remove_dir_all(folder);
        }
        Ok(records)
    }

    /// Interrupts an agent that nobody asks any more.
    fn stop_agent(mut self) -> Result<()> {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGINT)?;
        self.child
            .wait()
            .map(drop)
            .map_err(RigError::io("wait for the agent"))
    }

    /// SIGKILL, as the out-of-memory killer does it.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn kill(mut self) -> Result<()> {
        self.child
            .kill()
            .map_err(RigError::io("kill the observer"))?;
        self.child
            .wait()
            .map(drop)
            .map_err(RigError::io("wait for the observer"))
    }

    fn said(&mut self) -> String {
        self.messages
            .take()
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some((agent, folder)) = self.agent.take() {
            drop(agent);
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
