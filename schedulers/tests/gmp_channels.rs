//! Channels: order, rendezvous, close, many to many, plain threads.

use std::time::Duration;

use schedulers::gmp::{self, RecvError, Runtime, SendError, TryRecvError, TrySendError};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

#[test]
fn values_arrive_in_order_for_every_capacity() {
    for procs in [1, 2] {
        let runtime = runtime(procs);
        for capacity in [0, 1, 2, 7, 200] {
            runtime.run(|| {
                let (sender, receiver) = gmp::channel(capacity);
                let sends = gmp::spawn(move || (0..500).for_each(|n| sender.send(n).unwrap()));
                assert!(receiver.iter().eq(0..500));
                sends.join().unwrap();
            });
        }
    }
}

#[test]
fn four_senders_and_four_receivers_see_each_value_once() {
    for capacity in [0, 3, 128] {
        runtime(2).run(|| {
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
    let (sender, receiver) = gmp::channel(3);
    for n in 0..3 {
        sender.send(n).unwrap();
    }
    assert!(receiver.close());
    assert!(!sender.close());
    assert_eq!(sender.send(9), Err(SendError(9)));
    assert!(receiver.iter().eq(0..3));
    assert_eq!(receiver.recv(), Err(RecvError));
    assert_eq!(receiver.recv(), Err(RecvError));
}

#[test]
fn close_wakes_everybody_who_waits() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (sender, receiver) = gmp::channel::<u32>(0);
            let receivers: Vec<_> = (0..20)
                .map(|_| {
                    let receiver = receiver.clone();
                    gmp::spawn(move || receiver.recv())
                })
                .collect();
            gmp::time::sleep(Duration::from_millis(5));
            sender.close();
            assert!(receivers.into_iter().all(|handle| handle.join().unwrap() == Err(RecvError)));
            let (sender, receiver) = gmp::channel(0);
            let senders: Vec<_> = (0..20)
                .map(|n| {
                    let sender = sender.clone();
                    gmp::spawn(move || sender.send(n))
                })
                .collect();
            gmp::time::sleep(Duration::from_millis(5));
            drop(receiver);
            for (n, handle) in senders.into_iter().enumerate() {
                assert_eq!(handle.join().unwrap(), Err(SendError(n)));
            }
        });
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
