//! `tokio-mt`, `tokio-mt-tuned`, `tokio-ct`: tokio's runtimes, with tokio's own channels, timer wheel (1 ms ticks), sockets, and
//! `spawn_blocking` for calls that block. What makes them three is in [`variant`].
//!
//! The main task is spawned, so that it runs on a worker: code in `block_on` itself would run on a thread beside them.

mod variant;

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
    runtime::Handle,
    sync::{
        Semaphore,
        mpsc::{Receiver, Sender, channel},
    },
    task::{JoinHandle, spawn_blocking},
    time::{sleep, sleep_until, timeout},
};

use self::variant::{CurrentThread, Lock, MultiThread, Tuned, Variant};
use super::locked;
use crate::model::{Async, Config, Contender, Disconnected, Limits, Role};

/// The multi-thread runtime in its default configuration.
pub type TokioMt = Tokio<MultiThread>;
/// The same, as its users tune it.
pub type TokioMtTuned = Tokio<Tuned>;
/// The current-thread runtime.
pub type TokioCt = Tokio<CurrentThread>;

/// A running tokio runtime.
pub struct Tokio<V: Variant> {
    handle: Handle,
    /// Ends the runtime when it is dropped.
    _running: V::Running,
}

impl<V: Variant> Contender for Tokio<V> {
    const NAME: &'static str = V::NAME;
    const SUMMARY: &'static str = V::SUMMARY;
    const ROLE: Role = V::ROLE;
    const MAX_WORKERS: usize = V::MAX_WORKERS;

    fn version() -> String {
        locked::version("tokio")
    }

    fn start(config: Config) -> io::Result<Self> {
        let (handle, running) = V::start(config.workers)?;
        Ok(Tokio { handle, _running: running })
    }

    fn echo(&self) -> BTreeMap<String, u64> {
        BTreeMap::from([("workers".to_owned(), self.handle.metrics().num_workers() as u64)])
    }

    fn counters(&self) -> BTreeMap<String, u64> {
        let metrics = self.handle.metrics();
        let parks = (0..metrics.num_workers()).map(|worker| metrics.worker_park_count(worker)).sum();
        BTreeMap::from([("parks".to_owned(), parks)])
    }
}

impl<V: Variant> Async for Tokio<V> {
    const LIMITS: Limits = Limits {
        min_channel_capacity: Some(1),
        many_receivers: false,
        select: true,
        blocks_aside: true,
        sound_mutex: true,
        fair_yield: true,
        max_tasks: usize::MAX,
    };

