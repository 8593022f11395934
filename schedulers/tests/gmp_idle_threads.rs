//! Threads that a burst of blocking calls has left are given back.

use std::{
    sync::{Arc, Barrier},
    time::{Duration, Instant},
};

use schedulers::gmp::{self, Runtime};

#[test]
fn threads_that_have_nothing_to_do_for_seconds_end() {
    // SAFETY: keeps nothing that belongs to a thread across a call to gmp.
    let runtime = unsafe { Runtime::builder().procs(2).build() }.unwrap();
    let burst = || {
        runtime.run(|| {
            // None ends before all have begun, however long that takes: so many threads are blocked at a time.
            let all = Arc::new(Barrier::new(40));
            let call = |_| {
                let all = all.clone();
                gmp::spawn(move || gmp::block_in_place(|| _ = all.wait()))
            };
            let calls: Vec<_> = (0..40).map(call).collect();
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
