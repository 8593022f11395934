//! Mutex and WaitGroup.

use std::{sync::Arc, time::Duration};

use schedulers::gmp::{
    self, Runtime,
    sync::{Mutex, WaitGroup},
};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

#[test]
fn a_mutex_excludes_across_yields_and_threads() {
    for procs in [1, 2, 4] {
        let runtime = runtime(procs);
        let shared = Arc::new(Mutex::new((0u64, false)));
        let work = |shared: Arc<Mutex<(u64, bool)>>| {
            move || {
                for n in 0..500 {
                    let mut guard = shared.lock();
                    assert!(!std::mem::replace(&mut guard.1, true), "two owners");
                    guard.0 += 1;
                    if n % 7 == 0 {
                        gmp::yield_now(); // The guard is held across a switch, and may be dropped on another thread.
                    }
                    guard.1 = false;
                }
            }
        };
        let thread = std::thread::spawn(work(shared.clone()));
        let others = shared.clone();
        runtime.run(move || {
            let handles: Vec<_> = (0..10).map(|_| gmp::spawn(work(others.clone()))).collect();
            handles.into_iter().for_each(|handle| handle.join().unwrap());
        });
        thread.join().unwrap();
        assert_eq!(shared.lock().0, 11 * 500);
    }
}

#[test]
fn try_lock_succeeds_when_free_and_fails_when_held() {
    let mutex = Mutex::new(1);
    let guard = mutex.lock();
    assert!(mutex.try_lock().is_none());
    assert_eq!(format!("{mutex:?}"), "Mutex(<locked>)");
    drop(guard);
    *mutex.try_lock().unwrap() += 1;
    assert_eq!(mutex.into_inner(), 2);
}

#[test]
fn a_waiter_gets_its_turn_beside_one_that_always_relocks() {
    runtime(2).run(|| {
        let shared = Arc::new(Mutex::new(false));
        let other = shared.clone();
        let greedy = gmp::spawn(move || {
            loop {
                let guard = other.lock();
                if *guard {
                    return;
                }
                std::hint::black_box((0..1000).sum::<u64>());
            }
        });
        gmp::time::sleep(Duration::from_millis(1));
        for _ in 0..100 {
            drop(shared.lock());
        }
        *shared.lock() = true;
        greedy.join().unwrap();
    });
}

#[test]
fn a_wait_group_releases_nobody_early_and_everybody_in_the_end() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (first, second) = (WaitGroup::new(), WaitGroup::new());
            for _ in 0..8 {
                first.add(16);
                second.add(16);
                let (sender, receiver) = gmp::channel(16);
                for _ in 0..16 {
                    let (first, second, sender) = (first.clone(), second.clone(), sender.clone());
                    drop(gmp::spawn(move || {
                        first.done();
                        second.wait();
                        sender.send(()).unwrap();
                    }));
                }
                first.wait();
                for _ in 0..16 {
                    assert!(receiver.try_recv().is_err(), "released early");
                    second.done();
                }
                assert_eq!((0..16).map(|_| receiver.recv()).filter(Result::is_ok).count(), 16);
            }
        });
    }
}

#[test]
#[should_panic = "more `done` than `add`"]
fn a_negative_wait_group_panics() {
    WaitGroup::new().done();
}
