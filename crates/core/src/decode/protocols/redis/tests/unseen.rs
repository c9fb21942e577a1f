//! Bytes that were not copied, garbage, and joining late.

use super::*;

#[test]
fn large_values_are_skipped_by_their_length() {
    let value = "v".repeat(100_000);
    let set = cmd(&format!("SET k {value}"));
    let get = format!("$100000\r\n{value}\r\n").into_bytes();
    let mut talk = Talk::new();
    for _ in 0..2 {
        talk.part(Client, &set[..50_000], 40)
            .part(Client, &set[50_000..], 0)
            .answer(b"+OK\r\n");
        talk.ask(&cmd("GET k"))
            .part(Server, &get[..500], 16)
            .part(Server, &get[500..], 0);
    }
    assert_eq!(
        talk.short(),
        "> SET < OK . > GET < OK . > SET < OK . > GET < OK ."
    );
    assert_eq!(
        talk.frames.last(),
        Some(&Frame::ResponseEnd { at: talk.said[1] })
    );
}

#[test]
fn ends_in_unseen_bytes() {
    let set = cmd(&format!("SET k {} EX 60", "v".repeat(1000)));
    let list: Vec<u8> = [b"*100\r\n".to_vec(), b"$3\r\nabc\r\n".repeat(100)].concat();
    let mut talk = Talk::new();
    talk.part(Client, &set, 100)
        .answer(b"+OK\r\n")
        .ask(&cmd("LRANGE l 0 -1"));
    talk.part(Server, &list[..600], 30)
        .part(Server, &list[600..], 0);
    let end = talk.said[1];
    talk.ask(&cmd("GET k")).answer(b"$-1\r\n");
    assert_eq!(talk.short(), "> SET < OK . > LRANGE < OK > GET . < OK .");
    assert!(talk.frames.contains(&Frame::ResponseEnd { at: end }));
    talk.ask(&cmd("LRANGE l 0 -1")).part(Server, &list, 30);
    talk.parser.end(Server, &mut talk.frames);
    assert_eq!(
        talk.frames.last(),
        Some(&Frame::ResponseEnd { at: talk.said[1] })
    );
}

#[test]
fn losses() {
    // Commands that began in unseen bytes.
    let mut talk = Talk::new();
    talk.part(Client, &["GET a", "GET b"].map(cmd).concat(), 20)
        .answer(b"$-1\r\n$-1\r\n");
    talk.ask(&cmd("PING")).answer(b"+PONG\r\n");
    assert_eq!(talk.short(), "> GET lost Client true < OK . > PING < OK .");
    assert_eq!(
        talk.parser.want().client,
        Report::Turns { head_bytes: 2048 }
    );
    // Commands behind the unseen rest of another.
    let mut talk = Talk::new();
    let set = cmd(&format!("SET k {} EX 60", "v".repeat(1000)));
    talk.part(Client, &[set, cmd("GET a")].concat(), 100)
        .answer(b"+OK\r\n$-1\r\n");
    talk.ask(&cmd("PING")).answer(b"+PONG\r\n");
    assert_eq!(talk.short(), "> SET < OK . lost Client true > PING < OK .");
    // Replies of a pipeline that can't be told apart.
    let mut talk = Talk::new();
    talk.ask(&["LRANGE l 0 -1", "GET b"].map(cmd).concat());
    talk.part(
        Server,
        &[b"*9\r\n".to_vec(), b":1\r\n".repeat(9), b"$-1\r\n".to_vec()].concat(),
        8,
    );
    talk.ask(&cmd("PING")).answer(b"+PONG\r\n");
    assert_eq!(
        talk.short(),
        "> LRANGE > GET < OK lost Server true > PING < OK ."
    );
    // Garbage.
    for garbage in [
        &b"\0\xff\r\n"[..],
        b"*x\r\n",
        b"*1\r\n+PING\r\n",
        b"*1\r\n$-1\r\n",
    ] {
        let mut talk = Talk::new();
        talk.ask(garbage)
            .answer(b"-ERR\r\n")
            .ask(&cmd("PING"))
            .answer(b"+PONG\r\n");
        assert_eq!(talk.short(), "lost Client false > PING < OK .");
        let mut talk = Talk::new();
        talk.ask(&cmd("PING"))
            .answer(b"\x80\r\n")
            .ask(&cmd("PING"))
            .answer(b"+PONG\r\n");
        assert_eq!(talk.short(), "> PING lost Server false > PING < OK .");
    }
}

#[test]
fn joined_in_the_middle() {
    let mut talk = Talk::new();
    talk.said = [100, 200];
    talk.answer(b"half\r\n")
        .ask(&cmd("GET k"))
        .answer(b"$-1\r\n");
    assert_eq!(talk.short(), "> GET < OK .");
}

#[test]
fn sniffs() {
    use Guess::{Mine, More, NotMine};
    let table: [(&[u8], Option<Speaker>, Guess); 17] = [
        (b"*1\r\n$4\r\nPING\r\n", None, Mine(Client)),
        (b"*3\r\n$3\r\nset\r\n$1\r\na\r\n", None, Mine(Client)),
        (b"*3\r\n$3\r\nse", None, More),
        (b"*1", None, More),
        (b"", None, More),
        (b"*1\r\n$6\r\nhunter\r\n", Some(Client), NotMine),
        (b"PING\r\n", None, NotMine),
        (b"PING\r\n", Some(Client), Mine(Client)),
        (b"hello 3\r\n", Some(Client), Mine(Client)),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", None, NotMine),
        (b"+OK\r\n", None, Mine(Server)),
        (b"$5\r\nhello\r\n", None, Mine(Server)),
        (b"$5\r\nhel", None, More),
        (b"-ERR no\r\n", Some(Server), Mine(Server)),
        (b"+OK\r\n", Some(Client), NotMine),
        (b"\x16\x03\x01\x02\0", None, NotMine),
        (b"HTTP/1.1 200 OK\r\n\r\n", None, NotMine),
    ];
    for (data, hint, want) in table {
        assert_eq!(
            (REDIS.sniff)(data, hint),
            want,
            "{:?} {hint:?}",
            String::from_utf8_lossy(data)
        );
    }
}

#[test]
fn secrets_stay() {
    let mut talk = Talk::new();
    for words in [
        "AUTH hunter2",
        "AUTH bob hunter2",
        "HELLO 3 AUTH bob hunter2 SETNAME hunter2",
        "SET hunter2 hunter2",
        "hunter2 hunter2",
        "CONFIG SET requirepass hunter2",
        "CONFIG hunter2 hunter2",
        "CLIENT hunter2",
        "ACL SETUSER hunter2 >hunter2",
        "EVAL hunter2 0",
        "FT.SEARCH hunter2 hunter2",
        "FT.hunter2 x",
        "hunter2.get x",
    ] {
        let whole = cmd(words);
        for seen in 1..=whole.len() {
            talk.part(Client, &whole, seen)
                .answer(b"-hunter2 hunter2\r\n");
        }
        talk.ask(words.as_bytes())
            .ask(b"\r\n")
            .answer(b"+hunter2\r\n")
            .ask(&whole)
            .answer(b"!7\r\nhunter2\r\n");
    }
    let shown = format!("{:?}", talk.frames).to_lowercase();
    assert!(
        shown.contains("config set") && !shown.contains("hunter"),
        "{shown}"
    );
}
