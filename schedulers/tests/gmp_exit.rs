//! How a goroutine ends: by exit, during a panic, with a result that nobody wants.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::*},
    },
};

use schedulers::gmp::{self, Runtime, sync::Mutex};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

/// Runs its closure when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn exit_runs_destructors_and_is_no_panic() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let dropped = Arc::new(AtomicU32::new(0));
            let counts = dropped.clone();
            let exits = gmp::spawn(move || {
                let _outer = OnDrop(|| _ = counts.fetch_add(1, Relaxed));
                let inner = || {
                    let _inner = OnDrop(|| {
                        gmp::yield_now(); // Destructors may block.
                        counts.fetch_add(10, Relaxed);
                    });
                    gmp::exit();
                };
                inner();
            });
            let error = exits.join().unwrap_err();
            assert!(error.is_exit() && !error.is_panic());
            assert_eq!(
                (error.to_string(), format!("{error:?}")),
                ("goroutine exited".into(), "JoinError::Exit".into())
            );
            assert_eq!(dropped.load(Relaxed), 11);
        });
    }
}

#[test]
fn a_panic_that_is_caught_during_an_exit_lets_it_go_on() {
    runtime(1).run(|| {
        let exits = gmp::spawn(|| {
            let _caught = OnDrop(|| assert!(catch_unwind(|| resume_unwind(Box::new("panic"))).is_err()));
            gmp::exit()
        });
        assert!(exits.join().unwrap_err().is_exit());
        // A panic that was caught before, in the same destructor, and one inside of another's, leave the exit as it is, too.
        let exits = gmp::spawn(|| {
            let _caught = OnDrop(|| {
                let nested = || {
                    let _inner = OnDrop(|| assert!(catch_unwind(|| resume_unwind(Box::new("inner"))).is_err()));
                    resume_unwind(Box::new("outer"))
                };
                assert_eq!(*catch_unwind(nested).map(|()| 0).unwrap_err().downcast::<&str>().unwrap(), "outer");
            });
            assert!(catch_unwind(|| resume_unwind(Box::new("before"))).is_err());
            gmp::exit()
        });
        assert!(exits.join().unwrap_err().is_exit());
        // One who catches the exit itself can let it go on as well.
        let exits = gmp::spawn(|| {
            let caught = catch_unwind(|| gmp::exit()).unwrap_err();
            gmp::yield_now();
            resume_unwind(caught)
        });
        assert!(exits.join().unwrap_err().is_exit());
    });
}

#[test]
fn an_exit_can_be_passed_on_to_the_one_who_joins() {
    runtime(1).run(|| {
        let outer = gmp::spawn(|| {
            let inner = gmp::spawn(|| gmp::exit());
            resume_unwind(inner.join().map(|()| 0).unwrap_err().into_panic())
        });
        assert!(outer.join().map(|()| 0).unwrap_err().is_exit());
    });
}

#[test]
fn exit_during_a_panic_ends_that_goroutine_only() {
    for procs in [1, 2] {
        let runtime = runtime(procs);
        let threads = runtime.run(|| {
            let later = Arc::new(AtomicU32::new(0));
            for round in 0..20 {
                let counts = later.clone();
                let panics = gmp::spawn(move || {
                    let _never = OnDrop(|| _ = counts.fetch_add(1, Relaxed));
                    let _exits = OnDrop(|| gmp::exit());
                    resume_unwind(Box::new("panic"))
                });
                if round % 3 == 0 {
                    drop(panics);
                } else {
                    assert!(panics.join().map(|()| 0).unwrap_err().is_exit());
                }
                assert_eq!(gmp::spawn(|| 7).join().unwrap(), 7);
            }
            assert_eq!(later.load(Relaxed), 0);
            while gmp::num_goroutines() > 1 {
                gmp::yield_now();
            }
            runtime.stats().threads
        });
        // Their threads are gone, or about to go.
        assert!(threads < 20, "{threads} threads");
        assert_eq!(runtime.shutdown(), 0);
    }
}

