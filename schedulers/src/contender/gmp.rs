//! `gmp`: the scheduler of this crate, with its own channels, timers and blocking calls.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    marker::PhantomData,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    gmp::{
        self, JoinHandle, Receiver, RecvTimeoutError, Runtime, Sender,
        net::{TcpListener, TcpStream},
        sync::{Mutex, WaitGroup},
    },
    model::{
        Blocking, Config, Contender, Disconnected, ForkJoin, Limits, blocking::StopTheWorld, fork_join::ScopeSpawn,
    },
};

/// A gmp runtime with one P per worker.
pub struct Gmp(Runtime);

impl Contender for Gmp {
    const NAME: &'static str = "gmp";
    const SUMMARY: &'static str = "our own: Go's G/M/P scheduler in Rust, one P per worker";

    fn version() -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn start(config: Config) -> io::Result<Self> {
        // SAFETY: the workloads are plain code that keeps no reference into a thread-local and no guard of another library across a call that
        // may park.
        unsafe { Runtime::builder().procs(config.workers).build() }.map(Gmp)
    }

    fn echo(&self) -> BTreeMap<String, u64> {
        BTreeMap::from([("workers".to_owned(), self.0.procs() as u64)])
    }

    fn counters(&self) -> BTreeMap<String, u64> {
        let stats = self.0.stats();
        let counters = [
            ("spawned", stats.spawned),
            ("ticks", stats.ticks),
            ("steals", stats.steals),
            ("spins", stats.spins),
            ("handoffs", stats.handoffs),
            ("retakes", stats.retakes),
        ];
        counters.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
    }
}

impl Blocking for Gmp {
    const LIMITS: Limits = Limits {
        min_channel_capacity: Some(0),
        many_receivers: true,
        select: true,
        blocks_aside: true,
        sound_mutex: true,
        fair_yield: true,
        max_tasks: 2_000_000,
    };

    const STOP_THE_WORLD: Option<StopTheWorld> = Some(|meanwhile| gmp::stop_the_world(|_| meanwhile()));

    type JoinHandle<T: Send + 'static> = JoinHandle<T>;
    type Sender<T: Send + 'static> = Sender<T>;
    type Receiver<T: Send + 'static> = Receiver<T>;
    type Mutex<T: Send + 'static> = Mutex<T>;
    /// Go's idiom: a wait group of one.
    type Latch = Arc<WaitGroup>;
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn run<T: Send + 'static>(&self, main: impl FnOnce() -> T + Send + 'static) -> T {
        self.0.run(main)
    }

    fn spawn_from_outside<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.0.spawn(f)
    }

    fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        gmp::spawn(f)
    }

    fn join<T: Send + 'static>(handle: JoinHandle<T>) -> T {
        handle.join().unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    #[inline(always)]
    fn yield_now() {
        gmp::yield_now();
    }

    fn sleep(duration: Duration) {
        gmp::time::sleep(duration);
    }

    fn sleep_until(deadline: Instant) {
        gmp::time::sleep_until(deadline);
    }

    fn block_in_place<T>(f: impl FnOnce() -> T) -> T {
        gmp::block_in_place(f)
    }

    fn channel<T: Send + 'static>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        gmp::channel(capacity)
    }

    fn send<T: Send + 'static>(sender: &Sender<T>, value: T) -> Result<(), Disconnected> {
        sender.send(value).map_err(|_| Disconnected)
    }

    #[inline(always)]
    fn recv<T: Send + 'static>(receiver: &Receiver<T>) -> Result<T, Disconnected> {
        receiver.recv().map_err(|_| Disconnected)
    }

    fn recv_timeout<T: Send + 'static>(receiver: &Receiver<T>, timeout: Duration) -> Result<Option<T>, Disconnected> {
        match receiver.recv_timeout(timeout) {
            Ok(value) => Ok(Some(value)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Disconnected),
        }
    }

    fn another_receiver<T: Send + 'static>(receiver: &Receiver<T>) -> Option<Receiver<T>> {
        Some(receiver.clone())
    }

    fn select<T: Send + 'static>(receivers: &[Receiver<T>]) -> (usize, Result<T, Disconnected>) {
        let (chosen, received) = match receivers {
            [a, b] => gmp::select! {
                recv(a) -> received => (0, received),
                recv(b) -> received => (1, received),
            },
            [a, b, c, d] => gmp::select! {
                recv(a) -> received => (0, received),
                recv(b) -> received => (1, received),
                recv(c) -> received => (2, received),
                recv(d) -> received => (3, received),
            },
            [a, b, c, d, e, f, g, h] => gmp::select! {
                recv(a) -> received => (0, received),
                recv(b) -> received => (1, received),
                recv(c) -> received => (2, received),
                recv(d) -> received => (3, received),
                recv(e) -> received => (4, received),
                recv(f) -> received => (5, received),
                recv(g) -> received => (6, received),
                recv(h) -> received => (7, received),
            },
            other => panic!("select over {} channels, expected 2, 4 or 8", other.len()),
        };
        (chosen, received.map_err(|_| Disconnected))
    }

    fn mutex<T: Send + 'static>(value: T) -> Mutex<T> {
        Mutex::new(value)
    }

    fn with_lock<T: Send + 'static, U>(mutex: &Mutex<T>, f: impl FnOnce(&mut T) -> U) -> U {
        f(&mut mutex.lock())
    }

    fn latch() -> Arc<WaitGroup> {
        let latch = WaitGroup::new();
        latch.add(1);
        Arc::new(latch)
    }

    fn pass(latch: &Arc<WaitGroup>) {
        latch.wait();
    }

    fn open(latch: &Arc<WaitGroup>) {
        latch.done();
    }

    fn listen() -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        stream.read(buffer)
    }

    fn write_all(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes)
    }
}

