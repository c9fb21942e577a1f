//! Clients that are programs, with a secret in their command lines and environments.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What they ask.
pub const OPS: [&str; 3] = ["GET /from-flags", "GET /from-code", "GET /from-script"];

/// One request by a shell, whose last line is free.
fn asking(op: &str, port: u16, last: &str) -> String {
    format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port}\nprintf '{op} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' >&3\n\
         while read -r line; do :; done <&3\n: {last}"
    )
}

/// Reads to the empty line: shells write line by line.
fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
}

/// Runs them all against a server of this test.
pub fn run(dir: &Path, x: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = dir.join("asks.sh");
    std::fs::write(&script, asking(OPS[2], port, "end")).unwrap();
    // The secret is what would be left of the code as a file's name.
    let lines = [
        vec!["-ec".into(), asking(OPS[0], port, &format!("/{x}"))],
        vec![
            "-c".into(),
            asking(OPS[1], port, &format!("/{x}")),
            x.into(),
        ],
        vec![script.display().to_string(), "--token".into(), x.into()],
    ];
    for line in lines {
        let mut shell = Command::new("bash");
        shell.args(line).env("API_TOKEN", x);
        shell.env("OTEL_RESOURCE_ATTRIBUTES", format!("service.version={x}"));
        let mut child = shell.spawn().unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        read_head(&mut stream);
        // Time for the agent to look at the process.
        std::thread::sleep(Duration::from_millis(300));
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        drop(stream);
        assert!(child.wait().unwrap().success());
    }
    std::fs::remove_file(script).unwrap();
}
