//! What is one request, and how it ended.

use super::*;

#[test]
fn encryption_refused_then_a_session() {
    let mut talk = Talk::new();
    talk.say(Client, &packet(80_877_103, b""))
        .say(Server, b"N")
        .say(Client, &startup());
    talk.say(Server, &msg(b'R', &[0, 0, 0, 3]))
        .say(Client, &msg(b'p', b"secret\0"));
    talk.say(
        Server,
        &[
            msg(b'R', &[0; 4]),
            msg(b'S', b"a\0b\0"),
            msg(b'K', &[0; 8]),
            ready(),
        ]
        .concat(),
    );
    assert_eq!(talk.short(), ["> SSL REQUEST", "< N", "> STARTUP", "< OK"]);
}

#[test]
fn encryption_is_a_tunnel() {
    for (code, answer) in [(80_877_103, b"S"), (80_877_104, b"G")] {
        let mut talk = Talk::new();
        talk.say(Client, &packet(code, b""))
            .say(Server, answer)
            .say(Client, b"\x16\x03\x01");
        let status = std::str::from_utf8(answer).unwrap();
        assert_eq!(
            talk.short(),
            ["> SSL REQUEST", &format!("< {status}"), "tunnel"]
        );
        assert_eq!(talk.parser.want().client, Report::Quiet);
    }
}

#[test]
fn cancel_and_refused_session() {
    let mut talk = Talk::new();
    talk.say(Client, &packet(80_877_102, &[1; 8]));
    assert_eq!(talk.short(), ["> CANCEL", "none"]);
    let mut talk = Talk::new();
    talk.say(Client, &startup()).say(Server, &error("28P01"));
    talk.parser.end(Server, &mut talk.frames);
    assert_eq!(talk.short(), ["> STARTUP", "! 28P01"]);
}

#[test]
fn simple_queries() {
    let mut talk = Talk::started();
    let notice = msg(b'N', b"SNOTICE\0C00000\0\0");
    talk.say(Client, &query("select 'secret'"));
    talk.say(
        Server,
        &[
            notice,
            msg(b'T', &[0, 0]),
            row(3),
            complete("SELECT 1"),
            ready(),
        ]
        .concat(),
    );
    talk.say(Client, &query("insert into t values (1); selec"));
    talk.say(
        Server,
        &[complete("INSERT 0 1"), error("42601"), ready()].concat(),
    );
    talk.say(Client, &query(""))
        .say(Server, &[msg(b'I', b""), ready()].concat());
    talk.say(Server, &msg(b'A', b"1234channel\0secret\0"));
    talk.say(Client, &msg(b'F', &[0; 12]))
        .say(Server, &[msg(b'V', &[0; 4]), ready()].concat());
    talk.say(Client, &msg(b'X', b""));
    assert_eq!(
        talk.short(),
        [
            "> SELECT ?",
            "< SELECT",
            "> INSERT INTO t VALUES (?); selec",
            "! 42601",
            "> ",
            "< OK",
            "> FUNCTION CALL",
            "< OK",
            "> TERMINATE",
            "none"
        ]
    );
    let first: Vec<_> = talk.frames[..5].to_vec();
    let (c, s) = (18, 15);
    assert!(
        matches!(first[0], Frame::Request { at, .. } if at == c),
        "{first:?}"
    );
    assert_eq!(first[1], Frame::RequestEnd { at: c + 21 });
    assert!(
        matches!(first[2], Frame::Response { at, .. } if at == s + 21),
        "{first:?}"
    );
}

#[test]
fn prepared_statements_and_portals() {
    let mut talk = Talk::started();
    let describe = msg(b'D', b"Ss1\0");
    talk.say(
        Client,
        &[
            parse("s1", "select e <=> $1 from t"),
            describe.clone(),
            flush(),
        ]
        .concat(),
    );
    talk.say(
        Server,
        &[msg(b'1', b""), msg(b't', &[0, 0]), msg(b'T', &[0, 0])].concat(),
    );
    talk.say(
        Client,
        &[bind("", "s1", b"secret"), execute(""), sync()].concat(),
    );
    talk.say(
        Server,
        &[msg(b'2', b""), row(4), complete("SELECT 1"), ready()].concat(),
    );
    talk.say(
        Client,
        &[bind("p", "s1", b"1"), execute("p"), sync()].concat(),
    );
    talk.say(
        Server,
        &[msg(b'2', b""), row(1), msg(b's', b""), ready()].concat(),
    );
    talk.say(Client, &[execute("p"), sync()].concat());
    talk.say(Server, &[row(1), complete("SELECT 1"), ready()].concat());
    talk.say(Client, &[msg(b'C', b"Ss1\0"), sync()].concat());
    talk.say(Server, &[msg(b'3', b""), ready()].concat());
    talk.say(
        Client,
        &[bind("", "s1", b"1"), execute(""), sync()].concat(),
    );
    talk.say(Server, &[error("26000"), ready()].concat());
    let shape = "SELECT e <=> $1 FROM t";
    assert_eq!(
        talk.short(),
        [
            &format!("> {shape}"),
            &format!("= PREPARE {shape}"),
            "< OK",
            &format!("> {shape}"),
            "< SELECT",
            &format!("> {shape}"),
            "< OK",
            &format!("> {shape}"),
            "< SELECT",
            "> CLOSE",
            "< OK",
            "> EXECUTE (unknown statement)",
            "! 26000"
        ]
    );
    let roles: Vec<_> = talk
        .frames
        .iter()
        .filter_map(|f| match f {
            Frame::Request { facts, .. } | Frame::RequestFacts(facts) => facts.role,
            _ => None,
        })
        .collect();
    assert_eq!(
        roles[..3],
        [Role::VectorSearch, Role::Database, Role::VectorSearch]
    );
}

