//! The promised API: every name, with its types. What other programs compile against; a change that breaks one of these lines breaks them.
#![expect(clippy::type_complexity, reason = "each type is written out as it is promised")]

use std::{
    any::Any,
    error::Error,
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr},
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use schedulers::gmp::{
    self, Builder, Deadlock, GoroutineState, JoinError, JoinHandle, Receiver, RecvError, RecvTimeoutError, Runtime,
    Scope, ScopedJoinHandle, SendError, SendTimeoutError, Sender, Snapshot, Stats, ThreadLock, TryRecvError,
    TrySendError, WaitReason, World,
    net::{TcpListener, TcpStream, UdpSocket},
    select,
    sync::{
        Barrier, BarrierWaitResult, Condvar, Mutex, MutexGuard, Once, OnceLock, RwLock, RwLockReadGuard,
        RwLockWriteGuard, Semaphore, SemaphorePermit, WaitGroup,
    },
    time::{self, Timer},
};

/// A value that may be sent, but not shared.
type Value = std::cell::Cell<u32>;

fn runtime() -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(2).stack_size(64 << 10).max_threads(10_000).build() }.unwrap()
}

#[test]
fn a_runtime_is_built_run_and_asked() {
    let _: fn() -> Builder = Runtime::builder;
    let _: fn(Builder, usize) -> Builder = Builder::procs;
    let _: fn(Builder, usize) -> Builder = Builder::stack_size;
    let _: fn(Builder, usize) -> Builder = Builder::max_threads;
    let _: unsafe fn(Builder) -> io::Result<Runtime> = Builder::build;
    let _: unsafe fn() -> io::Result<Runtime> = Runtime::new;
    let _: Builder = Runtime::builder().on_deadlock(|deadlock: &Deadlock| drop::<String>(deadlock.to_string()));
    let _: fn(&Runtime) -> Stats = Runtime::stats;
    let _: fn(&Runtime) -> Snapshot = Runtime::snapshot;
    let _: fn(&Runtime) -> usize = Runtime::procs;
    let _: fn(&Runtime, usize) -> usize = Runtime::set_procs;
    let _: fn(Runtime) -> usize = Runtime::shutdown;
    let _: fn() -> usize = gmp::num_cpus;
    let _: fn() -> usize = gmp::procs;
    let _: fn(usize) -> usize = gmp::set_procs;
    let _: fn() -> usize = gmp::num_goroutines;
    is_send_and_sync::<(Runtime, Builder, Stats, Snapshot, Deadlock)>();

    let (runtime, mut borrowed) = (runtime(), 1);
    let answer: u64 = runtime.run(|| {
        borrowed += 1; // Main may borrow.
        gmp::spawn(|| 42u64).join().unwrap()
    });
    let handle: JoinHandle<Value> = runtime.spawn(|| Value::new(1));
    assert_eq!((answer, borrowed, handle.join().unwrap().get()), (42, 2, 1));
    let procs: usize = runtime.stop_the_world(|world: &World<'_>| world.procs());
    assert_eq!((procs, runtime.set_procs(1), runtime.procs()), (2, 2, 1));
    let stats: Stats = runtime.stats();
    assert_eq!(stats.spawned, 3);
    runtime.run(|| {
        let (snapshot, stats): (Snapshot, Stats) = gmp::stop_the_world(|world| (world.snapshot(), world.stats()));
        assert_eq!(snapshot.goroutines[0].state, GoroutineState::Executing);
        assert_eq!((stats.spawned, gmp::num_goroutines() >= 1, gmp::procs()), (4, true, 1));
        assert_eq!((gmp::set_procs(2), gmp::num_cpus() >= 1), (1, true));
    });
    let panic: Box<dyn Any + Send> =
        catch_unwind(AssertUnwindSafe(|| runtime.run(|| std::panic::resume_unwind(Box::new(7u8))))).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&7u8), "a panic of main propagates");
}

