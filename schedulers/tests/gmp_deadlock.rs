//! "All goroutines are asleep - deadlock!": said when nothing can happen any more, and never before.
//!
//! Not under ThreadSanitizer: it keeps a thread of its own that sleeps for a time and looks again, as one does that might still wake somebody.
#![cfg(not(gmp_tsan))]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::*},
        mpsc,
    },
    time::{Duration, Instant},
};

use schedulers::gmp::{
    self, Runtime, select,
    sync::{Barrier, Condvar, Mutex, Once, RwLock, Semaphore, WaitGroup},
};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

const SOON: Duration = Duration::from_millis(150);

/// The report that `run` panics with.
fn report(runtime: &Runtime, main: impl FnOnce() + Send) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| runtime.run(main))).expect_err("a deadlock");
    *panic.downcast::<String>().expect("a text")
}

fn reasons(report: &str) -> Vec<&str> {
    let (headline, list) = report.split_once("\n\n").unwrap();
    assert_eq!(headline, "all goroutines are asleep - deadlock!");
    list.lines().collect()
}

#[test]
fn every_kind_of_wait_is_named() {
    type Case = (&'static str, fn());
    let cases: [Case; 11] = [
        ("chan receive", || {
            let (_sender, receiver) = gmp::channel::<()>(0);
            let _ = receiver.recv();
        }),
        ("chan send", || {
            let (sender, _receiver) = gmp::channel(0);
            let _ = sender.send(1);
        }),
        ("select", || {
            let (a, b) = (gmp::channel::<()>(0), gmp::channel::<()>(0));
            select! { recv(a.1) -> _ => (), recv(b.1) -> _ => () }
        }),
        ("mutex", || {
            let mutex = Mutex::new(());
            let _held = mutex.lock();
            drop(mutex.lock());
        }),
        ("rwlock read", || {
            let lock = RwLock::new(());
            let _held = lock.write();
            drop(lock.read());
        }),
        ("rwlock write", || {
            let lock = RwLock::new(());
            let _held = lock.read();
            drop(lock.write());
        }),
        ("condvar", || Condvar::new().wait(&mut Mutex::new(()).lock())),
        ("wait group", || {
            let group = WaitGroup::new();
            group.add(1);
            group.wait();
        }),
        ("once", || {
            let once = Once::new();
            once.call_once(|| once.call_once(|| ()));
        }),
        ("semaphore", || {
            let semaphore = Semaphore::new(1);
            let _permit = semaphore.acquire();
            drop(semaphore.acquire());
        }),
        ("barrier", || _ = Barrier::new(2).wait()),
    ];
    for (reason, main) in cases {
        assert_eq!(reasons(&report(&runtime(1), main)), [format!("goroutine 1 [{reason}]")]);
    }
}

#[test]
fn all_goroutines_are_listed_with_their_reasons() {
    for procs in [1, 2] {
        let report = report(&runtime(procs), || {
            let (sender, receiver) = gmp::channel::<u32>(0);
            let receives = gmp::spawn(move || receiver.recv());
            let joins = gmp::spawn(move || drop(receives.join()));
            gmp::yield_now();
            let _sender = sender;
            joins.join().unwrap();
        });
        let reasons: Vec<_> = reasons(&report).iter().map(|line| line.split_once(" [").unwrap().1).collect();
        let mut sorted = reasons.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, ["chan receive]", "join]", "join]"], "{reasons:?}");
    }
}

#[test]
fn a_long_list_is_cut() {
    let report = report(&runtime(2), || {
        let (_sender, receiver) = gmp::channel::<u32>(0);
        for _ in 0..150 {
            let receiver = receiver.clone();
            drop(gmp::spawn(move || receiver.recv()));
        }
        let _ = receiver.recv();
    });
    assert_eq!(reasons(&report).len(), 101);
    assert!(report.ends_with("\n... and 51 more"), "{report}");
}

#[test]
fn what_is_pending_is_waited_for() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            // A timer.
            gmp::time::sleep(SOON);
            // A timer of one who waits for something else too.
            let (_sender, receiver) = gmp::channel::<()>(0);
            assert!(receiver.recv_timeout(SOON).is_err());
            gmp::time::after(SOON).recv().unwrap();
            // Blocking calls, told and untold.
            gmp::block_in_place(|| std::thread::sleep(SOON));
            gmp::spawn(|| std::thread::sleep(SOON)).join().unwrap();
            // A long computation.
            let begin = Instant::now();
            let computes = gmp::spawn(move || while begin.elapsed() < SOON {});
            computes.join().unwrap();
        });
    }
}

#[test]
fn the_network_is_waited_for() {
    use std::io::{Read, Write};
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let serves = std::thread::spawn(move || {
        let mut stream = server.accept().unwrap().0;
        std::thread::sleep(SOON);
        stream.write_all(b"x").unwrap();
    });
    runtime(1).run(|| {
        let stream = gmp::net::TcpStream::connect(address).unwrap();
        (&stream).read_exact(&mut [0]).unwrap();
    });
    serves.join().unwrap();
}

