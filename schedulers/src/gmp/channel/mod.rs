//! Channels: bounded, FIFO, any number of senders and receivers; capacity 0 is a rendezvous.
//!
//! As in Go, a value goes straight from the stack of the one that sends to the stack of the one that waits for it, and the woken G runs
//! next on the waker's P. One lock a channel guards everything; it is held for a few instructions and never while user code runs.
//!
//! | file | |
//! | --- | --- |
//! | `state` | what is behind the lock, and its invariants |
//! | `shared` | the operations that wait |
//! | `permit` | a send in two steps, for `select!` |
//! | `alarm` | a clock in the place of senders, for `time` |

mod alarm;
mod error;
mod iter;
mod permit;
mod shared;
mod state;

use std::{
    fmt,
    sync::{Arc, atomic::Ordering::*},
    time::Duration,
};

use super::futex::{NEVER, NOW, ns_after};
use shared::Shared;

pub(super) use alarm::Alarm;
pub use error::{RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};
pub use iter::{IntoIter, Iter, TryIter};
pub use permit::Permit;
pub(super) use shared::Shared as SharedChannel;
pub(super) use state::{Grant, Received, Slot, State, Wait, Waiting};

/// A channel for up to `capacity` values; with 0 every send waits until a receiver takes the value. Go's `make(chan T, capacity)`.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// runtime.run(|| {
///     let (sender, receiver) = gmp::channel(2);
///     let sends = gmp::spawn(move || (1..=5).try_for_each(|n| sender.send(n)));
///     assert_eq!(receiver.iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
///     assert_eq!(sends.join().unwrap(), Ok(()));
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
/// If a buffer of that capacity cannot be allocated.
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared::new(capacity, None));
    (Sender(shared.clone()), Receiver(shared))
}

/// A channel that never gives anything, and is never closed by itself: Go's nil channel, for a case of a `select!` that is switched off.
///
/// ```
/// # use schedulers::gmp;
/// let wanted: Option<gmp::Receiver<u32>> = None;
/// gmp::select! {
///     recv(wanted.as_ref().unwrap_or(&gmp::never())) -> _ => unreachable!(),
///     default => {}
/// }
/// ```
pub fn never<T>() -> Receiver<T> {
    Receiver(Arc::new(Shared::new(0, None)))
}

/// A channel without senders, whose values come from a clock.
pub(super) fn channel_with_alarm<T>(alarm: Alarm<T>) -> Receiver<T> {
    Receiver(Arc::new(Shared::new(0, Some(alarm))))
}

/// The sending half. When the last one is dropped, receivers get what is buffered and then [`RecvError`].
///
/// A goroutine that waits in one of its methods is parked; any other thread is blocked. Clones send to the same channel.
///
/// ```
/// # use schedulers::gmp;
/// let (sender, receiver) = gmp::channel(2);
/// let other = sender.clone();
/// assert_eq!((sender.send("a"), other.send("b")), (Ok(()), Ok(())));
/// assert_eq!(other.try_send("c"), Err(gmp::TrySendError::Full("c")));
/// drop((sender, other));
/// assert_eq!(receiver.iter().collect::<Vec<_>>(), ["a", "b"]);
/// ```
pub struct Sender<T>(Arc<Shared<T>>);

/// The receiving half. When the last one is dropped, sending fails.
///
/// A goroutine that waits in one of its methods is parked; any other thread is blocked. Clones receive from the same channel, each value once.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// runtime.run(|| {
///     let (sender, jobs) = gmp::channel(0);
///     let workers = [(); 3].map(|()| {
///         let jobs = jobs.clone();
///         gmp::spawn(move || jobs.iter().sum::<u32>())
///     });
///     (1..=100).try_for_each(|job| sender.send(job)).unwrap();
///     drop(sender);
///     let sum: u32 = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
///     assert_eq!(sum, 5050);
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Receiver<T>(Arc<Shared<T>>);

