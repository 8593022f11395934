//! `os-threads`, `os-threads-pinned`, `os-threads-crossbeam`: a task is an operating-system thread, the scheduler is the kernel's.
//!
//! Threads have no worker count, so `workers = N` is an affinity: every thread that executes a task may use the first N of the
//! process's CPUs only, or, pinned, one of them; see [`cpus`]. Threads outside (the harness's, a workload's helpers) keep theirs,
//! and nothing has to be restored.
//!
//! The channels are std's or crossbeam's; see [`channels`]. All else is what `std` offers: `thread::sleep` with the kernel's default
//! timer slack of 50 us, plain blocking calls, default stacks (2 MiB, reserved and not touched).

mod channels;
mod cpus;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read, Write},
    marker::PhantomData,
    net::{SocketAddr, TcpListener, TcpStream},
    panic::resume_unwind,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use self::{
    channels::{Channels, Crossbeam, Std},
    cpus::Cpus,
};
use crate::model::{Blocking, Config, Contender, Disconnected, Limits, Role};

/// What makes three contenders of threads.
pub trait Variant: 'static {
    /// See [`Contender`].
    const NAME: &'static str;
    /// See [`Contender`].
    const SUMMARY: &'static str;
    /// See [`Contender`].
    const ROLE: Role;
    /// Whether each thread stays on one CPU.
    const PINNED: bool;
    /// The channels.
    type Channels: Channels;
}

/// `os-threads`.
pub struct Floating;

impl Variant for Floating {
    const NAME: &'static str = "os-threads";
    const SUMMARY: &'static str =
        "a kernel thread per task, std channels and sleeps; held to as many CPUs as there are workers";
    const ROLE: Role = Role::Default;
    const PINNED: bool = false;
    type Channels = Std;
}

/// `os-threads-pinned`.
pub struct Pinned;

impl Variant for Pinned {
    const NAME: &'static str = "os-threads-pinned";
    const SUMMARY: &'static str =
        "os-threads, but each thread is pinned, to each of as many CPUs as there are workers in turn";
    const ROLE: Role = Role::Tuned;
    const PINNED: bool = true;
    type Channels = Std;
}

/// `os-threads-crossbeam`.
pub struct WithCrossbeam;

impl Variant for WithCrossbeam {
    const NAME: &'static str = "os-threads-crossbeam";
    const SUMMARY: &'static str = "os-threads, but with crossbeam's channels, which have several receivers and select";
    const ROLE: Role = Role::Tuned;
    const PINNED: bool = false;
    type Channels = Crossbeam;
}

/// The kernel's threads with what std has.
pub type OsThreads = Threads<Floating>;
/// The same, pinned.
pub type OsThreadsPinned = Threads<Pinned>;
/// The same, with crossbeam's channels.
pub type OsThreadsCrossbeam = Threads<WithCrossbeam>;

/// Threads of the operating system, held to the first N CPUs.
pub struct Threads<V: Variant> {
    cpus: Arc<Cpus>,
    /// How many CPUs the kernel says that its threads may use.
    workers: usize,
    variant: PhantomData<V>,
}

impl<V: Variant> Contender for Threads<V> {
    const NAME: &'static str = V::NAME;
    const SUMMARY: &'static str = V::SUMMARY;
    const ROLE: Role = V::ROLE;

    /// The kernel's release, since it is the scheduler, and the channels' if they are not std's.
    fn version() -> String {
        let system = std::env::consts::OS;
        let kernel = match fs::read_to_string("/proc/sys/kernel/osrelease") {
            Ok(release) => format!("{system} {}", release.trim()),
            Err(_) => system.to_owned(),
        };
        V::Channels::version().map_or(kernel.clone(), |channels| format!("{kernel}, {channels}"))
    }

    fn start(config: Config) -> io::Result<Self> {
        let cpus = Arc::new(Cpus::first(config.workers, V::PINNED)?);
        let workers = cpus::used_by(&cpus, config.workers)?;
        Ok(Threads { cpus, workers, variant: PhantomData })
    }

    fn echo(&self) -> BTreeMap<String, u64> {
        BTreeMap::from([("workers".to_owned(), self.workers as u64)])
    }
}

