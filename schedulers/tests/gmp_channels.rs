//! Channels: order, rendezvous, close, many to many, time limits, plain threads.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::*},
    },
    time::{Duration, Instant},
};

use schedulers::gmp::{
    self, GoroutineState, RecvError, RecvTimeoutError, Runtime, SendError, SendTimeoutError, TryRecvError,
    TrySendError, WaitReason,
};

const LONG: Duration = Duration::from_secs(3600);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

/// Lets others run until `count` goroutines wait for `reason`.
fn until_waiting(runtime: &Runtime, reason: WaitReason, count: usize) {
    while runtime.snapshot().count(GoroutineState::Waiting(reason)) != count {
        gmp::yield_now();
    }
}

#[test]
fn values_arrive_in_order_for_every_capacity() {
    for procs in [1, 2] {
        let runtime = runtime(procs);
        for capacity in 0..=200 {
            runtime.run(|| {
                let (sender, receiver) = gmp::channel(capacity);
                let sends = gmp::spawn(move || (0..250).for_each(|n| sender.send(n).unwrap()));
                assert!(receiver.iter().eq(0..250));
                sends.join().unwrap();
            });
        }
    }
}

#[test]
fn four_senders_and_four_receivers_see_each_value_once() {
    for (procs, capacity) in
        [1, 2, 4].into_iter().flat_map(|procs| [0, 1, 3, 64, 199].map(|capacity| (procs, capacity)))
    {
        runtime(procs).run(|| {
            let (sender, receiver) = gmp::channel(capacity);
            for id in 0..4u64 {
                let sender = sender.clone();
                drop(gmp::spawn(move || (0..1000).for_each(|n| sender.send(id * 1000 + n).unwrap())));
            }
            drop(sender);
            let receivers: Vec<_> = (0..4)
                .map(|_| {
                    let receiver = receiver.clone();
                    gmp::spawn(move || receiver.iter().collect::<Vec<_>>())
                })
                .collect();
            let mut all: Vec<_> = receivers.into_iter().flat_map(|handle| handle.join().unwrap()).collect();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..4000));
        });
    }
}

#[test]
fn a_rendezvous_returns_only_when_the_value_was_taken() {
    runtime(1).run(|| {
        let (sender, receiver) = gmp::channel(0);
        let sends = gmp::spawn(move || sender.send(1));
        for _ in 0..100 {
            gmp::yield_now();
            assert!(!sends.is_finished());
        }
        assert_eq!(receiver.recv(), Ok(1));
        assert_eq!(sends.join().unwrap(), Ok(()));
    });
}

