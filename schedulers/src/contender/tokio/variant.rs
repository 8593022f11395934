//! What makes three contenders of one library: which runtime, how a task yields, and which mutex guards a short section.

use std::{
    future::{Future, poll_fn, ready},
    io,
    sync::PoisonError,
    task::Poll,
    thread,
};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::oneshot,
};

use crate::model::Role;

/// One of them.
pub trait Variant: 'static {
    /// See [`Contender`](crate::model::Contender).
    const NAME: &'static str;
    /// See [`Contender`](crate::model::Contender).
    const SUMMARY: &'static str;
    /// See [`Contender`](crate::model::Contender).
    const ROLE: Role = Role::Default;
    /// See [`Contender`](crate::model::Contender).
    const MAX_WORKERS: usize = usize::MAX;

    /// What runs the runtime, and ends it when it is dropped.
    type Running;
    /// The mutex.
    type Mutex<T: Send + 'static>: Lock<T>;

    /// Starts the runtime.
    fn start(workers: usize) -> io::Result<(Handle, Self::Running)>;
    /// Lets other tasks go first.
    fn yield_now() -> impl Future<Output = ()> + Send;
}

/// `tokio-mt`.
pub struct MultiThread;

impl Variant for MultiThread {
    const NAME: &'static str = "tokio-mt";
    const SUMMARY: &'static str =
        "tokio's multi-thread runtime with its default configuration, mpsc channels, spawn_blocking";

    type Running = Runtime;
    type Mutex<T: Send + 'static> = tokio::sync::Mutex<T>;

    fn start(workers: usize) -> io::Result<(Handle, Runtime)> {
        let runtime = Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
        Ok((runtime.handle().clone(), runtime))
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }
}

/// `tokio-mt-tuned`: the same runtime; it is the code that is tuned.
pub struct Tuned;

impl Variant for Tuned {
    const NAME: &'static str = "tokio-mt-tuned";
    const SUMMARY: &'static str =
        "tokio-mt, but a task yields by waking itself, and a std Mutex guards what is held across no await";
    const ROLE: Role = Role::Tuned;

    type Running = Runtime;
    /// tokio's documentation: "it is ok and often preferred to use the ordinary Mutex from the standard library".
    type Mutex<T: Send + 'static> = std::sync::Mutex<T>;

    fn start(workers: usize) -> io::Result<(Handle, Runtime)> {
        MultiThread::start(workers)
    }

    /// tokio's own [`yield_now`](tokio::task::yield_now) lets the driver (sockets, timers) go first each time. This one is scheduled at once.
    async fn yield_now() {
        let mut yielded = false;
        poll_fn(|context| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

/// `tokio-ct`.
pub struct CurrentThread;

impl Variant for CurrentThread {
    const NAME: &'static str = "tokio-ct";
    const SUMMARY: &'static str =
        "tokio's current-thread runtime with its default configuration, on a thread of its own";
    const MAX_WORKERS: usize = 1;

    type Running = Driver;
    type Mutex<T: Send + 'static> = tokio::sync::Mutex<T>;

    /// `workers` is 1: nobody asks for more than [`MAX_WORKERS`](Self::MAX_WORKERS).
    fn start(_workers: usize) -> io::Result<(Handle, Driver)> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("tokio-ct".to_owned()).spawn(move || {
            // An error: the driver has dropped its end, which is the signal.
            let _ = runtime.block_on(stopped);
        })?;
        Ok((handle, Driver { stop: Some(stop), thread: Some(thread) }))
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }
}

/// The one thread of a current-thread runtime, which otherwise would only run while somebody is in its `block_on`: tasks from outside
/// run whether or not the main task does, as in every other scheduler.
pub struct Driver {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // tokio catches the panics of tasks.
            thread.join().expect("the driver only drives");
        }
    }
}

/// A mutex as both of tokio's and std's can be used.
pub trait Lock<T>: Send + Sync + 'static {
    /// A mutex around `value`.
    fn new(value: T) -> Self;
    /// Locks, calls `f`, unlocks.
    fn with<U: Send>(&self, f: impl FnOnce(&mut T) -> U + Send) -> impl Future<Output = U> + Send;
    /// Locks this one, then `second`, calls `f`, unlocks.
    fn with_both<U: Send>(
        &self,
        second: &Self,
        f: impl FnOnce(&mut T, &mut T) -> U + Send,
    ) -> impl Future<Output = U> + Send;
}

impl<T: Send + 'static> Lock<T> for tokio::sync::Mutex<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    async fn with<U: Send>(&self, f: impl FnOnce(&mut T) -> U + Send) -> U {
        f(&mut *self.lock().await)
    }

    async fn with_both<U: Send>(&self, second: &Self, f: impl FnOnce(&mut T, &mut T) -> U + Send) -> U {
        let mut first = self.lock().await;
        let mut second = second.lock().await;
        f(&mut first, &mut second)
    }
}

impl<T: Send + 'static> Lock<T> for std::sync::Mutex<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    fn with<U: Send>(&self, f: impl FnOnce(&mut T) -> U + Send) -> impl Future<Output = U> + Send {
        ready(f(&mut self.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn with_both<U: Send>(
        &self,
        second: &Self,
        f: impl FnOnce(&mut T, &mut T) -> U + Send,
    ) -> impl Future<Output = U> + Send {
        let mut first = self.lock().unwrap_or_else(PoisonError::into_inner);
        let mut second = second.lock().unwrap_or_else(PoisonError::into_inner);
        ready(f(&mut first, &mut second))
    }
}
