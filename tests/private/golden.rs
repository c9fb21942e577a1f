//! Makes the capture files that `tests/cli/captures.rs` replays.

use crate::agent::{Agent, said};
use crate::capture::{entries, only, pack, unpacked};
use crate::scripts::SCRIPTS;
use crate::talk::Talk;
use std::path::Path;
use std::time::Duration;

/// Add `-- --ignored`, then write the expectations anew: `UPDATE=1 cargo test --test cli captures`.
#[test]
#[ignore = "writes tests/golden/captures anew"]
fn make_the_golden_captures() {
    let agent = Agent::start();
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/captures");
    for (name, script) in SCRIPTS {
        let recorder = agent.spawn(&["record", "made.fbcap", "--payload", "--duration", "2s"]);
        std::thread::sleep(Duration::from_millis(700));
        let mut talk = Talk::open();
        let addresses = talk.addresses();
        talk.play(&script("made-up"));
        drop(talk);
        said(recorder);
        let all = entries(&unpacked(&agent.path("made.fbcap")));
        pack(
            &only(all, &addresses),
            &captures.join(format!("{name}.fbcap")),
        );
    }
}
