//! `os-threads`: a task is an operating-system thread, the scheduler is the kernel's.
//!
//! Threads have no worker count, so `workers = N` is an affinity: [`run`](Blocking::run) starts the main task on a
//! thread that may use the first N of the process's CPUs only, and every thread that a task spawns inherits that
//! mask. Threads outside (the harness's, a workload's helpers) keep theirs, and nothing has to be restored.
//!
//! All else is what `std` offers: `sync_channel` (0 is a rendezvous), `thread::sleep` with the kernel's default timer
//! slack of 50 us, plain blocking calls, default stacks (2 MiB, reserved and not touched).

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    panic::resume_unwind,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

use crate::model::{Blocking, Config, Contender, Disconnected, Limits};

/// The calling thread, for the affinity calls.
const SELF: Pid = Pid::from_raw(0);

/// Threads of the operating system, held to the first N CPUs.
pub struct OsThreads {
    cpus: CpuSet,
    /// How many CPUs the kernel says that a thread under `cpus` may use.
    workers: usize,
}

impl Contender for OsThreads {
    const NAME: &'static str = "os-threads";
    const SUMMARY: &'static str =
        "a kernel thread per task, std channels and sleeps; held to as many CPUs as there are workers";

    /// The kernel's release: it is the scheduler.
    fn version() -> String {
        match fs::read_to_string("/proc/sys/kernel/osrelease") {
            Ok(release) => format!("{} {}", std::env::consts::OS, release.trim()),
            Err(_) => std::env::consts::OS.to_owned(),
        }
    }

    fn start(config: Config) -> io::Result<Self> {
        let cpus = first_cpus(config.workers)?;
        let asked_back = thread::Builder::new().spawn(move || -> io::Result<usize> {
            sched_setaffinity(SELF, &cpus)?;
            Ok(members(&sched_getaffinity(SELF)?).count())
        })?;
        let workers = asked_back.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        Ok(OsThreads { cpus, workers })
    }

    fn echo(&self) -> BTreeMap<String, u64> {
        BTreeMap::from([("workers".to_owned(), self.workers as u64)])
    }
}

impl Blocking for OsThreads {
    /// Debian's default limits let a user have some 30,000 threads; each costs the kernel some 30 us to make.
    const LIMITS: Limits =
        Limits { min_channel_capacity: Some(0), many_receivers: false, select: false, max_tasks: 10_000 };

    type JoinHandle<T: Send + 'static> = JoinHandle<T>;
    type Sender<T: Send + 'static> = SyncSender<T>;
    type Receiver<T: Send + 'static> = Receiver<T>;
    type Mutex<T: Send + 'static> = Mutex<T>;
    /// A flag and a condition variable: std has no latch.
    type Latch = Arc<(Mutex<bool>, Condvar)>;
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn run<T: Send + 'static>(&self, main: impl FnOnce() -> T + Send + 'static) -> T {
        Self::join(self.spawn_from_outside(main))
    }

    fn spawn_from_outside<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let cpus = self.cpus;
        thread::spawn(move || {
            sched_setaffinity(SELF, &cpus).expect("the kernel accepted this affinity when the contender started");
            f()
        })
    }

    fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        thread::spawn(f)
    }

    fn join<T: Send + 'static>(handle: JoinHandle<T>) -> T {
        handle.join().unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn yield_now() {
        thread::yield_now();
    }

    fn sleep(duration: Duration) {
        thread::sleep(duration);
    }

    fn block_in_place<T>(f: impl FnOnce() -> T) -> T {
        f()
    }

    fn channel<T: Send + 'static>(capacity: usize) -> (SyncSender<T>, Receiver<T>) {
        mpsc::sync_channel(capacity)
    }

    fn send<T: Send + 'static>(sender: &SyncSender<T>, value: T) -> Result<(), Disconnected> {
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
        unreachable!("std has no select, and the limits say so")
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

/// The first `count` of the CPUs that the calling thread may use.
fn first_cpus(count: usize) -> io::Result<CpuSet> {
    let allowed = sched_getaffinity(SELF)?;
    let available = members(&allowed).count();
    if count > available {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("workers={count}, but this process may use {available} CPUs, and a thread cannot be held to more"),
        ));
    }
    let mut first = CpuSet::new();
    for cpu in members(&allowed).take(count) {
        first.set(cpu)?;
    }
    Ok(first)
}

fn members(set: &CpuSet) -> impl Iterator<Item = usize> + '_ {
    (0..CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_inherit_the_cpus_and_the_caller_keeps_its_own() {
        let before = sched_getaffinity(SELF).unwrap();
        let contender = OsThreads::start(Config { workers: 1 }).unwrap();
        let of_a_task = contender.run(|| {
            OsThreads::join(OsThreads::spawn(|| members(&sched_getaffinity(SELF).unwrap()).collect::<Vec<_>>()))
        });
        assert_eq!(of_a_task, members(&before).take(1).collect::<Vec<_>>());
        assert_eq!(contender.echo()["workers"], 1);
        assert_eq!(sched_getaffinity(SELF).unwrap(), before);
    }

    #[test]
    fn more_workers_than_cpus_is_an_error_that_says_so() {
        let error = OsThreads::start(Config { workers: CpuSet::count() + 1 }).err().unwrap();
        assert!(error.to_string().contains("this process may use"), "{error}");
    }

    #[test]
    #[should_panic(expected = "from the task")]
    fn a_panic_in_a_task_reaches_the_caller_of_run() {
        let contender = OsThreads::start(Config { workers: 1 }).unwrap();
        contender.run(|| OsThreads::join(OsThreads::spawn(|| panic!("from the task"))))
    }

    #[test]
    fn a_channel_of_no_capacity_is_a_rendezvous_and_a_dropped_end_disconnects() {
        let contender = OsThreads::start(Config { workers: 1 }).unwrap();
        contender.run(|| {
            let (sender, receiver) = OsThreads::channel::<u64>(0);
            assert_eq!(OsThreads::recv_timeout(&receiver, Duration::from_millis(1)), Ok(None));
            let task = OsThreads::spawn(move || OsThreads::send(&sender, 7));
            assert_eq!(OsThreads::recv(&receiver), Ok(7));
            assert_eq!(OsThreads::join(task), Ok(()));
            assert_eq!(OsThreads::recv(&receiver), Err(Disconnected));
            assert_eq!(OsThreads::recv_timeout(&receiver, Duration::from_secs(60)), Err(Disconnected));
        });
    }
}