#[test]
fn try_operations_never_wait() {
    let (sender, receiver) = gmp::channel(1);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(sender.try_send(1), Ok(()));
    assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    assert_eq!((sender.len(), receiver.len(), sender.capacity()), (1, 1, Some(1)));
    assert_eq!(receiver.try_recv(), Ok(1));
    drop(receiver);
    assert_eq!(sender.try_send(3), Err(TrySendError::Disconnected(3)));
    let (sender, receiver) = gmp::channel(0);
    assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
    drop(sender);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn a_closed_channel_drains_in_order_and_then_says_so_for_ever() {
    for capacity in 0..200 {
        let (sender, receiver) = gmp::channel(capacity);
        (0..capacity).for_each(|n| sender.send(n).unwrap());
        assert!(receiver.close());
        assert!(!sender.close());
        assert_eq!(sender.send(9), Err(SendError(9)));
        assert_eq!(sender.try_send(9), Err(TrySendError::Disconnected(9)));
        assert!(receiver.iter().eq(0..capacity));
        assert_eq!([receiver.recv(), receiver.recv()], [Err(RecvError); 2]);
        assert_eq!([receiver.try_recv(), receiver.try_recv()], [Err(TryRecvError::Disconnected); 2]);
    }
}

/// Go panics here (TestRuntimePanicWithRuntimeError); what is an error of the caller's is a `Result` in Rust, and what cannot be had a panic like any other.
#[test]
fn misuse_of_a_channel_is_an_error_or_a_panic_that_can_be_caught() {
    runtime(1).run(|| {
        let (sender, receiver) = gmp::channel(0);
        assert!(sender.close());
        assert!(!sender.close() && !receiver.close());
        assert_eq!(sender.send('x').unwrap_err().into_inner(), 'x');
        let panics = gmp::spawn(|| drop(gmp::channel::<u64>(usize::MAX)));
        assert!(panics.join().unwrap_err().is_panic());
        assert!(gmp::never::<()>().close(), "as good as any other");
    });
}

/// Go: TestChanSendInterface.
#[test]
fn a_value_that_is_not_sent_comes_back_whole() {
    let count = Arc::new(());
    let (sender, receiver) = gmp::channel::<Box<dyn Fn() -> usize + Send>>(1);
    let boxed = |n| {
        let count = count.clone();
        Box::new(move || n + 10 * Arc::strong_count(&count))
    };
    sender.try_send(boxed(1)).unwrap();
    let Err(TrySendError::Full(back)) = sender.try_send(boxed(2)) else { panic!("there was no room") };
    assert_eq!(back(), 32);
    let Err(SendTimeoutError::Timeout(back)) = sender.send_timeout(back, ms(1)) else { panic!("there was no room") };
    assert_eq!(back(), 32);
    assert_eq!(receiver.recv().unwrap()(), 31);
    assert!(receiver.close());
    assert_eq!(sender.send(back).unwrap_err().into_inner()(), 22);
    assert_eq!(Arc::strong_count(&count), 1);
}

#[test]
fn close_wakes_everybody_who_waits() {
    const WAITERS: usize = 20;
    for procs in [1, 2] {
        let runtime = runtime(procs);
        for capacity in [0, 1, 10, 199] {
            for dropped in [false, true] {
                runtime.run(|| {
                    let (sender, receiver) = gmp::channel::<usize>(capacity);
                    let receivers: Vec<_> = (0..WAITERS)
                        .map(|_| {
                            let receiver = receiver.clone();
                            gmp::spawn(move || receiver.recv())
                        })
                        .collect();
                    until_waiting(&runtime, WaitReason::ChanReceive, WAITERS);
                    sender.close();
                    assert!(receivers.into_iter().all(|handle| handle.join().unwrap() == Err(RecvError)));

                    let (sender, receiver) = gmp::channel(capacity);
                    (0..capacity).for_each(|n| sender.send(n).unwrap());
                    let senders: Vec<_> = (0..WAITERS)
                        .map(|n| {
                            let sender = sender.clone();
                            gmp::spawn(move || sender.send(n))
                        })
                        .collect();
                    until_waiting(&runtime, WaitReason::ChanSend, WAITERS);
                    if dropped {
                        drop(receiver);
                    } else {
                        assert!(sender.close());
                    }
                    for (n, handle) in senders.into_iter().enumerate() {
                        assert_eq!(handle.join().unwrap(), Err(SendError(n)));
                    }
                });
            }
        }
    }
}

#[test]
fn values_that_nobody_receives_are_dropped_once() {
    use std::sync::Arc;
    let value = Arc::new(());
    let (sender, receiver) = gmp::channel(4);
    sender.send(value.clone()).unwrap();
    sender.send(value.clone()).unwrap();
    drop(receiver);
    assert_eq!(Arc::strong_count(&value), 1);
    assert!(sender.send(value.clone()).is_err());
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn plain_threads_take_part() {
    for capacity in [0, 8] {
        let (to_g, from_thread) = gmp::channel(capacity);
        let (to_thread, from_g) = gmp::channel(capacity);
        let runtime = runtime(2);
        drop(runtime.spawn(move || from_thread.iter().for_each(|n: u64| to_thread.send(n + 1).unwrap())));
        let sender = std::thread::spawn(move || (0..1000).for_each(|n| to_g.send(n).unwrap()));
        assert!(from_g.iter().eq(1..=1000));
        sender.join().unwrap();
    }
}

/// Go: TestChan, the first part.
#[test]
fn receiving_waits_for_a_value_and_sending_for_room_at_every_capacity() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            for capacity in 0..200 {
                let (sender, receiver) = gmp::channel(capacity);
                assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
                let received = Arc::new(AtomicBool::new(false));
                let receives = {
                    let (receiver, received) = (receiver.clone(), received.clone());
                    gmp::spawn(move || {
                        let value = receiver.recv();
                        received.store(true, SeqCst);
                        value
                    })
                };
                gmp::time::sleep(Duration::from_micros(20));
                assert!(!received.load(SeqCst));
                assert_eq!(sender.send(0), Ok(()));
                assert_eq!(receives.join().unwrap(), Ok(0));

                (1..=capacity).for_each(|n| sender.try_send(n).unwrap());
                assert_eq!(sender.try_send(0), Err(TrySendError::Full(0)));
                let sent = Arc::new(AtomicBool::new(false));
                let sends = {
                    let (sender, sent) = (sender.clone(), sent.clone());
                    gmp::spawn(move || {
                        sender.send(capacity + 1).unwrap();
                        sent.store(true, SeqCst);
                    })
                };
                gmp::time::sleep(Duration::from_micros(20));
                assert!(!sent.load(SeqCst));
                (1..=capacity + 1).for_each(|n| assert_eq!(receiver.recv(), Ok(n)));
                sends.join().unwrap();
            }
        });
    }
}

