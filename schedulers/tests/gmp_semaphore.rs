//! Semaphore and Barrier: how many at once, in which order.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::*},
    },
    time::Duration,
};

use schedulers::gmp::{
    self, GoroutineState, Runtime, WaitReason,
    sync::{Barrier, Mutex, Semaphore, SemaphorePermit},
};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

/// Lets others run until `count` goroutines wait for `reason`.
fn until_waiting(runtime: &Runtime, reason: WaitReason, count: usize) {
    while runtime.snapshot().count(GoroutineState::Waiting(reason)) != count {
        gmp::yield_now();
    }
}

#[test]
fn never_more_than_the_permits_and_everybody_in_the_end() {
    const PERMITS: usize = 3;
    for procs in [1, 2, 4] {
        let runtime = runtime(procs);
        let shared = Arc::new((Semaphore::new(PERMITS), AtomicUsize::new(0)));
        let work = |shared: Arc<(Semaphore, AtomicUsize)>| {
            move || {
                for n in 0..1000 {
                    let count = 1 + n % 2;
                    let permit = shared.0.acquire_many(count);
                    assert!(shared.1.fetch_add(count, Relaxed) + count <= PERMITS);
                    if n % 10 == 0 {
                        gmp::yield_now();
                    }
                    shared.1.fetch_sub(count, Relaxed);
                    drop(permit);
                }
            }
        };
        let thread = std::thread::spawn(work(shared.clone()));
        let others = shared.clone();
        runtime.run(move || {
            let handles: Vec<_> = (0..10).map(|_| gmp::spawn(work(others.clone()))).collect();
            handles.into_iter().for_each(|handle| handle.join().unwrap());
        });
        thread.join().unwrap();
        assert_eq!(shared.0.available_permits(), PERMITS);
    }
}

#[test]
fn a_big_request_blocks_later_small_ones() {
    for procs in [1, 2] {
        let runtime = runtime(procs);
        runtime.run(|| {
            let shared = Arc::new((Semaphore::new(3), Mutex::new(Vec::new())));
            let ask = |name: &'static str, count, waiting| {
                let shared = shared.clone();
                let handle = gmp::spawn(move || {
                    let permit = shared.0.acquire_many(count);
                    shared.1.lock().push(name);
                    drop(permit);
                });
                until_waiting(&runtime, WaitReason::Semaphore, waiting);
                handle
            };
            let (one, two) = (shared.0.acquire(), shared.0.acquire());
            let (big, small) = (ask("big", 3, 1), ask("small", 1, 2));
            // One permit is free, and the small request does not get it; nor does anybody who does not wait.
            assert_eq!(shared.0.available_permits(), 1);
            assert!(shared.0.try_acquire().is_none());
            drop(one);
            gmp::yield_now();
            until_waiting(&runtime, WaitReason::Semaphore, 2);
            assert!(shared.1.lock().is_empty());
            drop(two);
            big.join().unwrap();
            small.join().unwrap();
            assert_eq!(*shared.1.lock(), ["big", "small"]);
        });
    }
}

#[test]
fn the_queue_is_served_in_order_and_as_far_as_the_permits_reach() {
    runtime(1).run(|| {
        let shared = Arc::new((Semaphore::new(5), Mutex::new(Vec::new())));
        let all = shared.0.acquire_many(5);
        let handles: Vec<_> = [2, 1, 2, 4, 1, 0]
            .into_iter()
            .enumerate()
            .map(|(id, count)| {
                let shared = shared.clone();
                let handle = gmp::spawn(move || {
                    let permit = shared.0.acquire_many(count);
                    shared.1.lock().push(id);
                    gmp::time::sleep(Duration::from_millis(1));
                    drop(permit);
                });
                gmp::yield_now();
                handle
            })
            .collect();
        drop(all);
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        assert!(shared.1.lock().iter().copied().eq(0..6), "{:?}", shared.1.lock());
        assert_eq!(shared.0.available_permits(), 5);
    });
}

#[test]
#[should_panic = "4 permits wanted, but there are only 3"]
fn asking_for_more_than_there_are_panics() {
    let semaphore = Semaphore::new(3);
    assert!(semaphore.try_acquire_many(4).is_none());
    drop(semaphore.acquire_many(4));
}

#[test]
fn permits_may_be_given_back_elsewhere() {
    static SEMAPHORE: Semaphore = Semaphore::new(1);
    let permits = |permit: SemaphorePermit<'static>| std::thread::spawn(move || drop(permit));
    runtime(1).run(|| {
        for _ in 0..100 {
            drop(permits(SEMAPHORE.acquire()));
        }
    });
    drop(SEMAPHORE.acquire());
    assert_eq!(format!("{SEMAPHORE:?}"), "Semaphore { available_permits: 1, capacity: 1 }");
}

#[test]
fn a_barrier_lets_nobody_pass_early_and_names_one_leader_a_round() {
    const PARTIES: usize = 5;
    const ROUNDS: usize = 50;
    for procs in [1, 2, 4] {
        let shared = Arc::new((Barrier::new(PARTIES), AtomicUsize::new(0), AtomicUsize::new(0)));
        let play = |shared: Arc<(Barrier, AtomicUsize, AtomicUsize)>| {
            move || {
                for round in 1..=ROUNDS {
                    shared.1.fetch_add(1, Relaxed);
                    if shared.0.wait().is_leader() {
                        shared.2.fetch_add(1, Relaxed);
                    }
                    assert!(shared.1.load(Relaxed) >= round * PARTIES, "passed early");
                }
            }
        };
        let thread = std::thread::spawn(play(shared.clone()));
        let others = shared.clone();
        runtime(procs).run(move || {
            let handles: Vec<_> = (1..PARTIES).map(|_| gmp::spawn(play(others.clone()))).collect();
            handles.into_iter().for_each(|handle| handle.join().unwrap());
        });
        thread.join().unwrap();
        assert_eq!((shared.1.load(Relaxed), shared.2.load(Relaxed)), (PARTIES * ROUNDS, ROUNDS));
    }
    assert!(Barrier::new(1).wait().is_leader());
    assert!(Barrier::new(0).wait().is_leader());
}
