//! Stopping the world: nothing is dispatched meanwhile, hogs do not hold it up, and it goes on as it was.

use std::{
    hint::black_box,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::*},
    },
    time::{Duration, Instant},
};

use schedulers::gmp::{self, GoroutineState, Runtime};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

/// Computes without a call to gmp until `stop`.
fn hog(stop: &AtomicBool) -> u64 {
    let mut n = 0u64;
    while !stop.load(Relaxed) {
        n = black_box(n + 1);
    }
    n
}

#[test]
fn nothing_is_dispatched_while_the_world_is_stopped() {
    for procs in [1, 2, 4] {
        let stop = Arc::new(AtomicBool::new(false));
        let runtime = runtime(procs);
        runtime.run(|| {
            let yielders: Vec<_> = (0..8)
                .map(|_| {
                    let stop = stop.clone();
                    gmp::spawn(move || {
                        while !stop.load(Relaxed) {
                            gmp::yield_now();
                        }
                    })
                })
                .collect();
            for _ in 0..20 {
                gmp::stop_the_world(|world| {
                    assert_eq!(world.procs(), procs);
                    let before = world.stats().ticks;
                    std::thread::sleep(Duration::from_micros(500));
                    assert_eq!(world.stats().ticks, before);
                });
                gmp::yield_now();
            }
            stop.store(true, Relaxed);
            yielders.into_iter().for_each(|yielder| yielder.join().unwrap());
        });
        assert_eq!(runtime.stats().stops, 20);
    }
}

#[test]
fn hogs_on_every_p_do_not_hold_up_a_stop() {
    for (procs, hogs) in [(1, 3), (2, 4), (6, 5)] {
        let stop = Arc::new(AtomicBool::new(false));
        runtime(procs).run(|| {
            let hogs: Vec<_> = (0..hogs)
                .map(|_| {
                    let stop = stop.clone();
                    gmp::spawn(move || hog(&stop))
                })
                .collect();
            for n in 0..10 {
                assert_eq!(gmp::stop_the_world(|_| n), n);
            }
            stop.store(true, Relaxed);
            hogs.into_iter().for_each(|hog| _ = hog.join().unwrap());
        });
    }
}

/// Each yields once in a while, and takes Ps by turns.
#[test]
fn frames_of_any_size_and_stops_go_together() {
    #[inline(never)]
    fn big_frame(n: u64) -> u64 {
        let buffer = black_box([n; 3000]);
        buffer[n as usize % 3000]
    }
    let runtime = runtime(2);
    runtime.run(|| {
        let done = Arc::new(AtomicBool::new(false));
        let theirs = done.clone();
        let splits = gmp::spawn(move || {
            let mut sum = 0_u64;
            while !theirs.load(Relaxed) {
                sum = sum.wrapping_add((0..10_000).map(black_box).sum());
                // Doubles it: the stops may take as many rounds as they like.
                sum = sum.wrapping_add(big_frame(sum));
                gmp::checkpoint();
            }
            sum
        });
        (0..3).for_each(|_| gmp::stop_the_world(|_| ()));
        done.store(true, Relaxed);
        splits.join().unwrap();
    });
}

#[test]
fn spinners_keep_their_threads_across_a_stop() {
    let (stop, runtime) = (Arc::new(AtomicBool::new(false)), runtime(4));
    let spinners: Vec<_> = (0..2)
        .map(|_| {
            let stop = stop.clone();
            runtime.spawn(move || {
                while !stop.load(Relaxed) {
                    black_box(0);
                    gmp::checkpoint(); // Else one that lost its P while the other was about to begin would not take another.
                }
            })
        })
        .collect();
    while runtime.snapshot().count(GoroutineState::Executing) < 2 {
        std::thread::yield_now();
    }
    let kept = |_| {
        let before = runtime.stats();
        runtime.stop_the_world(|_| ());
        // They are not dispatched again: they execute as if nothing had been.
        let after = runtime.stats();
        runtime.snapshot().count(GoroutineState::Executing) == 2 && after.ticks == before.ticks
    };
    let kept = (0..50).map(kept).filter(|&kept| kept).count();
    stop.store(true, Relaxed);
    spinners.into_iter().for_each(|spinner| spinner.join().unwrap());
    assert!(kept >= 38, "{kept} of 50");
}

#[test]
fn many_may_want_to_stop_the_world_at_once() {
    const STOPPERS: u64 = 8;
    let runtime = runtime(2);
    let (inside, count) = (&AtomicU64::new(0), &AtomicU64::new(0));
    let stop = |_: &gmp::World<'_>| {
        assert_eq!(inside.fetch_add(1, SeqCst), 0, "one at a time");
        count.fetch_add(1, Relaxed);
        assert_eq!(inside.fetch_sub(1, SeqCst), 1);
    };
    std::thread::scope(|threads| {
        let others = [(); 2].map(|()| threads.spawn(|| (0..50).for_each(|_| runtime.stop_the_world(stop))));
        runtime.run(|| {
            gmp::scope(|scope| {
                for _ in 0..STOPPERS {
                    scope.spawn(|| {
                        for _ in 0..50 {
                            gmp::stop_the_world(stop);
                            gmp::yield_now();
                        }
                    });
                }
            });
        });
        others.into_iter().for_each(|other| other.join().unwrap());
    });
    assert_eq!(count.load(Relaxed), (STOPPERS + 2) * 50);
}

