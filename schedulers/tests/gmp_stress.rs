//! Everything at once, at random, with sums that must come out. The seed is printed when it fails.

use std::{
    panic::resume_unwind,
    sync::Arc,
    time::{Duration, Instant},
};

use schedulers::gmp::{self, Receiver, RecvTimeoutError, Runtime, SendTimeoutError, Sender, sync::Mutex};

/// xorshift64*: enough to mix operations.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }
}

#[test]
fn random_operations_keep_their_sums() {
    const GS: u64 = 40;
    const STEPS: u64 = 200;
    for (procs, seed) in [(1, 11), (2, 22), (3, 33), (8, 44)] {
        // SAFETY: nothing that belongs to a thread is kept across a call to gmp.
        let runtime = unsafe { Runtime::builder().procs(procs).build() }.unwrap();
        let total = runtime.run(move || {
            let (sender, receiver) = gmp::channel(3);
            let counter = Arc::new(Mutex::new(0u64));
            let handles: Vec<_> = (0..GS)
                .map(|id| {
                    let (sender, counter) = (sender.clone(), counter.clone());
                    gmp::spawn(move || {
                        let mut random = Random(seed * 1000 + id);
                        for _ in 0..STEPS {
                            match random.below(8) {
                                0 => gmp::yield_now(),
                                1 => gmp::time::sleep(Duration::from_micros(random.below(200))),
                                2 => gmp::block_in_place(|| std::thread::sleep(Duration::from_micros(20))),
                                3 => assert_eq!(gmp::spawn(move || id).join().unwrap(), id),
                                4 => drop(std::hint::black_box(vec![0u8; 1 << 12])),
                                5 => *counter.lock() += 0,
                                6 => assert!(gmp::spawn(|| std::panic::resume_unwind(Box::new(()))).join().is_err()),
                                _ => std::hint::black_box(
                                    (0..random.below(20_000)).for_each(|n| _ = std::hint::black_box(n)),
                                ),
                            }
                            *counter.lock() += 1;
                            sender.send(1u64).unwrap();
                        }
                    })
                })
                .collect();
            drop(sender);
            let received: u64 = receiver.iter().sum();
            handles.into_iter().for_each(|handle| handle.join().unwrap());
            (received, *counter.lock())
        });
        assert_eq!(total, (GS * STEPS, GS * STEPS), "procs {procs}, seed {seed}");
        assert_eq!(runtime.shutdown(), 0);
    }
}

/// A token in somebody's hands. Whatever becomes of them, it goes home.
struct Held {
    token: u64,
    home: Option<Sender<u64>>,
}

impl Held {
    fn let_go(mut self) -> u64 {
        self.home = None;
        self.token
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            home.send(self.token).unwrap(); // It may wait, and its goroutine may be unwinding.
        }
    }
}

