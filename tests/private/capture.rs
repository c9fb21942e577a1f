//! Capture files from the outside: unpacked, cut down to some connections, packed again.

use forebay_core::enrich::Workload;
use forebay_core::event::Cookie;
use forebay_core::tape::Entry;
use lz4_flex::frame::{FrameDecoder, FrameEncoder};
use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;

/// First bytes of a capture file.
const MAGIC: &[u8] = b"FBCAP\x00\x00\x02";
/// What the recorded process is called in a file that is kept.
const PID: u32 = 100;
const NAME: &str = "scripted";

/// The entries of a file, still encoded.
pub fn unpacked(path: &Path) -> Vec<u8> {
    let file = std::fs::read(path).unwrap();
    let mut bytes = Vec::new();
    let packed = file.strip_prefix(MAGIC).expect("a capture file");
    FrameDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    bytes
}

pub fn entries(mut bytes: &[u8]) -> Vec<Entry> {
    let mut entries = Vec::new();
    while let Some((len, rest)) = bytes.split_first_chunk() {
        let (entry, rest) = rest.split_at(u32::from_le_bytes(*len) as usize);
        entries.push(postcard::from_bytes(entry).unwrap());
        bytes = rest;
    }
    entries
}

pub fn pack(entries: &[Entry], path: &Path) {
    let mut out = FrameEncoder::new(MAGIC.to_vec());
    for entry in entries {
        let bytes = postcard::to_allocvec(entry).unwrap();
        out.write_all(&(bytes.len() as u32).to_le_bytes()).unwrap();
        out.write_all(&bytes).unwrap();
    }
    std::fs::write(path, out.finish().unwrap()).unwrap();
}

/// What belongs to connections between these addresses, with nothing of this host but its times.
pub fn only(entries: Vec<Entry>, addresses: &[SocketAddr; 2]) -> Vec<Entry> {
    let mut ours: HashSet<Cookie> = HashSet::new();
    let mut kept = Vec::new();
    for mut entry in entries {
        let stays = stays(&entry, &ours);
        match &mut entry {
            Entry::Open(open)
                if addresses.contains(&open.local) && addresses.contains(&open.peer) =>
            {
                ours.insert(open.cookie);
                (open.netns, open.cgroup) = (1, 1);
            }
            Entry::Owner(owner) if ours.contains(&owner.cookie) => {
                (owner.pid, owner.cgroup) = (PID, 1);
                owner.comm = NAME.into();
                // The tape has it before the first owner or long before that: it is the same again.
                kept.push(Entry::Workload(PID, workload()));
            }
            _ if !stays => continue,
            _ => {}
        }
        kept.push(entry);
    }
    kept
}

fn workload() -> Workload {
    Workload {
        name: NAME.into(),
        comm: NAME.into(),
        ..Workload::default()
    }
}

fn stays(entry: &Entry, ours: &HashSet<Cookie>) -> bool {
    let cookie = match entry {
        Entry::Start { .. } | Entry::Tick(_) | Entry::End(_) => return true,
        Entry::Open(_) | Entry::Owner(_) | Entry::Workload(..) | Entry::Lost(..) => return false,
        Entry::Told(passage, _) | Entry::Bytes(passage, ..) | Entry::Both(passage, ..) => {
            passage.cookie
        }
        Entry::Mark(mark) => mark.cookie,
        Entry::Close(close, _) => close.cookie,
        Entry::Silent(cookie, _) => *cookie,
        Entry::Resume(resume) => resume.cookie,
    };
    ours.contains(&cookie)
}