#[test]
fn length_and_capacity_are_exact() {
    for capacity in (0..20).chain([199]) {
        let (sender, receiver) = gmp::channel(capacity);
        for len in 0..=capacity {
            assert_eq!((sender.len(), receiver.len()), (len, len));
            assert_eq!((sender.is_empty(), receiver.is_empty()), (len == 0, len == 0));
            assert_eq!((sender.is_full(), receiver.is_full()), (len == capacity, len == capacity));
            assert_eq!((sender.capacity(), receiver.capacity()), (Some(capacity), Some(capacity)));
            assert_eq!(format!("{sender:?}"), format!("Sender {{ len: {len}, capacity: Some({capacity}), .. }}"));
            assert_eq!(sender.try_send(len).is_ok(), len < capacity);
        }
        assert_eq!(format!("{receiver:?}"), format!("Receiver {{ len: {capacity}, capacity: Some({capacity}), .. }}"));
    }
}

#[test]
fn a_receiver_is_an_iterator() {
    let (sender, receiver) = gmp::channel(10);
    (0..5).for_each(|n| sender.send(n).unwrap());
    assert!(receiver.try_iter().eq(0..5));
    assert_eq!(receiver.try_iter().next(), None);
    (5..9).for_each(|n| sender.send(n).unwrap());
    drop(sender);
    let mut got = Vec::new();
    for n in &receiver {
        got.push(n);
        if n == 6 {
            break;
        }
    }
    got.extend(receiver);
    assert_eq!(got, [5, 6, 7, 8]);
}

/// Receivers are served, and senders drained, in the order in which they came.
#[test]
fn those_who_wait_are_served_first_come_first_served() {
    const WAITERS: usize = 20;
    for procs in [1, 2] {
        let runtime = runtime(procs);
        runtime.run(|| {
            let (sender, receiver) = gmp::channel(0);
            let receivers: Vec<_> = (1..=WAITERS)
                .map(|n| {
                    let receiver = receiver.clone();
                    let handle = gmp::spawn(move || receiver.recv().unwrap());
                    until_waiting(&runtime, WaitReason::ChanReceive, n);
                    handle
                })
                .collect();
            (0..WAITERS).for_each(|n| sender.send(n).unwrap());
            assert!(receivers.into_iter().map(|handle| handle.join().unwrap()).eq(0..WAITERS));

            let senders: Vec<_> = (1..=WAITERS)
                .map(|n| {
                    let sender = sender.clone();
                    let handle = gmp::spawn(move || sender.send(n).unwrap());
                    until_waiting(&runtime, WaitReason::ChanSend, n);
                    handle
                })
                .collect();
            assert!(receiver.iter().take(WAITERS).eq(1..=WAITERS));
            senders.into_iter().for_each(|handle| handle.join().unwrap());
        });
    }
}

