//! RwLock: readers together, writers alone, nobody starves.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering::*},
};

use schedulers::gmp::{
    self, GoroutineState, Runtime, WaitReason,
    sync::{Barrier, RwLock, WaitGroup},
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
fn readers_hold_the_lock_together() {
    for (readers, procs) in [(1, 4), (3, 4), (4, 2), (4, 1)] {
        runtime(procs).run(|| {
            let shared = Arc::new((RwLock::new(7), Barrier::new(readers)));
            let handles: Vec<_> = (0..readers)
                .map(|_| {
                    let shared = shared.clone();
                    gmp::spawn(move || {
                        let value = shared.0.read();
                        shared.1.wait(); // Passes only if all hold the lock at once.
                        *value
                    })
                })
                .collect();
            assert!(handles.into_iter().all(|handle| handle.join().unwrap() == 7));
        });
    }
}

#[test]
fn a_writer_waits_until_all_readers_have_left() {
    let runtime = runtime(2);
    runtime.run(|| {
        let lock = Arc::new(RwLock::new(0));
        let mut guards: Vec<_> = (0..10).map(|_| lock.read()).collect();
        let other = lock.clone();
        let writer = gmp::spawn(move || *other.write() = 1);
        until_waiting(&runtime, WaitReason::RwLockWrite, 1);
        while let Some(guard) = guards.pop() {
            gmp::yield_now();
            assert!(!writer.is_finished());
            assert_eq!(*guard, 0);
        }
        writer.join().unwrap();
        assert_eq!(*lock.read(), 1);
    });
}

#[test]
fn writers_are_alone() {
    const ROUNDS: u32 = 500;
    for procs in [1, 2, 4] {
        let runtime = runtime(procs);
        // Readers are counted in units of 1, a writer is 10,000.
        let shared = Arc::new((RwLock::new(0u32), AtomicU32::new(0)));
        let write = |shared: Arc<(RwLock<u32>, AtomicU32)>| {
            move || {
                for n in 0..ROUNDS {
                    let mut value = shared.0.write();
                    assert_eq!(shared.1.fetch_add(10_000, Relaxed), 0);
                    if n % 5 == 0 {
                        gmp::yield_now();
                    }
                    *value += 1;
                    shared.1.fetch_sub(10_000, Relaxed);
                }
            }
        };
        let read = |shared: Arc<(RwLock<u32>, AtomicU32)>| {
            move || {
                for n in 0..ROUNDS {
                    let value = shared.0.read();
                    let before = *value;
                    assert!(shared.1.fetch_add(1, Relaxed) < 10_000);
                    if n % 5 == 0 {
                        gmp::yield_now();
                    }
                    assert_eq!(*value, before);
                    shared.1.fetch_sub(1, Relaxed);
                }
            }
        };
        let threads = [std::thread::spawn(write(shared.clone())), std::thread::spawn(read(shared.clone()))];
        let others = shared.clone();
        runtime.run(move || {
            let writers: Vec<_> = (0..3).map(|_| gmp::spawn(write(others.clone()))).collect();
            let readers: Vec<_> = (0..10).map(|_| gmp::spawn(read(others.clone()))).collect();
            writers.into_iter().chain(readers).for_each(|handle| handle.join().unwrap());
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*shared.0.read(), 4 * ROUNDS);
    }
}

#[test]
fn readers_that_queued_are_admitted_together_before_the_next_writer() {
    for procs in [1, 2] {
        let runtime = runtime(procs);
        runtime.run(|| {
            let shared = Arc::new((RwLock::new(Vec::new()), Barrier::new(3)));
            let first = shared.0.write();
            let writer = |name: &'static str, waiting| {
                let shared = shared.clone();
                let handle = gmp::spawn(move || shared.0.write().push(name));
                until_waiting(&runtime, WaitReason::RwLockWrite, waiting);
                handle
            };
            let reader = |waiting| {
                let shared = shared.clone();
                let handle = gmp::spawn(move || {
                    let log = shared.0.read();
                    shared.1.wait(); // All three hold the lock at once.
                    log.len()
                });
                until_waiting(&runtime, WaitReason::RwLockRead, waiting);
                handle
            };
            // In this order, one after the other.
            let (a, one, b, two, c) = (reader(1), writer("one", 1), reader(2), writer("two", 2), reader(3));
            drop(first);
            assert_eq!([a, b, c].map(|reader| reader.join().unwrap()), [0, 0, 0]);
            one.join().unwrap();
            two.join().unwrap();
            assert_eq!(*shared.0.read(), ["one", "two"]);
        });
    }
}

#[test]
fn readers_that_come_after_a_waiting_writer_come_after_it() {
    let runtime = runtime(1);
    runtime.run(|| {
        let lock = Arc::new(RwLock::new(1));
        let reads = lock.read();
        let other = lock.clone();
        let writer = gmp::spawn(move || *other.write() = 2);
        until_waiting(&runtime, WaitReason::RwLockWrite, 1);
        assert!(lock.try_read().is_none() && lock.try_write().is_none());
        let other = lock.clone();
        let late = gmp::spawn(move || *other.read());
        until_waiting(&runtime, WaitReason::RwLockRead, 1);
        assert_eq!(*reads, 1);
        drop(reads);
        assert_eq!(late.join().unwrap(), 2);
        writer.join().unwrap();
    });
}

#[test]
fn neither_side_starves_the_other() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let shared = Arc::new((RwLock::new(0u64), AtomicBool::new(false)));
            // Overlapping readers that never leave the lock free, until a writer has got through often enough.
            let readers: Vec<_> = (0..4)
                .map(|_| {
                    let shared = shared.clone();
                    gmp::spawn(move || {
                        while !shared.1.load(Relaxed) {
                            let value = shared.0.read();
                            gmp::yield_now();
                            drop(value);
                        }
                    })
                })
                .collect();
            for _ in 0..100 {
                *shared.0.write() += 1;
            }
            shared.1.store(true, Relaxed);
            readers.into_iter().for_each(|reader| reader.join().unwrap());
            // And the other way round.
            shared.1.store(false, Relaxed);
            let writers: Vec<_> = (0..3)
                .map(|_| {
                    let shared = shared.clone();
                    gmp::spawn(move || {
                        while !shared.1.load(Relaxed) {
                            let mut value = shared.0.write();
                            gmp::yield_now();
                            *value += 1;
                        }
                    })
                })
                .collect();
            let mut last = 0;
            for _ in 0..100 {
                let now = *shared.0.read();
                assert!(now >= last);
                last = now;
            }
            shared.1.store(true, Relaxed);
            writers.into_iter().for_each(|writer| writer.join().unwrap());
        });
    }
}

