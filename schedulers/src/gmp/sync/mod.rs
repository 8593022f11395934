//! Locks and groups that park the G instead of blocking its M. They work from plain threads too, and guards may be held across every call to gmp.

mod mutex;
mod wait_group;

pub use mutex::{Mutex, MutexGuard};
pub use wait_group::WaitGroup;
