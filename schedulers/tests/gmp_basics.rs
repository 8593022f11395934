//! Spawning, joining, yielding: what everything else stands on.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use schedulers::gmp::{self, Runtime};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

#[test]
fn run_returns_what_main_returns_and_main_may_borrow() {
    for procs in [1, 2, 4] {
        let text = String::from("borrowed");
        assert_eq!(runtime(procs).run(|| text.len()), 8);
    }
}

#[test]
fn join_gives_the_value_before_and_after_the_end() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let handles: Vec<_> = (0..1000u64).map(|n| gmp::spawn(move || n * n)).collect();
            let sum: u64 = handles.into_iter().map(|handle| handle.join().unwrap()).sum();
            assert_eq!(sum, (0..1000).map(|n| n * n).sum());
            let early = gmp::spawn(|| 7);
            while !early.is_finished() {
                gmp::yield_now();
            }
            assert_eq!(early.join().unwrap(), 7);
        });
    }
}

#[test]
fn a_panic_reaches_join_and_nobody_else() {
    let runtime = runtime(2);
    runtime.run(|| {
        let error = gmp::spawn(|| panic!("as told")).join().unwrap_err();
        assert!(error.is_panic());
        assert_eq!(error.to_string(), "goroutine panicked: as told");
        assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "as told");
        assert_eq!(gmp::spawn(|| 1).join().unwrap(), 1);
    });
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.run(|| panic!("main"))));
    assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "main");
    assert_eq!(runtime.run(|| 2), 2);
}

#[test]
fn yield_lets_the_others_of_the_local_queue_go_first() {
    runtime(1).run(|| {
        let (sender, receiver) = gmp::channel(100);
        let handles: Vec<_> = (0..3)
            .map(|id| {
                let sender = sender.clone();
                gmp::spawn(move || {
                    for turn in 0..3 {
                        sender.send((turn, id)).unwrap();
                        gmp::yield_now();
                    }
                })
            })
            .collect();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        drop(sender);
        let turns: Vec<_> = receiver.iter().map(|(turn, _)| turn).collect();
        assert_eq!(turns, [0, 0, 0, 1, 1, 1, 2, 2, 2]);
    });
}

#[test]
fn a_hundred_thousand_goroutines_are_all_run() {
    for procs in [1, 2] {
        let sum = AtomicU64::new(0);
        let sum_ref: &'static AtomicU64 = Box::leak(Box::new(sum));
        let runtime = runtime(procs);
        runtime.run(|| {
            let group = gmp::sync::WaitGroup::new();
            for n in 0..100_000 {
                group.add(1);
                let group = group.clone();
                drop(gmp::spawn(move || {
                    sum_ref.fetch_add(n, Relaxed);
                    group.done();
                }));
            }
            group.wait();
        });
        assert_eq!(sum_ref.load(Relaxed), 99_999 * 100_000 / 2);
    }
}

#[test]
fn several_runtimes_live_side_by_side() {
    let (a, b) = (runtime(1), runtime(2));
    let (sender, receiver) = gmp::channel(0);
    let sends = a.spawn(move || (0..100).for_each(|n: u32| sender.send(n).unwrap()));
    let sum = b.run(|| receiver.iter().sum::<u32>());
    sends.join().unwrap();
    assert_eq!(sum, 4950);
    assert_eq!((a.shutdown(), b.shutdown()), (0, 0));
}

#[test]
#[should_panic = "Runtime::run was called by a goroutine"]
fn a_nested_run_is_a_clear_error() {
    let (outer, inner) = (runtime(1), runtime(1));
    outer.run(|| inner.run(|| ()));
}

#[test]
fn a_runtime_dropped_with_parked_goroutines_ends_its_threads() {
    let runtime = runtime(2);
    let (sender, receiver) = gmp::channel::<()>(0);
    drop(runtime.spawn(move || receiver.recv()));
    runtime.run(gmp::yield_now);
    assert_eq!(runtime.shutdown(), 1);
    // The wait list still leads to the parked goroutine: sending must be harmless.
    let _ = sender.try_send(());
}

#[test]
fn builder_refuses_what_cannot_be() {
    // SAFETY: never runs anything.
    let error = |builder: gmp::Builder| unsafe { builder.build() }.err().map(|error| error.kind());
    assert_eq!(error(Runtime::builder().procs(0)), Some(std::io::ErrorKind::InvalidInput));
    assert_eq!(error(Runtime::builder().procs(4).max_threads(3)), Some(std::io::ErrorKind::InvalidInput));
    assert_eq!(error(Runtime::builder().stack_size(2 << 30)), Some(std::io::ErrorKind::InvalidInput));
}
