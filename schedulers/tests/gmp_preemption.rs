//! No goroutine keeps others from running, whatever it does: loops, blocking calls, and how it comes back from them.

use std::{
    cell::Cell,
    io::Write,
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::*},
    },
    time::{Duration, Instant},
};

use schedulers::gmp::{
    self, JoinHandle, Runtime,
    sync::{Mutex, WaitGroup},
    time::sleep,
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

/// Repeats `work` until `stop`; how often.
fn hog(stop: &Arc<AtomicBool>, mut work: impl FnMut() + Send + 'static) -> JoinHandle<u64> {
    let stop = stop.clone();
    gmp::spawn(move || {
        let mut rounds = 0;
        while !stop.load(Relaxed) {
            work();
            rounds += 1;
        }
        rounds
    })
}

/// Computes without a call to gmp for longer than a slice.
fn outlast_the_slice() {
    let begin = Instant::now();
    while begin.elapsed() < ms(4) {
        std::hint::spin_loop();
    }
}

/// Go: TestPreemption.
#[test]
fn two_who_wait_busily_for_each_other_take_turns_at_their_checkpoints() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let turn = Arc::new(AtomicUsize::new(0));
            let players = [0, 1].map(|id| {
                let turn = turn.clone();
                gmp::spawn(move || {
                    for mine in (0..5).map(|n| 2 * n + id) {
                        while turn.load(Acquire) != mine {
                            gmp::checkpoint();
                        }
                        turn.store(mine + 1, Release);
                    }
                })
            });
            players.into_iter().for_each(|player| player.join().unwrap());
            assert_eq!(turn.load(Relaxed), 10);
        });
    }
}

/// The same without any call: one loses its P, and the other gets it.
#[test]
fn two_who_wait_busily_for_each_other_take_turns_without_any_call() {
    runtime(1).run(|| {
        let turn = Arc::new(AtomicUsize::new(0));
        let players = [0, 1].map(|id| {
            let turn = turn.clone();
            gmp::spawn(move || {
                for mine in (0..5).map(|n| 2 * n + id) {
                    while turn.load(Acquire) != mine {
                        std::hint::spin_loop();
                    }
                    turn.store(mine + 1, Release);
                }
            })
        });
        players.into_iter().for_each(|player| player.join().unwrap());
        assert_eq!(turn.load(Relaxed), 10);
    });
}

/// Go: GCFairness, GCFairness2: system calls that never block, for ever.
#[test]
fn two_who_write_to_nowhere_for_ever_do_not_keep_a_sleeper_from_waking() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let stop = Arc::new(AtomicBool::new(false));
            let writers = [(); 2].map(|()| {
                let mut nowhere = std::fs::OpenOptions::new().write(true).open("/dev/null").unwrap();
                hog(&stop, move || nowhere.write_all(b".").unwrap())
            });
            sleep(ms(10));
            stop.store(true, Relaxed);
            writers.into_iter().for_each(|writer| _ = writer.join().unwrap());
        });
    }
}

/// Go: TestPreemptionAfterSyscall, its numbers; with calls that are told of, and with such as are not.
#[test]
fn eight_who_block_again_and_again_all_begin_and_all_stop() {
    let blocks: [fn(Duration); 2] =
        [std::thread::sleep, |duration| gmp::block_in_place(|| std::thread::sleep(duration))];
    for block in blocks {
        for micros in [10, 100, 1000] {
            let runtime = runtime(2);
            for _ in 0..10 {
                let begin = Instant::now();
                runtime.run(|| {
                    let (stop, begun) = (Arc::new(AtomicBool::new(false)), WaitGroup::new());
                    begun.add(8);
                    let all = [(); 8].map(|()| {
                        let mut not_begun = Some(begun.clone());
                        hog(&stop, move || {
                            not_begun.take().inspect(WaitGroup::done);
                            block(Duration::from_micros(micros));
                        })
                    });
                    begun.wait();
                    stop.store(true, Relaxed);
                    all.into_iter().for_each(|one| assert!(one.join().unwrap() > 0));
                });
                assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
            }
        }
    }
}

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// What a loop may do in Rust and what a signal could not interrupt: allocate, use thread-locals, hold locks of std.
#[test]
fn hogs_may_allocate_print_and_use_thread_locals() {
    static SHARED: std::sync::Mutex<u64> = std::sync::Mutex::new(0);
    let works: [fn(); 5] = [
        || assert_eq!((0..100).map(|n| format!("{n}")).collect::<String>().len(), 190),
        || {
            COUNT.with(|count| {
                let before = count.get();
                count.set(before + 1);
                assert_eq!(count.get(), before + 1);
            });
        },
        || print!(""),
        || *SHARED.lock().unwrap() += 1,
        || _ = std::thread::current().name(),
    ];
    for procs in [1, 2] {
        let runtime = runtime(procs);
        runtime.run(|| {
            let stop = Arc::new(AtomicBool::new(false));
            let hogs = works.map(|work| hog(&stop, work));
            for n in 0..20 {
                sleep(ms(1));
                assert_eq!(gmp::spawn(move || n).join().unwrap(), n);
            }
            stop.store(true, Relaxed);
            hogs.into_iter().for_each(|hog| assert!(hog.join().unwrap() > 0));
        });
        assert!(runtime.stats().retakes > 0);
        assert_eq!(runtime.shutdown(), 0);
    }
}

