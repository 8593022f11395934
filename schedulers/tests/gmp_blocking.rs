//! What blocks a thread does not stop the world: blocking calls, told and untold, hogs, timers, unwinding.

use std::{
    io::{Read, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::*},
    },
    time::{Duration, Instant},
};

use schedulers::gmp::{self, Runtime, sync::Mutex};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

/// A pipe that is read in one goroutine can only be written by another: if the read stopped the world, this would hang.
fn others_run_while_one_blocks(read: impl FnOnce(&mut dyn FnMut()) + Send + 'static) {
    runtime(1).run(|| {
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        let reads = gmp::spawn(move || {
            let mut byte = [0];
            read(&mut || reader.read_exact(&mut byte).unwrap());
            byte[0]
        });
        gmp::yield_now();
        writer.write_all(b"x").unwrap();
        assert_eq!(reads.join().unwrap(), b'x');
    });
}

#[test]
fn with_one_p_a_told_blocking_call_lets_others_run() {
    others_run_while_one_blocks(|read| gmp::block_in_place(read));
}

#[test]
fn with_one_p_an_untold_blocking_call_lets_others_run() {
    others_run_while_one_blocks(|read| read());
}

#[test]
fn blocking_calls_overlap() {
    let runtime = runtime(2);
    let begin = Instant::now();
    runtime.run(|| {
        let sleeps = |_| gmp::spawn(|| gmp::block_in_place(|| std::thread::sleep(Duration::from_millis(50))));
        let handles: Vec<_> = (0..64).map(sleeps).collect();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
    });
    // One after the other on two Ps they would take 1.6 s.
    assert!(begin.elapsed() < Duration::from_millis(1500), "{:?}", begin.elapsed());
    assert!(runtime.stats().handoffs >= 64);
}

#[test]
fn gmp_may_be_called_inside_a_blocking_call() {
    runtime(1).run(|| {
        let (sender, receiver) = gmp::channel(0);
        let echo = gmp::spawn(move || receiver.recv().unwrap());
        let sent = gmp::block_in_place(|| gmp::block_in_place(|| sender.send(5)));
        assert_eq!(sent, Ok(()));
        assert_eq!(echo.join().unwrap(), 5);
    });
}

#[test]
fn with_one_p_hogs_stop_neither_others_nor_timers() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let runtime = runtime(1);
    runtime.run(|| {
        let hogs: Vec<_> = (0..3)
            .map(|_| {
                gmp::spawn(|| {
                    let mut n = 0u64;
                    while !STOP.load(Relaxed) {
                        n = std::hint::black_box(n + 1);
                    }
                    // What a thread does: allocate, print nothing, use thread-locals; then come back.
                    let text = format!("{n}");
                    gmp::yield_now();
                    text.len()
                })
            })
            .collect();
        for _ in 0..20 {
            gmp::time::sleep(Duration::from_millis(1));
        }
        STOP.store(true, Relaxed);
        assert!(hogs.into_iter().all(|hog| hog.join().unwrap() > 0));
    });
    assert!(runtime.stats().retakes > 0);
}

#[test]
fn sleepers_wake_in_the_order_of_their_deadlines_and_never_early() {
    const APART: Duration = Duration::from_millis(5);
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (sender, receiver) = gmp::channel(10);
            let base = Instant::now() + Duration::from_millis(50);
            for n in (0..10u32).rev() {
                let sender = sender.clone();
                drop(gmp::spawn(move || {
                    gmp::time::sleep_until(base + n * APART);
                    let late = Instant::now().checked_duration_since(base + n * APART).expect("woken early");
                    sender.send((n, late)).unwrap();
                }));
            }
            drop(sender);
            let woken: Vec<_> = receiver.iter().collect();
            // On a machine that stalls, several are due at once: then the order is the queues'.
            if woken.iter().all(|&(_, late)| late < APART) {
                assert!(woken.iter().map(|&(n, _)| n).eq(0..10), "{woken:?}");
            }
            assert_eq!(woken.len(), 10);
        });
    }
}

#[test]
fn a_thousand_sleepers_all_wake() {
    runtime(2).run(|| {
        let handles: Vec<_> =
            (0..1000u64).map(|n| gmp::spawn(move || gmp::time::sleep(Duration::from_micros(n * 10)))).collect();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
    });
}

#[test]
fn a_sleep_of_nothing_or_of_the_past_returns() {
    runtime(1).run(|| {
        gmp::time::sleep(Duration::ZERO);
        gmp::time::sleep_until(Instant::now() - Duration::from_secs(1));
    });
}

/// A goroutine that unwinds must not change its thread; a destructor that waits blocks the thread instead.
#[test]
fn destructors_may_wait_while_unwinding() {
    struct Waits(Arc<Mutex<u32>>, gmp::Receiver<u32>);
    impl Drop for Waits {
        fn drop(&mut self) {
            assert!(std::thread::panicking());
            gmp::yield_now();
            gmp::time::sleep(Duration::from_millis(2));
            *self.0.lock() += self.1.recv().unwrap();
            assert!(std::thread::panicking());
        }
    }
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let sum = Arc::new(Mutex::new(0));
            let handles: Vec<_> = (0..10)
                .map(|n| {
                    let (sender, receiver) = gmp::channel(0);
                    let waits = Waits(sum.clone(), receiver);
                    drop(gmp::spawn(move || {
                        gmp::yield_now();
                        sender.send(n).unwrap();
                    }));
                    gmp::spawn(move || {
                        let _waits = waits;
                        std::panic::resume_unwind(Box::new(n));
                    })
                })
                .collect();
            for (n, handle) in handles.into_iter().enumerate() {
                let payload = handle.join().unwrap_err().into_panic();
                assert_eq!(*payload.downcast::<u32>().unwrap() as usize, n);
            }
            assert_eq!(*sum.lock(), 45);
            assert!(!std::thread::panicking());
        });
    }
}

/// A ping-pong pair that lives in `runnext` must not starve the ring, nor a busy ring the GRQ.
#[test]
fn nobody_starves_behind_pairs_and_yielders() {
    static STOP: AtomicBool = AtomicBool::new(false);
    static RAN: AtomicU32 = AtomicU32::new(0);
    let runtime = runtime(1);
    let busy = runtime.spawn(|| {
        let (ping, pinged) = gmp::channel(0);
        let (pong, ponged) = gmp::channel(0);
        drop(gmp::spawn(move || pinged.iter().for_each(|n: u32| pong.send(n).unwrap_or(()))));
        for _ in 0..3 {
            drop(gmp::spawn(|| {
                while !STOP.load(Relaxed) {
                    gmp::yield_now();
                }
            }));
        }
        drop(gmp::spawn(|| RAN.fetch_add(1, Relaxed)));
        while !STOP.load(Relaxed) {
            ping.send(1).unwrap();
            ponged.recv().unwrap();
        }
    });
    while RAN.load(Relaxed) == 0 {
        std::thread::yield_now();
    }
    // Through the GRQ.
    runtime.spawn(|| RAN.fetch_add(1, Relaxed)).join().unwrap();
    STOP.store(true, Relaxed);
    busy.join().unwrap();
    assert_eq!(RAN.load(Relaxed), 2);
}
