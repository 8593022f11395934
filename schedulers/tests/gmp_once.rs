//! Once and OnceLock: one run, seen by all; what counts when it panics.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::*},
    },
};

use schedulers::gmp::{
    self, Runtime,
    sync::{Once, OnceLock},
};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

#[test]
fn ten_callers_one_run_and_all_see_what_it_did() {
    for procs in [1, 2, 4] {
        runtime(procs).run(|| {
            let shared = Arc::new((Once::new(), AtomicU32::new(0)));
            let callers: Vec<_> = (0..10)
                .map(|_| {
                    let shared = shared.clone();
                    gmp::spawn(move || {
                        shared.0.call_once(|| {
                            gmp::yield_now(); // The others come meanwhile, and wait.
                            shared.1.fetch_add(1, Relaxed);
                        });
                        assert!(shared.0.is_completed());
                        shared.1.load(Relaxed)
                    })
                })
                .collect();
            assert!(callers.into_iter().all(|caller| caller.join().unwrap() == 1));
        });
    }
}

#[test]
fn a_call_that_panics_counts_as_done() {
    runtime(2).run(|| {
        let once = Arc::new(Once::new());
        let (waits, (begins, begun)) = (once.clone(), gmp::channel(1));
        let panics = gmp::spawn(move || {
            waits.call_once(|| {
                begins.send(()).unwrap();
                gmp::yield_now();
                resume_unwind(Box::new("once"));
            });
        });
        begun.recv().unwrap();
        once.call_once(|| unreachable!("called twice"));
        assert_eq!(*panics.join().unwrap_err().into_panic().downcast::<&str>().unwrap(), "once");
        assert!(once.is_completed());
    });
}

/// Go: TestOnceFuncGoexit and its like: an exit ends the call as a panic does.
#[test]
fn a_call_that_exits_counts_as_done_and_a_maker_that_exits_does_not() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    for procs in [1, 2] {
        runtime(procs).run(|| {
            CALLS.store(0, Relaxed);
            let once = Arc::new(Once::new());
            let exits: Vec<_> = (0..5)
                .map(|_| {
                    let once = once.clone();
                    gmp::spawn(move || {
                        once.call_once(|| {
                            CALLS.fetch_add(1, Relaxed);
                            gmp::yield_now();
                            gmp::exit();
                        });
                    })
                })
                .collect();
            let exited = exits.into_iter().filter_map(|handle| handle.join().err()).filter(gmp::JoinError::is_exit);
            assert_eq!((exited.count(), CALLS.load(Relaxed), once.is_completed()), (1, 1, true));

            let cell = Arc::new(OnceLock::new());
            let maker = cell.clone();
            let exits = gmp::spawn(move || *maker.get_or_init(|| gmp::exit()));
            assert!(exits.join().unwrap_err().is_exit());
            assert_eq!(*cell.get_or_init(|| 5), 5);
        });
    }
}

#[test]
fn a_value_is_made_once_and_shared() {
    static VALUE: OnceLock<String> = OnceLock::new();
    static MADE: AtomicU32 = AtomicU32::new(0);
    assert_eq!(VALUE.get(), None);
    let get = || {
        VALUE.get_or_init(|| {
            MADE.fetch_add(1, Relaxed);
            gmp::yield_now();
            "made".to_owned()
        })
    };
    let threads: Vec<_> = (0..2).map(|_| std::thread::spawn(get)).collect();
    runtime(2).run(move || {
        let handles: Vec<_> = (0..10).map(|_| gmp::spawn(get)).collect();
        assert!(handles.into_iter().all(|handle| handle.join().unwrap() == "made"));
    });
    assert!(threads.into_iter().all(|thread| thread.join().unwrap() == "made"));
    assert_eq!(MADE.load(Relaxed), 1);
    assert_eq!(VALUE.set("late".to_owned()), Err("late".to_owned()));
    assert_eq!(VALUE.get().map(String::as_str), Some("made"));
}

#[test]
fn a_maker_that_panics_leaves_the_cell_to_the_next() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let cell = Arc::new(OnceLock::new());
            let makers: Vec<_> = (0..5u32)
                .map(|id| {
                    let cell = cell.clone();
                    gmp::spawn(move || {
                        *cell.get_or_init(|| {
                            gmp::yield_now();
                            if id < 4 { resume_unwind(Box::new(())) } else { 7 }
                        })
                    })
                })
                .collect();
            let values: Vec<_> = makers.into_iter().map(gmp::JoinHandle::join).collect();
            assert_eq!(*values.last().unwrap().as_ref().unwrap(), 7);
            assert!(values.into_iter().all(|value| value.is_ok_and(|value| value == 7) || cell.get() == Some(&7)));
        });
    }
}

#[test]
fn a_cell_drops_its_value_once() {
    let value = Arc::new(());
    let cell = OnceLock::new();
    assert!(cell.set(value.clone()).is_ok());
    assert_eq!(Arc::strong_count(&value), 2);
    assert!(cell.set(value.clone()).is_err());
    drop(cell);
    assert_eq!(Arc::strong_count(&value), 1);
    assert!(OnceLock::from(value.clone()).into_inner().is_some_and(|inner| Arc::ptr_eq(&inner, &value)));
    assert_eq!(Arc::strong_count(&value), 1);
    let mut cell = OnceLock::from(1);
    *cell.get_mut().unwrap() += 1;
    assert_eq!((cell.take(), cell.take(), cell.into_inner()), (Some(2), None, None));
    let empty = OnceLock::<u32>::new();
    assert!(catch_unwind(AssertUnwindSafe(|| empty.get_or_init(|| resume_unwind(Box::new(()))))).is_err());
    assert_eq!(format!("{empty:?}"), "OnceLock(<empty>)");
}