#[test]
#[should_panic = "the main goroutine called gmp::exit"]
fn exit_of_the_main_goroutine_is_a_panic_of_run() {
    runtime(1).run(|| gmp::exit());
}

#[test]
#[should_panic = "gmp::exit is for goroutines"]
fn exit_outside_of_a_goroutine_panics() {
    gmp::exit();
}

/// Whose result nobody joins: dropped by the goroutine itself, or by whoever drops the handle later, and not inside the scheduler.
#[test]
fn a_result_that_nobody_wants_is_dropped_where_it_may_call_gmp() {
    for procs in [1, 2] {
        let runtime = runtime(procs);
        let dropped = Arc::new(Mutex::new(0));
        runtime.run(|| {
            let result = |dropped: &Arc<Mutex<u32>>| {
                let dropped = dropped.clone();
                OnDrop(move || {
                    gmp::yield_now();
                    *dropped.lock() += 1;
                    assert_eq!(gmp::spawn(|| 1).join().unwrap(), 1);
                })
            };
            for n in 0..100 {
                let value = result(&dropped);
                let handle = gmp::spawn(move || value);
                if n % 2 == 0 {
                    while !handle.is_finished() {
                        gmp::yield_now();
                    }
                }
                drop(handle);
                // The payload of a panic is a result too, and a destructor may panic.
                let value = result(&dropped);
                drop(gmp::spawn(move || resume_unwind(Box::new(value))));
                let handle = gmp::spawn(|| OnDrop(|| resume_unwind(Box::new("in a destructor"))));
                // If it has ended already, the panic is ours.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(handle)));
            }
            while gmp::num_goroutines() > 1 {
                gmp::yield_now();
            }
        });
        assert_eq!(*dropped.lock(), 200);
        assert_eq!(runtime.shutdown(), 0);
    }
}

/// Each result is dropped once, by the one or the other, and the runtime loses count of none.
#[test]
fn a_handle_may_be_dropped_at_the_very_end_of_its_goroutine() {
    const COUNT: u32 = 20_000;
    static DROPPED: AtomicU32 = AtomicU32::new(0);
    let runtime = runtime(1);
    for n in 0..COUNT {
        let handle = runtime.spawn(|| OnDrop(|| _ = DROPPED.fetch_add(1, Relaxed)));
        let id = handle.id();
        (0..n % 500).for_each(|_| std::hint::spin_loop());
        assert_eq!(handle.id(), id);
        drop(handle);
    }
    runtime.run(|| {
        while gmp::num_goroutines() > 1 {
            gmp::yield_now();
        }
    });
    assert_eq!(DROPPED.load(Relaxed), COUNT);
    assert_eq!(runtime.shutdown(), 0);
}

#[test]
fn panics_nest_and_the_last_one_counts() {
    runtime(2).run(|| {
        let nested = gmp::spawn(|| {
            let inner = catch_unwind(AssertUnwindSafe(|| {
                let error = gmp::spawn(|| resume_unwind(Box::new(1u32))).join().map(|()| 0).unwrap_err();
                let n = *error.into_panic().downcast::<u32>().unwrap();
                resume_unwind(Box::new(n + 1));
            }));
            resume_unwind(Box::new(*inner.unwrap_err().downcast::<u32>().unwrap() + 1));
        });
        assert_eq!(*nested.join().map(|()| 0).unwrap_err().into_panic().downcast::<u32>().unwrap(), 3);
    });
}

#[test]
fn goroutines_know_their_ids() {
    let runtime = runtime(2);
    assert_eq!(gmp::current_id(), None);
    runtime.run(|| {
        assert_eq!(gmp::current_id(), Some(1));
        let handles: Vec<_> =
            (0..100).map(|_| gmp::spawn(|| (gmp::current_id(), gmp::yield_now(), gmp::current_id()))).collect();
        let mut ids: Vec<_> = handles
            .into_iter()
            .map(|handle| {
                let id = handle.id();
                assert_eq!(handle.join().unwrap(), (Some(id), (), Some(id)));
                id
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 100);
        assert_eq!(gmp::block_in_place(gmp::current_id), Some(1));
    });
}
