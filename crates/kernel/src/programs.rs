//! What the kernel programs cost, by the kernel's own run-time statistics.

use libbpf_rs::ProgramImpl;
use serde::{Deserialize, Serialize};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

/// One program's run-time statistics since they were switched on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramStats {
    /// Its name.
    pub program: String,
    /// How often it ran.
    pub runs: u64,
    /// Time spent in it, the clock's own cost (60–100 ns a run) included.
    pub run_time_ns: u64,
    /// Times it was left out because it was already running on that CPU; counted since it was
    /// loaded, with or without statistics. What happened then was not seen.
    pub misses: u64,
}

/// Keeps the kernel's run-time statistics on while it lives.
pub struct StatsGuard(#[allow(dead_code)] OwnedFd);

/// Switches run-time statistics on; `None` if the kernel refuses.
pub(crate) fn enable() -> Option<StatsGuard> {
    // SAFETY: no pointers involved; the result is checked.
    let fd = unsafe { libbpf_sys::bpf_enable_stats(libbpf_sys::BPF_STATS_RUN_TIME) };
    if fd < 0 {
        return None;
    }
    // SAFETY: a fresh descriptor that nobody else owns.
    Some(StatsGuard(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// Reads one program's statistics.
pub(crate) fn read<T>(name: &str, program: &ProgramImpl<'_, T>) -> Option<ProgramStats> {
    let info = info(program)?;
    Some(ProgramStats {
        program: name.to_owned(),
        runs: info.run_cnt,
        run_time_ns: info.run_time_ns,
        misses: info.recursion_misses,
    })
}

/// What one program took to verify and takes in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramSize {
    /// Its name.
    pub program: String,
    /// Instructions the verifier walked, over all paths; the kernel's bound is a million.
    pub verified_instructions: u32,
    /// After the verifier's rewriting.
    pub translated_bytes: u32,
    /// Native code; 0 where the JIT is off.
    pub native_bytes: u32,
}

/// Reads one program's sizes; `None` if it is not loaded.
pub(crate) fn size<T>(name: &str, program: &ProgramImpl<'_, T>) -> Option<ProgramSize> {
    let info = info(program)?;
    Some(ProgramSize {
        program: name.to_owned(),
        verified_instructions: info.verified_insns,
        translated_bytes: info.xlated_prog_len,
        native_bytes: info.jited_prog_len,
    })
}

fn info<T>(program: &ProgramImpl<'_, T>) -> Option<libbpf_sys::bpf_prog_info> {
    let mut info = libbpf_sys::bpf_prog_info::default();
    let mut len = size_of_val(&info) as u32;
    // SAFETY: `info` and `len` are valid for writes and `len` is the size of `info`.
    let err = unsafe {
        libbpf_sys::bpf_prog_get_info_by_fd(
            program.as_fd().as_raw_fd(),
            &raw mut info,
            &raw mut len,
        )
    };
    (err == 0).then_some(info)
}