#[test]
fn a_receive_in_time_gets_its_value_and_one_out_of_time_says_so() {
    let test = || {
        let (sender, receiver) = gmp::channel(0);
        for timeout in [0, 1, 10] {
            let begin = Instant::now();
            assert_eq!(receiver.recv_timeout(ms(timeout)), Err(RecvTimeoutError::Timeout));
            assert!(begin.elapsed() >= ms(timeout));
        }
        let sends = std::thread::spawn(move || {
            std::thread::sleep(ms(5));
            sender.send(7).unwrap();
            std::thread::sleep(ms(5));
        });
        assert_eq!(receiver.recv_timeout(LONG), Ok(7));
        assert_eq!(receiver.recv_timeout(Duration::MAX), Err(RecvTimeoutError::Disconnected));
        gmp::block_in_place(|| sends.join().unwrap());
    };
    runtime(1).run(test);
    runtime(2).run(test);
    test();
}

#[test]
fn a_send_in_time_is_received_and_one_out_of_time_gives_its_value_back() {
    let test = || {
        for capacity in [0, 1] {
            let (sender, receiver) = gmp::channel(capacity);
            (0..capacity).for_each(|_| sender.send("first".to_owned()).unwrap());
            for timeout in [0, 1, 10] {
                let begin = Instant::now();
                let sent = sender.send_timeout("late".to_owned(), ms(timeout));
                assert_eq!(sent, Err(SendTimeoutError::Timeout("late".to_owned())));
                assert!(begin.elapsed() >= ms(timeout));
            }
            let receives = std::thread::spawn(move || {
                std::thread::sleep(ms(5));
                let got = receiver.iter().take(capacity + 1).last();
                std::thread::sleep(ms(5));
                (got, receiver)
            });
            assert_eq!(sender.send_timeout("in time".to_owned(), LONG), Ok(()));
            let (got, receiver) = gmp::block_in_place(|| receives.join().unwrap());
            assert_eq!(got.as_deref(), Some("in time"));
            (0..capacity).for_each(|_| sender.send("first".to_owned()).unwrap());
            let drops = std::thread::spawn(move || {
                std::thread::sleep(ms(5));
                drop(receiver);
            });
            let sent = sender.send_timeout("nobody".to_owned(), Duration::MAX);
            assert_eq!(sent, Err(SendTimeoutError::Disconnected("nobody".to_owned())));
            gmp::block_in_place(|| drops.join().unwrap());
        }
    };
    runtime(1).run(test);
    runtime(2).run(test);
    test();
}

/// One that gave up is on no list: the next value goes to the one after it.
#[test]
fn those_who_gave_up_leave_no_trace() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (sender, receiver) = gmp::channel(0);
            let gives_up: Vec<_> = (0..10)
                .map(|n| {
                    let receiver = receiver.clone();
                    gmp::spawn(move || receiver.recv_timeout(Duration::from_micros(100 * n)))
                })
                .collect();
            let stays = {
                let receiver = receiver.clone();
                gmp::spawn(move || receiver.recv())
            };
            assert!(gives_up.into_iter().all(|handle| handle.join().unwrap() == Err(RecvTimeoutError::Timeout)));
            sender.send(1).unwrap();
            assert_eq!(stays.join().unwrap(), Ok(1));
            assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
            let gives_up: Vec<_> = (0..10)
                .map(|n| {
                    let sender = sender.clone();
                    gmp::spawn(move || sender.send_timeout(n, Duration::from_micros(100 * n)))
                })
                .collect();
            for (n, handle) in gives_up.into_iter().enumerate() {
                assert_eq!(handle.join().unwrap(), Err(SendTimeoutError::Timeout(n as u64)));
            }
            assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        });
    }
}

/// Go: TestShrinkStackDuringBlockedSend.
#[test]
fn values_are_kept_while_senders_that_wait_use_their_stacks_deeply() {
    fn deep(depth: u32) -> u32 {
        let frame = std::hint::black_box([depth; 64]);
        if depth == 0 { 0 } else { deep(depth - 1) + frame[63].min(1) }
    }
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (sender, receiver) = gmp::channel(0);
            let sends = gmp::spawn(move || {
                for n in 0..10 {
                    assert_eq!(deep(20), 20);
                    sender.send(n).unwrap();
                }
            });
            for n in 0..10 {
                gmp::time::sleep(Duration::from_micros(200));
                assert_eq!(deep(20), 20);
                assert_eq!(receiver.recv(), Ok(n));
            }
            sends.join().unwrap();
        });
    }
}