    type JoinHandle<T: Send + 'static> = JoinHandle<T>;
    type Sender<T: Send + 'static> = Sender<T>;
    type Receiver<T: Send + 'static> = Receiver<T>;
    type Mutex<T: Send + 'static> = V::Mutex<T>;
    /// A semaphore without a permit, that opens by being closed.
    type Latch = Arc<Semaphore>;
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn run<T: Send + 'static>(&self, main: impl Future<Output = T> + Send + 'static) -> T {
        self.handle.block_on(Self::join(self.handle.spawn(main)))
    }

    fn spawn_from_outside<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.handle.spawn(future)
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
        V::yield_now().await;
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

    async fn recv_timeout<T: Send + 'static>(
        receiver: &mut Receiver<T>,
        limit: Duration,
    ) -> Result<Option<T>, Disconnected> {
        match timeout(limit, receiver.recv()).await {
            Ok(received) => received.map(Some).ok_or(Disconnected),
            Err(_) => Ok(None),
        }
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

    fn mutex<T: Send + 'static>(value: T) -> V::Mutex<T> {
        Lock::new(value)
    }

    async fn with_lock<T: Send + 'static, U: Send>(mutex: &V::Mutex<T>, f: impl FnOnce(&mut T) -> U + Send) -> U {
        mutex.with(f).await
    }

    async fn with_locks<T: Send + 'static, U: Send>(
        first: &V::Mutex<T>,
        second: &V::Mutex<T>,
        f: impl FnOnce(&mut T, &mut T) -> U + Send,
    ) -> U {
        first.with_both(second, f).await
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
    use std::{sync::mpsc, thread};

    use super::*;

    /// Whatever the variant, with one worker.
    fn started<V: Variant>() -> Tokio<V> {
        Tokio::start(Config { workers: 1 }).unwrap()
    }

    /// Runs `check` as the main task of each variant.
    macro_rules! in_each {
        ($check:ident) => {
            started::<MultiThread>().run($check::<MultiThread>());
            started::<Tuned>().run($check::<Tuned>());
            started::<CurrentThread>().run($check::<CurrentThread>());
        };
    }

    #[test]
    fn the_main_task_and_what_it_spawns_run_on_the_worker() {
        fn ran_on<V: Variant>() -> [thread::ThreadId; 2] {
            let id = || async { thread::current().id() };
            started::<V>().run(async move { [id().await, Tokio::<V>::join(Tokio::<V>::spawn(id())).await] })
        }
        for [main, task] in [ran_on::<MultiThread>(), ran_on::<Tuned>(), ran_on::<CurrentThread>()] {
            assert_eq!(main, task);
            assert_ne!(main, thread::current().id());
        }
    }

    #[test]
    fn the_echo_is_the_runtimes() {
        assert_eq!(TokioMt::start(Config { workers: 3 }).unwrap().echo()["workers"], 3);
        assert_eq!(TokioMtTuned::start(Config { workers: 3 }).unwrap().echo()["workers"], 3);
        assert_eq!(TokioCt::start(Config { workers: 1 }).unwrap().echo()["workers"], 1);
    }

    #[test]
    fn a_task_from_outside_runs_though_nobody_is_in_run() {
        fn check<V: Variant>() {
            let (sender, receiver) = mpsc::channel();
            let contender = started::<V>();
            let task = contender.spawn_from_outside(async move { sender.send(7).unwrap() });
            assert_eq!(receiver.recv(), Ok(7));
            contender.run(Tokio::<V>::join(task));
        }
        check::<MultiThread>();
        check::<CurrentThread>();
    }

    #[test]
    fn a_panic_in_a_task_reaches_the_caller_of_run() {
        fn check<V: Variant>() {
            let caught = std::panic::catch_unwind(|| {
                started::<V>()
                    .run(async { Tokio::<V>::join(Tokio::<V>::spawn(async { panic!("from the task") })).await })
            });
            assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"from the task"));
        }
        check::<MultiThread>();
        check::<CurrentThread>();
    }

    #[test]
    fn a_blocking_call_runs_beside_the_only_worker() {
        async fn check<V: Variant>() {
            let in_call = Tokio::<V>::block(|| thread::current().id()).await;
            assert_ne!(thread::current().id(), in_call);
        }
        in_each!(check);
    }

    #[test]
    fn who_yields_lets_the_others_go_first() {
        async fn check<V: Variant>() {
            let other = Tokio::<V>::spawn(async {});
            let mut yields = 0;
            while !other.is_finished() {
                Tokio::<V>::yield_now().await;
                yields += 1;
            }
            assert!((1..10).contains(&yields), "{}: {yields} yields", V::NAME);
        }
        in_each!(check);
    }

    #[test]
    fn a_lock_is_held_by_one_task_at_a_time() {
        async fn check<V: Variant>() {
            let count = Arc::new(Tokio::<V>::mutex(0));
            let tasks: Vec<_> = (0..10)
                .map(|_| {
                    let count = Arc::clone(&count);
                    Tokio::<V>::spawn(async move { Tokio::<V>::with_lock(&count, |count| *count += 1).await })
                })
                .collect();
            for task in tasks {
                Tokio::<V>::join(task).await;
            }
            assert_eq!(Tokio::<V>::with_lock(&count, |count| *count).await, 10);
        }
        in_each!(check);
    }

    #[test]
    fn a_dropped_end_disconnects_after_what_was_sent() {
        started::<MultiThread>().run(async {
            let (sender, mut receiver) = TokioMt::channel::<u64>(1);
            assert_eq!(TokioMt::send(&sender, 7).await, Ok(()));
            drop(sender);
            assert_eq!(TokioMt::recv(&mut receiver).await, Ok(7));
            assert_eq!(TokioMt::recv(&mut receiver).await, Err(Disconnected));
        });
    }
}
