//! Snapshots: who waits for what, who could run, who runs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use schedulers::gmp::{
    self, GoroutineState, Runtime, Snapshot, WaitReason,
    sync::{Barrier, Condvar, Mutex, Once, RwLock, Semaphore, WaitGroup},
};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

/// Looks again until `found` likes what it sees.
fn until(runtime: &Runtime, found: impl Fn(&Snapshot) -> bool) -> Snapshot {
    let begin = Instant::now();
    loop {
        let snapshot = runtime.snapshot();
        if found(&snapshot) {
            return snapshot;
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "{snapshot:?}");
        gmp::time::sleep(Duration::from_millis(1));
    }
}

#[test]
fn each_wait_has_its_reason() {
    for procs in [1, 2] {
        let runtime = runtime(procs);
        runtime.run(|| {
            let (sender, receiver) = gmp::channel::<()>(0);
            let (other_sender, other_receiver) = gmp::channel::<()>(0);
            let lock = Mutex::new(());
            let rwlock = RwLock::new(());
            let (condvar, once, semaphore, barrier) = (Condvar::new(), Once::new(), Semaphore::new(1), Barrier::new(2));
            let (group, stop) = (WaitGroup::new(), Semaphore::new(1));
            let (release, released) = gmp::channel::<()>(0);
            group.add(1);
            let stopped = stop.acquire();
            gmp::scope(|scope| {
                let (locked, read, permit) = (lock.lock(), rwlock.read(), semaphore.acquire());
                // First of all: another one comes to the same `Once` below.
                let busy = scope.spawn(|| once.call_once(|| drop(stop.acquire())));
                until(&runtime, |snapshot| snapshot.count(GoroutineState::Waiting(WaitReason::Semaphore)) == 1);
                let handles = [
                    (WaitReason::ChanReceive, scope.spawn(|| _ = receiver.recv())),
                    (WaitReason::ChanSend, scope.spawn(|| _ = other_sender.send(()))),
                    (WaitReason::ChanReceive, scope.spawn(|| _ = receiver.recv_timeout(Duration::from_secs(3600)))),
                    (
                        WaitReason::Select,
                        scope.spawn(|| gmp::select! { recv(receiver) -> _ => {}, recv(receiver) -> _ => {} }),
                    ),
                    (WaitReason::Mutex, scope.spawn(|| drop(lock.lock()))),
                    (WaitReason::RwLockWrite, scope.spawn(|| drop(rwlock.write()))),
                    (WaitReason::Condvar, scope.spawn(|| condvar.wait(&mut Mutex::new(()).lock()))),
                    (WaitReason::WaitGroup, scope.spawn(|| group.wait())),
                    (WaitReason::Semaphore, scope.spawn(|| drop(semaphore.acquire()))),
                    (WaitReason::Barrier, scope.spawn(|| _ = barrier.wait())),
                    (WaitReason::Semaphore, busy),
                    (
                        WaitReason::Scope,
                        scope.spawn(|| gmp::scope(|inner| drop(inner.spawn(|| once.call_once(|| ()))))),
                    ),
                    (
                        WaitReason::Join,
                        scope.spawn(|| {
                            let released = released.clone();
                            assert!(gmp::spawn(move || released.recv()).join().unwrap().is_err());
                        }),
                    ),
                ];
                let all_wait = |snapshot: &Snapshot| {
                    handles.iter().all(|(reason, handle)| {
                        let goroutine = snapshot.goroutines.iter().find(|goroutine| goroutine.id == handle.id());
                        goroutine.is_some_and(|goroutine| goroutine.state == GoroutineState::Waiting(*reason))
                    })
                };
                let snapshot = until(&runtime, all_wait);
                let first = handles[0].1.id();
                let named = format!("goroutine {first} [chan receive]");
                assert!(snapshot.goroutines.iter().any(|goroutine| goroutine.to_string() == named));
                let reader = scope.spawn(|| drop(rwlock.read()));
                let reads = |snapshot: &Snapshot| snapshot.count(GoroutineState::Waiting(WaitReason::RwLockRead)) == 1;
                until(&runtime, reads);
                until(&runtime, |snapshot| snapshot.count(GoroutineState::Waiting(WaitReason::Once)) == 1);
                // And all of them go on.
                drop((locked, read, permit, stopped));
                sender.close();
                other_receiver.close();
                release.close();
                condvar.notify_one();
                group.done();
                barrier.wait();
                reader.join().unwrap();
                handles.into_iter().for_each(|(_, handle)| handle.join().unwrap());
            });
        });
    }
}

