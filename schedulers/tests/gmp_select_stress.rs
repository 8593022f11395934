//! Many selects at once, with sums that must come out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::*},
    },
    time::Duration,
};

use schedulers::gmp::{self, Receiver, RecvError, Runtime, Sender};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }
}

/// Go: TestSelectStress. Cases that are done are switched off, as Go does with nil.
#[test]
fn ten_goroutines_on_four_channels_all_end() {
    const EACH: u64 = 100_000;
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let channels = [0, 0, 2, 3].map(gmp::channel);
            let mut handles = Vec::new();
            for (sender, receiver) in channels.clone() {
                handles.push(gmp::spawn(move || {
                    (0..EACH).for_each(|n| sender.send(n).unwrap());
                    0
                }));
                handles.push(gmp::spawn(move || receiver.iter().take(EACH as usize).sum::<u64>()));
            }
            let senders = channels.each_ref().map(|(sender, _)| sender.clone());
            handles.push(gmp::spawn(move || {
                let (off, _kept) = gmp::channel(0);
                let mut sent = [0; 4];
                for _ in 0..4 * EACH {
                    let on = |case: usize| if sent[case] < EACH { &senders[case] } else { &off };
                    let case = gmp::select! {
                        send(on(0), sent[0]) -> sent => { sent.unwrap(); 0 }
                        send(on(1), sent[1]) -> sent => { sent.unwrap(); 1 }
                        send(on(2), sent[2]) -> sent => { sent.unwrap(); 2 }
                        send(on(3), sent[3]) -> sent => { sent.unwrap(); 3 }
                    };
                    sent[case] += 1;
                }
                0
            }));
            let receivers = channels.map(|(_, receiver)| receiver);
            handles.push(gmp::spawn(move || {
                let off = gmp::never();
                let (mut received, mut sum) = ([0; 4], 0);
                for _ in 0..4 * EACH {
                    let on = |case: usize| if received[case] < EACH { &receivers[case] } else { &off };
                    let (case, value) = gmp::select! {
                        recv(on(0)) -> value => (0, value),
                        recv(on(1)) -> value => (1, value),
                        recv(on(2)) -> value => (2, value),
                        recv(on(3)) -> value => (3, value),
                    };
                    received[case] += 1;
                    sum += value.unwrap();
                }
                sum
            }));
            let sum: u64 = handles.into_iter().map(|handle| handle.join().unwrap()).sum();
            assert_eq!(sum, 8 * (EACH * (EACH - 1) / 2));
        });
    }
}

