//! `smol`: its executor on as many threads as there are workers, with its channels, locks, timers, sockets, and `unblock` for calls
//! that block.
//!
//! The executor is ours and not the global one behind `smol::spawn`, so that the number of threads is; each of them is in smol's
//! `block_on`, which looks after timers and sockets when there is nothing to run, as smol's own threads do. Beside them there are
//! the thread `async-io` for when all are busy, and those of `unblock`. The thread that is in [`run`](Async::run) only waits.
//!
//! A task finds its executor in a thread-local of the worker. Dropping a [`Task`] cancels it, as smol's users know.

use std::{
    cell::OnceCell,
    collections::BTreeMap,
    future::Future,
    io,
    net::SocketAddr,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use smol::{
    Executor, Task, Timer,
    channel::{Receiver, Sender, bounded},
    future::{block_on, or, race, yield_now},
    io::{AsyncReadExt, AsyncWriteExt},
    lock::{self, Mutex},
    net::{TcpListener, TcpStream},
    unblock,
};

use super::locked;
use crate::model::{Async, Config, Contender, Disconnected, Limits};

thread_local! {
    /// The executor that this worker runs.
    static EXECUTOR: OnceCell<Arc<Executor<'static>>> = const { OnceCell::new() };
}

/// An executor and the threads that run it.
pub struct Smol {
    executor: Arc<Executor<'static>>,
    /// Its other end is what the workers wait for; nothing is ever sent.
    stop: Sender<()>,
    workers: Vec<JoinHandle<()>>,
}

impl Contender for Smol {
    const NAME: &'static str = "smol";
    const SUMMARY: &'static str =
        "smol's executor on as many threads as there are workers, async-channel, async-lock, async-io, unblock";

    fn version() -> String {
        locked::version("smol")
    }

    fn start(config: Config) -> io::Result<Self> {
        let (stop, stopped) = bounded(1);
        let mut this = Smol { executor: Arc::new(Executor::new()), stop, workers: Vec::new() };
        for n in 1..=config.workers {
            let (executor, stopped) = (Arc::clone(&this.executor), stopped.clone());
            let worker = thread::Builder::new().name(format!("smol-{n}"));
            this.workers.push(worker.spawn(move || work(&executor, &stopped))?);
        }
        Ok(this)
    }

    fn echo(&self) -> BTreeMap<String, u64> {
        let running = self.workers.iter().filter(|worker| !worker.is_finished()).count();
        BTreeMap::from([("workers".to_owned(), running as u64)])
    }
}

/// What a worker does.
fn work(executor: &Arc<Executor<'static>>, stopped: &Receiver<()>) {
    EXECUTOR.with(|own| own.set(Arc::clone(executor))).expect("a thread is the worker of one executor");
    // An error: the channel was closed, which is the signal.
    let _ = smol::block_on(executor.run(stopped.recv()));
}

impl Drop for Smol {
    fn drop(&mut self) {
        self.stop.close();
        for worker in self.workers.drain(..) {
            // The executor catches the panics of tasks.
            worker.join().expect("a worker only runs the executor");
        }
    }
}

impl Async for Smol {
    const LIMITS: Limits = Limits {
        min_channel_capacity: Some(1),
        many_receivers: true,
        select: true,
        blocks_aside: true,
        sound_mutex: true,
        fair_yield: true,
        max_tasks: usize::MAX,
    };

    type JoinHandle<T: Send + 'static> = Task<T>;
    type Sender<T: Send + 'static> = Sender<T>;
    type Receiver<T: Send + 'static> = Receiver<T>;
    type Mutex<T: Send + 'static> = Mutex<T>;
    /// A cell that opens by being filled.
    type Latch = Arc<lock::OnceCell<()>>;
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn run<T: Send + 'static>(&self, main: impl Future<Output = T> + Send + 'static) -> T {
        // Not smol's `block_on`, which would make this thread look after timers and sockets too.
        block_on(self.executor.spawn(main))
    }

    fn spawn_from_outside<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Task<T> {
        self.executor.spawn(future)
    }

    fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Task<T> {
        EXECUTOR.with(|own| own.get().expect("called from a task").spawn(future))
    }

    async fn join<T: Send + 'static>(handle: Task<T>) -> T {
        handle.await
    }

    async fn yield_now() {
        yield_now().await;
    }

    async fn sleep(duration: Duration) {
        Timer::after(duration).await;
    }

    async fn sleep_until(deadline: Instant) {
        Timer::at(deadline).await;
    }

    async fn block<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
        unblock(f).await
    }

    fn channel<T: Send + 'static>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        bounded(capacity)
    }

    async fn send<T: Send + 'static>(sender: &Sender<T>, value: T) -> Result<(), Disconnected> {
        sender.send(value).await.map_err(|_| Disconnected)
    }

    async fn recv<T: Send + 'static>(receiver: &mut Receiver<T>) -> Result<T, Disconnected> {
        receiver.recv().await.map_err(|_| Disconnected)
    }

    async fn recv_timeout<T: Send + 'static>(
        receiver: &mut Receiver<T>,
        timeout: Duration,
    ) -> Result<Option<T>, Disconnected> {
        let received = async { receiver.recv().await.map(Some).map_err(|_| Disconnected) };
        let too_late = async {
            Timer::after(timeout).await;
            Ok(None)
        };
        // The first is polled first.
        or(received, too_late).await
    }

    fn another_receiver<T: Send + 'static>(receiver: &Receiver<T>) -> Option<Receiver<T>> {
        Some(receiver.clone())
    }

    /// `race` polls its two in random order, each time.
    async fn select<T: Send + 'static>(receivers: &mut [Receiver<T>]) -> (usize, Result<T, Disconnected>) {
        let of = |n: usize| {
            let receiver = &receivers[n];
            async move { (n, receiver.recv().await.map_err(|_| Disconnected)) }
        };
        let of_4 = |n| race(race(of(n), of(n + 1)), race(of(n + 2), of(n + 3)));
        match receivers.len() {
            2 => race(of(0), of(1)).await,
            4 => of_4(0).await,
            8 => race(of_4(0), of_4(4)).await,
            other => panic!("select over {other} channels, expected 2, 4 or 8"),
        }
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

    fn latch() -> Self::Latch {
        Arc::default()
    }

    async fn pass(latch: &Self::Latch) {
        latch.wait().await;
    }

    fn open(latch: &Self::Latch) {
        latch.set_blocking(()).expect("a latch is opened once");
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
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::mpsc,
    };

    use super::*;

    fn started(workers: usize) -> Smol {
        Smol::start(Config { workers }).unwrap()
    }

    #[test]
    fn the_main_task_and_what_it_spawns_run_on_the_worker_and_the_echo_counts_those() {
        let contender = started(1);
        let id = || async { thread::current().id() };
        let [main, task] = contender.run(async move { [id().await, Smol::join(Smol::spawn(id())).await] });
        assert_eq!(main, task);
        assert_ne!(main, thread::current().id());
        assert_eq!((contender.echo()["workers"], started(3).echo()["workers"]), (1, 3));
    }

    #[test]
    fn a_task_from_outside_runs_though_nobody_is_in_run() {
        let (sender, receiver) = mpsc::channel();
        let contender = started(1);
        let task = contender.spawn_from_outside(async move { sender.send(7).unwrap() });
        assert_eq!(receiver.recv(), Ok(7));
        contender.run(task);
    }

    #[test]
    fn a_panic_in_a_task_reaches_the_caller_of_run_and_the_worker_stays() {
        let contender = started(1);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            contender.run(async { Smol::join(Smol::spawn(async { panic!("from the task") })).await })
        }));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"from the task"));
        assert_eq!(contender.run(async { 7 }), 7);
        assert_eq!(contender.echo()["workers"], 1);
    }

    #[test]
    fn a_blocking_call_runs_beside_the_only_worker() {
        let (on_worker, in_call) =
            started(1).run(async { (thread::current().id(), Smol::block(|| thread::current().id()).await) });
        assert_ne!(on_worker, in_call);
    }

    #[test]
    fn a_dropped_end_disconnects_after_what_was_sent_and_receivers_share_a_channel() {
        started(1).run(async {
            let (sender, mut receiver) = Smol::channel::<u64>(2);
            assert_eq!(Smol::recv_timeout(&mut receiver, Duration::from_millis(1)).await, Ok(None));
            let mut another = Smol::another_receiver(&receiver).unwrap();
            assert_eq!(Smol::send(&sender, 7).await, Ok(()));
            assert_eq!(Smol::send(&sender, 8).await, Ok(()));
            drop(sender);
            assert_eq!((Smol::recv(&mut receiver).await, Smol::recv(&mut another).await), (Ok(7), Ok(8)));
            assert_eq!(Smol::recv(&mut receiver).await, Err(Disconnected));
            assert_eq!(Smol::recv_timeout(&mut receiver, Duration::from_secs(60)).await, Err(Disconnected));
        });
    }

    #[test]
    fn select_over_two_four_and_eight_takes_each_value_once() {
        started(1).run(async {
            for count in [2, 4, 8] {
                let (senders, mut receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| Smol::channel(1)).unzip();
                for (n, sender) in senders.iter().enumerate() {
                    Smol::send(sender, n).await.unwrap();
                }
                let mut got = Vec::new();
                for _ in 0..count {
                    let (chosen, value) = Smol::select(&mut receivers).await;
                    assert_eq!(value, Ok(chosen));
                    got.push(chosen);
                }
                got.sort_unstable();
                assert_eq!(got, (0..count).collect::<Vec<_>>());
            }
        });
    }

    #[test]
    fn a_latch_holds_everybody_until_it_is_open_and_a_lock_holds_one_at_a_time() {
        started(2).run(async {
            let (latch, passed) = (Smol::latch(), Arc::new(Smol::mutex(0)));
            let tasks: Vec<_> = (0..10)
                .map(|_| {
                    let (latch, passed) = (latch.clone(), Arc::clone(&passed));
                    Smol::spawn(async move {
                        Smol::pass(&latch).await;
                        Smol::with_lock(&passed, |passed| *passed += 1).await;
                    })
                })
                .collect();
            Smol::yield_now().await;
            assert_eq!(Smol::with_lock(&passed, |passed| *passed).await, 0);
            Smol::open(&latch);
            for task in tasks {
                Smol::join(task).await;
            }
            assert_eq!(Smol::with_lock(&passed, |passed| *passed).await, 10);
        });
    }

    #[test]
    fn bytes_come_back_through_a_socket() {
        let echoed = started(1).run(async {
            let (listener, address) = Smol::listen().await.unwrap();
            let server = Smol::spawn(async move {
                let mut stream = Smol::accept(&listener).await.unwrap();
                let mut buffer = [0; 16];
                let count = Smol::read(&mut stream, &mut buffer).await.unwrap();
                Smol::write_all(&mut stream, &buffer[..count]).await.unwrap();
                assert_eq!(Smol::read(&mut stream, &mut buffer).await.unwrap(), 0, "the end");
            });
            let mut stream = Smol::connect(address).await.unwrap();
            Smol::write_all(&mut stream, b"abc").await.unwrap();
            let mut buffer = [0; 16];
            let count = Smol::read(&mut stream, &mut buffer).await.unwrap();
            drop(stream);
            Smol::join(server).await;
            buffer[..count].to_vec()
        });
        assert_eq!(echoed, b"abc");
    }
}
