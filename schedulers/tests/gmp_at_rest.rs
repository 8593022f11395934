//! A runtime in which nothing happens costs next to nothing, whatever waits in it; `gmp_idle` looks at what it takes in the moment after. A process of its own, whose threads are looked at.

use std::{
    io::Read,
    time::{Duration, Instant},
};

use schedulers::gmp::{
    self, Runtime,
    net::{TcpListener, TcpStream},
};

/// CPU time that the threads of gmp's have had, in nanoseconds.
fn cpu_ns() -> u64 {
    let of = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.ok()?.path();
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        let stat = std::fs::read_to_string(path.join("schedstat")).ok()?;
        let ours = ["gmp-m", "gmp-sysmon"].contains(&name.trim());
        ours.then(|| stat.split(' ').next().unwrap().parse::<u64>().unwrap())
    };
    std::fs::read_dir("/proc/self/task").unwrap().filter_map(of).sum()
}

#[test]
fn an_idle_runtime_takes_less_than_a_thousandth_of_a_core() {
    const LOOK: Duration = Duration::from_secs(2);
    // SAFETY: nothing that belongs to a thread is kept across a call to gmp.
    let runtime = unsafe { Runtime::builder().procs(2).build() }.unwrap();
    // Some who wait for each other, one for a far timer, one for a socket.
    let (sender, receiver) = gmp::channel::<()>(0);
    let waits: Vec<_> = (0..100)
        .map(|_| {
            let receiver = receiver.clone();
            runtime.spawn(move || receiver.recv())
        })
        .collect();
    drop(runtime.spawn(|| gmp::time::sleep(Duration::from_secs(3600))));
    let (server, client) = runtime.run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener.accept().unwrap().0, client)
    });
    let reads = runtime.spawn(move || (&server).read(&mut [0; 8]));

    // It comes to rest, in time; then it stays at rest.
    let begin = Instant::now();
    loop {
        let before = cpu_ns();
        std::thread::sleep(LOOK);
        let used = Duration::from_nanos(cpu_ns().saturating_sub(before));
        if used < LOOK / 1000 {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "{used:?} in {LOOK:?}");
    }

    // And all of them are still there.
    drop(client);
    assert_eq!(reads.join().unwrap().unwrap(), 0);
    drop(sender);
    waits.into_iter().for_each(|wait| assert!(wait.join().unwrap().is_err()));
}
