//! The memory that a burst of goroutines took is given back. A process of its own, whose memory is measured.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use schedulers::gmp::{self, Runtime, sync::WaitGroup};

/// ThreadSanitizer has no more than 8,000 fibers.
const GS: usize = if cfg!(gmp_tsan) { 2_000 } else { 20_000 };
/// What each writes on its stack: three or four pages, with what is above.
const TOUCHED_BYTES: usize = 10_000;
const MIB: usize = 1 << 20;

/// Pages that the process has, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB")).unwrap();
    kib.trim().parse::<usize>().unwrap() << 10
}

/// Parks so many at a time, each with `TOUCHED_BYTES` of its stack in use; what the process has meanwhile.
fn burst(runtime: &Runtime) -> usize {
    runtime.run(|| {
        let (arrived, gate) = (WaitGroup::new(), WaitGroup::new());
        arrived.add(GS);
        gate.add(1);
        let waits = |n: usize| {
            let (arrived, gate) = (arrived.clone(), gate.clone());
            gmp::spawn(move || {
                let mut mine = [n as u8; TOUCHED_BYTES];
                black_box(&mut mine);
                arrived.done();
                gate.wait();
                assert!(black_box(mine).iter().all(|&byte| byte == n as u8));
            })
        };
        let handles: Vec<_> = (0..GS).map(waits).collect();
        arrived.wait();
        let resident = resident();
        gate.done();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        resident
    })
}

#[test]
fn a_burst_s_stacks_are_given_back_and_the_next_burst_has_clean_ones() {
    // SAFETY: nothing that belongs to a thread is kept across a call to gmp.
    let runtime = unsafe { Runtime::builder().procs(2).build() }.unwrap();
    let before = resident();
    let peak = burst(&runtime);
    assert!(peak > before + GS * TOUCHED_BYTES, "{before}, {peak}");
    // A few hundred stacks stay warm, and malloc may keep something. The memory that a sanitizer keeps beside ours is not ours.
    if !cfg!(any(gmp_asan, gmp_tsan)) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while resident() > before + 32 * MIB {
            assert!(Instant::now() < deadline, "{before}, {peak}, and a minute later {}", resident());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    // Some come while memory is given back: after a second, or two.
    let end = Instant::now() + Duration::from_secs(4);
    while Instant::now() < end {
        assert!(burst(&runtime) > before);
        std::thread::sleep(Duration::from_millis(1_100));
    }
    // And while others run, without a moment when nobody does.
    let end = Instant::now() + Duration::from_secs(3);
    runtime.run(|| {
        while Instant::now() < end {
            let some: Vec<_> =
                (0..100u64).map(|n| gmp::spawn(move || black_box([n; 1000]).iter().sum::<u64>())).collect();
            let sum: u64 = some.into_iter().map(|some| some.join().unwrap()).sum();
            assert_eq!(sum, 99 * 100 / 2 * 1000);
        }
    });
    assert_eq!(runtime.shutdown(), 0);
}
