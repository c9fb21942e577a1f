//! Tables into the kernel: made and filled beside those in force, then referred to.

use super::{EnforceError, of_slot};
use crate::enforce_skeleton::EnforceSkel;
use crate::enforce_skeleton::types::{fb_enforce_bounds, fb_subject_flags};
use forebay_core::policy::Table;
use forebay_core::policy::table::Subject;
use libbpf_rs::libbpf_sys::{BPF_F_NO_PREALLOC, bpf_map_create_opts};
use libbpf_rs::{MapCore, MapFlags, MapHandle, MapType};
use std::mem::size_of;

/// Control groups that may come between two installs.
const SPARE_CGROUPS: usize = 4096;
/// Part of a bound from which on a table counts as nearly full.
const NEARLY_FULL_PERCENT: usize = 70;

/// How full a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Its name.
    pub map: &'static str,
    /// What it has.
    pub entries: usize,
    /// What it may have.
    pub most: usize,
}

impl Fill {
    /// Whether it is time to say so.
    #[must_use]
    pub fn is_nearly_full(&self) -> bool {
        self.entries * 100 >= self.most * NEARLY_FULL_PERCENT
    }
}

/// What was put in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Which tables hold from now on.
    pub revision: u32,
    /// How full they are.
    pub fills: Vec<Fill>,
}

/// A table on its way.
struct Draft {
    fill: Fill,
    kind: MapType,
    keys: Vec<u8>,
    values: Vec<u8>,
    key_bytes: usize,
    spare: usize,
}

/// Fills the slot of a revision; nothing reads it before that revision holds.
pub(super) fn fill(
    skel: &EnforceSkel<'static>,
    revision: u32,
    table: &Table,
    cgroups: &[(u64, u32)],
) -> Result<(Installed, MapHandle), EnforceError> {
    let drafts = [
        peers(table),
        subjects(table),
        pairs(table),
        ports(table),
        groups(cgroups),
    ];
    let full = drafts.iter().find(|one| one.fill.entries > one.fill.most);
    if let Some(Draft { fill, .. }) = full {
        return Err(EnforceError::TooLarge {
            map: fill.map,
            needs: fill.entries,
            most: fill.most,
        });
    }
    let maps = &skel.maps;
    let outer = [
        &maps.peers,
        &maps.subjects,
        &maps.pairs,
        &maps.ports,
        &maps.cgroups,
    ];
    let slot = (revision & 1).to_ne_bytes();
    let made: Vec<MapHandle> = drafts.iter().map(Draft::make).collect::<Result<_, _>>()?;
    let handles = outer.iter().zip(&drafts).map(|(outer, draft)| {
        let handle = MapHandle::try_from(*outer).map_err(|error| draft.refused(error))?;
        Ok((handle, draft))
    });
    let handles: Vec<_> = handles.collect::<Result<_, EnforceError>>()?;
    // Each waits until no program uses what it replaces: side by side they wait once.
    std::thread::scope(|scope| {
        let begun = handles.iter().zip(&made).map(|((outer, draft), inner)| {
            let wait = scope.spawn(move || outer.update(&slot, &of_slot(inner), MapFlags::ANY));
            (wait, *draft)
        });
        let begun: Vec<_> = begun.collect();
        begun.into_iter().try_for_each(|(wait, draft)| {
            // Nothing in there panics.
            let done = wait.join().unwrap_or(Ok(()));
            done.map_err(|error| draft.refused(error))
        })
    })?;
    let installed = Installed {
        revision,
        fills: drafts.iter().map(|draft| draft.fill).collect(),
    };
    let last = made.into_iter().next_back();
    Ok((installed, last.ok_or(EnforceError::NoTables)?))
}

impl Draft {
    fn new(
        map: &'static str,
        kind: MapType,
        most: fb_enforce_bounds,
        entries: impl Iterator<Item = (Vec<u8>, Vec<u8>)>,
    ) -> Self {
        let (mut keys, mut values, mut count, mut key_bytes) = (Vec::new(), Vec::new(), 0, 0);
        for (key, value) in entries {
            key_bytes = key.len();
            keys.extend(key);
            values.extend(value);
            count += 1;
        }
        Draft {
            fill: Fill {
                map,
                entries: count,
                most: most.0 as usize,
            },
            kind,
            keys,
            values,
            key_bytes,
            spare: 0,
        }
    }