impl<T> Sender<T> {
    /// Sends, waiting while the buffer is full (for a rendezvous: until a receiver has taken the value).
    ///
    /// # Errors
    /// When nobody will receive; the value comes back.
    ///
    /// ```
    /// # use schedulers::gmp::{self, Runtime};
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::new()? };
    /// runtime.run(|| {
    ///     let (sender, receiver) = gmp::channel(0);
    ///     let takes_two = gmp::spawn(move || (receiver.recv(), receiver.recv()));
    ///     assert_eq!((sender.send(1), sender.send(2)), (Ok(()), Ok(())), "taken, not just sent");
    ///     assert_eq!(takes_two.join().unwrap(), (Ok(1), Ok(2)));
    ///     assert_eq!(sender.send(3).unwrap_err().into_inner(), 3);
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.0.send(value, NEVER).map_err(|error| SendError(error.into_inner()))
    }

    /// Sends if that is possible without waiting.
    ///
    /// # Errors
    /// When it is not: the buffer is full, or, without one, no receiver waits; and when nobody will receive. [`TrySendError`] has an example.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.0.send(value, NOW).map_err(|error| match error {
            SendTimeoutError::Timeout(value) => TrySendError::Full(value),
            SendTimeoutError::Disconnected(value) => TrySendError::Disconnected(value),
        })
    }

    /// Sends, waiting for `timeout` at most.
    ///
    /// # Errors
    /// When there was no room, or no receiver, in that time; and when nobody will receive.
    ///
    /// ```
    /// # use schedulers::gmp::{self, SendTimeoutError};
    /// # use std::time::Duration;
    /// let (sender, receiver) = gmp::channel(0);
    /// let sent = sender.send_timeout('x', Duration::from_millis(1));
    /// assert_eq!(sent, Err(SendTimeoutError::Timeout('x')));
    /// # drop(receiver);
    /// ```
    pub fn send_timeout(&self, value: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.0.send(value, ns_after(timeout))
    }

    /// Closes the channel: sending fails from now on, what is buffered can still be received. `false` if it was closed before. Those who wait in
    /// a send get their values back; other than in Go, neither sending nor closing again panics.
    ///
    /// ```
    /// # use schedulers::gmp;
    /// let (sender, receiver) = gmp::channel(1);
    /// sender.send(1).unwrap();
    /// assert!(sender.close());
    /// assert!(!sender.close() && !receiver.close(), "closed before");
    /// assert!(sender.send(2).is_err());
    /// assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Err(gmp::RecvError)));
    /// ```
    pub fn close(&self) -> bool {
        self.0.close()
    }

    /// How many values are buffered.
    pub fn len(&self) -> usize {
        self.0.locked(|state| state.buffer.len())
    }

    /// Whether nothing is buffered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether as many values are buffered as can be; a rendezvous is always full, and always empty.
    pub fn is_full(&self) -> bool {
        self.0.locked(|state| state.buffer.len() == state.capacity)
    }

    /// How many values can be buffered. Always known; an `Option` as in crossbeam, whose channels may be unbounded.
    pub fn capacity(&self) -> Option<usize> {
        Some(self.0.locked(|state| state.capacity))
    }

    pub(super) fn shared(&self) -> &Shared<T> {
        &self.0
    }
}

