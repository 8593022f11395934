//! A goroutine that has locked its thread stays there, alone, and takes the thread with it if it ends so.

use std::{
    sync::mpsc,
    thread::ThreadId,
    time::{Duration, Instant},
};

use schedulers::gmp::{self, Runtime, ThreadLock, lock_os_thread};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

fn thread() -> ThreadId {
    std::thread::current().id()
}

/// What may take a goroutine off its thread.
fn everything_that_parks() {
    gmp::yield_now();
    gmp::time::sleep(Duration::from_micros(100));
    gmp::block_in_place(|| std::thread::sleep(Duration::from_micros(100)));
    gmp::spawn(gmp::yield_now).join().unwrap();
    gmp::stop_the_world(|_| ());
}

#[test]
fn it_stays_on_its_thread_whatever_it_does() {
    for procs in [1, 2, 4] {
        runtime(procs).run(|| {
            let handles: Vec<_> = (0..6)
                .map(|_| {
                    gmp::spawn(|| {
                        let _lock = lock_os_thread();
                        let here = thread();
                        for _ in 0..10 {
                            everything_that_parks();
                            assert_eq!(thread(), here);
                        }
                        here
                    })
                })
                .collect();
            let mut threads: Vec<_> = handles.into_iter().map(|handle| handle.join().unwrap()).collect();
            let count = threads.len();
            threads.sort_unstable_by_key(|id| format!("{id:?}"));
            threads.dedup();
            // Those that overlapped had threads of their own; all six did, since each parks before it is done.
            assert_eq!(threads.len(), count);
        });
    }
}

#[test]
fn nobody_else_runs_on_a_locked_thread() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let _lock = lock_os_thread();
            let here = thread();
            let others: Vec<_> = (0..50)
                .map(|_| {
                    gmp::spawn(|| {
                        gmp::yield_now();
                        thread()
                    })
                })
                .collect();
            gmp::time::sleep(Duration::from_millis(1));
            assert!(others.into_iter().all(|other| other.join().unwrap() != here));
        });
    }
}

#[test]
fn two_locks_and_one_unlock_leave_it_locked() {
    runtime(2).run(|| {
        let (outer, inner) = (lock_os_thread(), lock_os_thread());
        drop(outer);
        let here = thread();
        for _ in 0..20 {
            everything_that_parks();
            assert_eq!(thread(), here);
        }
        drop(inner);
        // Free again: others may use the thread. That they may is seen by what they do not need: a P that changes hands.
        let before = stats().handoffs;
        (0..20).for_each(|_| gmp::spawn(gmp::yield_now).join().unwrap());
        assert_eq!(stats().handoffs, before);
    });
    fn stats() -> gmp::Stats {
        gmp::stop_the_world(|world| world.stats())
    }
}

#[test]
fn messages_pass_between_locked_and_unlocked_goroutines() {
    for procs in [1, 2] {
        for (first, second) in [(true, false), (false, true), (true, true)] {
            runtime(procs).run(|| {
                let (ping, pinged) = gmp::channel(0);
                let (pong, ponged) = gmp::channel(0);
                let lock = |locks: bool| locks.then(lock_os_thread);
                let echoes = gmp::spawn(move || {
                    let _lock = lock(first);
                    pinged.iter().for_each(|n: u32| pong.send(n + 1).unwrap());
                });
                let _lock = lock(second);
                for n in 0..100 {
                    ping.send(n).unwrap();
                    assert_eq!(ponged.recv().unwrap(), n + 1);
                }
                drop(ping);
                echoes.join().unwrap();
            });
        }
    }
}

#[test]
fn a_locked_goroutine_yields_and_sleeps_and_ends() {
    runtime(1).run(|| {
        let locked = gmp::spawn(|| {
            std::mem::forget(lock_os_thread());
            for _ in 0..10 {
                gmp::yield_now();
                gmp::time::sleep(Duration::from_millis(1));
            }
        });
        locked.join().unwrap();
        gmp::spawn(|| ()).join().unwrap();
    });
}

/// Says when its thread ends.
struct Tells(mpsc::Sender<ThreadId>);

impl Drop for Tells {
    fn drop(&mut self) {
        let _ = self.0.send(thread());
    }
}

std::thread_local! {
    static AT_END: std::cell::RefCell<Option<Tells>> = const { std::cell::RefCell::new(None) };
}