/// Go: TestNoShrinkStackWhileParking. Wake-ups that come while the other is on its way to sleep.
#[test]
fn two_hundred_pairs_that_park_and_wake_each_other_all_end() {
    for procs in [1, 2, 4] {
        runtime(procs).run(|| {
            let pairs: Vec<_> = (0..200)
                .map(|_| {
                    let (sender, receiver) = gmp::channel(0);
                    let receives = gmp::spawn(move || receiver.iter().eq(0..20));
                    let sends = gmp::spawn(move || (0..20).for_each(|n| sender.send_timeout(n, LONG).unwrap()));
                    (sends, receives)
                })
                .collect();
            for (sends, receives) in pairs {
                sends.join().unwrap();
                assert!(receives.join().unwrap());
            }
        });
    }
}

/// Go: TestYieldProgress.
#[test]
fn a_loop_of_yields_and_tries_sees_what_comes_later() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (sender, receiver) = gmp::channel(1);
            let loops = gmp::spawn(move || {
                loop {
                    match receiver.try_recv() {
                        Err(TryRecvError::Empty) => gmp::yield_now(),
                        other => return other,
                    }
                }
            });
            gmp::time::sleep(ms(10));
            sender.send(3).unwrap();
            assert_eq!(loops.join().unwrap(), Ok(3));
        });
    }
}

/// Both sides give up at random, Gs and threads: what was sent is what was received.
#[test]
fn sums_match_when_both_sides_give_up_at_random() {
    const EACH: u64 = 3000;
    for (procs, capacity) in [(1, 0), (2, 0), (1, 2), (2, 1), (4, 3)] {
        let runtime = runtime(procs);
        let (sender, receiver) = gmp::channel(capacity);
        let timeouts = Arc::new(AtomicUsize::new(0));
        let sends = {
            let timeouts = timeouts.clone();
            move |id: u64| {
                let sender = sender.clone();
                let mut sum = 0;
                for n in 0..EACH {
                    let mut value = id * EACH + n;
                    sum += value;
                    let mut patience = Duration::from_nanos((value * 7919) % 60_000);
                    while let Err(error) = sender.send_timeout(value, patience) {
                        assert!(matches!(error, SendTimeoutError::Timeout(_)));
                        value = error.into_inner();
                        patience *= 2;
                        timeouts.fetch_add(1, Relaxed);
                    }
                }
                sum
            }
        };
        let receives = {
            let timeouts = timeouts.clone();
            move |id: u64| {
                let (mut sum, mut turn) = (0, id);
                loop {
                    turn += 1;
                    match receiver.recv_timeout(Duration::from_nanos((turn * 6007) % 60_000)) {
                        Ok(value) => sum += value,
                        Err(RecvTimeoutError::Timeout) => _ = timeouts.fetch_add(1, Relaxed),
                        Err(RecvTimeoutError::Disconnected) => return sum,
                    }
                }
            }
        };
        let gs: Vec<_> = (1..=3).map(|id| (sends.clone(), receives.clone(), id)).collect();
        let threads = (
            std::thread::spawn({
                let sends = sends.clone();
                move || sends(0)
            }),
            std::thread::spawn({
                let receives = receives.clone();
                move || receives(0)
            }),
        );
        drop((sends, receives));
        let gs: Vec<_> = gs
            .into_iter()
            .map(|(sends, receives, id)| (runtime.spawn(move || sends(id)), runtime.spawn(move || receives(id))))
            .collect();
        let mut sums = (threads.0.join().unwrap(), 0);
        for (sends, receives) in gs {
            sums.0 += sends.join().unwrap();
            sums.1 += receives.join().unwrap();
        }
        sums.1 += threads.1.join().unwrap();
        assert_eq!(
            sums,
            (4 * EACH * (4 * EACH - 1) / 2, sums.0),
            "procs {procs}, capacity {capacity}, {timeouts:?} timeouts"
        );
    }
}