#[test]
fn goroutines_are_spawned_joined_and_end() {
    let _: fn(&JoinHandle<Value>) -> bool = JoinHandle::is_finished;
    let _: fn(&JoinHandle<Value>) -> u64 = JoinHandle::id;
    let _: fn(JoinHandle<Value>) -> Result<Value, JoinError> = JoinHandle::join;
    let _: fn(&JoinError) -> bool = JoinError::is_panic;
    let _: fn(&JoinError) -> bool = JoinError::is_exit;
    let _: fn(JoinError) -> Box<dyn Any + Send> = JoinError::into_panic;
    let _: fn() -> ! = gmp::exit;
    let _: [fn(); 2] = [gmp::yield_now, gmp::checkpoint];
    let _: fn() -> Option<u64> = gmp::current_id;
    let _: fn() -> ThreadLock = gmp::lock_os_thread;
    is_error::<JoinError>();
    is_send_and_sync::<JoinHandle<Value>>();

    runtime().run(|| {
        let panics: JoinError = gmp::spawn(|| std::panic::resume_unwind(Box::new(1))).join().map(|()| 0).unwrap_err();
        assert!(panics.is_panic() && !panics.is_exit() && panics.into_panic().is::<i32>());
        assert!(gmp::spawn(|| gmp::exit()).join().map(|()| 0).unwrap_err().is_exit());
        drop(gmp::spawn(gmp::yield_now));
        let numbers = [1, 2, 3];
        let sum: i32 = gmp::scope(|scope| {
            let first: ScopedJoinHandle<'_, i32> = scope.spawn(|| numbers[0]);
            scope.spawn(|| nests(scope, &numbers));
            numbers[1] + first.join().unwrap()
        });
        let read: &i32 = gmp::block_in_place(|| &numbers[2]); // Neither 'static nor `Send` is asked for.
        let locks: [ThreadLock; 2] = [gmp::lock_os_thread(), gmp::lock_os_thread()];
        gmp::checkpoint();
        drop(locks);
        assert_eq!((sum, *read, gmp::current_id().is_some()), (3, 3, true));
    });
}

fn nests<'scope>(scope: &'scope Scope<'scope, '_>, numbers: &'scope [i32]) {
    scope.spawn(|| assert_eq!(numbers.len(), 3));
}

#[test]
fn channels_have_crossbeams_verbs_and_errors() {
    let _: fn(usize) -> (Sender<Value>, Receiver<Value>) = gmp::channel;
    let _: fn() -> Receiver<Value> = gmp::never;
    let _: fn(&Sender<Value>, Value) -> Result<(), SendError<Value>> = Sender::send;
    let _: fn(&Sender<Value>, Value) -> Result<(), TrySendError<Value>> = Sender::try_send;
    let _: fn(&Sender<Value>, Value, Duration) -> Result<(), SendTimeoutError<Value>> = Sender::send_timeout;
    let _: fn(&Receiver<Value>) -> Result<Value, RecvError> = Receiver::recv;
    let _: fn(&Receiver<Value>) -> Result<Value, TryRecvError> = Receiver::try_recv;
    let _: fn(&Receiver<Value>, Duration) -> Result<Value, RecvTimeoutError> = Receiver::recv_timeout;
    let _: (fn(&Sender<Value>) -> bool, fn(&Receiver<Value>) -> bool) = (Sender::close, Receiver::close);
    let _: (fn(&Sender<Value>) -> usize, fn(&Receiver<Value>) -> usize) = (Sender::len, Receiver::len);
    let _: (fn(&Sender<Value>) -> bool, fn(&Receiver<Value>) -> bool) = (Sender::is_empty, Receiver::is_empty);
    let _: (fn(&Sender<Value>) -> bool, fn(&Receiver<Value>) -> bool) = (Sender::is_full, Receiver::is_full);
    let _: (fn(&Sender<Value>) -> Option<usize>, fn(&Receiver<Value>) -> Option<usize>) =
        (Sender::capacity, Receiver::capacity);
    let _: fn(&Sender<Value>) -> Sender<Value> = Clone::clone;
    let _: fn(&Receiver<Value>) -> Receiver<Value> = Clone::clone;
    is_send_and_sync::<(Sender<Value>, Receiver<Value>)>();
    is_error::<SendError<i32>>();
    is_error::<TrySendError<i32>>();
    is_error::<SendTimeoutError<i32>>();
    is_error::<RecvError>();
    is_error::<TryRecvError>();
    is_error::<RecvTimeoutError>();

    let moment = Duration::from_millis(1);
    let (sender, receiver) = gmp::channel(1);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(receiver.recv_timeout(moment), Err(RecvTimeoutError::Timeout));
    assert_eq!(sender.send(1), Ok(()));
    assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    assert_eq!(sender.send_timeout(3, moment), Err(SendTimeoutError::Timeout(3)));
    assert_eq!((sender.len(), receiver.capacity()), (1, Some(1)));
    assert!(sender.close() && !receiver.close());
    assert_eq!(sender.send(4), Err(SendError(4)));
    assert_eq!(sender.try_send(5), Err(TrySendError::Disconnected(5)));
    assert_eq!(sender.send_timeout(6, moment).unwrap_err().into_inner(), 6);
    assert_eq!(receiver.iter().chain(&receiver).chain(receiver.try_iter()).collect::<Vec<i32>>(), [1]);
    assert_eq!(receiver.recv(), Err(RecvError));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    assert_eq!(receiver.recv_timeout(moment), Err(RecvTimeoutError::Disconnected));
    assert_eq!(receiver.into_iter().next(), None);
}