#[test]
fn a_timer_that_is_due_and_a_message_that_is_sent_meanwhile_come_afterwards() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (sender, receiver) = gmp::channel(1);
            let sleeps = gmp::spawn(|| gmp::time::sleep(Duration::from_millis(2)));
            let receives = gmp::spawn(move || receiver.recv().unwrap());
            while !sleeps.is_finished() && gmp::num_goroutines() > 3 {
                gmp::yield_now();
            }
            gmp::stop_the_world(|_| {
                sender.send(7).unwrap(); // There is room, so it does not wait.
                let spawned = gmp::spawn(|| 1);
                std::thread::sleep(Duration::from_millis(10));
                assert!(!spawned.is_finished());
            });
            assert_eq!(receives.join().unwrap(), 7);
            sleeps.join().unwrap();
        });
    }
}

#[test]
fn a_blocking_call_goes_on_and_comes_back_after_the_start() {
    runtime(1).run(|| {
        let returned = Arc::new(AtomicBool::new(false));
        let theirs = returned.clone();
        let blocks = gmp::spawn(move || {
            gmp::block_in_place(|| std::thread::sleep(Duration::from_millis(5)));
            theirs.store(true, Relaxed);
        });
        gmp::yield_now();
        gmp::stop_the_world(|_| {
            std::thread::sleep(Duration::from_millis(20));
            assert!(!returned.load(Relaxed), "it comes back through the scheduler");
        });
        blocks.join().unwrap();
        assert!(returned.load(Relaxed));
    });
}

#[test]
fn a_panic_inside_starts_the_world_again() {
    let runtime = runtime(2);
    for _ in 0..3 {
        let caught = catch_unwind(AssertUnwindSafe(|| runtime.stop_the_world(|_| panic!("inside"))));
        assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "inside");
        assert_eq!(runtime.run(|| gmp::spawn(|| 1).join().unwrap()), 1);
        runtime.run(|| {
            let stops = gmp::spawn(|| gmp::stop_the_world(|_| panic!("inside a goroutine")));
            assert!(stops.join().unwrap_err().is_panic());
            assert_eq!(gmp::spawn(|| 1).join().unwrap(), 1);
        });
    }
}

#[test]
fn a_stop_inside_a_stop_is_a_clear_error() {
    runtime(2).run(|| {
        let error = gmp::spawn(|| gmp::stop_the_world(|_| gmp::stop_the_world(|_| ()))).join().unwrap_err();
        assert!(error.to_string().contains("the world is stopped already"), "{error}");
        gmp::stop_the_world(|_| ());
    });
    let runtime = runtime(1);
    for nested in [|runtime: &Runtime| runtime.stop_the_world(|_| ()), |runtime: &Runtime| _ = runtime.set_procs(2)] {
        let caught = catch_unwind(AssertUnwindSafe(|| runtime.stop_the_world(|_| nested(&runtime))));
        let message = caught.unwrap_err().downcast::<&str>().unwrap();
        assert!(message.contains("the world is stopped already"), "{message}");
    }
    assert_eq!(runtime.run(|| 1), 1);
}

#[test]
fn a_destructor_may_stop_the_world_while_unwinding() {
    struct Stops;
    impl Drop for Stops {
        fn drop(&mut self) {
            assert_eq!(gmp::stop_the_world(|world| world.procs()), 2);
        }
    }
    runtime(2).run(|| {
        let unwinds = gmp::spawn(|| {
            let _stops = Stops;
            std::panic::resume_unwind(Box::new("unwinds"));
        });
        assert!(unwinds.join().is_err());
    });
}

#[test]
fn sleeps_of_nothing_return_though_the_world_stops_all_the_time() {
    let (runtime, done) = (runtime(2), AtomicBool::new(false));
    std::thread::scope(|threads| {
        let stops = threads.spawn(|| {
            while !done.load(Relaxed) {
                runtime.stop_the_world(|_| ());
            }
        });
        runtime.run(|| (0..1000).for_each(|_| gmp::time::sleep(Duration::ZERO)));
        done.store(true, Relaxed);
        stops.join().unwrap();
    });
}

#[test]
fn stops_of_another_runtime_stop_only_that_one() {
    let (ours, other) = (runtime(1), runtime(1));
    ours.run(|| {
        other.stop_the_world(|_| {
            let (sender, receiver) = gmp::channel(0);
            let sends = gmp::spawn(move || sender.send(3).unwrap());
            assert_eq!(receiver.recv().unwrap(), 3);
            sends.join().unwrap();
        });
    });
}

#[test]
fn a_stop_takes_its_time_but_not_for_ever_under_any_load() {
    let runtime = runtime(2);
    let stop = Arc::new(AtomicBool::new(false));
    runtime.run(|| {
        let handles: Vec<_> = (0..12)
            .map(|n| {
                let stop = stop.clone();
                gmp::spawn(move || {
                    while !stop.load(Relaxed) {
                        match n % 4 {
                            0 => drop(black_box((0..10_000u64).sum::<u64>())),
                            1 => gmp::time::sleep(Duration::from_micros(50)),
                            2 => gmp::block_in_place(|| std::thread::sleep(Duration::from_micros(50))),
                            _ => drop(gmp::spawn(gmp::yield_now).join()),
                        }
                    }
                })
            })
            .collect();
        let begin = Instant::now();
        (0..200).for_each(|_| gmp::stop_the_world(|_| ()));
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
        stop.store(true, Relaxed);
        handles.into_iter().for_each(|handle| handle.join().unwrap());
    });
}