#[test]
fn a_plain_thread_may_come_later() {
    for procs in [1, 2] {
        // It was given the other end before.
        let (sender, receiver) = gmp::channel(0);
        let sends = std::thread::spawn(move || {
            std::thread::sleep(SOON);
            sender.send(1).unwrap();
        });
        assert_eq!(runtime(procs).run(|| receiver.recv().unwrap()), 1);
        sends.join().unwrap();
        // Or by a goroutine, and waits in a chain of others.
        runtime(procs).run(|| {
            let (sender, receiver) = gmp::channel(0);
            let (tell, told) = mpsc::channel();
            drop(std::thread::spawn(move || sender.send(told.recv().unwrap()).unwrap()));
            drop(std::thread::spawn(move || {
                std::thread::sleep(SOON);
                tell.send(2).unwrap();
            }));
            assert_eq!(receiver.recv().unwrap(), 2);
        });
    }
}

#[test]
fn a_plain_thread_that_computes_may_come_later() {
    let (sender, receiver) = gmp::channel(0);
    let begin = Instant::now();
    let sends = std::thread::spawn(move || {
        while begin.elapsed() < SOON {}
        sender.send(1).unwrap();
    });
    assert_eq!(runtime(1).run(|| receiver.recv().unwrap()), 1);
    sends.join().unwrap();
}

#[test]
fn another_runtime_may_come_later() {
    let (one, other) = (runtime(1), runtime(1));
    let (sender, receiver) = gmp::channel(0);
    drop(other.spawn(move || {
        gmp::time::sleep(SOON);
        sender.send(1).unwrap();
    }));
    assert_eq!(one.run(|| receiver.recv().unwrap()), 1);
}

#[test]
fn a_thread_that_waits_for_a_goroutine_is_no_hope() {
    let report = report(&runtime(1), || {
        let (_sender, receiver) = gmp::channel::<()>(0);
        let (tell, told) = mpsc::channel::<()>();
        drop(std::thread::spawn(move || told.recv()));
        let _ = receiver.recv();
        drop(tell);
    });
    assert_eq!(reasons(&report), ["goroutine 1 [chan receive]"]);
}

#[test]
fn goroutines_that_sleep_for_ever_hinder_nobody_when_main_returns() {
    let runtime = runtime(1);
    let (_sender, receiver) = gmp::channel::<()>(0);
    drop(runtime.spawn(move || receiver.recv()));
    assert_eq!(runtime.run(|| 5), 5);
    assert_eq!(runtime.shutdown(), 1);
}

#[test]
fn all_threads_in_run_are_told_and_the_runtime_has_ended() {
    let runtime = runtime(2);
    let (sender, receiver) = gmp::channel::<()>(0);
    let receive = || _ = receiver.recv();
    std::thread::scope(|threads| {
        let runs: Vec<_> = (0..2).map(|_| threads.spawn(|| report(&runtime, receive))).collect();
        for run in runs {
            assert!(run.join().unwrap().contains("asleep - deadlock!"));
        }
    });
    // Whoever comes too late learns it too; a value for one of those who waited wakes nobody.
    let _ = sender.try_send(());
    assert!(report(&runtime, receive).contains("asleep - deadlock!"));
    let begin = Instant::now();
    drop(runtime);
    assert!(begin.elapsed() < Duration::from_millis(900), "no thread is left to be waited for");
}

#[test]
fn what_main_borrows_may_go_away() {
    let runtime = runtime(1);
    {
        let (borrowed, mutex) = ([7u8; 1000], Mutex::new(()));
        let _held = mutex.lock();
        let text = report(&runtime, || {
            drop(mutex.lock());
            assert_eq!(borrowed[999], 7);
        });
        assert!(text.contains("[mutex]"));
    }
    drop(runtime);
}

#[test]
fn a_handler_is_called_once_and_may_wake_somebody() {
    let (sender, receiver) = gmp::channel::<u32>(1);
    let calls = Arc::new(AtomicU32::new(0));
    let (told, sends) = (calls.clone(), sender.clone());
    let builder = Runtime::builder().procs(1).on_deadlock(move |deadlock| {
        assert_eq!(deadlock.to_string(), "all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]");
        told.fetch_add(1, Relaxed);
        sends.send(9).unwrap();
    });
    // SAFETY: as in `runtime`.
    let runtime = unsafe { builder.build() }.unwrap();
    assert_eq!(runtime.run(|| receiver.recv().unwrap()), 9);
    assert_eq!(calls.load(Relaxed), 1);
    drop(sender);
}

#[test]
fn after_a_report_the_runtime_goes_on_if_somebody_comes_after_all() {
    let (sender, receiver) = gmp::channel::<u32>(0);
    let (tell, told) = mpsc::channel();
    let builder = Runtime::builder().procs(1).on_deadlock(move |_| tell.send(()).unwrap());
    // SAFETY: as in `runtime`.
    let runtime = unsafe { builder.build() }.unwrap();
    // Blocked for good, until the handler does what only it can.
    let comes = std::thread::spawn(move || {
        told.recv().unwrap();
        sender.send(4).unwrap();
    });
    assert_eq!(runtime.run(|| receiver.recv().unwrap()), 4);
    comes.join().unwrap();
}
