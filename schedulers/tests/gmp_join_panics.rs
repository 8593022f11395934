//! Fork-join: what panics and exits in its halves do to the forker.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::{AtomicBool, AtomicU32, Ordering::*},
    time::Duration,
};

use schedulers::gmp::{self, Runtime};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

fn fib(n: u32) -> u64 {
    if n < 2 {
        return n.into();
    }
    let (a, b) = gmp::join(|| fib(n - 1), || fib(n - 2));
    a + b
}

/// Counts how often it was dropped.
struct Counts<'a>(&'a AtomicU32);

impl Drop for Counts<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_panic_of_the_first_half_drops_the_second_or_waits_for_it() {
    for procs in [1, 2, 4] {
        runtime(procs).run(|| {
            for _ in 0..100 {
                let (dropped, running) = (AtomicU32::new(0), AtomicBool::new(false));
                let second = Counts(&dropped);
                let running = &running;
                let panic = catch_unwind(AssertUnwindSafe(|| {
                    gmp::join(
                        || resume_unwind(Box::new("first")),
                        || {
                            let _second = second;
                            running.store(true, SeqCst);
                            gmp::yield_now();
                            running.store(false, SeqCst);
                        },
                    )
                }));
                assert_eq!(panic.map(|((), ())| 0).unwrap_err().downcast_ref(), Some(&"first"));
                assert!(!running.load(SeqCst));
                assert_eq!(dropped.load(SeqCst), 1);
            }
        });
    }
}

#[test]
fn a_panic_of_the_first_half_comes_after_the_end_of_a_second_that_was_taken() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            for both in [false, true] {
                let ended = AtomicBool::new(false);
                let (begin, begun) = gmp::channel(0);
                let panic = catch_unwind(AssertUnwindSafe(|| {
                    gmp::join(
                        || {
                            begun.recv().unwrap();
                            resume_unwind(Box::new("first"))
                        },
                        || {
                            begin.send(()).unwrap();
                            gmp::time::sleep(Duration::from_millis(2));
                            ended.store(true, SeqCst);
                            if both {
                                resume_unwind(Box::new("second"));
                            }
                        },
                    )
                }));
                assert_eq!(panic.map(|((), ())| 0).unwrap_err().downcast_ref(), Some(&"first"));
                assert!(ended.load(SeqCst));
                // The goroutine is as good as before.
                assert_eq!(fib(10), 55);
            }
        });
    }
}

#[test]
fn a_panic_of_the_second_half_is_propagated_and_the_first_result_dropped() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            for taken in [false, true] {
                let dropped = AtomicU32::new(0);
                let (begin, begun) = gmp::channel(1);
                let panic = catch_unwind(AssertUnwindSafe(|| {
                    gmp::join(
                        || {
                            if taken {
                                begun.recv().unwrap();
                            }
                            Counts(&dropped)
                        },
                        || {
                            begin.send(()).unwrap();
                            gmp::yield_now();
                            resume_unwind(Box::new("second"))
                        },
                    )
                }));
                let payload = panic.map(|(_, ()): (Counts<'_>, ())| 0).unwrap_err();
                assert_eq!(payload.downcast_ref(), Some(&"second"));
                assert_eq!(dropped.load(SeqCst), 1);
            }
        });
    }
}

#[test]
fn an_exit_in_either_half_ends_the_forker() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let first = gmp::spawn(|| gmp::join(|| gmp::exit(), || 1).1);
            assert!(first.join().unwrap_err().is_exit());
            let second = gmp::spawn(|| gmp::join(|| 1, || gmp::exit()).0);
            assert!(second.join().unwrap_err().is_exit());
            let taken = gmp::spawn(|| {
                let (begin, begun) = gmp::channel(0);
                gmp::join(
                    || begun.recv().unwrap(),
                    || {
                        begin.send(()).unwrap();
                        gmp::exit()
                    },
                )
                .0
            });
            assert!(taken.join().unwrap_err().is_exit());
        });
    }
}
