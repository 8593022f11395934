//! The blocking model: plain code on its own stack that blocks where it waits.

use std::time::{Duration, Instant};

use super::{Contender, Disconnected};

/// A scheduler whose tasks are plain code with stacks of their own: threads, goroutines, stackful coroutines.
///
/// All verbs but [`run`](Blocking::run) are called from inside a task of a running instance.
pub trait Blocking: Contender {
    /// A spawned task.
    type JoinHandle<T: Send + 'static>: Send + 'static;
    /// The sending half of the scheduler's native bounded channel; clones send into the same channel.
    type Sender<T: Send + 'static>: Clone + Send + 'static;
    /// The receiving half.
    type Receiver<T: Send + 'static>: Send + 'static;

    /// Runs `main` as a task *inside* the scheduler and waits for it; a panic in it propagates.
    fn run<T: Send + 'static>(&self, main: impl FnOnce() -> T + Send + 'static) -> T;

    /// Starts a task.
    fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Self::JoinHandle<T>;
    /// Waits for a task; a panic in it propagates.
    fn join<T: Send + 'static>(handle: Self::JoinHandle<T>) -> T;
    /// Lets other runnable tasks go first.
    fn yield_now();
    /// Blocks the task, not the worker, for at least `duration`.
    fn sleep(duration: Duration);
    /// Blocks the task, not the worker, until `deadline`; returns at once if it has passed.
    fn sleep_until(deadline: Instant) {
        Self::sleep(deadline.saturating_duration_since(Instant::now()));
    }
    /// Makes a call that blocks its thread, in the way that the scheduler's users are told to.
    fn block_in_place<T>(f: impl FnOnce() -> T) -> T;

    /// A bounded channel; capacity 0 is a rendezvous.
    fn channel<T: Send + 'static>(capacity: usize) -> (Self::Sender<T>, Self::Receiver<T>);
    /// Sends, blocking the task while the channel is full.
    fn send<T: Send + 'static>(sender: &Self::Sender<T>, value: T) -> Result<(), Disconnected>;
    /// Receives, blocking the task while the channel is empty.
    fn recv<T: Send + 'static>(receiver: &Self::Receiver<T>) -> Result<T, Disconnected>;
}
