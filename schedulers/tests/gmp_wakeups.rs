//! No wake-up is lost, whoever wakes whom at whatever moment, and none is for nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::*},
    },
    time::{Duration, Instant},
};

use schedulers::gmp::{
    self, JoinHandle, RecvTimeoutError, Runtime,
    sync::{Condvar, Mutex, Semaphore, WaitGroup},
};

/// A wake-up that takes longer is lost.
const LOST: Duration = Duration::from_secs(20);

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

fn join_all<T>(handles: impl IntoIterator<Item = JoinHandle<T>>) {
    handles.into_iter().for_each(|handle| _ = handle.join().unwrap());
}

/// Go: TestTraceFutileWakeup. Each dispatch makes progress: so there are not more of them than steps.
#[test]
fn who_is_woken_finds_what_it_was_woken_for() {
    const VALUES: u64 = 2000;
    /// Dispatches for other reasons: the goroutines' first and last ones, and turns that sysmon asks for on a machine that stalls.
    const OTHERS: u64 = 300;
    for (senders, receivers, capacity) in [(1, 4, 0), (4, 1, 0), (4, 4, 0), (4, 4, 2), (1, 1, 8)] {
        let runtime = runtime(1);
        runtime.run(|| {
            let (sender, receiver) = gmp::channel(capacity);
            let sends = (0..senders).map(|_| {
                let sender = sender.clone();
                gmp::spawn(move || (0..VALUES / senders).for_each(|n| sender.send(n).unwrap()))
            });
            let receives = (0..receivers).map(|_| {
                let receiver = receiver.clone();
                gmp::spawn(move || _ = receiver.iter().count())
            });
            let all: Vec<_> = sends.chain(receives).collect();
            drop(sender);
            join_all(all);
        });
        // A value makes its receiver runnable at most, and its sender.
        let ticks = runtime.stats().ticks;
        assert!(ticks <= 2 * VALUES + OTHERS, "{ticks} dispatches with {senders} to {receivers} over {capacity}");
    }
}

/// One thread outside, one idle runtime: each message finds its Ms at another step of going to sleep.
#[test]
fn messages_that_come_while_all_ms_fall_asleep_are_not_lost() {
    for procs in [1, 2, 4] {
        let runtime = runtime(procs);
        let (sender, receiver) = gmp::channel(0);
        let (answer, answers) = gmp::channel(0);
        let echo = runtime.spawn(move || receiver.iter().for_each(|n: u32| answer.send(n).unwrap()));
        for n in 0..1000 {
            sender.send_timeout(n, LOST).unwrap();
            assert_eq!(answers.recv_timeout(LOST), Ok(n));
            // From 0 to 30 us later: about where an M stops spinning and gives up its P.
            for _ in 0..(n * 7919) % 3000 {
                std::hint::spin_loop();
            }
        }
        drop(sender);
        echo.join().unwrap();
    }
}

/// The same from a runtime to another, and for spawns.
#[test]
fn goroutines_spawned_while_all_ms_fall_asleep_are_run() {
    for procs in [1, 2, 4] {
        let (here, there) = (runtime(1), Arc::new(runtime(procs)));
        let other = there.clone();
        here.run(move || {
            for n in 0..1000u32 {
                let (sender, receiver) = gmp::channel(1);
                drop(other.spawn(move || sender.send(n)));
                assert_eq!(receiver.recv_timeout(LOST), Ok(n));
                (0..(n * 7919) % 3000).for_each(|_| std::hint::spin_loop());
            }
        });
        while there.stats().ended < there.stats().spawned {
            std::thread::yield_now();
        }
    }
}

