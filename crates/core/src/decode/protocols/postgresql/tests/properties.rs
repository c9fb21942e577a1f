//! Whatever is said, in whatever pieces.

use super::*;
use proptest::prelude::*;

fn talk_of(said: &[(bool, Vec<u8>, usize)]) -> Talk {
    let mut talk = Talk::new();
    for (client, data, seen) in said {
        if !data.is_empty() {
            talk.part(if *client { Client } else { Server }, data, *seen);
        }
    }
    talk
}

fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let kinds = prop::sample::select(b"QPBDECFSHXdcfpRKSZTDCINEA123nstGHWdcvV".to_vec());
    prop_oneof![
        (kinds, prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(k, b)| msg(k, &b)),
        prop::collection::vec(any::<u8>(), 0..30),
        Just(startup()),
        Just(
            [
                parse("s", "select 1"),
                bind("", "s", b"1"),
                execute(""),
                sync()
            ]
            .concat()
        ),
        Just([msg(b'2', b""), complete("SELECT 1"), ready()].concat()),
        Just(query("select a from b")),
    ]
}

proptest! {
    #[test]
    fn never_panics(said in prop::collection::vec((any::<bool>(), any_message(), 0usize..60), 0..30)) {
        talk_of(&said);
    }

    #[test]
    fn cuts_change_nothing(rounds in prop::collection::vec(0usize..6, 1..12), cut in 1usize..20) {
        let mut said = vec![(Client, startup()), (Server, [msg(b'R', &[0; 4]), ready()].concat())];
        for round in rounds {
            let (ask, answer) = match round {
                0 => (query("select 1"), [complete("SELECT 1"), ready()].concat()),
                1 => (query("nope"), [error("42601"), ready()].concat()),
                2 => ([parse("s", "select e <-> $1"), flush()].concat(), msg(b'1', b"")),
                3 => ([bind("", "s", b"12"), execute(""), sync()].concat(), [msg(b'2', b""), row(9), complete("SELECT 1"), ready()].concat()),
                4 => ([query("select 1"), query("select 2")].concat(), [complete("A"), ready(), complete("B"), ready()].concat()),
                _ => (query(&"x, ".repeat(900)), [row(3000), complete("SELECT 1"), ready()].concat()),
            };
            said.extend([(Client, ask), (Server, answer)]);
        }
        let mut whole = Talk::new();
        let mut parts = Talk::new();
        for (from, data) in said {
            whole.say(from, &data);
            for part in data.chunks(cut) {
                parts.say(from, part);
            }
        }
        prop_assert_eq!(&whole.frames, &parts.frames);
        prop_assert!(whole.short().iter().all(|s| !s.starts_with("lost")));
    }

    #[test]
    fn unseen_bytes_never_mispair(seen in 0usize..400, rows in 0usize..30) {
        let mut talk = Talk::started();
        for _ in 0..3 {
            let answer: Vec<u8> = (0..rows).flat_map(|_| row(30)).collect();
            talk.part(Client, &query("select 1"), seen.max(20));
            talk.part(Server, &[answer, complete("SELECT 1"), ready()].concat(), seen);
        }
        let count = |start: &str| talk.short().iter().filter(|s| s.starts_with(start)).count();
        prop_assert_eq!(count("> "), 3);
        prop_assert_eq!(count("< "), 3);
    }
}
