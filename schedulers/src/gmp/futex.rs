//! Blocking a thread on a word (Linux's futex), and the monotonic clock that its deadlines are in.

#[cfg(not(gmp_loom))]
use std::ptr::null;
use std::time::{Duration, Instant};

use super::atomic::{AtomicU32, Ordering::*, const_fn};
#[cfg(gmp_loom)]
pub(super) use super::models::{wait, wake, wake_all};

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

/// Whether `until` is now or in the past.
pub(super) fn has_come(until: u64) -> bool {
    until != NEVER && until <= now_ns()
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

/// Wakes all threads that wait on the word.
#[cfg(not(gmp_loom))]
pub(super) fn wake_all(word: &AtomicU32) {
    let op = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the word lives across the call.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), op, i32::MAX) };
}

/// A thread's place to sleep: a flag that [`unpark`](Parker::unpark) sets and [`park`](Parker::park) takes.
///
/// A thread that wants to sleep somewhere else, in the netpoller, says so with [`leave`](Parker::leave): the word is one for both, so
/// whoever sets the flag learns from the same exchange where the thread is to be fetched from, and no wake-up falls between the two.
#[derive(Default)]
pub(super) struct Parker(AtomicU32);

/// The flag is not set.
const CLEAR: u32 = 0;
/// The flag is set.
const SET: u32 = 1;
/// Not set, and the thread does not sleep on this word.
const ELSEWHERE: u32 = 2;

impl Parker {
    const_fn! {
        pub(super) fn new() -> Self {
            Parker(AtomicU32::new(CLEAR))
        }
    }

    /// Blocks until the flag is set, and takes it; `false` if `until` passed first.
    pub(super) fn park(&self, until: u64) -> bool {
        loop {
            // Acquire: pairs with the Release in `unpark`: what was done before it is seen.
            if self.0.swap(CLEAR, Acquire) != CLEAR {
                return true;
            }
            if has_come(until) {
                return false;
            }
            wait(&self.0, CLEAR, until);
        }
    }

    /// The thread is about to sleep elsewhere; `false`, and the flag is taken, if it must not.
    pub(super) fn leave(&self) -> bool {
        // Acquire: as in `park`.
        let left = self.0.compare_exchange(CLEAR, ELSEWHERE, Relaxed, Relaxed).is_ok();
        if !left {
            self.0.swap(CLEAR, Acquire);
        }
        left
    }

    /// The thread is back from where it slept; whether the flag was set meanwhile. Takes it.
    pub(super) fn come_back(&self) -> bool {
        self.0.swap(CLEAR, Acquire) == SET
    }

    /// Sets the flag, and wakes the thread if it sleeps here; `true`: it sleeps elsewhere, and the caller must wake it there. The parker
    /// may be gone as soon as the flag is set.
    ///
    /// # Safety
    /// `this` is alive when the call begins.
    pub(super) unsafe fn unpark(this: *const Self) -> bool {
        // SAFETY: the caller's; after the store nothing but the address is used.
        unsafe {
            let word = &raw const (*this).0;
            let before = (*word).swap(SET, Release);
            if before == CLEAR {
                wake(word);
            }
            before == ELSEWHERE
        }
    }
}

#[cfg(all(test, gmp_loom))]
mod models {
    use loom::{cell::UnsafeCell, sync::Arc, thread};

    use super::*;
    use crate::gmp::models::Gate;

    /// What the sleeper waits for, and the parker that it leaves as soon as it was woken.
    struct Shared {
        parker: Parker,
        /// Stands for the netpoller, which remembers an interruption.
        elsewhere: Gate,
        news: UnsafeCell<u32>,
    }

    impl Shared {
        fn new() -> Arc<Self> {
            Arc::new(Shared { parker: Parker::new(), elsewhere: Gate::new(), news: UnsafeCell::new(0) })
        }

        fn tell(&self) {
            // SAFETY: loom checks that nobody reads meanwhile.
            self.news.with_mut(|news| unsafe { *news += 1 });
            // SAFETY: alive.
            if unsafe { Parker::unpark(&raw const self.parker) } {
                self.elsewhere.open();
            }
        }

        fn hear(&self) -> u32 {
            // SAFETY: as in `tell`.
            self.news.with(|news| unsafe { *news })
        }
    }

    /// Whoever parks is woken, whenever the other comes, and sees what was done before; twice.
    #[test]
    fn no_unpark_is_lost() {
        loom::model(|| {
            let shared = Shared::new();
            let other = shared.clone();
            let (parker, back) = (&shared.parker, Arc::new(Parker::new()));
            let answers = back.clone();
            let other = thread::spawn(move || {
                other.tell();
                answers.park(NEVER);
                other.tell();
            });
            assert!(parker.park(NEVER));
            assert_eq!(shared.hear(), 1);
            // SAFETY: alive.
            unsafe { Parker::unpark(&*back) };
            assert!(parker.park(NEVER));
            assert_eq!(shared.hear(), 2);
            other.join().unwrap();
        });
    }

    /// Two who wake the same one: it does not sleep after either has set the flag, and takes it once for both, or twice.
    #[test]
    fn two_unparks_wake_once_or_twice() {
        loom::model(|| {
            let parker = Arc::new(Parker::new());
            let others = [0; 2].map(|_| {
                let parker = parker.clone();
                // SAFETY: alive.
                thread::spawn(move || assert!(!unsafe { Parker::unpark(&*parker) }))
            });
            assert!(parker.park(NEVER));
            others.into_iter().for_each(|other| other.join().unwrap());
            parker.park(NOW);
            assert!(!parker.park(NOW), "the flag is taken");
        });
    }

    /// The sleeper sleeps in the netpoller instead: it is interrupted there, or does not go there.
    #[test]
    fn no_unpark_is_lost_while_the_thread_is_elsewhere() {
        loom::model(|| {
            let shared = Shared::new();
            let other = shared.clone();
            let other = thread::spawn(move || other.tell());
            if shared.parker.leave() {
                shared.elsewhere.pass();
                assert!(shared.parker.come_back());
            }
            assert_eq!(shared.hear(), 1);
            other.join().unwrap();
        });
    }

    /// The sleeper comes back from elsewhere by itself (a socket was ready), and then parks.
    #[test]
    fn no_unpark_is_lost_when_the_thread_comes_back() {
        loom::model(|| {
            let shared = Shared::new();
            let other = shared.clone();
            let other = thread::spawn(move || other.tell());
            let woken = !shared.parker.leave() || shared.parker.come_back() || shared.parker.park(NEVER);
            assert!(woken);
            assert_eq!(shared.hear(), 1);
            other.join().unwrap();
        });
    }
}