/// Each way back into the scheduler, after the P was lost.
#[test]
fn a_hog_that_lost_its_p_comes_back_through_any_call() {
    for procs in [1, 2] {
        let runtime = runtime(procs);
        runtime.run(|| {
            let (ping, pinged) = gmp::channel(0);
            let (pong, ponged) = gmp::channel(0);
            let echo = gmp::spawn(move || pinged.iter().for_each(|n: u32| pong.send(n).unwrap()));
            let lock = Arc::new(Mutex::new(0));
            let calls: Vec<Box<dyn FnOnce() + Send>> = vec![
                Box::new(gmp::yield_now),
                Box::new(gmp::checkpoint),
                Box::new(|| sleep(ms(1))),
                Box::new(move || {
                    ping.send(3).unwrap();
                    outlast_the_slice();
                    assert_eq!(ponged.recv(), Ok(3));
                }),
                Box::new({
                    let lock = lock.clone();
                    move || {
                        let mut guard = lock.lock();
                        outlast_the_slice();
                        *guard += 1;
                    }
                }),
                Box::new({
                    let lock = lock.clone();
                    move || *lock.lock() += 1
                }),
                Box::new(|| {
                    let child = gmp::spawn(|| 4);
                    outlast_the_slice();
                    assert_eq!(child.join().unwrap(), 4);
                }),
                Box::new(|| assert_eq!(gmp::block_in_place(|| 5), 5)),
                Box::new(|| assert!(gmp::current_id().is_some())),
                Box::new(|| assert!(gmp::select! { default => true })),
                Box::new(|| gmp::scope(|scope| drop(scope.spawn(outlast_the_slice)))),
                Box::new(|| ()),
            ];
            let count = calls.len();
            let hogs: Vec<_> = calls
                .into_iter()
                .map(|call| {
                    gmp::spawn(move || {
                        outlast_the_slice();
                        call();
                        outlast_the_slice();
                        1
                    })
                })
                .collect();
            assert_eq!(hogs.into_iter().map(|hog| hog.join().unwrap()).sum::<usize>(), count);
            assert_eq!(*lock.lock(), 2);
            echo.join().unwrap();
        });
        assert!(runtime.stats().retakes > 0);
        assert_eq!(runtime.shutdown(), 0);
    }
}

/// A hog may end without coming back: by a panic, by an exit, or while it unwinds.
#[test]
fn a_hog_that_lost_its_p_may_panic_and_exit() {
    struct Hogs;
    impl Drop for Hogs {
        fn drop(&mut self) {
            outlast_the_slice();
            gmp::yield_now();
            outlast_the_slice();
        }
    }
    for procs in [1, 2] {
        let runtime = runtime(procs);
        runtime.run(|| {
            let ends: [fn(); 3] = [|| resume_unwind(Box::new(7)), || gmp::exit(), || ()];
            let hogs: Vec<_> = (0..9)
                .map(|n| {
                    gmp::spawn(move || {
                        let _hogs = (n >= 3).then_some(Hogs);
                        outlast_the_slice();
                        ends[n % 3]();
                    })
                })
                .collect();
            for (n, hog) in hogs.into_iter().enumerate() {
                match n % 3 {
                    0 => assert_eq!(*hog.join().unwrap_err().into_panic().downcast::<i32>().unwrap(), 7),
                    1 => assert!(hog.join().unwrap_err().is_exit()),
                    _ => hog.join().unwrap(),
                }
            }
            assert!(!std::thread::panicking());
            let sum: u32 = (0..100).map(|n| gmp::spawn(move || n).join().unwrap()).sum();
            assert_eq!(sum, 4950);
        });
        assert_eq!(runtime.shutdown(), 0);
    }
}

/// More hogs than Ps and cores, that come and go: each time all the Ps come back.
#[test]
fn hogs_that_come_and_go_leave_every_p_in_its_place() {
    const PROCS: usize = 3;
    let runtime = runtime(PROCS);
    for _ in 0..10 {
        runtime.run(|| {
            let hogs: Vec<_> = (0..8).map(|_| gmp::spawn(outlast_the_slice)).collect();
            hogs.into_iter().for_each(|hog| hog.join().unwrap());
            // Only with every P can all of these meet.
            let met = Arc::new(AtomicUsize::new(0));
            let meet = [(); PROCS].map(|()| {
                let met = met.clone();
                gmp::spawn(move || {
                    met.fetch_add(1, Relaxed);
                    while met.load(Relaxed) < PROCS {
                        std::hint::spin_loop();
                    }
                })
            });
            meet.into_iter().for_each(|one| one.join().unwrap());
        });
    }
}

/// One whose P is somebody else's when it ends has ended all the same, and waits for no P to say so.
#[test]
fn hogs_that_end_without_a_p_have_ended() {
    for _ in 0..20 {
        let runtime = runtime(1);
        let stop = Arc::new(AtomicBool::new(false));
        let hogs: Vec<_> = (0..3)
            .map(|_| {
                let stop = stop.clone();
                runtime.spawn(move || {
                    while !stop.load(Relaxed) {
                        std::hint::spin_loop();
                    }
                })
            })
            .collect();
        // All three run, one of them with the P.
        while runtime.stats().retakes < 2 {
            std::thread::yield_now();
        }
        stop.store(true, Relaxed);
        while !hogs.iter().all(JoinHandle::is_finished) {
            std::hint::spin_loop();
        }
        assert_eq!(runtime.shutdown(), 0);
    }
}
