//! With rights and without an agent a verb observes by itself, and leaves nothing behind.

use crate::agent::wait_for;
use crate::forebay;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;

/// An `observe` that finds no agent; its temporary files go to `dir`.
fn observe(dir: &TempDir, flags: &[&str]) -> Command {
    let mut command = forebay();
    command.args(["observe", "--json", "--socket"]);
    command.arg(dir.path().join("none.sock")).args(flags);
    command.env("TMPDIR", dir.path());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits for the line that says so, and returns it.
fn announced(child: &mut Child) -> String {
    let mut line = String::new();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    said.read_line(&mut line).unwrap();
    line
}

/// One request to a server of this test.
fn one_request(path: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).unwrap();
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        stream.write_all(answer).unwrap();
    });
    let mut client = TcpStream::connect(address).unwrap();
    // In one write: the server reads once.
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    client.write_all(request.as_bytes()).unwrap();
    client.read_to_string(&mut String::new()).unwrap();
    server.join().unwrap();
}

/// One observer attaches at a time, so that each test judges its own.
static ALONE: Mutex<()> = Mutex::new(());

fn has_rights() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("needs root to observe: not run");
    }
    root
}

#[test]
fn it_says_so_observes_and_goes() {
    if !has_rights() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = TempDir::new().unwrap();
    let path = format!("/own-agent-{}", std::process::id());
    let op = format!("GET {path}");
    let mut child = observe(
        &dir,
        &["--op", &op, "--since", "1m", "-n", "1", "--duration", "15s"],
    )
    .spawn()
    .unwrap();
    let said = announced(&mut child);
    assert!(
        said.starts_with("no agent is running: observing with one of our own"),
        "{said}"
    );
    one_request(&path);
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success());
    let record: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(record["op"], op);
    assert_eq!(record["status"], "200");
    assert_eq!(record["side"], "both");
    assert_eq!(record["client"]["pid"], std::process::id());
    assert_eq!(
        dir.path().read_dir().unwrap().count(),
        0,
        "files were left behind"
    );
}

#[test]
fn its_socket_is_closed_to_others_and_signals_end_it_well() {
    use std::os::unix::fs::PermissionsExt;
    if !has_rights() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for signal in [Signal::INT, Signal::TERM] {
        let dir = TempDir::new().unwrap();
        let mut child = observe(&dir, &[]).spawn().unwrap();
        announced(&mut child);
        let place = dir.path().read_dir().unwrap().next().unwrap().unwrap();
        assert_eq!(
            place.metadata().unwrap().permissions().mode() & 0o777,
            0o700
        );
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        wait_for("an empty directory", || {
            dir.path().read_dir().unwrap().count() == 0
        });
    }
}
