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

/// Threads of gmp's in this process: each with its name, its state and what it waits for, as the kernel has it.
fn threads() -> Vec<String> {
    let describe = |entry: std::io::Result<std::fs::DirEntry>| {
        let task = entry.ok()?.path();
        let read = |file: &str| std::fs::read_to_string(task.join(file)).unwrap_or_else(|error| error.to_string());
        let name = std::fs::read_to_string(task.join("comm")).ok()?; // It may have ended since.
        if !["gmp-m", "gmp-sysmon"].contains(&name.trim()) {
            return None;
        }
        let state = read("status").lines().find_map(|line| Some(line.strip_prefix("State:")?.trim().to_string()));
        let (state, wchan, call) = (state.unwrap_or_default(), read("wchan"), read("syscall"));
        Some(format!("{} is {state} in {wchan:?}, system call {}", name.trim(), call.trim()))
    };
    std::fs::read_dir("/proc/self/task").unwrap().filter_map(describe).collect()
}

/// Open descriptors of the kinds that gmp has: sockets, and what it polls them with. (A sanitizer that looks up a name opens two pipes, and keeps them.)
fn descriptors() -> Vec<String> {
    let kind = |entry: std::io::Result<std::fs::DirEntry>| std::fs::read_link(entry.ok()?.path()).ok();
    let kinds = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(kind).map(|kind| kind.display().to_string());
    kinds.filter(|kind| ["socket:", "anon_inode:"].iter().any(|ours| kind.starts_with(ours))).collect()
}

/// Threads of gmp's, and descriptors, of this process.
fn counts() -> (usize, usize) {
    (threads().len(), descriptors().len())
}

/// Waits for the counts to be as low as before: a thread that has said that it ends is still there for a moment.
fn await_counts(before: (usize, usize)) {
    let begin = Instant::now();
    while counts() > before {
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "threads and descriptors: {:?}, before: {before:?}; {:#?}; {:#?}",
            counts(),
            threads(),
            descriptors()
        );
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
    let works: [fn(); 13] = [
        gmp::yield_now,
        || gmp::time::sleep(Duration::from_micros(20)),
        || gmp::block_in_place(|| std::thread::sleep(Duration::from_micros(20))),
        || (std::thread::sleep(Duration::from_micros(20)), gmp::checkpoint()).1,
        || _ = gmp::spawn(|| ()).join(),
        || _ = gmp::channel::<()>(0).1.recv_timeout(Duration::from_micros(20)),
        || gmp::scope(|scope| drop(scope.spawn(gmp::yield_now))),
        || _ = gmp::spawn(|| std::panic::resume_unwind(Box::new(()))).join(),
        || _ = gmp::join(gmp::yield_now, gmp::checkpoint),
        || gmp::stop_the_world(|_| ()),
        || _ = gmp::set_procs(gmp::procs() % 3 + 1),
        || (gmp::lock_os_thread(), gmp::yield_now()).1,
        || (gmp::lock_os_thread(), gmp::block_in_place(|| std::thread::sleep(Duration::from_micros(20)))).1,
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

/// With one P: a goroutine that will not wait stands behind one that ends after the drop has begun, and has not entered gmp since.
#[test]
fn the_end_of_a_runtime_reaches_the_goroutine_behind_one_that_ends() {
    static RUNS: AtomicBool = AtomicBool::new(false);
    let _one = one_at_a_time();
    for _ in 0..20 {
        RUNS.store(false, SeqCst);
        let runtime = runtime(1);
        drop(runtime.spawn(|| {
            drop(gmp::spawn(|| {
                loop {
                    gmp::checkpoint();
                }
            }));
            RUNS.store(true, SeqCst);
            std::thread::sleep(Duration::from_millis(1)); // Less than a slice.
        }));
        while !RUNS.load(SeqCst) {
            std::hint::spin_loop();
        }
        drop(runtime);
    }
    await_counts((0, usize::MAX));
}

/// It comes while the world is stopped: neither the goroutine that has stopped it nor one that computed meanwhile goes on for ever.
#[test]
fn the_end_of_a_runtime_is_not_forgotten_when_the_world_starts() {
    static STOPPED: AtomicBool = AtomicBool::new(false);
    static STARTS: AtomicBool = AtomicBool::new(false);
    let _one = one_at_a_time();
    let runtime = runtime(2);
    let computes = || {
        while !STARTS.load(SeqCst) {
            std::hint::spin_loop();
        }
        std::thread::sleep(Duration::from_millis(10)); // Until it has started.
        loop {
            gmp::checkpoint();
        }
    };
    let stops = || {
        gmp::stop_the_world(|_| {
            STOPPED.store(true, SeqCst);
            std::thread::sleep(Duration::from_millis(50)); // Until the runtime is being dropped.
            STARTS.store(true, SeqCst);
        });
        loop {
            gmp::checkpoint();
        }
    };
    drop(runtime.spawn(computes));
    drop(runtime.spawn(stops));
    while !STOPPED.load(SeqCst) {
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(runtime);
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
    assert_eq!(other.shutdown(), 0);
    // Its own: that one is not waited for, for the second that a goroutine is given which does not come back. (Once is enough: the machine may be busy.)
    let patient = |drop_it: fn(Arc<Runtime>)| dropped_by_its_own(drop_it) >= Duration::from_secs(1);
    assert!(!(0..5).all(|_| patient(drop)));
    assert!(!(0..5).all(|_| patient(|runtime| assert_eq!(Arc::into_inner(runtime).unwrap().shutdown(), 1))));
    await_counts((0, usize::MAX));
}

/// How long the only goroutine of a runtime takes to `drop_it`. It runs on, until it calls gmp.
fn dropped_by_its_own(drop_it: fn(Arc<Runtime>)) -> Duration {
    let runtime = Arc::new(runtime(2));
    let last = runtime.clone();
    let (tell, told) = std::sync::mpsc::channel();
    drop(runtime.spawn(move || {
        while Arc::strong_count(&last) > 1 {
            gmp::yield_now();
        }
        let begin = Instant::now();
        drop_it(last);
        tell.send(begin.elapsed()).unwrap();
        gmp::yield_now();
        unreachable!("its runtime has ended");
    }));
    drop(runtime);
    told.recv_timeout(Duration::from_secs(20)).unwrap()
}

/// A goroutine cannot `run` another runtime, but it can spawn there.
fn use_it_from_a_goroutine(runtime: &Runtime) {
    let sum: u32 = (0..20).map(|n| runtime.spawn(move || n).join().unwrap()).sum();
    assert_eq!(sum, 190);
}
