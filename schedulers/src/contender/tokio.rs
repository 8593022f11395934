//! `tokio-mt`: tokio's multi-thread runtime in its default configuration but for the number of workers.
//!
//! Its own mpsc channels and timer wheel (1 ms ticks), `spawn_blocking` for calls that block. The main task is
//! spawned, so that it runs on a worker: code in `block_on` itself would run on a thread beside them.

use std::{
    collections::BTreeMap,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    panic::resume_unwind,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    sync::{
        Mutex, Semaphore,
        mpsc::{Receiver, Sender, channel},
    },
    task::{JoinHandle, spawn_blocking, yield_now},
    time::{sleep, sleep_until},
};

use super::locked;
use crate::model::{Async, Config, Contender, Disconnected, Limits};

/// A multi-thread tokio runtime.
pub struct TokioMt {
    runtime: Runtime,
}

impl Contender for TokioMt {
    const NAME: &'static str = "tokio-mt";
    const SUMMARY: &'static str =
        "tokio's multi-thread runtime with its default configuration, mpsc channels, spawn_blocking";

    fn version() -> String {
        locked::version("tokio")
    }

    fn start(config: Config) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(config.workers).enable_all().build()?;
        Ok(TokioMt { runtime })
    }

    fn echo(&self) -> BTreeMap<String, u64> {
        BTreeMap::from([("workers".to_owned(), self.runtime.metrics().num_workers() as u64)])
    }

    fn counters(&self) -> BTreeMap<String, u64> {
        let metrics = self.runtime.metrics();
        let parks = (0..metrics.num_workers()).map(|worker| metrics.worker_park_count(worker)).sum();
        BTreeMap::from([("parks".to_owned(), parks)])
    }
}

impl Async for TokioMt {
    const LIMITS: Limits =
        Limits { min_channel_capacity: Some(1), many_receivers: false, select: true, max_tasks: usize::MAX };

    type JoinHandle<T: Send + 'static> = JoinHandle<T>;
    type Sender<T: Send + 'static> = Sender<T>;
    type Receiver<T: Send + 'static> = Receiver<T>;
    type Mutex<T: Send + 'static> = Mutex<T>;
    /// A semaphore without a permit, that opens by being closed.
    type Latch = Arc<Semaphore>;
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn run<T: Send + 'static>(&self, main: impl Future<Output = T> + Send + 'static) -> T {
        self.runtime.block_on(Self::join(self.runtime.spawn(main)))
    }

    fn spawn_from_outside<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.runtime.spawn(future)
    }

    fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        tokio::spawn(future)
    }

    async fn join<T: Send + 'static>(handle: JoinHandle<T>) -> T {
        handle.await.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(error) => panic!("nothing cancels tasks here: {error}"),
        })
    }

    async fn yield_now() {
        yield_now().await;
    }

    async fn sleep(duration: Duration) {
        sleep(duration).await;
    }

    async fn sleep_until(deadline: Instant) {
        sleep_until(deadline.into()).await;
    }

    async fn block<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
        Self::join(spawn_blocking(f)).await
    }

    fn channel<T: Send + 'static>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        channel(capacity)
    }

    async fn send<T: Send + 'static>(sender: &Sender<T>, value: T) -> Result<(), Disconnected> {
        sender.send(value).await.map_err(|_| Disconnected)
    }

    async fn recv<T: Send + 'static>(receiver: &mut Receiver<T>) -> Result<T, Disconnected> {
        receiver.recv().await.ok_or(Disconnected)
    }

    fn another_receiver<T: Send + 'static>(_: &Receiver<T>) -> Option<Receiver<T>> {
        None
    }

    /// What `tokio::select!` expands to: polls all, from a random one on.
    async fn select<T: Send + 'static>(receivers: &mut [Receiver<T>]) -> (usize, Result<T, Disconnected>) {
        poll_fn(|context| {
            let count = receivers.len();
            let first = fastrand::usize(..count);
            for n in (first..count).chain(0..first) {
                if let Poll::Ready(received) = receivers[n].poll_recv(context) {
                    return Poll::Ready((n, received.ok_or(Disconnected)));
                }
            }
            Poll::Pending
        })
        .await
    }

    fn mutex<T: Send + 'static>(value: T) -> Mutex<T> {
        Mutex::new(value)
    }

    async fn with_lock<T: Send + 'static, U: Send>(mutex: &Mutex<T>, f: impl FnOnce(&mut T) -> U + Send) -> U {
        f(&mut *mutex.lock().await)
    }

    async fn with_locks<T: Send + 'static, U: Send>(
        first: &Mutex<T>,
        second: &Mutex<T>,
        f: impl FnOnce(&mut T, &mut T) -> U + Send,
    ) -> U {
        let mut first = first.lock().await;
        let mut second = second.lock().await;
        f(&mut first, &mut second)
    }

    fn latch() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(0))
    }

    async fn pass(latch: &Arc<Semaphore>) {
        assert!(latch.acquire().await.is_err(), "it has no permits and is closed to open");
    }

    fn open(latch: &Arc<Semaphore>) {
        latch.close();
    }

    async fn listen() -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        stream.read(buffer).await
    }

    async fn write_all(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes).await
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn the_main_task_runs_on_a_worker_and_the_echo_is_the_runtimes() {
        let contender = TokioMt::start(Config { workers: 3 }).unwrap();
        assert_eq!(contender.echo()["workers"], 3);
        let main_ran_on = contender.run(async { thread::current().id() });
        assert_ne!(main_ran_on, thread::current().id());
    }

    #[test]
    #[should_panic(expected = "from the task")]
    fn a_panic_in_a_task_reaches_the_caller_of_run() {
        let contender = TokioMt::start(Config { workers: 1 }).unwrap();
        contender.run(async { TokioMt::join(TokioMt::spawn(async { panic!("from the task") })).await })
    }

    #[test]
    fn a_blocking_call_runs_beside_the_only_worker() {
        let contender = TokioMt::start(Config { workers: 1 }).unwrap();
        let (on_worker, in_call) =
            contender.run(async { (thread::current().id(), TokioMt::block(|| thread::current().id()).await) });
        assert_ne!(on_worker, in_call);
    }

    #[test]
    fn a_dropped_end_disconnects_after_what_was_sent() {
        let contender = TokioMt::start(Config { workers: 1 }).unwrap();
        contender.run(async {
            let (sender, mut receiver) = TokioMt::channel::<u64>(1);
            assert_eq!(TokioMt::send(&sender, 7).await, Ok(()));
            drop(sender);
            assert_eq!(TokioMt::recv(&mut receiver).await, Ok(7));
            assert_eq!(TokioMt::recv(&mut receiver).await, Err(Disconnected));
        });
    }
}
