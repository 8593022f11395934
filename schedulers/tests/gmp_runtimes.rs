//! Runtimes come and go, at any moment and from anywhere, and leave nothing behind. A process of its own, whose threads and descriptors are counted; one
//! test at a time.

use std::{
    io::Read,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::*},
    },
    time::{Duration, Instant},
};

use schedulers::gmp::{
    self, Runtime,
    net::{TcpListener, TcpStream},
};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

fn one_at_a_time() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Threads of gmp's, and open descriptors, of this process.
fn counts() -> (usize, usize) {
    let name =
        |entry: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(entry.ok()?.path().join("comm")).ok();
    let threads = std::fs::read_dir("/proc/self/task").unwrap().filter_map(name);
    let ours = threads.filter(|name| ["gmp-m", "gmp-sysmon"].contains(&name.trim())).count();
    (ours, std::fs::read_dir("/proc/self/fd").unwrap().count())
}

/// Waits for the counts to be as low as before: a thread that has said that it ends is still there for a moment.
fn await_counts(before: (usize, usize)) {
    let begin = Instant::now();
    while counts() > before {
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}, before: {before:?}", counts());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The size of all mappings, in pages.
fn mapped() -> u64 {
    std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').next().unwrap().parse().unwrap()
}

/// Some of everything: stacks, blocked threads, timers, sockets.
fn use_it(runtime: &Runtime) {
    runtime.run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let reads = gmp::spawn(move || server.read(&mut [0]).unwrap());
        let handles: Vec<_> = (0..20u64)
            .map(|n| {
                gmp::spawn(move || match n % 4 {
                    0 => gmp::time::sleep(Duration::from_micros(n)),
                    1 => gmp::block_in_place(|| std::thread::sleep(Duration::from_micros(n))),
                    2 => gmp::yield_now(),
                    _ => assert_eq!(gmp::spawn(move || n).join().unwrap(), n),
                })
            })
            .collect();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        drop(client);
        assert_eq!(reads.join().unwrap(), 0);
    });
}

#[test]
fn a_hundred_runtimes_one_after_the_other_leave_nothing() {
    let _one = one_at_a_time();
    use_it(&runtime(2));
    await_counts((0, counts().1));
    let (before, pages) = (counts(), mapped());
    for n in 0..100 {
        let runtime = runtime(1 + n % 4);
        use_it(&runtime);
        if n % 2 == 0 {
            drop(runtime);
        } else {
            assert_eq!(runtime.shutdown(), 0);
        }
    }
    await_counts(before);
    // A slab of stacks alone takes megabytes; malloc may keep some of its own.
    let grown = mapped().saturating_sub(pages) * 4096;
    assert!(grown < 1 << 30, "{grown} bytes are mapped for 100 runtimes that are gone");
}

#[test]
fn ten_runtimes_at_once_do_not_get_in_each_others_way() {
    let _one = one_at_a_time();
    use_it(&runtime(1));
    await_counts((0, counts().1));
    let before = counts();
    std::thread::scope(|threads| {
        for n in 0..10 {
            threads.spawn(move || {
                let runtime = runtime(1 + n % 3);
                (0..5).for_each(|_| use_it(&runtime));
                assert_eq!(runtime.shutdown(), 0);
            });
        }
    });
    await_counts(before);
}

/// In the middle of whatever its goroutines do.
#[test]
fn a_runtime_may_be_dropped_at_any_moment() {
    let _one = one_at_a_time();
    let works: [fn(); 8] = [
        gmp::yield_now,
        || gmp::time::sleep(Duration::from_micros(20)),
        || gmp::block_in_place(|| std::thread::sleep(Duration::from_micros(20))),
        || (std::thread::sleep(Duration::from_micros(20)), gmp::checkpoint()).1,
        || _ = gmp::spawn(|| ()).join(),
        || _ = gmp::channel::<()>(0).1.recv_timeout(Duration::from_micros(20)),
        || gmp::scope(|scope| drop(scope.spawn(gmp::yield_now))),
        || _ = gmp::spawn(|| std::panic::resume_unwind(Box::new(()))).join(),
    ];
    for round in 0..60u32 {
        let runtime = runtime(1 + round as usize % 3);
        for work in works {
            drop(runtime.spawn(move || {
                loop {
                    work();
                }
            }));
        }
        (0..(round * 7919) % 100_000).for_each(|_| std::hint::spin_loop());
        let begin = Instant::now();
        drop(runtime);
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    }
    // Their goroutines are never run again; their threads have ended.
    await_counts((0, usize::MAX));
}

/// Whoever drops it: a goroutine of another runtime, one of its own, a destructor during a panic.
#[test]
fn a_runtime_may_be_dropped_by_a_goroutine() {
    let _one = one_at_a_time();
    let other = runtime(1);
    let dropped = runtime(2);
    other.run(move || {
        use_it_from_a_goroutine(&dropped);
        drop(dropped);
        assert_eq!(gmp::spawn(|| 1).join().unwrap(), 1);
    });
    let dropped = runtime(2);
    let panics = other.spawn(move || {
        let _dropped = dropped;
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(panics.join().map(|()| 0).unwrap_err().is_panic());
    // Its own: it cannot wait for itself, so it takes the second that a goroutine is given which does not come back.
    static DONE: AtomicBool = AtomicBool::new(false);
    let own = Arc::new(runtime(2));
    let last = own.clone();
    let (sender, receiver) = gmp::channel::<()>(0);
    drop(own.spawn(move || {
        receiver.recv().ok();
        drop(last);
        DONE.store(true, SeqCst);
    }));
    drop(own);
    drop(sender);
    let begin = Instant::now();
    while !DONE.load(SeqCst) {
        assert!(begin.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(other.shutdown(), 0);
    await_counts((0, usize::MAX));
}

/// A goroutine cannot `run` another runtime, but it can spawn there.
fn use_it_from_a_goroutine(runtime: &Runtime) {
    let sum: u32 = (0..20).map(|n| runtime.spawn(move || n).join().unwrap()).sum();
    assert_eq!(sum, 190);
}
