//! The blocking model: plain code on its own stack that blocks where it waits.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{Contender, Disconnected, Limits};

/// Stops all tasks of the scheduler, calls the function, and lets them go on.
pub type StopTheWorld = fn(&mut dyn FnMut());

/// A scheduler whose tasks are plain code with stacks of their own: threads, goroutines, stackful coroutines.
///
/// All verbs but [`run`](Blocking::run) and [`spawn_from_outside`](Blocking::spawn_from_outside) are called from inside a task of a running
/// instance.
pub trait Blocking: Contender {
    /// What it cannot do.
    const LIMITS: Limits;

    /// How a task stops all others, where the scheduler can do that: what a collector needs.
    const STOP_THE_WORLD: Option<StopTheWorld> = None;

    /// A spawned task.
    type JoinHandle<T: Send + 'static>: Send + 'static;
    /// The sending half of the scheduler's native bounded channel; clones send into the same channel.
    type Sender<T: Send + 'static>: Clone + Send + 'static;
    /// The receiving half.
    type Receiver<T: Send + 'static>: Send + 'static;
    /// The scheduler's native mutex.
    type Mutex<T: Send + 'static>: Send + Sync + 'static;
    /// A door that is closed until it is opened, once, for any number of tasks; clones are the same door.
    type Latch: Clone + Send + Sync + 'static;
    /// A TCP socket that listens.
    type Listener: Send + 'static;
    /// A TCP connection.
    type Stream: Send + 'static;

    /// Runs `main` as a task *inside* the scheduler and waits for it; a panic in it propagates.
    fn run<T: Send + 'static>(&self, main: impl FnOnce() -> T + Send + 'static) -> T;

    /// Starts a task from a thread that is none of the scheduler's.
    fn spawn_from_outside<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> Self::JoinHandle<T>;

    /// Starts a task.
    fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Self::JoinHandle<T>;
    /// Waits for a task; a panic in it propagates.
    fn join<T: Send + 'static>(handle: Self::JoinHandle<T>) -> T;
    /// Lets other runnable tasks go first.
    ///
    /// Contenders inline it always, so that it stands in the caller's code as in a program that calls the library itself. Where two tasks come
    /// back from one function to different places, the processor expects each return to go where it was last called from: that was half of the
    /// 16 ns of a yield of gmp's.
    fn yield_now();
    /// Blocks the task, not the worker, for at least `duration`.
    fn sleep(duration: Duration);
    /// Blocks the task, not the worker, until `deadline`; returns at once if it has passed.
    fn sleep_until(deadline: Instant) {
        Self::sleep(deadline.saturating_duration_since(Instant::now()));
    }
    /// Makes a call that blocks its thread, in the way that the scheduler's users are told to.
    fn block_in_place<T>(f: impl FnOnce() -> T) -> T;

    /// A channel of this capacity, or one without a bound where [`LIMITS`](Blocking::LIMITS) say so; capacity 0 is a rendezvous.
    fn channel<T: Send + 'static>(capacity: usize) -> (Self::Sender<T>, Self::Receiver<T>);
    /// Sends, blocking the task while the channel is full.
    fn send<T: Send + 'static>(sender: &Self::Sender<T>, value: T) -> Result<(), Disconnected>;
    /// Receives, blocking the task while the channel is empty.
    fn recv<T: Send + 'static>(receiver: &Self::Receiver<T>) -> Result<T, Disconnected>;
    /// As [`recv`](Blocking::recv), but waits for no longer than `timeout`: `None` if nothing came.
    fn recv_timeout<T: Send + 'static>(
        receiver: &Self::Receiver<T>,
        timeout: Duration,
    ) -> Result<Option<T>, Disconnected>;
    /// Another receiver of the same channel; `None` where [`LIMITS`](Blocking::LIMITS) say that there is only one.
    fn another_receiver<T: Send + 'static>(receiver: &Self::Receiver<T>) -> Option<Self::Receiver<T>>;
    /// Receives from whichever of `receivers` (2, 4 or 8) has a value first, fairly where several have; tells which.
    ///
    /// # Panics
    /// Where [`LIMITS`](Blocking::LIMITS) say that there is no such thing, and for another number of receivers.
    fn select<T: Send + 'static>(receivers: &[Self::Receiver<T>]) -> (usize, Result<T, Disconnected>);

    /// A mutex.
    fn mutex<T: Send + 'static>(value: T) -> Self::Mutex<T>;
    /// Locks, calls `f`, unlocks; the task blocks while another has the lock.
    fn with_lock<T: Send + 'static, U>(mutex: &Self::Mutex<T>, f: impl FnOnce(&mut T) -> U) -> U;

    /// A closed latch.
    fn latch() -> Self::Latch;
    /// Blocks the task until the latch is open.
    fn pass(latch: &Self::Latch);
    /// Opens the latch and wakes all who wait.
    fn open(latch: &Self::Latch);

    /// Listens on a free port of the loopback address.
    ///
    /// # Errors
    /// The operating system's, as for all sockets.
    fn listen() -> io::Result<(Self::Listener, SocketAddr)>;
    /// Waits for a connection; without Nagle's delay.
    ///
    /// # Errors
    /// The operating system's.
    fn accept(listener: &Self::Listener) -> io::Result<Self::Stream>;
    /// Connects; without Nagle's delay.
    ///
    /// # Errors
    /// The operating system's.
    fn connect(address: SocketAddr) -> io::Result<Self::Stream>;
    /// Reads what there is, at least a byte, waiting for it; 0 at the end of the stream.
    ///
    /// # Errors
    /// The operating system's.
    fn read(stream: &mut Self::Stream, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes all of it.
    ///
    /// # Errors
    /// The operating system's.
    fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> io::Result<()>;
}
