//! Mutex and WaitGroup.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use schedulers::gmp::{
    self, Runtime,
    sync::{Mutex, WaitGroup},
};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

#[test]
fn a_mutex_excludes_across_yields_and_threads() {
    for procs in [1, 2, 4] {
        let runtime = runtime(procs);
        let shared = Arc::new(Mutex::new((0u64, false)));
        let work = |shared: Arc<Mutex<(u64, bool)>>| {
            move || {
                for n in 0..500 {
                    let mut guard = shared.lock();
                    assert!(!std::mem::replace(&mut guard.1, true), "two owners");
                    guard.0 += 1;
                    if n % 7 == 0 {
                        gmp::yield_now(); // The guard is held across a switch, and may be dropped on another thread.
                    }
                    guard.1 = false;
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
        assert_eq!(shared.lock().0, 11 * 500);
    }
}

/// A third of the rounds with `try_lock`.
#[test]
fn lock_and_try_lock_together_lose_no_round() {
    for procs in [1, 2, 4] {
        runtime(procs).run(|| {
            let shared = Arc::new(Mutex::new(0u32));
            let handles: Vec<_> = (0..10)
                .map(|_| {
                    let shared = shared.clone();
                    gmp::spawn(move || {
                        let mut tries = 0;
                        for n in 0..1000 {
                            if n % 3 == 0 {
                                if let Some(mut value) = shared.try_lock() {
                                    *value += 1;
                                    tries += 1;
                                }
                            } else {
                                *shared.lock() += 1;
                            }
                        }
                        tries
                    })
                })
                .collect();
            let tries: u32 = handles.into_iter().map(|handle| handle.join().unwrap()).sum();
            assert_eq!(*shared.lock(), 10 * 666 + tries);
        });
    }
}

#[test]
fn try_lock_succeeds_when_free_and_fails_when_held() {
    let mutex = Mutex::new(1);
    let guard = mutex.lock();
    assert!(mutex.try_lock().is_none());
    assert_eq!(format!("{mutex:?}"), "Mutex(<locked>)");
    drop(guard);
    *mutex.try_lock().unwrap() += 1;
    assert_eq!(mutex.into_inner(), 2);
}

#[test]
fn a_waiter_gets_its_turn_beside_one_that_always_relocks() {
    runtime(2).run(|| {
        let shared = Arc::new(Mutex::new(false));
        let other = shared.clone();
        let greedy = gmp::spawn(move || {
            loop {
                let guard = other.lock();
                if *guard {
                    return;
                }
                std::hint::black_box((0..1000).sum::<u64>());
            }
        });
        gmp::time::sleep(Duration::from_millis(1));
        for _ in 0..100 {
            drop(shared.lock());
        }
        *shared.lock() = true;
        greedy.join().unwrap();
    });
}

#[test]
fn a_wait_group_releases_nobody_early_and_everybody_in_the_end() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (first, second) = (WaitGroup::new(), WaitGroup::new());
            for _ in 0..8 {
                first.add(16);
                second.add(16);
                let (sender, receiver) = gmp::channel(16);
                for _ in 0..16 {
                    let (first, second, sender) = (first.clone(), second.clone(), sender.clone());
                    drop(gmp::spawn(move || {
                        first.done();
                        second.wait();
                        sender.send(()).unwrap();
                    }));
                }
                first.wait();
                for _ in 0..16 {
                    assert!(receiver.try_recv().is_err(), "released early");
                    second.done();
                }
                assert_eq!((0..16).map(|_| receiver.recv()).filter(Result::is_ok).count(), 16);
            }
        });
    }
}

#[test]
#[should_panic = "more `done` than `add`"]
fn a_negative_wait_group_panics() {
    WaitGroup::new().done();
}

/// Between the last `done` and the wake-up the group may be in use again: whoever waits then is of the next round.
#[test]
fn a_wait_group_that_is_used_again_at_once_releases_nobody_early() {
    for procs in [2, 4] {
        runtime(procs).run(|| {
            let group = WaitGroup::new();
            for _ in 0..1000 {
                let done = Arc::new(AtomicU32::new(0));
                for _ in 0..2 {
                    group.add(1);
                    let (group, done) = (group.clone(), done.clone());
                    drop(gmp::spawn(move || {
                        done.fetch_add(1, Relaxed);
                        group.done();
                    }));
                }
                group.wait();
                assert_eq!(done.load(Relaxed), 2, "woken early");
            }
        });
    }
}

#[test]
fn many_waiters_are_released_in_their_order() {
    const WAITERS: usize = 1000; // More than a local queue holds.
    runtime(1).run(|| {
        let (group, order) = (WaitGroup::new(), Arc::new(Mutex::new(Vec::new())));
        group.add(1);
        let handles: Vec<_> = (0..WAITERS)
            .map(|id| {
                let (group, order) = (group.clone(), order.clone());
                gmp::spawn(move || {
                    group.wait();
                    order.lock().push(id);
                })
            })
            .collect();
        gmp::time::sleep(Duration::from_millis(5));
        assert!(order.lock().is_empty());
        group.done();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        let mut ids = order.lock().clone();
        ids.sort_unstable();
        assert!(ids.into_iter().eq(0..WAITERS));
    });
    // Few enough for the local queue: first come, first run.
    runtime(1).run(|| {
        let (group, order) = (WaitGroup::new(), Arc::new(Mutex::new(Vec::new())));
        group.add(1);
        let handles: Vec<_> = (0..20)
            .map(|id| {
                let (group, order) = (group.clone(), order.clone());
                let handle = gmp::spawn(move || {
                    group.wait();
                    order.lock().push(id);
                });
                gmp::yield_now();
                handle
            })
            .collect();
        group.done();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        assert!(order.lock().iter().copied().eq(0..20), "{:?}", order.lock());
    });
}

#[test]
fn waiters_of_several_runtimes_and_threads_are_released_together() {
    let (a, b) = (runtime(1), runtime(2));
    let group = WaitGroup::new();
    group.add(1);
    let wait = |group: &WaitGroup| {
        let group = group.clone();
        move || group.wait()
    };
    let goroutines: Vec<_> = (0..20).map(|n| if n % 3 == 0 { &a } else { &b }.spawn(wait(&group))).collect();
    let threads: Vec<_> = (0..3).map(|_| std::thread::spawn(wait(&group))).collect();
    std::thread::sleep(Duration::from_millis(5));
    assert!(goroutines.iter().all(|goroutine| !goroutine.is_finished()));
    a.run(|| group.done());
    goroutines.into_iter().for_each(|goroutine| goroutine.join().unwrap());
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn time_spent_waiting_for_locks_is_counted() {
    let runtime = runtime(1);
    runtime.run(|| {
        let mutex = Arc::new(Mutex::new(()));
        let guard = mutex.lock();
        let other = mutex.clone();
        let waits = gmp::spawn(move || drop(other.lock()));
        gmp::time::sleep(Duration::from_millis(10));
        drop(guard);
        waits.join().unwrap();
    });
    let waited = runtime.stats().lock_wait_ns;
    assert!(waited > 1_000_000, "{waited} ns");
}
