//! Threads that a burst of blocking calls has left are given back.

use std::time::{Duration, Instant};

use schedulers::gmp::{self, Runtime};

#[test]
fn threads_that_have_nothing_to_do_for_seconds_end() {
    // SAFETY: keeps nothing that belongs to a thread across a call to gmp.
    let runtime = unsafe { Runtime::builder().procs(2).build() }.unwrap();
    let burst = || {
        runtime.run(|| {
            let calls = |_| gmp::spawn(|| gmp::block_in_place(|| std::thread::sleep(Duration::from_millis(50))));
            let calls: Vec<_> = (0..40).map(calls).collect();
            calls.into_iter().for_each(|call| call.join().unwrap());
        });
    };
    burst();
    assert!(runtime.stats().threads >= 40, "{:?}", runtime.stats());
    // At most: one for each P, a few spare ones, sysmon.
    let deadline = Instant::now() + Duration::from_secs(60);
    while runtime.stats().threads > 6 {
        assert!(Instant::now() < deadline, "{:?}", runtime.stats());
        std::thread::sleep(Duration::from_millis(100));
    }
    // Timers are kept, and the next burst gets its threads.
    runtime.run(|| gmp::time::sleep(Duration::from_millis(10)));
    burst();
    assert_eq!(runtime.shutdown(), 0);
}
