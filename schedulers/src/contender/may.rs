//! `may`, `may-large-pool`: stackful coroutines, with may's own channels, locks, timers and sockets.
//!
//! May's configuration is the process's, is read when the first coroutine is spawned, and stays: a process has one number of workers
//! and one size of the pool of stacks, and may's threads run until it ends. [`start`](Contender::start) refuses another
//! configuration; dropping a contender stops nothing. Of the configuration only the number of workers is set, and the pool's size
//! for the tuned one. All else is may's default, such as stacks of 32 KiB and workers that are pinned to a core each.
//!
//! What a reader of its figures should know:
//! - Its channels have no bound. This is `mpsc`; its `mpmc` has several receivers.
//! - Its `select!` spawns a coroutine for each channel and cancels those that come late, with what they may have received by then: values
//!   can get lost, so it is not used.
//! - It has no way to make a call that blocks; its guide says not to. So such a call blocks its worker here.
//! - Its timer thread executes the coroutine whose time has come itself, until it waits again: one thread more than there are workers.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::SocketAddr,
    panic::resume_unwind,
    sync::{self, Arc, PoisonError, mpsc::RecvTimeoutError},
    time::{Duration, Instant},
};

use may::{
    coroutine::{self, JoinHandle},
    net::{TcpListener, TcpStream},
    sync::{
        Mutex, SyncFlag,
        mpsc::{Receiver, Sender, channel},
    },
};

use super::locked;
use crate::model::{Blocking, Config, Contender, Disconnected, Limits, Role};

/// How many stacks the large pool keeps; by default it is 1,000. Half of what the kernel lets a process have by default, see
/// [`LIMITS`](Blocking::LIMITS). Untuned.
const LARGE_POOL: usize = 16_000;

/// What the process was configured with: the number of workers, and whether the pool is large.
static STARTED: sync::Mutex<Option<(usize, bool)>> = sync::Mutex::new(None);

/// May in its default configuration.
pub type May = Coroutines<false>;
/// The same with a large pool of stacks.
pub type MayLargePool = Coroutines<true>;

/// May, which runs in this process.
pub struct Coroutines<const LARGE: bool>(());

impl<const LARGE: bool> Contender for Coroutines<LARGE> {
    const NAME: &'static str = if LARGE { "may-large-pool" } else { "may" };
    const SUMMARY: &'static str = if LARGE {
        "may, but its pool keeps 16,000 stacks instead of 1,000"
    } else {
        "may's stackful coroutines with its default configuration, channels without a bound, no way to block"
    };
    const ROLE: Role = if LARGE { Role::Tuned } else { Role::Default };
    const ONE_CONFIG: bool = true;

    fn version() -> String {
        locked::version("may")
    }

    fn start(Config { workers }: Config) -> io::Result<Self> {
        let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
        match *started {
            Some(same) if same == (workers, LARGE) => return Ok(Coroutines(())),
            Some((other, large)) => {
                let other = format!("workers={other}, {} pool", if large { "large" } else { "default" });
                let reason = format!("a process configures may once, and this one did with {other}: not {workers}");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
            }
            None => {}
        }
        may::config().set_workers(workers);
        if LARGE {
            may::config().set_pool_capacity(LARGE_POOL);
        }
        *started = Some((workers, LARGE));
        let this = Coroutines(());
        // The first coroutine starts the threads, and fills the pool.
        this.run(|| ());
        Ok(this)
    }

    /// What may's threads were started with: nobody else sets it.
    fn echo(&self) -> BTreeMap<String, u64> {
        BTreeMap::from([
            ("workers".to_owned(), may::config().get_workers() as u64),
            ("pool_capacity".to_owned(), may::config().get_pool_capacity() as u64),
        ])
    }
}