/// A time limit that ends just when the value comes: the value is received, or it is still there.
#[test]
fn values_that_come_with_the_end_of_a_wait_are_received_or_stay() {
    const ROUNDS: u64 = 3000;
    for (procs, capacity) in [(1, 0), (2, 0), (2, 1), (4, 0)] {
        runtime(procs).run(|| {
            let (sender, receiver) = gmp::channel(capacity);
            let sends = gmp::spawn(move || {
                for n in 0..ROUNDS {
                    // About as long as the others wait.
                    gmp::time::sleep(Duration::from_micros(10 + n % 20));
                    let mut value = n;
                    while let Err(error) = sender.send_timeout(value, Duration::from_micros(n % 30)) {
                        value = error.into_inner();
                    }
                }
            });
            let receives: Vec<_> = (0..2)
                .map(|id| {
                    let receiver = receiver.clone();
                    gmp::spawn(move || {
                        let mut got = Vec::new();
                        for n in 0.. {
                            let limit = Duration::from_micros(20 + (n + 7 * id) % 15);
                            let received = if n % 2 == 0 {
                                receiver.recv_timeout(limit)
                            } else {
                                gmp::select! {
                                    recv(receiver) -> value => value.map_err(RecvTimeoutError::from),
                                    default(limit) => Err(RecvTimeoutError::Timeout),
                                }
                            };
                            match received {
                                Ok(value) => got.push(value),
                                Err(RecvTimeoutError::Timeout) => {}
                                Err(RecvTimeoutError::Disconnected) => break,
                            }
                        }
                        assert!(got.is_sorted());
                        got
                    })
                })
                .collect();
            let mut all: Vec<_> = receives.into_iter().flat_map(|handle| handle.join().unwrap()).collect();
            sends.join().unwrap();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..ROUNDS));
        });
    }
}

/// Channels are closed, and their last halves dropped, while others are at any step of a send, a receive or a select.
#[test]
fn a_close_at_any_moment_wakes_all() {
    for procs in [1, 2, 4] {
        let runtime = runtime(procs);
        for round in 0..60u32 {
            let capacity = (round % 3) as usize;
            let (sender, receiver) = gmp::channel::<u32>(capacity);
            let sums = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
            let work = |kind: u32| {
                let (sender, receiver, sums) = (sender.clone(), receiver.clone(), sums.clone());
                move || {
                    let count = |side: usize| _ = sums[side].fetch_add(1, Relaxed);
                    match kind {
                        0 => while sender.send(1).is_ok_and(|()| (count(0), true).1) {},
                        1 => receiver.iter().for_each(|_| count(1)),
                        2 => while sender.send_timeout(1, LOST).is_ok_and(|()| (count(0), true).1) {},
                        3 => while receiver.recv_timeout(LOST).is_ok_and(|_| (count(1), true).1) {},
                        _ => loop {
                            gmp::select! {
                                recv(receiver) -> value => if value.is_ok() { count(1) } else { break },
                                send(sender, 2) -> sent => if sent.is_ok() { count(0) } else { break },
                            }
                        },
                    }
                }
            };
            let goroutines: Vec<_> = (0..10).map(|n| runtime.spawn(work(n % 5))).collect();
            let thread = std::thread::spawn(work(round % 5));
            (0..(round * 7919) % 20_000).for_each(|_| std::hint::spin_loop());
            if round % 2 == 0 {
                assert!(sender.close());
            } else {
                let closes = receiver.clone();
                assert!(runtime.spawn(move || closes.close()).join().unwrap());
            }
            join_all(goroutines);
            thread.join().unwrap();
            let left = receiver.try_iter().count() as u64;
            assert_eq!(sums[0].load(Relaxed), sums[1].load(Relaxed) + left, "round {round}");
        }
    }
}

/// Permits, notifications and counts that are given by one and taken by many, all of whom must be served in the end.
#[test]
fn locks_and_counters_lose_nobody_among_runtimes_and_threads() {
    const EACH: u64 = 500;
    let shared = Arc::new((Mutex::new(0u64), Condvar::new(), Semaphore::new(2), WaitGroup::new()));
    let runtimes = [runtime(1), runtime(2), runtime(4)];
    let work = |id: u64| {
        let shared = shared.clone();
        move || {
            for n in 0..EACH {
                let permit = shared.2.acquire_many(1 + ((n + id) % 2) as usize);
                let mut turns = shared.0.lock();
                *turns += 1;
                if n % 3 == 0 {
                    gmp::yield_now();
                }
                shared.1.notify_one();
                drop((turns, permit));
            }
            shared.3.done();
        }
    };
    shared.3.add(10);
    let goroutines: Vec<_> = (0..9).map(|id| runtimes[id as usize % 3].spawn(work(id))).collect();
    let thread = std::thread::spawn(work(9));
    let watches = runtimes[1].spawn({
        let shared = shared.clone();
        move || {
            let mut turns = shared.0.lock();
            shared.1.wait_while(&mut turns, |turns| *turns < 10 * EACH);
            *turns
        }
    });
    shared.3.wait();
    assert_eq!(watches.join().unwrap(), 10 * EACH);
    join_all(goroutines);
    thread.join().unwrap();
    assert_eq!(shared.2.available_permits(), 2);
}

