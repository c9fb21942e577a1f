//! Bytes that were not copied, and joining late.

use super::*;

#[test]
fn a_response_ends_in_unseen_bytes() {
    let mut talk = Talk::started();
    let rows: Vec<u8> = (0..50).flat_map(|_| row(40)).collect();
    for (last, want) in [(complete("SELECT 50"), "< OK"), (error("57014"), "! ERROR")] {
        talk.frames.clear();
        talk.say(Client, &query("select a from t"));
        talk.part(Server, &rows, 256)
            .part(Server, &[&rows[..], &last, &ready()].concat(), 0);
        let end = talk.said[1];
        assert_eq!(talk.frames.last(), Some(&Frame::ResponseEnd { at: end }));
        assert_eq!(talk.short(), ["> SELECT a FROM t", want]);
    }
    // The next one is read again.
    talk.say(Client, &query("select 1"))
        .say(Server, &[complete("SELECT 1"), ready()].concat());
    assert_eq!(talk.short()[2..], ["> SELECT ?", "< SELECT"]);
}

#[test]
fn a_request_ends_in_unseen_bytes() {
    let mut talk = Talk::started();
    let vector = vec![b'1'; 20_000];
    let group = [
        parse("", "select e <-> $1 from t"),
        bind("", "", &vector),
        msg(b'D', b"P\0"),
        execute(""),
        sync(),
    ]
    .concat();
    talk.part(Client, &group[..9000], 1024)
        .part(Client, &group[9000..], 0);
    let end = talk.said[0];
    assert_eq!(talk.frames.last(), Some(&Frame::RequestEnd { at: end }));
    talk.say(
        Server,
        &[
            msg(b'1', b""),
            msg(b'2', b""),
            complete("SELECT 0"),
            ready(),
        ]
        .concat(),
    );
    talk.say(Client, &query("select 1"))
        .say(Server, &[complete("SELECT 1"), ready()].concat());
    assert_eq!(
        talk.short(),
        [
            "> SELECT e <-> $1 FROM t",
            "< SELECT",
            "> SELECT ?",
            "< SELECT"
        ]
    );
}

#[test]
fn requests_in_unseen_bytes_are_a_loss() {
    let mut talk = Talk::started();
    let two = [query("select 1"), query("select 2")].concat();
    let before = talk.parser.want().client;
    talk.part(Client, &two, 14).say(
        Server,
        &[complete("SELECT 1"), ready(), complete("SELECT 1"), ready()].concat(),
    );
    talk.say(Client, &query("select 3"))
        .say(Server, &[complete("SELECT 1"), ready()].concat());
    assert_eq!(
        talk.short(),
        [
            "> SELECT ?",
            "lost Client true",
            "< SELECT",
            "> SELECT ?",
            "< SELECT"
        ]
    );
    assert_ne!(talk.parser.want().client, before);
}

#[test]
fn several_responses_in_unseen_bytes_are_a_loss() {
    let mut talk = Talk::started();
    talk.say(Client, &[query("select 1"), query("select 2")].concat());
    let answer = [row(500), complete("SELECT 1"), ready()].concat();
    talk.part(Server, &[answer.clone(), answer].concat(), 100);
    talk.say(Client, &query("select 3"))
        .say(Server, &[complete("SELECT 1"), ready()].concat());
    assert_eq!(
        talk.short(),
        [
            "> SELECT ?",
            "> SELECT ?",
            "lost Server true",
            "> SELECT ?",
            "< SELECT"
        ]
    );
}

#[test]
fn joined_in_the_middle() {
    let mut talk = Talk::new();
    talk.said = [1000, 2000];
    talk.say(Server, &[row(3), complete("SELECT 1"), ready()].concat());
    talk.say(
        Client,
        &[bind("", "s9", b"1"), execute(""), sync()].concat(),
    );
    talk.say(
        Server,
        &[msg(b'2', b""), complete("UPDATE 1"), ready()].concat(),
    );
    assert_eq!(talk.short(), ["> EXECUTE (unknown statement)", "< UPDATE"]);
    for garbage in [
        &b"\0\0\0\0\0\0"[..],
        b"Q\0\0\0\x01",
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        talk.frames.clear();
        talk.say(Client, garbage).say(Server, &ready());
        talk.say(Client, &query("select 1"))
            .say(Server, &[complete("SELECT 1"), ready()].concat());
        assert_eq!(
            talk.short(),
            ["lost Client false", "> SELECT ?", "< SELECT"]
        );
    }
}

#[test]
fn sniffs() {
    use Guess::{Mine, More, NotMine};
    let row = [msg(b'T', &[0, 0]), complete("SELECT 1")].concat();
    let table: Vec<(Vec<u8>, Guess)> = vec![
        (startup(), Mine(Client)),
        (packet(196_610, b"user\0b\0\0"), Mine(Client)),
        (packet(80_877_103, b""), Mine(Client)),
        (query("select 1"), Mine(Client)),
        (parse("", "select 1"), Mine(Client)),
        (sync(), Mine(Client)),
        (ready(), Mine(Server)),
        (msg(b'R', &[0, 0, 0, 10]), Mine(Server)),
        (error("42601"), Mine(Server)),
        (row, Mine(Server)),
        (vec![], More),
        (vec![0, 0, 0], More),
        (b"Q\0\0".to_vec(), More),
        (b"N".to_vec(), More),
        (b"GET / HTTP/1.1\r\n".to_vec(), NotMine),
        (b"POST / HTTP/1.1\r\n".to_vec(), NotMine),
        (b"DELETE /a HTTP/1.1\r\n".to_vec(), NotMine),
        (b"HTTP/1.1 200 OK\r\n".to_vec(), NotMine),
        (b"*1\r\n$4\r\nPING\r\n".to_vec(), NotMine),
        (b"SSH-2.0-OpenSSH_9\r\n".to_vec(), NotMine),
        (b"EHLO example.org\r\n".to_vec(), NotMine),
        (
            b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec(),
            NotMine,
        ),
        (b"\0\0\x12\x04\0\0\0\0\0".to_vec(), NotMine),
    ];
    for (data, want) in table {
        assert_eq!(
            (POSTGRESQL.sniff)(&data, None),
            want,
            "{:?}",
            String::from_utf8_lossy(&data)
        );
    }
    assert_eq!((POSTGRESQL.sniff)(&ready(), Some(Client)), NotMine);
    assert_eq!(
        (POSTGRESQL.sniff)(&query("select 1"), Some(Server)),
        NotMine
    );
}

#[test]
fn secrets_stay() {
    let mut talk = Talk::started();
    let sql = "select 'hunter2', $$hunter2$$, E'hunter2' -- hunter2";
    talk.say(Client, &msg(b'p', b"hunter2\0"))
        .say(Client, &query(sql));
    talk.say(
        Server,
        &[error("hunte"), msg(b'N', b"Mhunter2\0\0"), ready()].concat(),
    );
    talk.say(
        Client,
        &[
            parse("hunter2", sql),
            bind("hunter2", "hunter2", b"hunter2"),
            execute("hunter2"),
            sync(),
        ]
        .concat(),
    );
    talk.say(Server, &[row(1), complete("hunter2"), ready()].concat());
    for end in 0..sql.len() {
        let part = query(sql);
        talk.part(Client, &part, 5 + end).say(Server, &ready());
    }
    let shown = format!("{:?}", talk.frames);
    assert!(
        shown.contains("SELECT ?") && !shown.to_lowercase().contains("hunte"),
        "{shown}"
    );
}
