//! The atomics that the lock-free parts are written with, and the locks of what stands beside them: std's (those of `lock`), or loom's under `--cfg gmp_loom`.
//!
//! A private cfg, because `--cfg loom` would change tokio too.

#[cfg(gmp_loom)]
pub(super) use loom::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};
#[cfg(not(gmp_loom))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

#[cfg(not(gmp_loom))]
pub(super) use super::lock::{Condvar, Mutex, MutexGuard};

/// Declares a constructor `const`, except under loom, whose atomics cannot be made in a constant.
macro_rules! const_fn {
    ($(#[$attribute:meta])* $visibility:vis fn $($rest:tt)*) => {
        #[cfg(not(gmp_loom))]
        $(#[$attribute])*
        $visibility const fn $($rest)*
        #[cfg(gmp_loom)]
        $(#[$attribute])*
        $visibility fn $($rest)*
    };
}
pub(super) use const_fn;
