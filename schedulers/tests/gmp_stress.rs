//! Everything at once, at random, with sums that must come out. The seed is printed when it fails.

use std::{sync::Arc, time::Duration};

use schedulers::gmp::{self, Runtime, sync::Mutex};

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
