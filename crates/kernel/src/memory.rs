//! What the kernel half takes of memory, and giving free heap back to the system.

use crate::observe::Observe;
use libbpf_rs::MapCore;
use std::collections::BTreeMap;

/// What the kernel keeps of a tracked socket in front of the value itself (`struct
/// bpf_local_storage_elem`, with the pointer to its map).
const ELEMENT_BYTES: u64 = 72;
/// The list of one socket's storages (`struct bpf_local_storage`), as allocated.
const LIST_BYTES: u64 = 192;
/// What accounting adds to each of the two allocations.
const ACCOUNT_BYTES: u64 = 8;

impl Observe {
    /// Kernel memory of all maps and programs of this process, without the ring (it is mapped into the
    /// process) and the tracked sockets. It stays as it is.
    pub fn fixed_bytes(&self) -> u64 {
        let Ok(descriptors) = std::fs::read_dir("/proc/self/fdinfo") else {
            return 0;
        };
        let mut held = BTreeMap::new();
        for descriptor in descriptors.flatten() {
            // One that was closed in the meantime held nothing of ours.
            let info = std::fs::read_to_string(descriptor.path()).unwrap_or_default();
            held.extend(held_bytes(&info));
        }
        held.values().sum()
    }

    /// Kernel memory of one tracked socket.
    pub fn socket_bytes(&self) -> u64 {
        socket_bytes(u64::from(self.skel.maps.sockets.value_size()))
    }
}

/// Kernel memory of one tracked socket whose value has this size. Checked against the kernel memory
/// of the agent's memory cgroup: 722 bytes per socket of 240 bytes.
fn socket_bytes(value_bytes: u64) -> u64 {
    let element = match ELEMENT_BYTES + value_bytes {
        // The kernel's sizes of small allocations that are no power of two.
        65..=96 => 96,
        129..=192 => 192,
        bytes => bytes.next_power_of_two(),
    };
    element + LIST_BYTES + 2 * ACCOUNT_BYTES
}

/// Name and memory of the map or program behind a descriptor, as the kernel tells of it; `None` for
/// anything else, and for the ring. Two descriptors may stand for one thing.
fn held_bytes(info: &str) -> Option<(String, u64)> {
    let field = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim_start_matches(':').trim())
    };
    let (kind, id) = match (field("map_id"), field("prog_id")) {
        (Some(id), _) => ("map", id),
        (None, Some(id)) => ("program", id),
        (None, None) => return None,
    };
    let ring = libbpf_sys::BPF_MAP_TYPE_RINGBUF.to_string();
    if field("map_type") == Some(&ring) {
        return None;
    }
    Some((format!("{kind} {id}"), field("memlock")?.parse().ok()?))
}

/// Returns what the C library keeps of freed memory. Costs milliseconds on a large heap: for when
/// memory runs short, not for every second.
pub fn give_back_memory() {
    // The GNU library alone has this; others give memory back by themselves.
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointer and may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_takes_what_the_kernel_allocates_for_it() {
        assert_eq!(socket_bytes(240), 512 + 192 + 16);
        assert_eq!(socket_bytes(184), 256 + 192 + 16);
        assert_eq!(socket_bytes(100), 192 + 192 + 16);
    }

    #[test]
    fn descriptors_tell_what_they_hold() {
        let map = "pos:\t0\nmap_type:\t9\nmax_entries:\t8192\nmemlock:\t721792\nmap_id:\t7\n";
        assert_eq!(held_bytes(map), Some(("map 7".into(), 721_792)));
        let program = "prog_type:\t26\nmemlock:\t4096\nprog_id:\t7\n";
        assert_eq!(held_bytes(program), Some(("program 7".into(), 4096)));
        let ring = "map_type:\t27\nmemlock:\t8433992\nmap_id:\t8\n";
        assert_eq!(held_bytes(ring), None, "it is in the resident memory");
        let link = "link_type:\ttracing\nprog_id:\t7\n";
        assert_eq!(held_bytes(link), None);
        assert_eq!(held_bytes("pos:\t0\n"), None);
    }
}