#[test]
fn select_has_crossbeams_syntax_and_results() {
    let (sender, receiver) = gmp::channel::<u32>(1);
    let (closed, from_closed) = gmp::channel::<u32>(1);
    closed.close();
    let sent: Result<(), SendError<u32>> = select! { send(sender, 1) -> sent => sent };
    let received: Result<u32, RecvError> = select! { recv(receiver) -> value => value, default => unreachable!() };
    assert_eq!((sent, received), (Ok(()), Ok(1)));
    select! {
        recv(from_closed) -> value => assert_eq!(value, Err(RecvError)),
        send(closed, 2) -> sent => assert_eq!(sent, Err(SendError(2))),
    }
    let late = gmp::select! {
        recv(receiver) -> _ => false,
        recv(gmp::never::<()>()) -> _ => false,
        default(Duration::from_millis(1)) => true,
    };
    assert!(late);
}

#[test]
fn sync_has_parking_lots_shapes() {
    let _: fn(Value) -> Mutex<Value> = Mutex::new;
    let _: for<'a> fn(&'a Mutex<Value>) -> MutexGuard<'a, Value> = Mutex::lock;
    let _: for<'a> fn(&'a Mutex<Value>) -> Option<MutexGuard<'a, Value>> = Mutex::try_lock;
    let _: (fn(Mutex<Value>) -> Value, fn(&mut Mutex<Value>) -> &mut Value) = (Mutex::into_inner, Mutex::get_mut);
    let _: fn(u32) -> RwLock<u32> = RwLock::new;
    let _: for<'a> fn(&'a RwLock<u32>) -> RwLockReadGuard<'a, u32> = RwLock::read;
    let _: for<'a> fn(&'a RwLock<u32>) -> RwLockWriteGuard<'a, u32> = RwLock::write;
    let _: for<'a> fn(&'a RwLock<u32>) -> Option<RwLockReadGuard<'a, u32>> = RwLock::try_read;
    let _: for<'a> fn(&'a RwLock<u32>) -> Option<RwLockWriteGuard<'a, u32>> = RwLock::try_write;
    let _: (fn(RwLock<u32>) -> u32, fn(&mut RwLock<u32>) -> &mut u32) = (RwLock::into_inner, RwLock::get_mut);
    let _: fn() -> Condvar = Condvar::new;
    let _: for<'a, 'b, 'c> fn(&'a Condvar, &'b mut MutexGuard<'c, Value>) = Condvar::wait;
    let _: (fn(&Condvar) -> bool, fn(&Condvar)) = (Condvar::notify_one, Condvar::notify_all);
    let _: fn() -> WaitGroup = WaitGroup::new;
    let _: (fn(&WaitGroup, usize), [fn(&WaitGroup); 2]) = (WaitGroup::add, [WaitGroup::done, WaitGroup::wait]);
    let _: fn(&WaitGroup) -> WaitGroup = Clone::clone;
    let _: (fn() -> Once, fn(&Once) -> bool) = (Once::new, Once::is_completed);
    let _: fn() -> OnceLock<Value> = OnceLock::new;
    let _: fn(&OnceLock<Value>) -> Option<&Value> = OnceLock::get;
    let _: fn(&OnceLock<Value>, Value) -> Result<(), Value> = OnceLock::set;
    let _: fn(usize) -> Semaphore = Semaphore::new;
    let _: for<'a> fn(&'a Semaphore) -> SemaphorePermit<'a> = Semaphore::acquire;
    let _: for<'a> fn(&'a Semaphore, usize) -> SemaphorePermit<'a> = Semaphore::acquire_many;
    let _: for<'a> fn(&'a Semaphore) -> Option<SemaphorePermit<'a>> = Semaphore::try_acquire;
    let _: fn(usize) -> Barrier = Barrier::new;
    let _: (fn(&Barrier) -> BarrierWaitResult, fn(&BarrierWaitResult) -> bool) =
        (Barrier::wait, BarrierWaitResult::is_leader);
    is_send_and_sync::<(Mutex<Value>, RwLock<u32>, Condvar, WaitGroup, Once, OnceLock<u32>, Semaphore, Barrier)>();
    // Guards may be dropped on another thread.
    is_send_and_sync::<(MutexGuard<'_, u32>, RwLockReadGuard<'_, u32>, RwLockWriteGuard<'_, u32>, SemaphorePermit<'_>)>(
    );

    // All of them may be statics.
    static READY: Mutex<bool> = Mutex::new(false);
    static CHANGED: Condvar = Condvar::new();
    static TABLE: RwLock<[u32; 2]> = RwLock::new([1, 2]);
    static FIRST: Once = Once::new();
    static NAME: OnceLock<&str> = OnceLock::new();
    static PERMITS: Semaphore = Semaphore::new(3);
    static ALONE: Barrier = Barrier::new(1);
    runtime().run(|| {
        let group = WaitGroup::new();
        group.add(1);
        drop(gmp::spawn({
            let group = group.clone();
            move || {
                *READY.lock() = true;
                CHANGED.notify_all();
                group.done();
            }
        }));
        let mut ready = READY.lock();
        while !*ready {
            CHANGED.wait(&mut ready);
        }
        CHANGED.wait_while(&mut ready, |ready| !*ready);
        group.wait();
        FIRST.call_once(|| TABLE.write()[0] = 3);
        let permits = (PERMITS.acquire(), PERMITS.acquire_many(2));
        assert!(PERMITS.try_acquire().is_none() && ALONE.wait().is_leader());
        assert_eq!((*TABLE.read(), *NAME.get_or_init(|| "gmp")), ([3, 2], "gmp"));
        drop(permits);
    });
}