    fn make(&self) -> Result<MapHandle, EnforceError> {
        let count = self.fill.entries;
        let (key_bytes, value_bytes) = match self.fill.map {
            "peers" => (20, 12),
            "subjects" => (4, 24),
            "pairs" => (8, 4),
            "ports" => (12, 4),
            _ => (8, 4),
        };
        debug_assert!(count == 0 || self.key_bytes == key_bytes);
        let options = bpf_map_create_opts {
            sz: size_of::<bpf_map_create_opts>() as _,
            map_flags: BPF_F_NO_PREALLOC,
            ..Default::default()
        };
        let room = (count + self.spare).clamp(1, self.fill.most) as u32;
        let name = Some(format!("fb_{}", self.fill.map));
        let map = MapHandle::create(
            self.kind,
            name,
            key_bytes as u32,
            value_bytes,
            room,
            &options,
        )
        .map_err(|error| EnforceError::Make {
            map: self.fill.map,
            entries: count,
            error,
        })?;
        if count > 0 {
            let (none, all) = (MapFlags::ANY, count as u32);
            map.update_batch(&self.keys, &self.values, all, none, none)
                .or_else(|_| self.one_by_one(&map))
                .map_err(|error| self.refused(error))?;
        }
        Ok(map)
    }

    fn refused(&self, error: libbpf_rs::Error) -> EnforceError {
        EnforceError::Write {
            map: self.fill.map,
            error,
        }
    }

    /// For kernels before 5.19, whose tries take no batches.
    fn one_by_one(&self, map: &MapHandle) -> Result<(), libbpf_rs::Error> {
        let value_bytes = self.values.len() / self.fill.entries;
        let keys = self.keys.chunks(self.key_bytes);
        for (key, value) in keys.zip(self.values.chunks(value_bytes)) {
            map.update(key, value, MapFlags::ANY)?;
        }
        Ok(())
    }
}

fn words(all: &[u32]) -> Vec<u8> {
    all.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// As `struct fb_address_key` and `struct fb_peer`.
fn peers(table: &Table) -> Draft {
    let entries = table.peers.iter().map(|(base, bits, peer)| {
        let key = [&u32::from(bits).to_ne_bytes()[..], &base.to_be_bytes()].concat();
        (key, words(&[peer.class, peer.workload, peer.node]))
    });
    Draft::new(
        "peers",
        MapType::LpmTrie,
        fb_enforce_bounds::FB_PEERS_MAX,
        entries,
    )
}

/// As `struct fb_subject`.
fn subjects(table: &Table) -> Draft {
    let entries = table.subjects.iter().map(|(workload, subject)| {
        let Subject {
            node, set, table, ..
        } = *subject;
        let flag = |on: bool, flag: fb_subject_flags| if on { flag.0 } else { 0 };
        let flags = flag(subject.pending, fb_subject_flags::FB_IS_PENDING)
            | flag(
                subject.node_local_egress,
                fb_subject_flags::FB_NODE_LOCAL_EGRESS,
            );
        let value = words(&[node, flags, set[0], set[1], table[0], table[1]]);
        (words(&[*workload]), value)
    });
    Draft::new(
        "subjects",
        MapType::Hash,
        fb_enforce_bounds::FB_SUBJECTS_MAX,
        entries,
    )
}

/// As `struct fb_pair`.
fn pairs(table: &Table) -> Draft {
    let entries = table
        .pairs
        .iter()
        .map(|((set, class), table)| (words(&[*set, *class]), words(&[*table])));
    Draft::new(
        "pairs",
        MapType::Hash,
        fb_enforce_bounds::FB_PAIRS_MAX,
        entries,
    )
}

/// As `struct fb_port_key`: 64 bits, big-endian.
fn ports(table: &Table) -> Draft {
    let entries = table.ports.iter().map(|(key, bits, verdict)| {
        let key = (key as u64).to_be_bytes();
        let key = [&u32::from(bits).to_ne_bytes()[..], &key].concat();
        (key, words(&[*verdict]))
    });
    Draft::new(
        "ports",
        MapType::LpmTrie,
        fb_enforce_bounds::FB_PORTS_MAX,
        entries,
    )
}

fn groups(cgroups: &[(u64, u32)]) -> Draft {
    let entries = cgroups
        .iter()
        .map(|(id, workload)| (id.to_ne_bytes().to_vec(), words(&[*workload])));
    let most = fb_enforce_bounds::FB_CGROUPS_MAX;
    Draft {
        spare: SPARE_CGROUPS,
        ..Draft::new("cgroups", MapType::Hash, most, entries)
    }
}
