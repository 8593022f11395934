//! Blocking a thread on a word (Linux's futex), and the monotonic clock that its deadlines are in.

use std::time::{Duration, Instant};
#[cfg(not(gmp_loom))]
use std::{
    ptr::null,
    sync::atomic::{AtomicU32, Ordering::*},
};

#[cfg(gmp_loom)]
pub(super) use super::models::Parker;

/// A deadline that never comes.
pub(super) const NEVER: u64 = u64::MAX;
/// A deadline that has passed.
pub(super) const NOW: u64 = 0;

/// Nanoseconds of CLOCK_MONOTONIC.
pub(super) fn now_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to our own variable; this clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// `instant` on the clock of [`now_ns`]; one that has passed gives a moment that has passed.
pub(super) fn deadline_ns(instant: Instant) -> u64 {
    let left = instant.saturating_duration_since(Instant::now());
    now_ns().saturating_add(u64::try_from(left.as_nanos()).unwrap_or(NEVER))
}

/// The end of `duration` from now; [`NEVER`] if that is more than the clock can count (500 years).
pub(super) fn ns_after(duration: Duration) -> u64 {
    now_ns().saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(NEVER))
}

/// Blocks while the word is `value`, until somebody wakes it or `until` passes; may also return for no reason.
#[cfg(not(gmp_loom))]
pub(super) fn wait(word: &AtomicU32, value: u32, until: u64) {
    let time =
        libc::timespec { tv_sec: (until / 1_000_000_000) as libc::time_t, tv_nsec: (until % 1_000_000_000) as _ };
    let time = if until == NEVER { null() } else { &raw const time };
    let op = libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG; // The BITSET one takes absolute times.
    // SAFETY: the word and the time live across the call.
    unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), op, value, time, null::<u32>(), libc::FUTEX_BITSET_MATCH_ANY)
    };
}

/// Wakes one thread that waits on the word.
#[cfg(not(gmp_loom))]
pub(super) fn wake(word: *const AtomicU32) {
    let op = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the kernel does not read the word, it looks the address up; a stale one wakes nobody, or somebody who looks again.
    unsafe { libc::syscall(libc::SYS_futex, word, op, 1) };
}

/// A thread's place to sleep: a flag that [`unpark`](Parker::unpark) sets and [`park`](Parker::park) takes.
#[cfg(not(gmp_loom))]
#[derive(Default)]
pub(super) struct Parker(AtomicU32);

#[cfg(not(gmp_loom))]
impl Parker {
    pub(super) const fn new() -> Self {
        Parker(AtomicU32::new(0))
    }

    /// Blocks until the flag is set, and takes it; `false` if `until` passed first.
    pub(super) fn park(&self, until: u64) -> bool {
        loop {
            // Acquire: pairs with the Release in `unpark`: what was done before it is seen.
            if self.0.swap(0, Acquire) != 0 {
                return true;
            }
            if until != NEVER && now_ns() >= until {
                return false;
            }
            wait(&self.0, 0, until);
        }
    }

    /// Sets the flag, and wakes the thread if it sleeps. The parker may be gone as soon as the flag is set.
    ///
    /// # Safety
    /// `this` is alive when the call begins.
    pub(super) unsafe fn unpark(this: *const Self) {
        // SAFETY: the caller's; after the store nothing but the address is used.
        unsafe {
            let word = &raw const (*this).0;
            if (*word).swap(1, Release) == 0 {
                wake(word);
            }
        }
    }
}
