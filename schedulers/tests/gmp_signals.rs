//! A profiler's signals hit Gs, switches and the scheduler at any instruction (Go: TestGoroutineSwitch). A process of its own: timer and handler are the
//! process's.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use schedulers::gmp::{self, Runtime};

static SIGNALS: AtomicU64 = AtomicU64::new(0);

extern "C" fn on_signal(_: libc::c_int) {
    // What a profiler reads there at least: some of the stack that it is on.
    let here = std::hint::black_box([1u64; 64]);
    SIGNALS.fetch_add(here[SIGNALS.load(Relaxed) as usize % 64], Relaxed);
}

/// A signal for each `interval_us` of CPU time; 0: none any more.
fn profile(interval_us: i64) {
    let every = libc::timeval { tv_sec: 0, tv_usec: interval_us };
    let timer = libc::itimerval { it_interval: every, it_value: every };
    // SAFETY: both structures live across the calls, zeros are a legal action, and the handler only touches atomics.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_RESTART;
        assert_eq!(libc::sigaction(libc::SIGPROF, &action, std::ptr::null_mut()), 0);
        assert_eq!(libc::setitimer(libc::ITIMER_PROF, &timer, std::ptr::null_mut()), 0);
    }
}

/// Yields a million times in all, beside some who park, sleep and end.
fn yield_a_million_times() {
    const YIELDERS: u64 = 4;
    const EACH: u64 = 250_000;
    let stop = Arc::new(AtomicBool::new(false));
    let others = gmp::spawn({
        let stop = stop.clone();
        move || {
            let mut sum = 0;
            while !stop.load(Relaxed) {
                sum += gmp::spawn(|| 1u64).join().unwrap();
                gmp::time::sleep(Duration::from_micros(50));
            }
            sum
        }
    });
    let yielders = [(); YIELDERS as usize].map(|()| {
        gmp::spawn(|| {
            (0..EACH).fold(0, |sum, n| {
                gmp::yield_now();
                sum + std::hint::black_box(n)
            })
        })
    });
    let sum: u64 = yielders.into_iter().map(|yielder| yielder.join().unwrap()).sum();
    assert_eq!(sum, YIELDERS * (EACH * (EACH - 1) / 2));
    stop.store(true, Relaxed);
    assert!(others.join().unwrap() > 0);
}

#[test]
fn a_million_yields_under_a_profiler_are_stable() {
    profile(500);
    for procs in [1, 2] {
        // SAFETY: nothing that belongs to a thread is kept across a call to gmp.
        let runtime = unsafe { Runtime::builder().procs(procs).build() }.unwrap();
        // How often the kernel looks at its timer is up to it: until it has interrupted us often enough.
        let enough = SIGNALS.load(Relaxed) + 10;
        while SIGNALS.load(Relaxed) < enough {
            runtime.run(yield_a_million_times);
        }
    }
    profile(0);
}