#[test]
fn try_operations_never_wait() {
    let mut lock = RwLock::new(1);
    {
        let reads = lock.read();
        assert!(lock.try_write().is_none());
        assert_eq!(*lock.try_read().unwrap() + *reads, 2);
    }
    {
        let mut writes = lock.write();
        *writes += 1;
        assert!(lock.try_read().is_none() && lock.try_write().is_none());
        assert_eq!(format!("{lock:?}"), "RwLock(<locked>)");
    }
    *lock.get_mut() += 1;
    assert_eq!(format!("{lock:?}"), "RwLock(3)");
    assert_eq!(*lock.try_write().unwrap(), 3);
}

#[test]
fn guards_may_be_dropped_elsewhere() {
    static LOCK: RwLock<u32> = RwLock::new(0);
    runtime(2).run(|| {
        let group = WaitGroup::new();
        for _ in 0..100 {
            group.add(2);
            let (write, done) = (LOCK.write(), group.clone());
            drop(gmp::spawn(move || {
                let mut write = write;
                *write += 1;
                drop(write);
                done.done();
            }));
            let (read, done) = (LOCK.read(), group.clone());
            drop(gmp::spawn(move || {
                drop(read);
                done.done();
            }));
        }
        group.wait();
    });
    assert_eq!(*LOCK.read(), 100);
}
