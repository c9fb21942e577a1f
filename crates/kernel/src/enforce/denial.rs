//! What the hooks tell: denials, one by one, and counts.

use super::EnforceError;
use crate::enforce_skeleton::EnforceSkel;
use crate::enforce_skeleton::types::{fb_denial, fb_side, fb_tally};
use forebay_core::policy::{Direction, Protocol};
use libbpf_rs::{MapCore, MapFlags, RingBuffer, RingBufferBuilder};
use std::cell::RefCell;
use std::mem::size_of;
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;

/// Something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    /// When, on the monotonic clock.
    pub at_ns: u64,
    /// The control group of the sender's socket; 0: refused on arrival.
    pub cgroup_id: u64,
    /// Denials for this reason and peer since the last one that was told.
    pub count: u64,
    /// The other end.
    pub peer: IpAddr,
    /// The subject, of the table in force then.
    pub workload: u32,
    /// For `Table::reason`.
    pub reason: u32,
    /// Of the table that refused.
    pub revision: u32,
    /// The destination's port; 0 for all but TCP, UDP and SCTP.
    pub port: u16,
    /// ICMP stands for all that policies can't name.
    pub protocol: Protocol,
    /// Out of the subject or into it.
    pub direction: Direction,
}

/// What was judged, and what of it was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Let pass.
    pub allowed: u64,
    /// Refused.
    pub denied: u64,
    /// Let pass, since it is of nobody whom the tables know.
    pub unmanaged: u64,
    /// Refused without a record; a later one counts it.
    pub held_back: u64,
    /// Records that found the ring full.
    pub ring_full: u64,
    /// Let in as answers to what a workload had sent.
    pub answered: u64,
}

impl Tally {
    pub(super) fn read(map: &impl MapCore) -> Self {
        let sum = |which: fb_tally| {
            let each = map.lookup_percpu(&which.0.to_ne_bytes(), MapFlags::ANY);
            let each = each.ok().flatten().unwrap_or_default();
            let one = |bytes: &Vec<u8>| {
                let first = bytes.first_chunk().copied();
                u64::from_ne_bytes(first.unwrap_or_default())
            };
            each.iter().map(one).sum()
        };
        Self {
            allowed: sum(fb_tally::FB_ALLOWED),
            denied: sum(fb_tally::FB_DENIED),
            unmanaged: sum(fb_tally::FB_UNMANAGED),
            held_back: sum(fb_tally::FB_HELD_BACK),
            ring_full: sum(fb_tally::FB_RING_FULL),
            answered: sum(fb_tally::FB_ANSWERED),
        }
    }
}

pub(super) fn ring(
    skel: &EnforceSkel<'static>,
    waiting: Rc<RefCell<Vec<Denial>>>,
) -> Result<RingBuffer<'static>, EnforceError> {
    let mut builder = RingBufferBuilder::new();
    let callback = move |bytes: &[u8]| -> i32 {
        waiting.borrow_mut().extend(denial(bytes));
        0
    };
    builder
        .add(&skel.maps.denials, callback)
        .map_err(EnforceError::Ring)?;
    builder.build().map_err(EnforceError::Ring)
}

/// None if it is not one of ours (never seen).
fn denial(bytes: &[u8]) -> Option<Denial> {
    if bytes.len() < size_of::<fb_denial>() {
        return None;
    }
    // SAFETY: the length was checked, the read may be unaligned, and the type is integers and arrays
    // of them, for which any bits are a value.
    let d = unsafe { bytes.as_ptr().cast::<fb_denial>().read_unaligned() };
    Some(Denial {
        at_ns: d.at_ns,
        cgroup_id: d.cgroup_id,
        count: d.count,
        peer: IpAddr::V6(Ipv6Addr::from(d.peer)).to_canonical(),
        workload: d.workload,
        reason: d.reason,
        revision: d.revision,
        port: d.port,
        protocol: match d.protocol {
            6 => Protocol::Tcp,
            17 => Protocol::Udp,
            132 => Protocol::Sctp,
            _ => Protocol::Icmp,
        },
        direction: if u32::from(d.side) == fb_side::FB_INGRESS.0 {
            Direction::Ingress
        } else {
            Direction::Egress
        },
    })
}
