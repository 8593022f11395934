//! What a runtime counts.

use std::{
    io::{Read, Write},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use schedulers::gmp::{self, Runtime, Stats, net::TcpListener};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

/// Waits until the counts are as they should become.
fn until(runtime: &Runtime, as_it_should_be: impl Fn(&Stats) -> bool) -> Stats {
    let begin = Instant::now();
    loop {
        let stats = runtime.stats();
        if as_it_should_be(&stats) {
            return stats;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "{stats:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn goroutines_are_counted_when_they_begin_and_end() {
    let runtime = runtime(2);
    runtime.run(|| {
        let stop = AtomicBool::new(false);
        let before = runtime.stats();
        gmp::scope(|scope| {
            for _ in 0..10 {
                scope.spawn(|| {
                    while !stop.load(Relaxed) {
                        gmp::yield_now();
                    }
                });
            }
            let now = runtime.stats();
            assert_eq!((now.spawned - before.spawned, now.ended - before.ended), (10, 0));
            stop.store(true, Relaxed);
        });
    });
    let stats = until(&runtime, |stats| stats.ended == stats.spawned);
    assert_eq!(stats.spawned, 11);
    assert!(stats.ticks >= 11);
}

#[test]
fn each_wait_is_a_park_and_each_sleep_a_timer() {
    let runtime = runtime(1);
    runtime.run(|| {
        let (sender, receiver) = gmp::channel(0);
        let before = runtime.stats();
        let waits = gmp::spawn(move || receiver.iter().sum::<u32>());
        (0..10).for_each(|n| sender.send(n).unwrap());
        let now = runtime.stats();
        // For each value one of the two waits, whoever comes first; then perhaps the receiver again.
        let parks = now.parks - before.parks;
        assert!((10..=11).contains(&parks), "{parks}");
        assert_eq!(now.timers_fired, before.timers_fired);
        drop(sender);
        assert_eq!(waits.join().unwrap(), 45);
        let before = runtime.stats();
        (0..5).for_each(|_| gmp::time::sleep(Duration::from_micros(100)));
        let now = runtime.stats();
        assert_eq!((now.parks - before.parks, now.timers_fired - before.timers_fired), (5, 5));
    });
}

#[test]
fn a_wait_that_ends_in_time_fires_no_timer() {
    let runtime = runtime(1);
    runtime.run(|| {
        let (sender, receiver) = gmp::channel(0);
        let waits = gmp::spawn(move || receiver.recv_timeout(Duration::from_secs(3600)));
        gmp::yield_now();
        sender.send(1).unwrap();
        assert_eq!(waits.join().unwrap(), Ok(1));
        assert_eq!(runtime.stats().timers_fired, 0);
        let (_sender, receiver) = gmp::channel::<u8>(0);
        receiver.recv_timeout(Duration::from_millis(1)).unwrap_err();
        assert_eq!(runtime.stats().timers_fired, 1);
    });
}

#[test]
fn each_blocking_call_hands_a_p_off_and_sleepers_are_counted() {
    let runtime = runtime(1);
    assert_eq!(runtime.stats().threads, 1, "sysmon alone");
    runtime.run(|| {
        let before = runtime.stats();
        let other = gmp::spawn(|| ());
        (0..7).for_each(|_| gmp::block_in_place(|| std::thread::sleep(Duration::from_micros(100))));
        other.join().unwrap();
        let now = runtime.stats();
        assert_eq!(now.handoffs - before.handoffs, 7);
        assert!(now.wakes > before.wakes, "another M ran the other goroutine");
    });
    let stats = until(&runtime, |stats| stats.idle_threads + 1 == stats.threads);
    assert!(stats.wakes >= stats.idle_threads, "each has been started once: {stats:?}");
}

#[test]
fn polls_are_counted_and_who_waits_for_the_network() {
    let runtime = runtime(1);
    runtime.run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let echoes = gmp::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut bytes = [0; 4];
            (&stream).read_exact(&mut bytes).unwrap();
            bytes
        });
        let begin = Instant::now();
        while runtime.stats().net_waiting == 0 {
            assert!(begin.elapsed() < Duration::from_secs(60));
            gmp::yield_now();
        }
        assert_eq!(runtime.stats().net_waiting, 1);
        gmp::block_in_place(|| std::net::TcpStream::connect(address).unwrap().write_all(b"ping").unwrap());
        assert_eq!(&echoes.join().unwrap(), b"ping");
        assert!(runtime.stats().net_polls > 0);
        assert_eq!(runtime.stats().net_waiting, 0);
    });
}
