//! The asynchronous model: a task is a future.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use super::{Contender, Disconnected};

/// A scheduler whose tasks are futures. The verbs are those of [`Blocking`](super::Blocking), awaited.
pub trait Async: Contender {
    /// The smallest capacity that the native bounded channel accepts (0 would be a rendezvous).
    const MIN_CHANNEL_CAPACITY: usize;

    /// A spawned task.
    type JoinHandle<T: Send + 'static>: Send + 'static;
    /// The sending half of the scheduler's native bounded channel; clones send into the same channel.
    type Sender<T: Send + 'static>: Clone + Send + Sync + 'static;
    /// The receiving half.
    type Receiver<T: Send + 'static>: Send + 'static;

    /// Runs `main` as a task on a *worker* (not in the calling thread's `block_on`) and waits for it; a panic in it propagates.
    fn run<T: Send + 'static>(&self, main: impl Future<Output = T> + Send + 'static) -> T;

    /// Starts a task.
    fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Self::JoinHandle<T>;
    /// Waits for a task; a panic in it propagates.
    fn join<T: Send + 'static>(handle: Self::JoinHandle<T>) -> impl Future<Output = T> + Send;
    /// Lets other runnable tasks go first, in the scheduler's documented way.
    fn yield_now() -> impl Future<Output = ()> + Send;
    /// Completes after at least `duration`.
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send;
    /// Completes at `deadline`, or at once if it has passed.
    fn sleep_until(deadline: Instant) -> impl Future<Output = ()> + Send;
    /// Makes a call that blocks its thread, in the way that the scheduler's users are told to.
    fn block<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> impl Future<Output = T> + Send;

    /// A bounded channel of at least [`MIN_CHANNEL_CAPACITY`](Async::MIN_CHANNEL_CAPACITY).
    fn channel<T: Send + 'static>(capacity: usize) -> (Self::Sender<T>, Self::Receiver<T>);
    /// Sends, waiting while the channel is full.
    fn send<T: Send + 'static>(
        sender: &Self::Sender<T>,
        value: T,
    ) -> impl Future<Output = Result<(), Disconnected>> + Send;
    /// Receives, waiting while the channel is empty.
    fn recv<T: Send + 'static>(
        receiver: &mut Self::Receiver<T>,
    ) -> impl Future<Output = Result<T, Disconnected>> + Send;
}