#[test]
fn who_ends_with_the_lock_held_ends_its_thread() {
    for procs in [1, 2] {
        let runtime = runtime(procs);
        let (ended, ends) = mpsc::channel();
        let locked = runtime.spawn(move || {
            std::mem::forget(lock_os_thread());
            AT_END.set(Some(Tells(ended)));
            // They are queued where it ends, but nobody runs there after it.
            let others: Vec<_> = (0..10).map(|_| gmp::spawn(thread)).collect();
            (thread(), others)
        });
        let (id, others) = locked.join().unwrap();
        assert!(others.into_iter().all(|other| other.join().unwrap() != id));
        assert_eq!(ends.recv_timeout(Duration::from_secs(5)).unwrap(), id, "while the runtime goes on");
        assert_eq!(runtime.run(|| gmp::spawn(|| 3).join().unwrap()), 3);
    }
}

#[test]
fn many_threads_end_so_while_the_world_is_stopped_again_and_again() {
    let runtime = runtime(2);
    std::thread::scope(|threads| {
        let stops = threads.spawn(|| (0..100).for_each(|_| runtime.stop_the_world(|_| ())));
        runtime.run(|| {
            for _ in 0..100 {
                gmp::spawn(|| std::mem::forget(lock_os_thread())).join().unwrap();
            }
        });
        stops.join().unwrap();
    });
    let deadline = Instant::now() + Duration::from_secs(10);
    while runtime.stats().threads > 20 {
        assert!(Instant::now() < deadline, "{:?}", runtime.stats());
        std::thread::yield_now();
    }
}

/// What a locked goroutine does to its thread is not inherited by those that the runtime starts meanwhile.
#[test]
fn threads_are_not_started_from_a_locked_one() {
    // A signal mask is inherited, and easily told.
    fn blocked() -> bool {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("SigBlk:")).unwrap();
        let mask = u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap();
        mask & 1 << (libc::SIGUSR2 - 1) != 0
    }
    for procs in [1, 2] {
        runtime(procs).run(|| {
            std::mem::forget(lock_os_thread());
            // SAFETY: changes the mask of this thread, which is the goroutine's own.
            unsafe {
                let mut set = std::mem::zeroed();
                libc::sigemptyset(&mut set);
                libc::sigaddset(&mut set, libc::SIGUSR2);
                libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
            }
            assert!(blocked());
            // Each blocks its thread, so there must be a new one for the next.
            let others: Vec<_> = (0..8)
                .map(|_| {
                    gmp::spawn(|| {
                        gmp::block_in_place(|| std::thread::sleep(Duration::from_millis(5)));
                        blocked()
                    })
                })
                .collect();
            gmp::time::sleep(Duration::from_millis(1));
            assert!(others.into_iter().all(|other| !other.join().unwrap()));
        });
    }
}

#[test]
fn two_lockers_and_stops_of_the_world_do_not_hang() {
    for _ in 0..100 {
        let runtime = runtime(2);
        runtime.run(|| {
            let lockers: Vec<_> = (0..2)
                .map(|_| {
                    gmp::spawn(|| {
                        let _lock = lock_os_thread();
                        gmp::yield_now();
                        gmp::block_in_place(std::thread::yield_now);
                    })
                })
                .collect();
            gmp::stop_the_world(|_| ());
            lockers.into_iter().for_each(|locker| locker.join().unwrap());
        });
        assert_eq!(runtime.shutdown(), 0);
    }
}

#[test]
fn a_panic_unlocks() {
    runtime(1).run(|| {
        let panics = gmp::spawn(|| {
            let _lock = lock_os_thread();
            std::panic::resume_unwind(Box::new("unlocks"));
        });
        assert!(panics.join().unwrap_err().is_panic());
        gmp::yield_now();
    });
}

#[test]
fn on_a_plain_thread_it_does_nothing() {
    let lock: ThreadLock = lock_os_thread();
    drop(lock);
}

#[test]
fn a_runtime_that_is_dropped_wakes_locked_threads_that_wait() {
    let runtime = runtime(2);
    let (sender, receiver) = gmp::channel::<()>(0);
    let waits = runtime.spawn(move || {
        let _lock = lock_os_thread();
        let _ = receiver.recv();
    });
    while !runtime.snapshot().goroutines.iter().any(|g| matches!(g.state, gmp::GoroutineState::Waiting(_))) {
        std::thread::yield_now();
    }
    drop(waits);
    let begin = Instant::now();
    assert_eq!(runtime.shutdown(), 1);
    assert!(begin.elapsed() < Duration::from_millis(900), "no thread had to be waited for in vain");
    drop(sender);
}
