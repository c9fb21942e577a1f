//! Any file as a capture: it is refused or read and replayed, without panic.
#![no_main]

#[path = "../../src/keep/fbcap.rs"]
#[allow(dead_code)]
mod fbcap;

use forebay_core::exchange::join::WallClock;
use forebay_core::pipeline::Pipeline;
use libfuzzer_sys::fuzz_target;

struct Bare;

impl WallClock for Bare {
    fn unix_ns(&self, monotonic_ns: u64) -> u64 {
        monotonic_ns
    }
}

fuzz_target!(|data: &[u8]| {
    // The first byte: the bytes are entries to be packed, or a file as it is.
    let Some((kind, data)) = data.split_first() else { return };
    let path = std::env::temp_dir().join(format!("forebay-fuzz-{}.fbcap", std::process::id()));
    if kind % 2 == 0 {
        let Ok(mut writer) = fbcap::Writer::create(&path) else { return };
        let _ = writer.write(data);
        let _ = writer.finish();
    } else if std::fs::write(&path, data).is_err() {
        return;
    }
    if let Ok(mut reader) = fbcap::Reader::open(&path) {
        let mut pipeline = Pipeline::new(Box::new(Bare));
        while let Ok(Some(entry)) = reader.next() {
            pipeline.replay(entry);
        }
        pipeline.finish_all(u64::MAX / 2);
    }
    let _ = std::fs::remove_file(&path);
});
