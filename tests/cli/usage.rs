//! Wrong input gets a sentence that helps, and exit code 2.

use crate::{err, output};

#[test]
fn wrong_usage_is_explained() {
    let cases: [(&[&str], &str); 9] = [
        (&["observ"], "observe"),
        (&[], "Usage: forebay"),
        (&["observe", "--role", "cook"], "vector_search"),
        (&["observe", "--protocol", "carrier-pigeon"], "tcp"),
        (&["observe", "--slower-than", "soon"], "20ms"),
        (&["observe", "--since=-5m"], "-5m"),
        (&["observe", "-n", "many"], "many"),
        (&["observe", "--json", "-o", "wide"], "--json"),
        (&["run", "--listen-metrics", "9464"], "9464"),
    ];
    for (args, part) in cases {
        let done = output(args);
        assert_eq!(done.status.code(), Some(2), "{args:?}: {}", err(&done));
        assert!(err(&done).contains(part), "{args:?}: {}", err(&done));
    }
}

#[test]
fn metrics_beyond_loopback_are_refused_with_the_reason() {
    for address in ["0.0.0.0:9464", "[::]:9464", "192.0.2.1:9464"] {
        let done = output(&["run", "--listen-metrics", address]);
        assert_eq!(done.status.code(), Some(2));
        let said = err(&done);
        assert!(said.contains("TLS and a token"), "{said}");
        assert!(said.contains("--listen-metrics 127.0.0.1:9464"), "{said}");
    }
}

#[test]
fn a_missing_agent_is_named() {
    let dir = tempfile::TempDir::new().unwrap();
    let socket = dir.path().join("api.sock");
    let done = output(&["status", "--socket", socket.to_str().unwrap()]);
    assert_eq!(done.status.code(), Some(1));
    assert!(
        err(&done).contains(socket.to_str().unwrap()),
        "{}",
        err(&done)
    );
    assert!(err(&done).contains("sudo forebay run"), "{}", err(&done));
}

#[test]
fn a_broken_file_of_records_names_its_line() {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("records");
    std::fs::write(&file, "\n{\"ts\":1}\n").unwrap();
    let done = crate::agent::run_command(dir.path()).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(
        err(&done).contains("records, line 2: not a record"),
        "{}",
        err(&done)
    );
    std::fs::remove_file(file).unwrap();
    let done = crate::agent::run_command(dir.path()).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(
        err(&done).contains("cannot read records from"),
        "{}",
        err(&done)
    );
}
