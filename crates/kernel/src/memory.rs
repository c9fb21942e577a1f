//! Gives free heap back to the system.

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
