//! Condvar: one wake-up for one notification, in the order of arrival.

use std::{
    sync::{Arc, atomic::AtomicUsize, atomic::Ordering::*},
    time::Duration,
};

use schedulers::gmp::{
    self, Runtime,
    sync::{Condvar, Mutex},
};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

/// Waits until `condition` holds; the mutex is free in between.
fn until<T>(mutex: &Mutex<T>, condition: impl Fn(&T) -> bool) {
    while !condition(&mutex.lock()) {
        gmp::yield_now();
    }
}

#[derive(Default)]
struct State {
    waiting: usize,
    woken: Vec<usize>,
}

type Shared = Arc<(Mutex<State>, Condvar)>;

/// Waits once, and says so before and afterwards.
fn waiter(shared: &Shared, id: usize) -> gmp::JoinHandle<()> {
    let shared = shared.clone();
    gmp::spawn(move || {
        let mut state = shared.0.lock();
        state.waiting += 1;
        shared.1.wait(&mut state);
        state.waiting -= 1;
        state.woken.push(id);
    })
}

#[test]
fn one_notification_wakes_just_one() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let shared = Shared::default();
            assert!(!shared.1.notify_one());
            let waiters = [0, 1].map(|id| waiter(&shared, id));
            until(&shared.0, |state| state.waiting == 2);
            for woken in 1..=2 {
                assert!(shared.1.notify_one());
                until(&shared.0, |state| state.woken.len() == woken);
                gmp::time::sleep(Duration::from_millis(2));
                assert_eq!(shared.0.lock().woken.len(), woken);
            }
            assert!(!shared.1.notify_one());
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        });
    }
}

#[test]
fn waiters_are_woken_in_the_order_of_their_arrival() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let shared = Shared::default();
            let waiters: Vec<_> = (0..100)
                .map(|id| {
                    let waiter = waiter(&shared, id);
                    until(&shared.0, |state| state.waiting == id + 1);
                    waiter
                })
                .collect();
            for woken in 1..=100 {
                shared.1.notify_one();
                until(&shared.0, |state| state.woken.len() == woken);
            }
            assert!(shared.0.lock().woken.iter().copied().eq(0..100));
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        });
    }
}

#[test]
fn all_are_woken_just_once_a_round() {
    const WAITERS: usize = 200;
    for procs in [1, 2] {
        runtime(procs).run(|| {
            // Each round all wait, one notification for all frees them, and they come back for the next.
            #[derive(Default)]
            struct Rounds {
                waiting: usize,
                wakes: usize,
            }
            let shared = Arc::new((Mutex::new(Rounds::default()), Condvar::new()));
            let waiters: Vec<_> = (0..WAITERS)
                .map(|_| {
                    let shared = shared.clone();
                    gmp::spawn(move || {
                        for _ in 0..5 {
                            let mut rounds = shared.0.lock();
                            rounds.waiting += 1;
                            shared.1.wait(&mut rounds);
                            rounds.wakes += 1;
                        }
                    })
                })
                .collect();
            for round in 1..=5 {
                until(&shared.0, |rounds| rounds.waiting == round * WAITERS);
                assert_eq!(shared.0.lock().wakes, (round - 1) * WAITERS);
                shared.1.notify_all();
            }
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
            assert_eq!(shared.0.lock().wakes, 5 * WAITERS);
        });
    }
}

#[test]
fn a_later_waiter_cannot_steal_an_earlier_ones_wake() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            for _ in 0..1000 {
                let shared = Shared::default();
                let early = waiter(&shared, 0);
                until(&shared.0, |state| state.waiting == 1);
                let mut state = shared.0.lock();
                shared.1.notify_one();
                // Comes later, and waits before the early one has got the mutex back.
                let late_shared = shared.clone();
                let late = gmp::spawn(move || {
                    let mut state = late_shared.0.lock();
                    late_shared.1.wait(&mut state);
                    state.woken.push(1);
                });
                state.woken.clear();
                drop(state);
                early.join().unwrap();
                while !shared.1.notify_one() {
                    gmp::yield_now();
                }
                late.join().unwrap();
                assert_eq!(shared.0.lock().woken, [0, 1]);
            }
        });
    }
}

/// Three parties pass a number on: each waits for its own.
#[test]
fn a_three_party_state_machine_takes_turns() {
    for procs in [1, 2, 4] {
        runtime(procs).run(|| {
            let shared = Arc::new((Mutex::new(0usize), Condvar::new()));
            let parties: Vec<_> = (0..3)
                .map(|id| {
                    let shared = shared.clone();
                    gmp::spawn(move || {
                        for turn in 0..300 {
                            let mut number = shared.0.lock();
                            shared.1.wait_while(&mut number, |number| *number % 3 != id);
                            assert_eq!(*number, turn * 3 + id);
                            *number += 1;
                            shared.1.notify_all();
                        }
                    })
                })
                .collect();
            parties.into_iter().for_each(|party| party.join().unwrap());
            assert_eq!(*shared.0.lock(), 900);
        });
    }
}

#[test]
fn goroutines_and_threads_exchange_notifications() {
    static TURN: Mutex<u32> = Mutex::new(0);
    static CHANGED: Condvar = Condvar::new();
    fn play(parity: u32) {
        for _ in 0..200 {
            let mut turn = TURN.lock();
            CHANGED.wait_while(&mut turn, |turn| *turn % 2 != parity);
            *turn += 1;
            CHANGED.notify_one();
        }
    }
    let thread = std::thread::spawn(|| play(0));
    runtime(1).run(|| play(1));
    thread.join().unwrap();
    assert_eq!(*TURN.lock(), 400);
}

/// The mutex is free while its last owner waits, and somebody who waits for it is woken.
#[test]
fn waiting_hands_the_mutex_on() {
    runtime(1).run(|| {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let counted = Arc::new(AtomicUsize::new(0));
        let mut guard = shared.0.lock();
        let others: Vec<_> = (0..5)
            .map(|_| {
                let (shared, counted) = (shared.clone(), counted.clone());
                gmp::spawn(move || {
                    *shared.0.lock() += 1;
                    counted.fetch_add(1, Relaxed);
                    shared.1.notify_one();
                })
            })
            .collect();
        gmp::yield_now(); // They wait for the mutex now.
        assert_eq!(counted.load(Relaxed), 0);
        shared.1.wait_while(&mut guard, |count| *count < 5);
        assert_eq!(*guard, 5);
        drop(guard);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}