impl<V: Variant> Blocking for Threads<V> {
    /// Debian's default limits let a user have some 30,000 threads; each costs the kernel some 30 us to make.
    const LIMITS: Limits = Limits {
        min_channel_capacity: Some(0),
        many_receivers: V::Channels::MANY_RECEIVERS,
        select: V::Channels::SELECT,
        blocks_aside: true,
        sound_mutex: true,
        fair_yield: true,
        max_tasks: 10_000,
    };

    type JoinHandle<T: Send + 'static> = JoinHandle<T>;
    type Sender<T: Send + 'static> = <V::Channels as Channels>::Sender<T>;
    type Receiver<T: Send + 'static> = <V::Channels as Channels>::Receiver<T>;
    type Mutex<T: Send + 'static> = Mutex<T>;
    /// A flag and a condition variable: std has no latch.
    type Latch = Arc<(Mutex<bool>, Condvar)>;
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn run<T: Send + 'static>(&self, main: impl FnOnce() -> T + Send + 'static) -> T {
        Self::join(self.spawn_from_outside(main))
    }

    fn spawn_from_outside<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let cpus = Arc::clone(&self.cpus);
        thread::spawn(move || {
            cpus::settle(&cpus).expect("the kernel accepted these CPUs when the contender started");
            f()
        })
    }

    fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        if !V::PINNED {
            // It inherits the CPUs of the thread that spawns it.
            return thread::spawn(f);
        }
        let cpus = cpus::of_this_thread();
        thread::spawn(move || {
            cpus::settle(&cpus).expect("the kernel accepted these CPUs when the contender started");
            f()
        })
    }

    fn join<T: Send + 'static>(handle: JoinHandle<T>) -> T {
        handle.join().unwrap_or_else(|panic| resume_unwind(panic))
    }

    #[inline(always)]
    fn yield_now() {
        thread::yield_now();
    }

    fn sleep(duration: Duration) {
        thread::sleep(duration);
    }

    fn block_in_place<T>(f: impl FnOnce() -> T) -> T {
        f()
    }

    fn channel<T: Send + 'static>(capacity: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
        V::Channels::channel(capacity)
    }

    fn send<T: Send + 'static>(sender: &Self::Sender<T>, value: T) -> Result<(), Disconnected> {
        V::Channels::send(sender, value)
    }

    fn recv<T: Send + 'static>(receiver: &Self::Receiver<T>) -> Result<T, Disconnected> {
        V::Channels::recv(receiver)
    }

    fn recv_timeout<T: Send + 'static>(
        receiver: &Self::Receiver<T>,
        timeout: Duration,
    ) -> Result<Option<T>, Disconnected> {
        V::Channels::recv_timeout(receiver, timeout)
    }

    fn another_receiver<T: Send + 'static>(receiver: &Self::Receiver<T>) -> Option<Self::Receiver<T>> {
        V::Channels::another_receiver(receiver)
    }

    fn select<T: Send + 'static>(receivers: &[Self::Receiver<T>]) -> (usize, Result<T, Disconnected>) {
        V::Channels::select(receivers)
    }

    fn mutex<T: Send + 'static>(value: T) -> Mutex<T> {
        Mutex::new(value)
    }

    fn with_lock<T: Send + 'static, U>(mutex: &Mutex<T>, f: impl FnOnce(&mut T) -> U) -> U {
        f(&mut mutex.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn latch() -> Self::Latch {
        Arc::default()
    }

    fn pass(latch: &Self::Latch) {
        let (is_open, opened) = &**latch;
        let is_open = is_open.lock().unwrap_or_else(PoisonError::into_inner);
        drop(opened.wait_while(is_open, |is_open| !*is_open));
    }

    fn open(latch: &Self::Latch) {
        let (is_open, opened) = &**latch;
        *is_open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        opened.notify_all();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn started<V: Variant>(workers: usize) -> Threads<V> {
        Threads::start(Config { workers }).unwrap()
    }

    #[test]
    fn tasks_inherit_the_cpus_and_the_caller_keeps_its_own() {
        let before = cpus::allowed().unwrap();
        let contender = started::<Floating>(1);
        let of_a_task = contender.run(|| OsThreads::join(OsThreads::spawn(|| cpus::allowed().unwrap())));
        assert_eq!(of_a_task, before[..1]);
        assert_eq!(contender.echo()["workers"], 1);
        assert_eq!(cpus::allowed().unwrap(), before);
    }

    #[test]
    fn pinned_threads_get_one_cpu_each_in_turn_and_so_do_their_children() {
        let all = cpus::allowed().unwrap();
        let workers = all.len().min(3);
        let contender = started::<Pinned>(workers);
        let seen: Vec<_> = contender.run(move || {
            let child = || OsThreadsPinned::join(OsThreadsPinned::spawn(|| cpus::allowed().unwrap()));
            (0..2 * workers).map(|_| child()).collect()
        });
        assert!(seen.iter().all(|cpus| cpus.len() == 1), "{seen:?}");
        for cpu in &all[..workers] {
            assert_eq!(seen.iter().filter(|cpus| cpus[0] == *cpu).count(), 2, "{seen:?}");
        }
        assert_eq!(contender.echo()["workers"], workers as u64);
        assert_eq!(cpus::allowed().unwrap(), all);
    }

    #[test]
    fn more_workers_than_cpus_is_an_error_that_says_so() {
        for error in [
            OsThreads::start(Config { workers: 100_000 }).err().unwrap(),
            OsThreadsPinned::start(Config { workers: 100_000 }).err().unwrap(),
        ] {
            assert!(error.to_string().contains("this process may use"), "{error}");
        }
    }

    #[test]
    #[should_panic(expected = "from the task")]
    fn a_panic_in_a_task_reaches_the_caller_of_run() {
        started::<Floating>(1).run(|| OsThreads::join(OsThreads::spawn(|| panic!("from the task"))))
    }

    #[test]
    fn a_channel_of_no_capacity_is_a_rendezvous_and_a_dropped_end_disconnects() {
        fn check<V: Variant>() {
            started::<V>(1).run(|| {
                let (sender, receiver) = Threads::<V>::channel::<u64>(0);
                assert_eq!(Threads::<V>::recv_timeout(&receiver, Duration::from_millis(1)), Ok(None));
                let task = Threads::<V>::spawn(move || Threads::<V>::send(&sender, 7));
                assert_eq!(Threads::<V>::recv(&receiver), Ok(7));
                assert_eq!(Threads::<V>::join(task), Ok(()));
                assert_eq!(Threads::<V>::recv(&receiver), Err(Disconnected));
                assert_eq!(Threads::<V>::recv_timeout(&receiver, Duration::from_secs(60)), Err(Disconnected));
            });
        }
        check::<Floating>();
        check::<Pinned>();
        check::<WithCrossbeam>();
    }

    #[test]
    fn a_latch_holds_everybody_until_it_is_open() {
        started::<Floating>(1).run(|| {
            let (latch, passed) = (OsThreads::latch(), OsThreads::channel::<u64>(10));
            let tasks: Vec<_> = (0..10)
                .map(|n| {
                    let (latch, passed) = (latch.clone(), passed.0.clone());
                    OsThreads::spawn(move || {
                        OsThreads::pass(&latch);
                        OsThreads::send(&passed, n).unwrap();
                    })
                })
                .collect();
            thread::sleep(Duration::from_millis(10));
            assert!(passed.1.try_recv().is_err());
            OsThreads::open(&latch);
            tasks.into_iter().for_each(OsThreads::join);
            assert_eq!(passed.1.try_iter().sum::<u64>(), 45);
        });
    }

    #[test]
    fn bytes_come_back_through_a_socket() {
        let echoed = started::<Floating>(1).run(|| {
            let (listener, address) = OsThreads::listen().unwrap();
            let server = OsThreads::spawn(move || {
                let mut stream = OsThreads::accept(&listener).unwrap();
                let mut buffer = [0; 16];
                let count = OsThreads::read(&mut stream, &mut buffer).unwrap();
                OsThreads::write_all(&mut stream, &buffer[..count]).unwrap();
                assert_eq!(OsThreads::read(&mut stream, &mut buffer).unwrap(), 0, "the end");
            });
            let mut stream = OsThreads::connect(address).unwrap();
            OsThreads::write_all(&mut stream, b"abc").unwrap();
            let mut buffer = [0; 16];
            let count = OsThreads::read(&mut stream, &mut buffer).unwrap();
            drop(stream);
            OsThreads::join(server);
            buffer[..count].to_vec()
        });
        assert_eq!(echoed, b"abc");
    }
}
