//! Groups blame slots by who is at fault: one culprit is one rule's, so nothing counts twice.

use super::blame::{Blame, SLOTS, Slot};

/// Who made a request slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Culprit {
    /// The client writes its request late.
    ClientWriter,
    /// The server reads late.
    ServerReader,
    /// The client reads late.
    ClientReader,
    /// The path between the hosts.
    Wire,
    /// The sending host's stack, or a window of unknown owner.
    SendQueue,
    /// The server had no CPU.
    Cpu,
    /// The server's work.
    Engine,
    /// The server's work up to a stream's first chunk.
    FirstChunk,
    /// Stalls written late.
    StallEngine,
    /// Stalls that travelled late.
    StallWire,
    /// Stalls read late.
    StallReader,
    /// Not known.
    Unknown,
    /// The request failed.
    Failure,
}

/// Number of culprits.
pub const CULPRITS: usize = Culprit::Failure as usize + 1;

impl Culprit {
    /// Every culprit.
    pub const ALL: [Culprit; CULPRITS] = [
        Culprit::ClientWriter,
        Culprit::ServerReader,
        Culprit::ClientReader,
        Culprit::Wire,
        Culprit::SendQueue,
        Culprit::Cpu,
        Culprit::Engine,
        Culprit::FirstChunk,
        Culprit::StallEngine,
        Culprit::StallWire,
        Culprit::StallReader,
        Culprit::Unknown,
        Culprit::Failure,
    ];

    /// The slots it answers for.
    pub const fn slots(self) -> &'static [Slot] {
        match self {
            Culprit::ClientWriter => &[Slot::ClientWrite],
            Culprit::ServerReader => &[Slot::RecvServer, Slot::SendServerWindow],
            Culprit::ClientReader => &[
                Slot::RecvClient,
                Slot::SendClientWindow,
                Slot::BodyWindow,
                Slot::GapReader,
            ],
            Culprit::Wire => &[
                Slot::WireDelay,
                Slot::WireLoss,
                Slot::WireQueue,
                Slot::WireUnknown,
                Slot::BodyCongestion,
                Slot::GapWire,
            ],
            Culprit::SendQueue => &[Slot::SendCongestion, Slot::SendLocal, Slot::SendWindow],
            Culprit::Cpu => &[Slot::ServerCpu],
            Culprit::Engine => &[
                Slot::Server,
                Slot::ServerAnyThread,
                Slot::Body,
                Slot::GapEngine,
            ],
            Culprit::FirstChunk => &[Slot::First, Slot::FirstAnyThread],
            Culprit::StallEngine => &[Slot::StallEngine],
            Culprit::StallWire => &[Slot::StallWire],
            Culprit::StallReader => &[Slot::StallReader],
            Culprit::Unknown => &[Slot::Remote, Slot::RecvUnknown],
            Culprit::Failure => &[Slot::Failed],
        }
    }

    /// Nanoseconds it answers for.
    pub fn ns(self, blame: &Blame) -> u64 {
        blame.sum(self.slots())
    }
}

/// A culprit is seen in a request when it took at least this part of it …
pub const SEEN_SHARE: f64 = 0.10;
/// … and at least this long: below it, no person and no model server feels it.
pub const SEEN_NS: u64 = 1_000_000;

/// Requests in which each culprit was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen(pub [u32; CULPRITS]);

impl Seen {
    /// Counts the culprits seen in one request.
    pub fn add(&mut self, blame: &Blame, duration_ns: u64) {
        let least = SEEN_NS.max((duration_ns as f64 * SEEN_SHARE) as u64);
        let mut by_culprit = [0u64; CULPRITS];
        for (ns, culprit) in blame.0.iter().zip(OWNER) {
            by_culprit[culprit as usize] += ns;
        }
        for (count, ns) in self.0.iter_mut().zip(by_culprit) {
            *count += u32::from(ns >= least);
        }
    }
    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Seen) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }
    /// Requests in which `culprit` was seen.
    pub fn of(&self, culprit: Culprit) -> u64 {
        u64::from(self.0[culprit as usize])
    }
}

/// The culprit of each slot.
static OWNER: [Culprit; SLOTS] = owners();

const fn owners() -> [Culprit; SLOTS] {
    let mut owners = [Culprit::Unknown; SLOTS];
    let mut owned = [false; SLOTS];
    let mut culprit = 0;
    while culprit < CULPRITS {
        let slots = Culprit::ALL[culprit].slots();
        let mut i = 0;
        while i < slots.len() {
            let slot = slots[i] as usize;
            assert!(!owned[slot], "a slot must have one culprit");
            owned[slot] = true;
            owners[slot] = Culprit::ALL[culprit];
            i += 1;
        }
        culprit += 1;
    }
    let mut slot = 0;
    while slot < SLOTS {
        assert!(owned[slot], "a slot must have a culprit");
        slot += 1;
    }
    owners
}