impl<T> Receiver<T> {
    /// Receives, waiting while there is nothing.
    ///
    /// # Errors
    /// When there is nothing and nobody will send.
    ///
    /// ```
    /// # use schedulers::gmp::{self, Runtime};
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::new()? };
    /// runtime.run(|| {
    ///     let (sender, receiver) = gmp::channel(0);
    ///     drop(gmp::spawn(move || {
    ///         gmp::time::sleep(std::time::Duration::from_millis(1));
    ///         sender.send("here it is")
    ///     }));
    ///     assert_eq!(receiver.recv(), Ok("here it is"), "waited for");
    ///     assert_eq!(receiver.recv(), Err(gmp::RecvError), "its sender is gone");
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    // Always: see `Shared::wait_to_recv`.
    #[inline(always)]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.0.recv(NEVER).map_err(|_| RecvError)
    }

    /// Receives if something is there. That includes a value that a `select!` on the other side is ready to send without a buffer: then this
    /// waits while that select evaluates it.
    ///
    /// # Errors
    /// When nothing is there; it says whether something may still come. [`TryRecvError`] has an example.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.recv(NOW).map_err(|error| match error {
            RecvTimeoutError::Timeout => TryRecvError::Empty,
            RecvTimeoutError::Disconnected => TryRecvError::Disconnected,
        })
    }

    /// Receives, waiting for `timeout` at most.
    ///
    /// # Errors
    /// When nothing came in that time; and when there is nothing and nobody will send.
    ///
    /// ```
    /// # use schedulers::gmp::{self, RecvTimeoutError};
    /// # use std::time::Duration;
    /// let (sender, receiver) = gmp::channel::<u32>(1);
    /// assert_eq!(receiver.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
    /// drop(sender);
    /// assert_eq!(receiver.recv_timeout(Duration::MAX), Err(RecvTimeoutError::Disconnected));
    /// ```
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.0.recv(ns_after(timeout))
    }

    /// Receives until nobody will send, waiting in between. Also what a `for` over a `&Receiver` does: Go's `for value := range channel`.
    ///
    /// ```
    /// # use schedulers::gmp;
    /// let (sender, receiver) = gmp::channel(2);
    /// (1..=2).try_for_each(|n| sender.send(n)).unwrap();
    /// sender.close();
    /// for value in &receiver {
    ///     println!("{value}");
    /// }
    /// assert_eq!(receiver.iter().next(), None);
    /// ```
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self)
    }

    /// Receives until nothing is there. It never waits.
    ///
    /// ```
    /// # use schedulers::gmp;
    /// let (sender, receiver) = gmp::channel(9);
    /// (1..=3).try_for_each(|n| sender.send(n)).unwrap();
    /// assert_eq!(receiver.try_iter().sum::<u32>(), 6);
    /// assert_eq!(receiver.try_recv(), Err(gmp::TryRecvError::Empty), "more may come");
    /// ```
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter(self)
    }

    /// As [`Sender::close`].
    pub fn close(&self) -> bool {
        self.0.close()
    }

    /// As [`Sender::len`].
    pub fn len(&self) -> usize {
        self.0.locked(|state| state.buffer.len())
    }

    /// As [`Sender::is_empty`].
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As [`Sender::is_full`].
    pub fn is_full(&self) -> bool {
        self.0.locked(|state| state.buffer.len() == state.capacity)
    }

    /// As [`Sender::capacity`].
    pub fn capacity(&self) -> Option<usize> {
        Some(self.0.locked(|state| state.capacity))
    }

    pub(super) fn shared(&self) -> &Shared<T> {
        &self.0
    }

    /// Makes the next value due `delay` from now, or never; whether one was to come. For a channel with an alarm.
    pub(super) fn set_alarm(&self, delay: Option<Duration>) -> bool {
        self.0.set_alarm(delay)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.senders.fetch_add(1, Relaxed); // As `Arc`: whoever clones has one.
        Sender(self.0.clone())
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.0.receivers.fetch_add(1, Relaxed);
        Receiver(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // AcqRel: all sends come before the close that the last one does.
        if self.0.senders.fetch_sub(1, AcqRel) == 1 {
            self.0.close();
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if self.0.receivers.fetch_sub(1, AcqRel) == 1 {
            self.0.close();
            // Nobody can receive these any more: dropped now (outside of the lock), not with the last sender.
            drop(self.0.locked(|state| std::mem::take(&mut state.buffer)));
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("len", &self.len()).field("capacity", &self.capacity()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("len", &self.len()).field("capacity", &self.capacity()).finish_non_exhaustive()
    }
}
