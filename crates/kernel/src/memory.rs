//! What the kernel half takes of memory, and giving free heap back to the system.

use std::os::fd::{AsRawFd, BorrowedFd};

/// What the kernel keeps of a tracked socket in front of the value itself (`struct
/// bpf_local_storage_elem`, with the pointer to its map).
const ELEMENT_BYTES: u64 = 72;
/// The list of one socket's storages (`struct bpf_local_storage`), as allocated.
const LIST_BYTES: u64 = 192;
/// What accounting adds to each of the two allocations.
const ACCOUNT_BYTES: u64 = 8;

/// Kernel memory of one tracked socket whose value has this size. Checked against the kernel memory
/// of the agent's memory cgroup: 722 bytes per socket of 240 bytes.
pub(crate) fn socket_bytes(value_bytes: u64) -> u64 {
    let element = match ELEMENT_BYTES + value_bytes {
        // The kernel's sizes of small allocations that are no power of two.
        65..=96 => 96,
        129..=192 => 192,
        bytes => bytes.next_power_of_two(),
    };
    element + LIST_BYTES + 2 * ACCOUNT_BYTES
}

/// Memory of a map or a program, as the kernel tells it of a descriptor of ours.
pub(crate) fn locked_bytes(fd: BorrowedFd<'_>) -> u64 {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd()));
    let info = info.unwrap_or_default();
    let mut values = info
        .lines()
        .filter_map(|line| line.strip_prefix("memlock:"));
    let value = values.next().and_then(|value| value.trim().parse().ok());
    value.unwrap_or(0)
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
}