/// Producers and consumers over several channels, each operation a select or a plain one, with time limits at random.
#[test]
fn producers_and_consumers_with_random_time_limits_keep_their_sums() {
    const EACH: u64 = 2000;
    const PAIRS: u64 = 6;

    fn produce(senders: &[Sender<u64>], random: &mut Random, value: u64) {
        let a = &senders[random.below(3) as usize];
        let b = &senders[random.below(3) as usize];
        let mut limit = Duration::from_nanos(random.below(50_000));
        loop {
            let sent = match random.below(3) {
                0 => gmp::select! {
                    send(a, value) -> sent => sent.is_ok(),
                    send(b, value) -> sent => sent.is_ok(),
                    default(limit) => false,
                },
                1 => gmp::select! {
                    send(a, value) -> sent => sent.is_ok(),
                    recv(gmp::time::after(limit)) -> _ => false,
                },
                _ => b.send_timeout(value, limit).is_ok(),
            };
            if sent {
                return;
            }
            limit *= 2;
        }
    }

    /// `None` when all have sent everything.
    fn consume(receivers: &[Receiver<u64>], random: &mut Random) -> Option<u64> {
        let limit = Duration::from_nanos(random.below(50_000));
        let value = match random.below(4) {
            0 => receivers[random.below(3) as usize].recv_timeout(limit).ok(),
            1 => receivers[random.below(3) as usize].try_recv().ok(),
            2 => gmp::select! {
                recv(receivers[0]) -> value => value.ok(),
                recv(receivers[1]) -> value => value.ok(),
                recv(receivers[2]) -> value => value.ok(),
                default(limit) => None,
            },
            _ => {
                let values: Vec<_> = receivers.iter().map(|receiver| receiver.recv_timeout(limit)).collect();
                if values.iter().all(|value| *value == Err(gmp::RecvTimeoutError::Disconnected)) {
                    return None;
                }
                Some(values.into_iter().flatten().sum())
            }
        };
        Some(value.unwrap_or(0))
    }

    for (procs, capacities, seed) in
        [(1, [0, 0, 0], 1), (2, [0, 1, 3], 2), (1, [1, 0, 2], 3), (2, [0, 0, 0], 4), (4, [1, 1, 1], 5)]
    {
        let runtime = runtime(procs);
        let (senders, receivers): (Vec<_>, Vec<_>) = capacities.map(gmp::channel).into_iter().unzip();
        let sent = Arc::new(AtomicU64::new(0));
        let producer = |id: u64| {
            let (senders, sent) = (senders.clone(), sent.clone());
            move || {
                let mut random = Random(seed * 1000 + id + 1);
                for n in 0..EACH {
                    sent.fetch_add(id * EACH + n, Relaxed);
                    produce(&senders, &mut random, id * EACH + n);
                }
            }
        };
        let consumer = |id: u64| {
            let receivers = receivers.clone();
            move || {
                let mut random = Random(seed * 1000 + 500 + id);
                std::iter::from_fn(|| consume(&receivers, &mut random)).sum::<u64>()
            }
        };
        for id in 1..PAIRS {
            drop(runtime.spawn(producer(id)));
        }
        let thread = (std::thread::spawn(producer(0)), std::thread::spawn(consumer(0)));
        let consumers: Vec<_> = (1..PAIRS).map(|id| runtime.spawn(consumer(id))).collect();
        drop((senders, receivers));
        let received: u64 = consumers.into_iter().map(|consumer| consumer.join().unwrap()).sum();
        thread.0.join().unwrap();
        let received = received + thread.1.join().unwrap();
        let count = PAIRS * EACH;
        assert_eq!((received, sent.load(Relaxed)), (count * (count - 1) / 2, received), "procs {procs}, seed {seed}");
    }
}

/// A ring in which everybody selects between passing tokens on and taking more: each pass is a meeting of two selects.
#[test]
fn tokens_go_round_a_ring_of_selects() {
    const NODES: usize = 20;
    const TOKENS: usize = NODES / 2;
    const PASSES: u64 = 2000;
    for procs in [1, 2, 4] {
        runtime(procs).run(|| {
            let (senders, receivers): (Vec<_>, Vec<_>) = (0..NODES).map(|_| gmp::channel::<u64>(0)).unzip();
            let (spent, spends) = gmp::channel(TOKENS);
            let (stop, stops) = gmp::channel::<()>(0);
            let handles: Vec<_> = (0..NODES)
                .map(|node| {
                    let (from, to) = (receivers[node].clone(), senders[(node + 1) % NODES].clone());
                    let (spent, stops) = (spent.clone(), stops.clone());
                    gmp::spawn(move || {
                        let off = gmp::channel(0);
                        let mut held = if node % 2 == 0 { vec![PASSES] } else { vec![] };
                        let mut passed = 0;
                        loop {
                            gmp::select! {
                                recv(from) -> token => match token.unwrap() {
                                    0 => spent.send(()).unwrap(),
                                    token => held.push(token),
                                },
                                send(if held.is_empty() { &off.0 } else { &to }, held.pop().unwrap() - 1) -> sent => {
                                    sent.unwrap();
                                    passed += 1;
                                }
                                recv(stops) -> stop => {
                                    assert_eq!(stop, Err(RecvError));
                                    return passed;
                                }
                            }
                        }
                    })
                })
                .collect();
            assert_eq!(spends.iter().take(TOKENS).count(), TOKENS);
            drop(stop);
            let passed: u64 = handles.into_iter().map(|handle| handle.join().unwrap()).sum();
            assert_eq!(passed, TOKENS as u64 * PASSES);
        });
    }
}
