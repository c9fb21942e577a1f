//! Whatever is said, in whatever pieces.

use super::*;
use proptest::prelude::*;

fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let sample = |all: &[&'static str]| {
        prop::sample::select(all.to_vec()).prop_map(|s| s.as_bytes().to_vec())
    };
    prop_oneof![
        sample(&[
            "*2\r\n$3\r\nGET\r\n$1\r\na\r\n",
            "PING\r\n",
            "*1\r\n$7\r\nMONITOR\r\n",
            "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n"
        ]),
        sample(&[
            "+OK\r\n",
            "*2\r\n:1\r\n",
            ">1\r\n",
            "|1\r\n",
            "*?\r\n",
            ".\r\n",
            "$?\r\n;1\r\n",
            "%1\r\n",
            "$9999999\r\n",
            "*4294967295\r\n"
        ]),
        prop::collection::vec(any::<u8>(), 1..30),
        "[*$+:>|%~.;0-9\r\n-]{1,20}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn never_panics(said in prop::collection::vec((any::<bool>(), any_message(), 0usize..40), 0..40)) {
        let mut talk = Talk::new();
        for (client, data, seen) in said {
            talk.part(if client { Client } else { Server }, &data, seen);
        }
    }

    #[test]
    fn cuts_change_nothing(rounds in prop::collection::vec(0usize..7, 1..12), cut in 1usize..12) {
        let mut whole = Talk::new();
        let mut parts = Talk::new();
        for round in rounds {
            let (ask, answer): (Vec<u8>, &[u8]) = match round {
                0 => (cmd("GET k"), b"$5\r\nhello\r\n"),
                1 => (cmd("CONFIG GET maxmemory"), b"%1\r\n+a\r\n*2\r\n:1\r\n_\r\n"),
                2 => (cmd("FT.SEARCH i *=>[KNN_5_@v_$q]"), b"!5\r\nERR x\r\n"),
                3 => (["MULTI", "EXEC"].map(cmd).concat(), b"+OK\r\n|1\r\n+a\r\n+b\r\n*0\r\n"),
                4 => (b"  ping\r\n".to_vec()[2..].to_vec(), b">2\r\n$1\r\nx\r\n:1\r\n+PONG\r\n"),
                5 => (cmd("CLIENT REPLY SKIP"), b""),
                _ => (cmd(&format!("SET k {}", "v".repeat(300))), b"-MOVED 1 a:1\r\n"),
            };
            let answer = if round == 5 { &b""[..] } else { answer };
            let ask = if round == 5 { [ask, cmd("GET a")].concat() } else { ask };
            for (from, data) in [(Client, &ask[..]), (Server, answer)] {
                if data.is_empty() { continue; }
                whole.part(from, data, data.len());
                for part in data.chunks(cut) {
                    parts.part(from, part, part.len());
                }
            }
        }
        prop_assert_eq!(&whole.frames, &parts.frames);
        prop_assert!(!whole.short().contains("lost"));
    }

    #[test]
    fn unseen_bytes_never_mispair(asked in 16usize..80, seen in 0usize..200, values in 0usize..30) {
        let mut talk = Talk::new();
        let reply = [format!("*{values}\r\n").into_bytes(), b"$3\r\nabc\r\n".repeat(values)].concat();
        let ask = cmd("LRANGE l 0 -1");
        for _ in 0..3 {
            talk.part(Client, &ask, asked).part(Server, &reply, seen);
        }
        talk.ask(&cmd("PING"));
        if asked < ask.len() && seen < reply.len() {
            // Both ends unseen: other commands and their replies may hide there.
            let lost = talk.short().matches("lost").count();
            prop_assert!(talk.short().matches('<').count() + lost >= 2);
            return Ok(());
        }
        prop_assert_eq!(talk.short().matches("> LRANGE").count(), 3);
        // The last one's end shows with the next reply.
        talk.part(Server, b"+PONG\r\n", 7);
        prop_assert_eq!(talk.short().matches('.').count(), 4);
    }
}
