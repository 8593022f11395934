//! Changing the number of Ps: up and down, with and without load.

use std::{
    hint::black_box,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::*},
    },
    time::Duration,
};

use schedulers::gmp::{self, Runtime};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

#[test]
fn it_gives_the_old_number_and_all_see_the_new_one() {
    let runtime = runtime(2);
    runtime.run(|| {
        assert_eq!((gmp::procs(), gmp::set_procs(5), gmp::procs()), (2, 2, 5));
        assert_eq!((gmp::set_procs(1), gmp::spawn(gmp::procs).join().unwrap()), (5, 1));
    });
    assert_eq!((runtime.procs(), runtime.set_procs(3), runtime.procs()), (1, 1, 3));
}

#[test]
fn only_a_change_stops_the_world_and_only_once() {
    let runtime = runtime(2);
    runtime.set_procs(2);
    let _ = runtime.procs();
    assert_eq!(runtime.stats().stops, 0);
    runtime.set_procs(3);
    assert_eq!(runtime.stats().stops, 1);
}

#[test]
fn impossible_numbers_are_refused_and_change_nothing() {
    // SAFETY: as in `runtime`.
    let runtime = unsafe { Runtime::builder().procs(2).max_threads(8).build() }.unwrap();
    for procs in [0, 8, 1 << 17] {
        let refused = catch_unwind(AssertUnwindSafe(|| runtime.set_procs(procs))).unwrap_err();
        assert!(refused.downcast::<String>().unwrap().contains(&format!("set_procs({procs})")));
    }
    assert_eq!(runtime.procs(), 2);
    assert_eq!(runtime.run(|| 1), 1);
}

/// As many as there are Ps execute at once, each waiting for the next without giving way.
#[test]
fn new_ps_are_used() {
    const PROCS: u32 = 4;
    runtime(1).run(|| {
        gmp::set_procs(PROCS as usize);
        for _ in 0..10 {
            let turn = Arc::new(AtomicU32::new(0));
            let handles: Vec<_> = (0..PROCS)
                .map(|n| {
                    let turn = turn.clone();
                    gmp::spawn(move || {
                        for round in 0..3 {
                            while turn.load(SeqCst) != round * PROCS + n {
                                std::thread::yield_now(); // Its core, for this machine has fewer; never its P.
                            }
                            turn.fetch_add(1, SeqCst);
                        }
                    })
                })
                .collect();
            handles.into_iter().for_each(|handle| handle.join().unwrap());
        }
    });
}

#[test]
fn sums_match_while_the_number_changes_all_the_time() {
    let runtime = runtime(2);
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let changes = threads.spawn(|| {
            let mut state = 7u32;
            while !done.load(Relaxed) {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                runtime.set_procs(1 + (state >> 24) as usize % 6);
                std::thread::sleep(Duration::from_micros(u64::from(state >> 22)));
            }
        });
        for _ in 0..5 {
            let sum = runtime.run(|| {
                let (sender, receiver) = gmp::channel(8);
                let spawn = |n: u64| {
                    let sender = sender.clone();
                    gmp::spawn(move || {
                        match n % 5 {
                            0 => gmp::yield_now(),
                            1 => gmp::time::sleep(Duration::from_micros(n % 100)),
                            2 => gmp::block_in_place(|| std::thread::sleep(Duration::from_micros(10))),
                            3 => drop(black_box((0..5000u64).sum::<u64>())),
                            _ => (),
                        }
                        sender.send(n).unwrap();
                    })
                };
                let goroutines: Vec<_> = (0..2000).map(spawn).collect();
                drop(sender);
                let sum = receiver.iter().sum::<u64>();
                goroutines.into_iter().for_each(|goroutine| goroutine.join().unwrap());
                sum
            });
            assert_eq!(sum, 1999 * 2000 / 2);
        }
        done.store(true, Relaxed);
        changes.join().unwrap();
    });
    assert_eq!(runtime.shutdown(), 0);
}

/// The queue of a P that is alone is not locked, since nobody steals: from the second P on somebody does.
#[test]
fn messages_and_turns_stay_whole_between_one_p_and_two() {
    const MESSAGES: u64 = 20_000;
    let runtime = runtime(1);
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let changes = threads.spawn(|| {
            while !done.load(Relaxed) {
                for procs in [2, 1] {
                    runtime.set_procs(procs);
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
        });
        runtime.run(|| {
            let yielders = [(); 4].map(|()| gmp::spawn(|| (0..MESSAGES).map(|_| gmp::yield_now()).count() as u64));
            let pairs = [(); 3].map(|()| {
                let (sender, receiver) = gmp::channel(0);
                drop(gmp::spawn(move || (0..MESSAGES).try_for_each(|n| sender.send(n))));
                gmp::spawn(move || receiver.iter().zip(0..).filter(|&(got, n)| got == n).count() as u64)
            });
            yielders.into_iter().chain(pairs).for_each(|it| assert_eq!(it.join().unwrap(), MESSAGES));
        });
        done.store(true, Relaxed);
        changes.join().unwrap();
    });
    assert_eq!(runtime.shutdown(), 0);
}

#[test]
fn hogs_neither_hinder_a_change_nor_escape_it() {
    let stop = Arc::new(AtomicBool::new(false));
    runtime(2).run(|| {
        let hogs: Vec<_> = (0..4)
            .map(|_| {
                let stop = stop.clone();
                gmp::spawn(move || {
                    while !stop.load(Relaxed) {
                        black_box(0);
                    }
                    gmp::yield_now();
                })
            })
            .collect();
        for procs in [1, 4, 2, 1, 3] {
            gmp::set_procs(procs);
            gmp::time::sleep(Duration::from_millis(2));
        }
        stop.store(true, Relaxed);
        hogs.into_iter().for_each(|hog| hog.join().unwrap());
        assert_eq!(gmp::procs(), 3);
    });
}