#[test]
fn time_has_stds_types_and_gos_timers() {
    let _: (fn(Duration), fn(Instant)) = (time::sleep, time::sleep_until);
    let _: [fn(Duration) -> Receiver<Instant>; 2] = [time::after, time::tick];
    let _: fn(Duration) -> Timer = Timer::new;
    let _: fn(&Timer) -> &Receiver<Instant> = Timer::receiver;
    let _: fn(&Timer, Duration) -> bool = Timer::reset;
    let _: fn(&Timer) -> bool = Timer::stop;
    is_send_and_sync::<Timer>();

    let timer = Timer::new(Duration::from_secs(3600));
    assert!(timer.reset(Duration::ZERO) && timer.receiver().recv().is_ok() && !timer.stop(), "true: it was pending");
}

#[test]
fn net_has_stds_shapes_and_deadlines() {
    let _: fn(&'static str) -> io::Result<TcpListener> = TcpListener::bind;
    let _: fn(&TcpListener) -> io::Result<(TcpStream, SocketAddr)> = TcpListener::accept;
    let _: fn(&TcpListener) -> io::Result<SocketAddr> = TcpListener::local_addr;
    let _: fn(&TcpListener, Option<Instant>) -> io::Result<()> = TcpListener::set_deadline;
    let _: fn(&TcpListener) -> io::Result<()> = TcpListener::close;
    let _: fn(SocketAddr) -> io::Result<TcpStream> = TcpStream::connect;
    let _: fn(&SocketAddr, Duration) -> io::Result<TcpStream> = TcpStream::connect_timeout;
    let _: [fn(&TcpStream) -> io::Result<SocketAddr>; 2] = [TcpStream::peer_addr, TcpStream::local_addr];
    let _: fn(&TcpStream, Shutdown) -> io::Result<()> = TcpStream::shutdown;
    let _: fn(&TcpStream, bool) -> io::Result<()> = TcpStream::set_nodelay;
    let _: [fn(&TcpStream, Option<Duration>) -> io::Result<()>; 2] =
        [TcpStream::set_read_timeout, TcpStream::set_write_timeout];
    let _: fn(&TcpStream, Option<Instant>) -> io::Result<()> = TcpStream::set_deadline;
    let _: fn(&TcpStream) -> io::Result<()> = TcpStream::close;
    let _: fn((&'static str, u16)) -> io::Result<UdpSocket> = UdpSocket::bind;
    let _: fn(&UdpSocket, &[u8], SocketAddr) -> io::Result<usize> = UdpSocket::send_to;
    let _: fn(&UdpSocket, &mut [u8]) -> io::Result<(usize, SocketAddr)> = UdpSocket::recv_from;
    let _: fn(&UdpSocket) -> io::Result<SocketAddr> = UdpSocket::local_addr;
    let _: [fn(&UdpSocket, Option<Duration>) -> io::Result<()>; 2] =
        [UdpSocket::set_read_timeout, UdpSocket::set_write_timeout];
    let _: fn(&UdpSocket, Option<Instant>) -> io::Result<()> = UdpSocket::set_deadline;
    let _: fn(&UdpSocket) -> io::Result<()> = UdpSocket::close;
    let _: fn(&io::Error) -> bool = gmp::net::is_closed;
    is_send_and_sync::<(TcpListener, TcpStream, UdpSocket)>();
    reads_and_writes::<&TcpStream>();
    reads_and_writes::<TcpStream>();

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_deadline(Some(Instant::now())).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::TimedOut);
    listener.close().unwrap();
    assert!(gmp::net::is_closed(&listener.accept().unwrap_err()));
}

#[test]
fn reports_name_what_goroutines_do() {
    let _: fn(&Snapshot, GoroutineState) -> usize = Snapshot::count;
    let _: fn(WaitReason) -> &'static str = WaitReason::as_str;
    let _: fn(&Deadlock) -> &Snapshot = |deadlock| &deadlock.snapshot;
    runtime().run(|| {
        let (sender, receiver) = gmp::channel::<()>(0);
        let waits = gmp::spawn(move || receiver.recv());
        let waiting = || gmp::stop_the_world(|world| world.snapshot());
        while waiting().count(GoroutineState::Waiting(WaitReason::ChanReceive)) == 0 {
            gmp::yield_now();
        }
        drop(sender);
        assert_eq!(waits.join().unwrap(), Err(RecvError));
    });
}

fn is_send_and_sync<T: Send + Sync>() {}
fn is_error<T: Error + 'static>() {}
fn reads_and_writes<T: Read + Write>() {}

#[test]
fn forks_join_and_traces_are_written() {
    let (left, right): (u64, String) = runtime().run(|| gmp::join(|| 1, || "two".to_owned()));
    assert_eq!((left, right.as_str()), (1, "two"));
    let _: fn(Vec<u8>) -> io::Result<()> = gmp::trace::start;
    let _: fn() -> io::Result<gmp::trace::Summary> = gmp::trace::stop;
}
