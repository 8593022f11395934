//! The asynchronous model: a task is a future.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{Contender, Disconnected, Limits};

/// A scheduler whose tasks are futures. The verbs are those of [`Blocking`](super::Blocking), awaited.
pub trait Async: Contender {
    /// What it cannot do.
    const LIMITS: Limits;

    /// A spawned task.
    type JoinHandle<T: Send + 'static>: Send + 'static;
    /// The sending half of the scheduler's native bounded channel; clones send into the same channel.
    type Sender<T: Send + 'static>: Clone + Send + Sync + 'static;
    /// The receiving half.
    type Receiver<T: Send + 'static>: Send + 'static;
    /// The scheduler's native mutex.
    type Mutex<T: Send + 'static>: Send + Sync + 'static;
    /// A door that is closed until it is opened, once, for any number of tasks; clones are the same door.
    type Latch: Clone + Send + Sync + 'static;
    /// A TCP socket that listens.
    type Listener: Send + Sync + 'static;
    /// A TCP connection.
    type Stream: Send + Sync + 'static;

    /// Runs `main` as a task on a *worker* (not in the calling thread's `block_on`) and waits for it; a panic in it propagates.
    fn run<T: Send + 'static>(&self, main: impl Future<Output = T> + Send + 'static) -> T;

    /// Starts a task from a thread that is none of the scheduler's.
    fn spawn_from_outside<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Self::JoinHandle<T>;

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

    /// A bounded channel; [`LIMITS`](Async::LIMITS) say what is the smallest capacity.
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
    /// As [`recv`](Async::recv), but waits for no longer than `timeout`: `None` if nothing came.
    fn recv_timeout<T: Send + 'static>(
        receiver: &mut Self::Receiver<T>,
        timeout: Duration,
    ) -> impl Future<Output = Result<Option<T>, Disconnected>> + Send;
    /// Another receiver of the same channel; `None` where [`LIMITS`](Async::LIMITS) say that there is only one.
    fn another_receiver<T: Send + 'static>(receiver: &Self::Receiver<T>) -> Option<Self::Receiver<T>>;
    /// Receives from whichever of `receivers` (2, 4 or 8) has a value first, fairly where several have; tells which.
    ///
    /// # Panics
    /// Where [`LIMITS`](Async::LIMITS) say that there is no such thing, and for another number of receivers.
    fn select<T: Send + 'static>(
        receivers: &mut [Self::Receiver<T>],
    ) -> impl Future<Output = (usize, Result<T, Disconnected>)> + Send;

    /// A mutex.
    fn mutex<T: Send + 'static>(value: T) -> Self::Mutex<T>;
    /// Locks, calls `f`, unlocks; the task waits while another has the lock.
    fn with_lock<T: Send + 'static, U: Send>(
        mutex: &Self::Mutex<T>,
        f: impl FnOnce(&mut T) -> U + Send,
    ) -> impl Future<Output = U> + Send;
    /// Locks both, in this order, calls `f`, unlocks. Blocking tasks simply nest their locks.
    fn with_locks<T: Send + 'static, U: Send>(
        first: &Self::Mutex<T>,
        second: &Self::Mutex<T>,
        f: impl FnOnce(&mut T, &mut T) -> U + Send,
    ) -> impl Future<Output = U> + Send;

    /// A closed latch.
    fn latch() -> Self::Latch;
    /// Waits until the latch is open.
    fn pass(latch: &Self::Latch) -> impl Future<Output = ()> + Send;
    /// Opens the latch and wakes all who wait.
    fn open(latch: &Self::Latch);

    /// Listens on a free port of the loopback address.
    ///
    /// # Errors
    /// The operating system's, as for all sockets.
    fn listen() -> impl Future<Output = io::Result<(Self::Listener, SocketAddr)>> + Send;
    /// Waits for a connection; without Nagle's delay.
    ///
    /// # Errors
    /// The operating system's.
    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>> + Send;
    /// Connects; without Nagle's delay.
    ///
    /// # Errors
    /// The operating system's.
    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;
    /// Reads what there is, at least a byte, waiting for it; 0 at the end of the stream.
    ///
    /// # Errors
    /// The operating system's.
    fn read(stream: &mut Self::Stream, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;
    /// Writes all of it.
    ///
    /// # Errors
    /// The operating system's.
    fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send;
}