impl ForkJoin for Gmp {
    type Scope<'scope> = Spawned<'scope>;

    fn run<T: Send>(&self, main: impl FnOnce() -> T + Send) -> T {
        self.0.run(main)
    }

    fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
        gmp::join(a, b)
    }

    fn scope_in_place<'scope, T>(&self, body: impl FnOnce(&Spawned<'scope>) -> T) -> T {
        let scope = Spawned { runtime: &raw const self.0, tasks: std::sync::Mutex::default(), scope: PhantomData };
        let outcome = catch_unwind(AssertUnwindSafe(|| body(&scope)));
        let tasks = std::mem::take(&mut *scope.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let ends: Vec<_> = tasks.into_iter().map(JoinHandle::join).collect();
        let value = outcome.unwrap_or_else(|panic| resume_unwind(panic));
        ends.into_iter().for_each(|end| end.unwrap_or_else(|error| resume_unwind(error.into_panic())));
        value
    }
}

/// The tasks of one scope that is not itself a goroutine. [`gmp::scope`] is for those that are.
pub struct Spawned<'scope> {
    /// Outlives the scope: [`scope_in_place`](ForkJoin::scope_in_place) borrows it until all tasks have ended.
    runtime: *const Runtime,
    tasks: std::sync::Mutex<Vec<JoinHandle<()>>>,
    /// Invariant, as rayon's: the tasks may write to what they borrow.
    scope: PhantomData<&'scope mut &'scope ()>,
}

impl<'scope> ScopeSpawn<'scope> for Spawned<'scope> {
    fn spawn(&self, f: impl FnOnce() + Send + 'scope) {
        let task: Box<dyn FnOnce() + Send + 'scope> = Box::new(f);
        // SAFETY: the task runs, and is dropped, before `scope_in_place` returns or unwinds, since that joins it in either case; 'scope outlives
        // that call, since it is its caller's. Only `scope_in_place` makes a `Spawned`, and lends it to its body alone.
        let task = unsafe {
            std::mem::transmute::<Box<dyn FnOnce() + Send + 'scope>, Box<dyn FnOnce() + Send + 'static>>(task)
        };
        // SAFETY: see the field.
        let task = unsafe { &*self.runtime }.spawn(task);
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic,
        sync::atomic::{AtomicU64, Ordering::Relaxed},
    };

    use super::*;

    fn started(workers: usize) -> Gmp {
        Gmp::start(Config { workers }).unwrap()
    }

    #[test]
    fn a_scope_waits_for_tasks_that_borrow_and_tells_their_panic_after() {
        let (contender, sum) = (started(2), AtomicU64::new(0));
        let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
            contender.scope_in_place(|scope| {
                for n in 0..100 {
                    let sum = &sum;
                    scope.spawn(move || {
                        sum.fetch_add(n, Relaxed);
                        assert_ne!(n, 50, "from the task");
                    });
                }
            });
        }));
        assert!(panicked.is_err());
        assert_eq!(sum.into_inner(), 4950);
    }

    #[test]
    fn select_over_two_four_and_eight_gives_what_is_there() {
        for count in [2, 4, 8] {
            let got = Blocking::run(&started(1), move || {
                let (senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| Gmp::channel::<usize>(1)).unzip();
                Gmp::send(&senders[count - 1], 7).unwrap();
                Gmp::select(&receivers)
            });
            assert_eq!(got, (count - 1, Ok(7)));
        }
    }

    #[test]
    fn a_wait_with_a_timeout_ends_with_what_comes_first() {
        Blocking::run(&started(1), || {
            let (sender, receiver) = Gmp::channel::<u64>(1);
            assert_eq!(Gmp::recv_timeout(&receiver, Duration::from_millis(1)), Ok(None));
            let task = Gmp::spawn(move || Gmp::send(&sender, 7));
            assert_eq!(Gmp::recv_timeout(&receiver, Duration::from_secs(60)), Ok(Some(7)));
            assert_eq!(<Gmp as Blocking>::join(task), Ok(()));
            assert_eq!(Gmp::recv_timeout(&receiver, Duration::from_secs(60)), Err(Disconnected));
        });
    }

    #[test]
    fn a_latch_holds_everybody_until_it_is_open() {
        Blocking::run(&started(2), || {
            let (latch, passed) = (Gmp::latch(), Gmp::channel::<u64>(10));
            let tasks: Vec<_> = (0..10)
                .map(|n| {
                    let (latch, passed) = (latch.clone(), passed.0.clone());
                    Gmp::spawn(move || {
                        Gmp::pass(&latch);
                        Gmp::send(&passed, n).unwrap();
                    })
                })
                .collect();
            Gmp::yield_now();
            assert!(passed.1.is_empty());
            Gmp::open(&latch);
            tasks.into_iter().for_each(<Gmp as Blocking>::join);
            assert_eq!(passed.1.try_iter().sum::<u64>(), 45);
        });
    }
}
