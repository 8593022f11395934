//! Locks, and things to wait for, that park the G instead of blocking its M.
//!
//! All of them work from plain threads too, which they block; guards may be held across every call to gmp, and dropped on another thread. None is
//! poisoned by a panic. Who waits is served in the order in which it came; where there are exceptions, they are said.
//!
//! ```
//! use schedulers::gmp::{self, Runtime, sync::{Mutex, Semaphore}};
//!
//! # // SAFETY: no thread-locals.
//! # let runtime = unsafe { Runtime::new()? };
//! let (two_at_a_time, busiest) = (Semaphore::new(2), Mutex::new(0));
//! runtime.run(|| {
//!     gmp::scope(|scope| {
//!         for _ in 0..10 {
//!             scope.spawn(|| {
//!                 let _permit = two_at_a_time.acquire();
//!                 let busy = 2 - two_at_a_time.available_permits();
//!                 gmp::yield_now(); // With the permit in hand.
//!                 let mut busiest = busiest.lock();
//!                 *busiest = busy.max(*busiest);
//!             });
//!         }
//!     });
//! });
//! assert!(busiest.into_inner() <= 2);
//! # Ok::<(), std::io::Error>(())
//! ```

mod barrier;
mod condvar;
mod mutex;
mod once;
mod once_lock;
mod rwlock;
mod semaphore;
mod wait_group;

pub use barrier::{Barrier, BarrierWaitResult};
pub use condvar::Condvar;
pub use mutex::{Mutex, MutexGuard};
pub use once::Once;
pub use once_lock::OnceLock;
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use semaphore::{Semaphore, SemaphorePermit};
pub use wait_group::WaitGroup;