#[test]
fn several_groups_in_flight() {
    let mut talk = Talk::started();
    let group = |sql: &str| [parse("", sql), bind("", "", b"1"), execute(""), sync()].concat();
    let many = [
        bind("", "", b"1"),
        execute(""),
        bind("", "", b"2"),
        execute(""),
        sync(),
    ]
    .concat();
    talk.say(
        Client,
        &[group("select 1"), group("delete from t"), many].concat(),
    );
    let two = [msg(b'2', b""), complete("DELETE 1")].concat();
    talk.say(Server, &[msg(b'1', b""), error("22012"), ready()].concat());
    talk.say(
        Server,
        &[
            msg(b'1', b""),
            two.clone(),
            ready(),
            two.clone(),
            two,
            ready(),
        ]
        .concat(),
    );
    assert_eq!(
        talk.short(),
        [
            "> SELECT ?",
            "> DELETE FROM t",
            "> DELETE FROM t",
            "! 22012",
            "< DELETE",
            "< DELETE"
        ]
    );
    assert_eq!(
        talk.parser.want().client,
        Report::Turns { head_bytes: 4096 }
    );
}

#[test]
fn an_error_skips_to_the_sync() {
    let mut talk = Talk::started();
    let prepare = [parse("a", "select x"), msg(b'D', b"Sa\0"), flush()].concat();
    let run = [bind("", "a", b"1"), execute(""), flush()].concat();
    talk.say(Client, &[prepare, run.clone()].concat())
        .say(Server, &error("42703"));
    talk.say(Client, &run)
        .say(Client, &[bind("", "a", b"1"), sync()].concat());
    talk.say(Server, &ready()).say(Client, &query("select 1"));
    talk.say(Server, &[complete("SELECT 1"), ready()].concat());
    assert_eq!(
        talk.short(),
        [
            "> SELECT x",
            "= PREPARE SELECT x",
            "> SELECT x",
            "! 42703",
            "none",
            "> SELECT x",
            "none",
            "> SELECT x",
            "! SKIPPED",
            "> SELECT ?",
            "< SELECT"
        ]
    );
}

#[test]
fn copies() {
    let mut talk = Talk::started();
    let data = [
        msg(b'd', b"secret\n"),
        msg(b'd', b"secret\n"),
        msg(b'c', b""),
    ]
    .concat();
    talk.say(Client, &query("copy t from stdin"))
        .say(Server, &msg(b'G', &[0, 0, 0]));
    let (asked, end) = (talk.said[0], talk.said[0] + data.len() as u64);
    talk.say(Client, &data)
        .say(Server, &[complete("COPY 2"), ready()].concat());
    assert!(asked < end && talk.frames.contains(&Frame::RequestEnd { at: end }));
    // libpq: extended, a second Sync after the data.
    talk.say(
        Client,
        &[
            parse("", "copy t from stdin"),
            bind("", "", b""),
            execute(""),
            sync(),
        ]
        .concat(),
    );
    talk.say(
        Server,
        &[msg(b'1', b""), msg(b'2', b""), msg(b'G', &[0, 0, 0])].concat(),
    );
    talk.say(Client, &[data, sync()].concat())
        .say(Server, &[complete("COPY 2"), ready()].concat());
    talk.say(Client, &query("copy t to stdout"));
    talk.say(
        Server,
        &[
            msg(b'H', &[0, 0, 0]),
            msg(b'd', b"secret\n"),
            msg(b'c', b""),
            complete("COPY 1"),
            ready(),
        ]
        .concat(),
    );
    talk.say(Client, &query("START_REPLICATION SLOT s LOGICAL 0/0"))
        .say(Server, &msg(b'W', &[0, 0, 0]));
    talk.say(Server, &msg(b'd', b"wal"));
    let short = talk.short();
    assert_eq!(
        short[..6],
        [
            "> COPY t FROM STDIN",
            "< COPY",
            "> COPY t FROM STDIN",
            "< COPY",
            "> COPY t TO STDOUT",
            "< COPY"
        ]
    );
    assert_eq!(short[7..], ["< OK", "tunnel"]);
}
