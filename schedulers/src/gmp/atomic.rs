//! The atomics that the lock-free parts are written with: std's, or loom's under `--cfg gmp_loom`.
//!
//! A private cfg, because `--cfg loom` would change tokio too.

#[cfg(gmp_loom)]
pub(super) use loom::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
#[cfg(not(gmp_loom))]
pub(super) use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