impl<const LARGE: bool> Blocking for Coroutines<LARGE> {
    /// A stack and its guard page are two mappings, and Linux's `vm.max_map_count` is 65,530 by default: the process aborts at some
    /// 32,700 coroutines. With two workers and eight tasks that want one mutex, two of 24 processes of 150 ms were ended by the allocator
    /// (may 0.3.51, release build: "malloc_consolidate(): unaligned fastbin chunk detected"); nothing else that it runs here did that.
    ///
    /// With two workers, tasks that yield to each other until a last one has begun kept that one from ever beginning: with 16 of them 4 of 8 processes hung for
    /// 30 s, with a thousand 4 of 6, with ten thousand 6 of 6 (on a busy machine). With one worker, or no more tasks than workers, none did.
    const LIMITS: Limits = Limits {
        min_channel_capacity: None,
        many_receivers: false,
        select: false,
        blocks_aside: false,
        sound_mutex: false,
        fair_yield: false,
        max_tasks: 32_000,
    };

    type JoinHandle<T: Send + 'static> = JoinHandle<T>;
    type Sender<T: Send + 'static> = Sender<T>;
    type Receiver<T: Send + 'static> = Receiver<T>;
    type Mutex<T: Send + 'static> = Mutex<T>;
    type Latch = Arc<SyncFlag>;
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn run<T: Send + 'static>(&self, main: impl FnOnce() -> T + Send + 'static) -> T {
        Self::join(Self::spawn(main))
    }

    fn spawn_from_outside<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        Self::spawn(f)
    }

    fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        // SAFETY: may asks for two things. No reference into a thread-local is kept across a call that may switch: the workloads are plain
        // code that has none. And the stack must suffice: where it does not, its guard page ends the process, since Rust probes each
        // page of a frame before it uses it.
        unsafe { coroutine::spawn(f) }
    }

    fn join<T: Send + 'static>(handle: JoinHandle<T>) -> T {
        handle.join().unwrap_or_else(|panic| resume_unwind(panic))
    }

    #[inline(always)]
    fn yield_now() {
        coroutine::yield_now();
    }

    fn sleep(duration: Duration) {
        coroutine::sleep(duration);
    }

    fn sleep_until(deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        // A sleep of no time would still pass through the timer thread.
        if !left.is_zero() {
            coroutine::sleep(left);
        }
    }

    fn block_in_place<T>(f: impl FnOnce() -> T) -> T {
        f()
    }

    fn channel<T: Send + 'static>(_capacity: usize) -> (Sender<T>, Receiver<T>) {
        channel()
    }

    fn send<T: Send + 'static>(sender: &Sender<T>, value: T) -> Result<(), Disconnected> {
        sender.send(value).map_err(|_| Disconnected)
    }

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

    fn another_receiver<T: Send + 'static>(_: &Receiver<T>) -> Option<Receiver<T>> {
        None
    }

    fn select<T: Send + 'static>(_: &[Receiver<T>]) -> (usize, Result<T, Disconnected>) {
        unreachable!("may's select can lose values, and the limits say that there is none")
    }

    fn mutex<T: Send + 'static>(value: T) -> Mutex<T> {
        Mutex::new(value)
    }

    fn with_lock<T: Send + 'static, U>(mutex: &Mutex<T>, f: impl FnOnce(&mut T) -> U) -> U {
        f(&mut mutex.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn latch() -> Arc<SyncFlag> {
        Arc::default()
    }

    fn pass(latch: &Arc<SyncFlag>) {
        latch.wait();
    }

    fn open(latch: &Arc<SyncFlag>) {
        latch.fire();
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

/// One process, so one configuration: one worker, default pool.
#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::mpsc,
        thread,
    };

    use super::*;

    fn started() -> May {
        May::start(Config { workers: 1 }).unwrap()
    }

    #[test]
    fn another_configuration_in_the_same_process_is_an_error_that_says_so() {
        assert_eq!(started().echo(), [("workers".to_owned(), 1), ("pool_capacity".to_owned(), 1_000)].into());
        let refused = [May::start(Config { workers: 2 }).err(), MayLargePool::start(Config { workers: 1 }).err()]
            .map(Option::unwrap);
        for error in refused {
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains("with workers=1, default pool"), "{error}");
        }
        assert_eq!(started().echo()["workers"], 1);
    }

    #[test]
    fn the_main_task_and_what_it_spawns_run_on_the_worker() {
        let id = || thread::current().id();
        let [main, task] = started().run(move || [id(), May::join(May::spawn(id))]);
        assert_eq!(main, task);
        assert_ne!(main, thread::current().id());
    }

    #[test]
    fn a_task_from_outside_runs_though_nobody_is_in_run() {
        let (sender, receiver) = mpsc::channel();
        let contender = started();
        let task = contender.spawn_from_outside(move || sender.send(7).unwrap());
        assert_eq!(receiver.recv(), Ok(7));
        contender.run(|| May::join(task));
    }

    #[test]
    fn a_panic_in_a_task_reaches_the_caller_of_run_and_the_worker_stays() {
        let contender = started();
        let caught = catch_unwind(AssertUnwindSafe(|| {
            contender.run(|| May::join(May::spawn(|| panic!("from the task"))));
        }));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"from the task"));
        assert_eq!(contender.run(|| 7), 7);
    }

    #[test]
    fn a_dropped_end_disconnects_after_what_was_sent_and_no_send_waits() {
        started().run(|| {
            let (sender, receiver) = May::channel::<u64>(1);
            assert_eq!(May::recv_timeout(&receiver, Duration::from_millis(1)), Ok(None));
            (0..100).for_each(|n| assert_eq!(May::send(&sender, n), Ok(())));
            drop(sender);
            (0..100).for_each(|n| assert_eq!(May::recv(&receiver), Ok(n)));
            assert_eq!(May::recv(&receiver), Err(Disconnected));
            assert_eq!(May::recv_timeout(&receiver, Duration::from_secs(60)), Err(Disconnected));
        });
    }

    #[test]
    fn a_latch_holds_everybody_until_it_is_open_and_a_lock_holds_one_at_a_time() {
        started().run(|| {
            let (latch, passed) = (May::latch(), Arc::new(May::mutex(0)));
            let tasks: Vec<_> = (0..10)
                .map(|_| {
                    let (latch, passed) = (latch.clone(), Arc::clone(&passed));
                    May::spawn(move || {
                        May::pass(&latch);
                        May::with_lock(&passed, |passed| *passed += 1);
                    })
                })
                .collect();
            May::sleep(Duration::from_millis(5));
            assert_eq!(May::with_lock(&passed, |passed| *passed), 0);
            May::open(&latch);
            tasks.into_iter().for_each(May::join);
            assert_eq!(May::with_lock(&passed, |passed| *passed), 10);
        });
    }

    #[test]
    fn a_sleep_ends_after_its_time_and_one_that_is_over_at_once() {
        started().run(|| {
            let begin = Instant::now();
            May::sleep_until(begin);
            May::sleep_until(begin + Duration::from_millis(5));
            assert!(begin.elapsed() >= Duration::from_millis(5));
        });
    }

    #[test]
    fn bytes_come_back_through_a_socket() {
        let echoed = started().run(|| {
            let (listener, address) = May::listen().unwrap();
            let server = May::spawn(move || {
                let mut stream = May::accept(&listener).unwrap();
                let mut buffer = [0; 16];
                let count = May::read(&mut stream, &mut buffer).unwrap();
                May::write_all(&mut stream, &buffer[..count]).unwrap();
                assert_eq!(May::read(&mut stream, &mut buffer).unwrap(), 0, "the end");
            });
            let mut stream = May::connect(address).unwrap();
            May::write_all(&mut stream, b"abc").unwrap();
            let mut buffer = [0; 16];
            let count = May::read(&mut stream, &mut buffer).unwrap();
            drop(stream);
            May::join(server);
            buffer[..count].to_vec()
        });
        assert_eq!(echoed, b"abc");
    }
}