/// A goroutine that is woken by one who then computes for long is run by another M, or by the same one when the waker has lost its P.
#[test]
fn who_is_woken_by_a_hog_need_not_wait_for_its_end() {
    for procs in [1, 2, 4] {
        runtime(procs).run(|| {
            for _ in 0..10 {
                let (sender, receiver) = gmp::channel(1);
                let released = Arc::new(AtomicBool::new(false));
                let releases = released.clone();
                let woken = gmp::spawn(move || {
                    receiver.recv().unwrap();
                    releases.store(true, Release);
                });
                gmp::yield_now();
                sender.send(()).unwrap();
                // Until the one that was woken has run; without a call.
                while !released.load(Acquire) {
                    std::hint::spin_loop();
                }
                woken.join().unwrap();
            }
        });
    }
}

/// If the one that it woke had to be stolen from it, or may have to, a waker calls for the thief itself: at once, not after sysmon has noticed.
#[test]
fn a_waker_that_computes_on_calls_for_a_thief() {
    let runtime = runtime(2);
    let calls = runtime.run(|| {
        let (sender, receiver) = gmp::channel(1);
        let received = Arc::new(AtomicU64::new(0));
        let counts = received.clone();
        let woken = gmp::spawn(move || receiver.iter().for_each(|()| _ = counts.fetch_add(1, Release)));
        gmp::yield_now();
        let calls = (1..=1000).any(|n| {
            let before = runtime.stats().wakes;
            sender.send(()).unwrap();
            let calls = runtime.stats().wakes > before;
            // Without a call of gmp; and then until the other M has found nothing more to do.
            while received.load(Acquire) < n {
                std::hint::spin_loop();
            }
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_micros(300) {
                std::hint::spin_loop();
            }
            calls
        });
        drop(sender);
        woken.join().unwrap();
        calls
    });
    assert!(calls, "in a thousand times");
}

/// Runtimes are made and dropped while others send to their goroutines.
#[test]
fn a_runtime_may_end_while_others_wake_its_goroutines() {
    for procs in [1, 2] {
        let lives_on = runtime(2);
        for round in 0..50u32 {
            let ends = runtime(procs);
            let (sender, receiver) = gmp::channel::<u32>((round % 2) as usize);
            let (lock, group) = (Arc::new(Mutex::new(0)), WaitGroup::new());
            group.add(1);
            for n in 0..8 {
                let (receiver, lock, group) = (receiver.clone(), lock.clone(), group.clone());
                drop(ends.spawn(move || {
                    match n % 4 {
                        0 => receiver.iter().for_each(|_| gmp::yield_now()),
                        1 => {
                            while receiver.recv_timeout(Duration::from_micros(50))
                                != Err(RecvTimeoutError::Disconnected)
                            {}
                        }
                        2 => group.wait(),
                        _ => gmp::time::sleep(Duration::from_micros(100)),
                    }
                    gmp::block_in_place(|| ());
                    // No guard across a call: one that is never run again would keep the lock.
                    if let Some(mut count) = lock.try_lock() {
                        *count += 1;
                    }
                }));
            }
            let sends: Vec<_> = (0..2)
                .map(|_| {
                    let sender = sender.clone();
                    lives_on.spawn(move || while sender.send_timeout(1, Duration::from_micros(200)).is_ok() {})
                })
                .collect();
            (0..(round * 7919) % 50_000).for_each(|_| std::hint::spin_loop());
            if round % 3 == 0 {
                drop(ends);
                group.done();
            } else {
                group.done();
                ends.shutdown();
            }
            // Nobody receives any more.
            join_all(sends);
            sender.close();
        }
        assert_eq!(lives_on.run(|| gmp::spawn(|| 3).join().unwrap()), 3);
        assert_eq!(lives_on.shutdown(), 0);
    }
}
