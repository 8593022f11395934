//! The locks at which threads wait, for what is off the fast paths: std's, or under `--cfg gmp_tsan` some that ThreadSanitizer sees through.

#[cfg(not(any(gmp_loom, gmp_tsan)))]
pub(super) use std::sync::Condvar;
#[cfg(not(gmp_tsan))]
pub(super) use std::sync::{Mutex, MutexGuard, OnceLock, RwLock};

#[cfg(gmp_tsan)]
pub(super) use super::tsan::{Condvar, Mutex, MutexGuard, OnceLock, RwLock};