/// One who takes tokens and passes them on, in any way there is, until there are none any more, or it dies.
fn handle_tokens(random: &mut Random, ring: &[(Sender<u64>, Receiver<u64>)], home: &Sender<u64>) {
    loop {
        let (from, or) = (&ring[random.below(3) as usize].1, &ring[random.below(3) as usize].1);
        let limit = Duration::from_micros(random.below(100));
        let received = match random.below(4) {
            0 => from.recv().map_err(RecvTimeoutError::from),
            1 => from.recv_timeout(limit),
            2 => gmp::select! {
                recv(from) -> token => token.map_err(RecvTimeoutError::from),
                recv(or) -> token => token.map_err(RecvTimeoutError::from),
                default(limit) => Err(RecvTimeoutError::Timeout),
            },
            _ => gmp::select! {
                recv(or) -> token => token.map_err(RecvTimeoutError::from),
                recv(gmp::time::after(limit)) -> _ => Err(RecvTimeoutError::Timeout),
            },
        };
        let token = match received {
            Ok(token) => token,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let held = Held { token, home: Some(home.clone()) };
        match random.below(40) {
            0 => resume_unwind(Box::new("with a token in hand")),
            1 => gmp::exit(),
            2 => gmp::block_in_place(|| std::thread::sleep(limit)),
            3 => gmp::time::sleep(limit),
            4 => {
                let begin = Instant::now();
                while begin.elapsed() < Duration::from_millis(3) {
                    std::hint::spin_loop();
                }
            }
            5 => gmp::yield_now(),
            6 => return drop(gmp::spawn(move || drop(held))),
            7 => return gmp::scope(|scope| drop(scope.spawn(move || drop(held)))),
            _ => {}
        }
        let (to, or) = (&ring[random.below(3) as usize].0, &ring[random.below(3) as usize].0);
        let token = held.let_go();
        let sent = match random.below(3) {
            0 => to.send_timeout(token, limit).is_ok(),
            1 => gmp::select! {
                send(to, token) -> sent => sent.is_ok(),
                send(or, token) -> sent => sent.is_ok(),
                default(limit) => false,
            },
            _ => to.try_send(token).is_ok(),
        };
        if !sent {
            home.send(token).unwrap();
        }
    }
}

/// Among the goroutines of three runtimes, who panic, exit, hog and block at any moment, no token is lost or doubled.
#[test]
fn tokens_survive_those_who_hold_them() {
    const TOKENS: u64 = 12;
    const DEATHS: u64 = 300;
    for seed in 1..=3 {
        // SAFETY: nothing that belongs to a thread is kept across a call to gmp.
        let runtimes = [1, 2, 4].map(|procs| unsafe { Runtime::builder().procs(procs).build() }.unwrap());
        let ring: Vec<_> = [0, 1, 3].map(gmp::channel).into_iter().collect();
        let (home, at_home) = gmp::channel(0);
        let (dead, deaths) = gmp::channel(0);
        let spawn = |id: u64| {
            let (ring, home, dead) = (ring.clone(), home.clone(), dead.clone());
            let lives =
                runtimes[id as usize % 3].spawn(move || handle_tokens(&mut Random(seed << 32 | id), &ring, &home));
            // Its end is told of by another.
            drop(runtimes[(id as usize + 1) % 3].spawn(move || dead.send(lives.join().is_ok())));
        };
        (1..=20).for_each(spawn);
        // A thread sends them out, and again when they come home.
        let courier = std::thread::spawn({
            let (ring, mut random) = (ring.clone(), Random(seed));
            move || {
                let mut left: Vec<u64> = Vec::new();
                for token in (0..TOKENS).chain(at_home) {
                    // Not for ever on one of them: all others may wait for the courier, or on another.
                    loop {
                        let (to, _) = &ring[random.below(3) as usize];
                        match to.send_timeout(token, Duration::from_micros(500)) {
                            Ok(()) => break,
                            Err(SendTimeoutError::Timeout(_)) => {}
                            Err(SendTimeoutError::Disconnected(_)) => break left.push(token),
                        }
                    }
                }
                left
            }
        });
        for id in 21..21 + DEATHS {
            deaths.recv_timeout(Duration::from_secs(60)).expect("somebody dies now and then");
            spawn(id);
        }
        // The end: all that is sent out comes back.
        ring.iter().for_each(|(sender, _)| assert!(sender.close()));
        (0..20).for_each(|_| _ = deaths.recv().unwrap());
        let mut left: Vec<_> = ring.iter().flat_map(|(_, receiver)| receiver.try_iter()).collect();
        while runtimes.iter().any(|runtime| runtime.stats().spawned > runtime.stats().ended) {
            std::thread::yield_now();
        }
        drop(home);
        left.extend(courier.join().unwrap());
        left.sort_unstable();
        assert!(left.iter().copied().eq(0..TOKENS), "seed {seed}: {left:?}");
        assert_eq!(runtimes.map(Runtime::shutdown), [0; 3]);
    }
}
