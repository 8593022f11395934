//! Scopes: borrowing, waiting for all, panics.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::*},
    },
    time::Duration,
};

use schedulers::gmp::{self, Runtime, ScopedJoinHandle};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

#[test]
fn goroutines_borrow_and_the_scope_waits_for_all() {
    for procs in [1, 2, 4] {
        runtime(procs).run(|| {
            let mut numbers: Vec<u64> = (0..1000).collect();
            let done = AtomicU32::new(0);
            gmp::scope(|scope| {
                for (n, chunk) in numbers.chunks_mut(100).enumerate() {
                    let done = &done;
                    scope.spawn(move || {
                        gmp::time::sleep(Duration::from_micros(n as u64 * 100));
                        chunk.iter_mut().for_each(|number| *number *= 2);
                        done.fetch_add(1, Relaxed);
                    });
                }
            });
            assert_eq!(done.load(Relaxed), 10);
            assert_eq!(numbers.iter().sum::<u64>(), 999 * 1000);
        });
    }
}

#[test]
fn results_are_joined_and_goroutines_spawn_more() {
    runtime(2).run(|| {
        let numbers = [1, 2, 3];
        let sum = gmp::scope(|scope| {
            let handles = numbers.each_ref().map(|number| scope.spawn(move || number * 10));
            let nested = scope.spawn(|| scope.spawn(|| numbers.len()).join().unwrap());
            assert!(nested.id() > 1);
            let sum: i32 = handles.into_iter().map(|handle| handle.join().unwrap()).sum();
            (sum, nested.join().unwrap())
        });
        assert_eq!(sum, (60, 3));
    });
}

#[test]
fn a_panic_of_the_body_comes_after_the_end_of_all() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let ended = AtomicU32::new(0);
            let payload = catch_unwind(AssertUnwindSafe(|| {
                gmp::scope(|scope| {
                    for _ in 0..10 {
                        scope.spawn(|| {
                            gmp::time::sleep(Duration::from_millis(1));
                            ended.fetch_add(1, Relaxed);
                        });
                    }
                    scope.spawn(|| resume_unwind(Box::new("a child's")));
                    resume_unwind(Box::new("the body's"));
                })
            }));
            assert_eq!(*payload.unwrap_err().downcast::<&str>().unwrap(), "the body's");
            assert_eq!(ended.load(Relaxed), 10);
        });
    }
}

#[test]
fn a_panic_that_nobody_joins_is_propagated_after_the_end_of_all() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let ended = AtomicU32::new(0);
            let payload = catch_unwind(AssertUnwindSafe(|| {
                gmp::scope(|scope| {
                    let joined = scope.spawn(|| resume_unwind(Box::new("joined")));
                    assert!(joined.join().is_err_and(|error| error.is_panic()));
                    scope.spawn(|| resume_unwind(Box::new("not joined")));
                    scope.spawn(|| gmp::exit());
                    scope.spawn(|| {
                        gmp::time::sleep(Duration::from_millis(1));
                        ended.fetch_add(1, Relaxed);
                    });
                    1
                })
            }));
            assert_eq!(*payload.unwrap_err().downcast::<&str>().unwrap(), "not joined");
            assert_eq!(ended.load(Relaxed), 1);
            // A panic that was joined is told of once, and an exit is no panic.
            gmp::scope(|scope| {
                assert!(scope.spawn(|| resume_unwind(Box::new(()))).join().is_err());
                assert!(scope.spawn(|| gmp::exit()).join().map(|()| 0).unwrap_err().is_exit());
                scope.spawn(|| gmp::exit());
            });
        });
    }
}

/// A result that borrows is dropped inside of the scope, whoever drops it.
#[test]
fn results_that_borrow_are_dropped_inside() {
    struct Counts<'a>(&'a AtomicU32);
    impl Drop for Counts<'_> {
        fn drop(&mut self) {
            gmp::yield_now();
            self.0.fetch_add(1, Relaxed);
        }
    }
    for procs in [1, 2] {
        runtime(procs).run(|| {
            for _ in 0..50 {
                let dropped = AtomicU32::new(0);
                gmp::scope(|scope| {
                    let counts = |_| Counts(&dropped);
                    let _kept_until_the_end = scope.spawn(move || counts(()));
                    drop(scope.spawn(move || counts(())));
                    drop(scope.spawn(move || counts(())).join());
                    let handle = scope.spawn(move || counts(()));
                    scope.spawn(move || drop(handle)); // Dropped by a sibling.
                });
                assert_eq!(dropped.load(Relaxed), 4);
            }
        });
    }
}

#[test]
fn exit_inside_a_scope_waits_for_its_goroutines() {
    runtime(2).run(|| {
        let ended = Arc::new(AtomicU32::new(0));
        let counts = ended.clone();
        let exits = gmp::spawn(move || {
            gmp::scope(|scope| {
                scope.spawn(|| {
                    gmp::time::sleep(Duration::from_millis(1));
                    counts.fetch_add(1, Relaxed);
                });
                gmp::exit();
            })
        });
        assert!(exits.join().map(|()| 0).unwrap_err().is_exit());
        assert_eq!(ended.load(Relaxed), 1);
    });
}

#[test]
fn a_scope_may_be_entered_while_unwinding() {
    struct Scopes(Arc<AtomicU32>);
    impl Drop for Scopes {
        fn drop(&mut self) {
            let sum = gmp::scope(|scope| {
                let handles: Vec<ScopedJoinHandle<'_, u32>> = (0..3).map(|n| scope.spawn(move || n)).collect();
                handles.into_iter().map(|handle| handle.join().unwrap()).sum::<u32>()
            });
            self.0.fetch_add(sum, Relaxed);
        }
    }
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let sum = Arc::new(AtomicU32::new(0));
            let scopes = Scopes(sum.clone());
            let panics = gmp::spawn(move || {
                let _scopes = scopes;
                resume_unwind(Box::new("panic"));
            });
            assert!(panics.join().map(|()| 0).unwrap_err().is_panic());
            assert_eq!(sum.load(Relaxed), 3);
        });
    }
}

#[test]
#[should_panic = "gmp::spawn is for goroutines"]
fn a_scope_outside_of_a_runtime_cannot_spawn() {
    assert_eq!(gmp::scope(|_| 1), 1);
    gmp::scope(|scope| drop(scope.spawn(|| ())));
}
