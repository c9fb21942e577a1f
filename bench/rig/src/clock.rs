//! The monotonic clock and sleeps that end on time.

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep};

/// The last part of a sleep is spun: timer slack is 50 µs, a wake-up in a virtual machine costs more.
const SPIN_NS: u64 = 200_000;

fn read(clock: ClockId) -> u64 {
    // Cannot fail for the two clocks used here; 0 would show up as an absurd stamp.
    clock_gettime(clock).map_or(0, |t| {
        t.tv_sec() as u64 * 1_000_000_000 + t.tv_nsec() as u64
    })
}

/// Now, in nanoseconds of CLOCK_MONOTONIC.
pub fn now_ns() -> u64 {
    read(ClockId::CLOCK_MONOTONIC)
}

/// Nanoseconds to subtract from CLOCK_REALTIME to get CLOCK_MONOTONIC.
///
/// Taken as the tightest of five samples; the error is half of that sample's width (below 1 µs on
/// an idle CPU). Ask again for every stamp: the wall clock is slewed, by up to 500 µs per second.
pub fn realtime_offset_ns() -> u64 {
    let mut best = (u64::MAX, 0);
    for _ in 0..5 {
        let before = now_ns();
        let wall = read(ClockId::CLOCK_REALTIME);
        let after = now_ns();
        let sample = (
            after - before,
            wall.wrapping_sub(before + (after - before) / 2),
        );
        best = best.min(sample);
    }
    best.1
}

/// Sleeps until `deadline_ns` of CLOCK_MONOTONIC; spins for the last 200 µs.
pub fn sleep_until(deadline_ns: u64) {
    let Some(coarse) = deadline_ns.checked_sub(SPIN_NS) else {
        return;
    };
    if coarse > now_ns() {
        let at = TimeSpec::new(
            (coarse / 1_000_000_000) as i64,
            (coarse % 1_000_000_000) as i64,
        );
        let flags = ClockNanosleepFlags::TIMER_ABSTIME;
        while clock_nanosleep(ClockId::CLOCK_MONOTONIC, flags, &at) == Err(nix::Error::EINTR) {}
    }
    while now_ns() < deadline_ns {
        std::hint::spin_loop();
    }
}

/// Sleeps `ns` from now. Does nothing for 0.
pub fn sleep_ns(ns: u64) {
    if ns > 0 {
        sleep_until(now_ns() + ns);
    }
}
