//! A runtime that has nothing to do does nothing (Go: TestCPUMetricsSleep). A process of its own, whose CPU time is counted.

use std::{io::Read, time::Duration};

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};
use schedulers::gmp::{
    self, Runtime,
    net::{TcpListener, TcpStream},
};

/// The threads of the process, and what each has used so far, in nanoseconds, for a failure's message.
fn threads() -> Vec<String> {
    let of = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.ok()?.path();
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        let stat = std::fs::read_to_string(path.join("schedstat")).ok()?;
        Some(format!("{}: {}", name.trim(), stat.split(' ').next()?))
    };
    std::fs::read_dir("/proc/self/task").unwrap().filter_map(of).collect()
}

/// What the process has used so far, in microseconds.
fn cpu_us() -> i64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    (usage.user_time() + usage.system_time()).num_microseconds()
}

#[test]
fn waiting_uses_no_cpu_whatever_is_waited_for() {
    /// A tenth of the time of one core; spinning would take all of it.
    const LIMIT_US: i64 = 20_000;
    for procs in [1, 2, 4] {
        // SAFETY: nothing that belongs to a thread is kept across a call to gmp.
        let runtime = unsafe { Runtime::builder().procs(procs).build() }.unwrap();
        let (wake, woken) = gmp::channel::<()>(0);
        let waits = runtime.spawn(move || {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut server, _) = listener.accept().unwrap();
            let reads = gmp::spawn(move || server.read(&mut [0]).unwrap());
            let receivers: Vec<_> = (0..100)
                .map(|n| {
                    let woken = woken.clone();
                    gmp::spawn(move || {
                        if n % 2 == 0 {
                            woken.recv().is_err()
                        } else {
                            woken.recv_timeout(Duration::from_secs(3600)).is_err()
                        }
                    })
                })
                .collect();
            assert!(receivers.into_iter().all(|receiver| receiver.join().unwrap()));
            drop(client);
            assert_eq!(reads.join().unwrap(), 0);
        });
        // Now all wait, and those who look for work have given up.
        std::thread::sleep(Duration::from_millis(100));
        let (before, threads_before) = (cpu_us(), threads());
        std::thread::sleep(Duration::from_millis(200));
        let used = cpu_us() - before;
        let of_threads = || format!("{threads_before:?}, and then {:?}", threads());
        assert!(used < LIMIT_US, "{used} us of CPU in 200 ms of waiting, with {procs} Ps: {}", of_threads());
        // Sleeping is waiting too, for the G and for the thread that waits for it.
        let before = cpu_us();
        runtime.run(|| gmp::time::sleep(Duration::from_millis(200)));
        let used = cpu_us() - before;
        assert!(used < LIMIT_US, "{used} us of CPU in 200 ms of sleeping, with {procs} Ps");
        drop(wake);
        waits.join().unwrap();
        assert_eq!(runtime.shutdown(), 0);
    }
}
