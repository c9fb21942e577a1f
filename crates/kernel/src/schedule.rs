//! Which threads run only when a CPU has nothing else to do.

use std::io;

/// Lets a thread of this process run only on a CPU that is idle otherwise, or again as every other.
/// Threads that it starts begin like it.
///
/// # Errors
/// When the thread is gone, or a limit forbids the way back (`RLIMIT_NICE`).
pub fn run_when_idle(tid: i32, only: bool) -> io::Result<()> {
    let policy = if only {
        libc::SCHED_IDLE
    } else {
        libc::SCHED_OTHER
    };
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the call reads one `sched_param`, which lives until it returns.
    let result = unsafe { libc::sched_setscheduler(tid, policy, &parameters) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Whether a thread of this process runs only on an idle CPU.
///
/// # Errors
/// When the thread is gone.
pub fn runs_when_idle(tid: i32) -> io::Result<bool> {
    // SAFETY: the call takes a number and returns one.
    let policy = unsafe { libc::sched_getscheduler(tid) };
    if policy < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(policy == libc::SCHED_IDLE)
}