/// Go: TestNumGoroutine. Nothing of ours is counted (Go: NoHelperGoroutines); one who has been joined may be for a moment.
#[test]
fn a_fresh_runtime_has_one_goroutine_and_a_snapshot_shows_as_many_as_are_counted() {
    for procs in [1, 2, 4] {
        let runtime = runtime(procs);
        assert_eq!(runtime.snapshot().goroutines.len(), 0);
        runtime.run(|| {
            assert_eq!(gmp::num_goroutines(), 1);
            let snapshot = runtime.snapshot();
            assert_eq!(snapshot.goroutines.iter().map(|goroutine| goroutine.id).collect::<Vec<_>>(), [1]);
            assert_eq!(snapshot.count(GoroutineState::Executing), 1);
            let (sender, receiver) = gmp::channel::<()>(0);
            for n in 2..=20 {
                let receiver = receiver.clone();
                drop(gmp::spawn(move || receiver.recv()));
                // A snapshot may miss one that has not begun and is on its way from a queue to an M.
                until(&runtime, |snapshot| snapshot.goroutines.len() == n && gmp::num_goroutines() == n);
            }
            drop(sender);
            while gmp::num_goroutines() > 1 {
                gmp::yield_now();
            }
            assert_eq!(runtime.snapshot().goroutines.len(), 1);
        });
        while !runtime.snapshot().goroutines.is_empty() {
            std::thread::yield_now();
        }
    }
}

#[test]
fn ten_spinners_on_one_p_are_one_that_executes_and_nine_that_could() {
    let runtime = runtime(1);
    let stop = Arc::new(AtomicBool::new(false));
    runtime.run(|| {
        let spinners: Vec<_> = (0..10)
            .map(|_| {
                let stop = stop.clone();
                gmp::spawn(move || {
                    while !stop.load(Relaxed) {
                        gmp::yield_now();
                    }
                })
            })
            .collect();
        let snapshot = runtime.snapshot();
        // None of them has begun.
        assert_eq!(snapshot.goroutines.len(), 11);
        assert_eq!(snapshot.count(GoroutineState::Executing), 1);
        assert_eq!(snapshot.count(GoroutineState::Runnable), 10);
        gmp::yield_now();
        gmp::yield_now();
        let snapshot = runtime.snapshot();
        assert_eq!((snapshot.count(GoroutineState::Executing), snapshot.count(GoroutineState::Runnable)), (1, 10));
        assert!(snapshot.goroutines.is_sorted_by_key(|goroutine| goroutine.id));
        stop.store(true, Relaxed);
        spinners.into_iter().for_each(|spinner| spinner.join().unwrap());
        assert_eq!(runtime.snapshot().goroutines.len(), 1);
    });
}

#[test]
fn a_thousand_receivers_wait_and_are_runnable_once_woken() {
    let runtime = runtime(1);
    runtime.run(|| {
        let (sender, receiver) = gmp::channel::<()>(0);
        let receivers: Vec<_> = (0..1000)
            .map(|_| {
                let receiver = receiver.clone();
                gmp::spawn(move || receiver.recv())
            })
            .collect();
        until(&runtime, |snapshot| snapshot.count(GoroutineState::Waiting(WaitReason::ChanReceive)) == 1000);
        // So that none is dispatched in between, should this one lose its P.
        let snapshot = gmp::stop_the_world(|world| {
            sender.close();
            world.snapshot()
        });
        assert_eq!(snapshot.count(GoroutineState::Runnable), 1000);
        receivers.into_iter().for_each(|receiver| assert!(receiver.join().unwrap().is_err()));
    });
}

#[test]
fn blocking_calls_are_told_from_execution() {
    let runtime = runtime(2);
    runtime.run(|| {
        let (reader, writer) = std::io::pipe().unwrap();
        let blocked: Vec<_> = (0..10)
            .map(|_| {
                let mut reader = reader.try_clone().unwrap();
                gmp::spawn(move || gmp::block_in_place(|| std::io::Read::read(&mut reader, &mut [0]).unwrap()))
            })
            .collect();
        until(&runtime, |snapshot| snapshot.count(GoroutineState::Syscall) == 10);
        drop(writer);
        blocked.into_iter().for_each(|handle| assert_eq!(handle.join().unwrap(), 0));
    });
}

/// Goroutines begin, wait and end all the time while threads look at them.
#[test]
fn snapshots_are_safe_beside_any_traffic() {
    let runtime = runtime(4);
    let stop = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let lookers = [(); 2].map(|()| {
            threads.spawn(|| {
                while !stop.load(Relaxed) {
                    let snapshot = runtime.snapshot();
                    assert!(snapshot.goroutines.is_sorted_by_key(|goroutine| goroutine.id));
                }
            })
        });
        runtime.run(|| {
            for round in 0..300u64 {
                let handles: Vec<_> = (0..50u64)
                    .map(|n| {
                        gmp::spawn(move || {
                            if n % 3 == 0 {
                                gmp::yield_now();
                            }
                            n + round
                        })
                    })
                    .collect();
                for (n, handle) in handles.into_iter().enumerate() {
                    if n % 5 == 0 {
                        drop(handle);
                    } else {
                        assert_eq!(handle.join().unwrap(), n as u64 + round);
                    }
                }
            }
        });
        stop.store(true, Relaxed);
        lookers.into_iter().for_each(|looker| looker.join().unwrap());
    });
}
