//! Waiting for the network holds up nothing, and nothing holds up the network: neither full queues, hogs, timers, nor a change of runtime.

use std::{
    io::{ErrorKind, Read, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::*},
    },
    time::{Duration, Instant},
};

use schedulers::gmp::{
    self, Runtime,
    net::{TcpListener, TcpStream, UdpSocket, is_closed},
};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connected = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (connected, listener.accept().unwrap().0)
}

/// A goroutine that reads one byte.
fn reads_one(mut stream: TcpStream) -> gmp::JoinHandle<u8> {
    gmp::spawn(move || {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        byte[0]
    })
}

/// Echoes bytes until the peer ends.
fn echoes(mut stream: TcpStream) -> gmp::JoinHandle<()> {
    gmp::spawn(move || {
        let mut byte = [0];
        while stream.read(&mut byte).unwrap() == 1 {
            stream.write_all(&byte).unwrap();
        }
    })
}

/// There and back.
fn ping(stream: &mut TcpStream) {
    stream.write_all(b"p").unwrap();
    stream.read_exact(&mut [0]).unwrap();
}

/// Go's TestNetpollWaiters too: all who wait are counted, and nobody is when it is over.
#[test]
fn a_blocked_read_keeps_no_thread_and_no_p() {
    for procs in [1, 2] {
        let runtime = runtime(procs);
        runtime.run(|| {
            let (ends, streams): (Vec<_>, Vec<_>) = (0..200).map(|_| pair()).unzip();
            let reads: Vec<_> = streams.into_iter().map(reads_one).collect();
            while runtime.stats().net_waiting < 200 {
                gmp::time::sleep(Duration::from_millis(1));
            }
            // Others go on, and no threads were made for those who wait.
            let sum: u64 = (0..1000).map(|n| gmp::spawn(move || n).join().unwrap()).sum();
            assert_eq!(sum, 499_500);
            let threads = runtime.stats().threads;
            assert!(threads < 20, "{threads} threads");
            for (n, mut end) in ends.into_iter().enumerate() {
                end.write_all(&[n as u8]).unwrap();
            }
            assert!(reads.into_iter().enumerate().all(|(n, read)| read.join().unwrap() == n as u8));
        });
        assert_eq!(runtime.stats().net_waiting, 0);
        assert_eq!(runtime.shutdown(), 0);
    }
}

/// Go's TestNetpollBreak: an M that sleeps in the poller, for ever or for long, wakes for what is earlier.
#[test]
fn an_m_that_sleeps_in_the_poller_wakes_for_other_work() {
    for procs in [1, 2] {
        let runtime = runtime(procs);
        for long_timer in [false, true] {
            let (mut end, stream) = pair();
            let read = runtime.spawn(move || {
                if long_timer {
                    drop(gmp::spawn(|| gmp::time::sleep(Duration::from_secs(600))));
                }
                reads_one(stream).join().unwrap()
            });
            while runtime.stats().net_waiting == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            let begin = Instant::now();
            for n in 0..100 {
                // From outside, and by a timer that comes before all others.
                assert_eq!(runtime.spawn(move || n).join().unwrap(), n);
                runtime.run(|| gmp::time::sleep(Duration::from_micros(50)));
                if n % 10 == 0 {
                    std::thread::sleep(Duration::from_millis(1)); // Now it has gone to sleep.
                }
            }
            assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
            end.write_all(b"x").unwrap();
            assert_eq!(read.join().unwrap(), b'x');
        }
    }
}

/// An M is asleep on its own futex, for a timer, when the runtime's first socket comes.
#[test]
fn the_first_socket_is_polled_though_all_others_sleep_already() {
    for procs in [1, 2] {
        for _ in 0..20 {
            let runtime = runtime(procs);
            let sleeper = runtime.spawn(|| gmp::time::sleep(Duration::from_secs(600)));
            std::thread::sleep(Duration::from_millis(1));
            let (mut end, stream) = pair();
            let read = runtime.spawn(move || reads_one(stream).join().unwrap());
            while runtime.stats().net_waiting == 0 {
                std::thread::yield_now();
            }
            end.write_all(b"x").unwrap();
            assert_eq!(read.join().unwrap(), b'x');
            drop(sleeper);
        }
    }
}

#[test]
fn timers_are_on_time_while_sockets_wait() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (mut end, stream) = pair();
            let read = reads_one(stream);
            gmp::yield_now();
            let mut late = Vec::new();
            for _ in 0..50 {
                let deadline = Instant::now() + Duration::from_micros(1300);
                gmp::time::sleep_until(deadline);
                late.push(Instant::now().checked_duration_since(deadline).expect("woken early"));
            }
            late.sort_unstable();
            // A poller that knows milliseconds only would need 700 us more every time; a busy machine delays most.
            assert!(late[0] < Duration::from_micros(600), "{late:?}");
            end.write_all(b"x").unwrap();
            read.join().unwrap();
        });
    }
}

#[test]
fn full_queues_do_not_starve_the_network() {
    for procs in [1, 2] {
        let stop = Arc::new(AtomicBool::new(false));
        runtime(procs).run(|| {
            let yielders: Vec<_> = (0..20)
                .map(|_| {
                    let stop = stop.clone();
                    gmp::spawn(move || {
                        while !stop.load(Relaxed) {
                            gmp::yield_now();
                        }
                    })
                })
                .collect();
            let (mut client, server) = pair();
            let echo = echoes(server);
            (0..200).for_each(|_| ping(&mut client));
            stop.store(true, Relaxed);
            yielders.into_iter().for_each(|yielder| yielder.join().unwrap());
            drop(client);
            echo.join().unwrap();
        });
    }
}

#[test]
fn hogs_do_not_starve_the_network() {
    for procs in [1, 2] {
        let stop = Arc::new(AtomicBool::new(false));
        runtime(procs).run(|| {
            let (mut client, server) = pair();
            let echo = echoes(server);
            let hogs: Vec<_> = (0..procs)
                .map(|_| {
                    let stop = stop.clone();
                    gmp::spawn(move || {
                        while !stop.load(Relaxed) {
                            std::hint::spin_loop();
                        }
                    })
                })
                .collect();
            (0..20).for_each(|_| ping(&mut client));
            stop.store(true, Relaxed);
            hogs.into_iter().for_each(|hog| hog.join().unwrap());
            drop(client);
            echo.join().unwrap();
        });
    }
}

/// The only M is in a blocking call and its P idle: nobody is there who could sleep in the poller.
#[test]
fn a_blocking_call_does_not_starve_the_network() {
    runtime(1).run(|| {
        let (client, server) = pair();
        let (mut end, stream) = pair();
        let echo = echoes(server);
        let pings = gmp::spawn(move || {
            let mut client = client;
            (0..100).for_each(|_| ping(&mut client));
            end.write_all(b"x").unwrap();
        });
        // Waits, on its thread, for what goroutines on this P do.
        let byte = gmp::block_in_place(|| {
            std::thread::spawn(move || {
                let mut stream = stream;
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                byte[0]
            })
            .join()
            .unwrap()
        });
        assert_eq!(byte, b'x');
        pings.join().unwrap();
        echo.join().unwrap();
    });
}

#[test]
fn a_flood_of_traffic_starves_neither_queues_nor_timers() {
    for procs in [1, 2] {
        let runtime = runtime(procs);
        let (stop, pings) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let flood = runtime.spawn({
            let (stop, pings) = (stop.clone(), pings.clone());
            move || {
                let pairs: Vec<_> = (0..8)
                    .map(|_| {
                        let (mut client, server) = pair();
                        let echo = echoes(server);
                        let (stop, pings) = (stop.clone(), pings.clone());
                        gmp::spawn(move || {
                            while !stop.load(Relaxed) {
                                ping(&mut client);
                                pings.fetch_add(1, Relaxed);
                            }
                            drop(client);
                            echo.join().unwrap();
                        })
                    })
                    .collect();
                pairs.into_iter().for_each(|pair| pair.join().unwrap());
            }
        });
        while pings.load(Relaxed) == 0 {
            std::thread::yield_now();
        }
        runtime.run(|| {
            for n in 0..20 {
                gmp::time::sleep(Duration::from_millis(1));
                assert_eq!(gmp::spawn(move || n).join().unwrap(), n);
            }
        });
        assert!(runtime.spawn(|| true).join().unwrap());
        stop.store(true, Relaxed);
        flood.join().unwrap();
    }
}

#[test]
fn sockets_may_be_made_in_one_place_and_used_in_another() {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
    let address = listener.local_addr().unwrap();
    // A thread waits on it first, then goroutines of one runtime, then, when that has ended, those of another, then a thread again.
    let accepts_one_on_a_thread = || {
        let listener = listener.clone();
        let accepts = std::thread::spawn(move || listener.accept().map(drop));
        std::thread::sleep(Duration::from_millis(5));
        drop(TcpStream::connect(address).unwrap());
        accepts.join().unwrap().unwrap();
    };
    accepts_one_on_a_thread();
    for procs in [1, 2] {
        let runtime = runtime(procs);
        let mut kept = runtime.run(|| {
            let listener = listener.clone();
            let accepts = gmp::spawn(move || listener.accept().map(drop));
            gmp::time::sleep(Duration::from_millis(5));
            drop(TcpStream::connect(address).unwrap());
            accepts.join().unwrap().unwrap();
            let (mut client, server) = pair();
            let read = gmp::spawn(move || {
                let mut server = server;
                server.read_exact(&mut [0]).unwrap();
                server
            });
            gmp::time::sleep(Duration::from_millis(5));
            client.write_all(b"x").unwrap();
            (client, read.join().unwrap())
        });
        assert_eq!(runtime.shutdown(), 0);
        kept.0.write_all(b"x").unwrap();
        kept.1.read_exact(&mut [0]).unwrap();
    }
    accepts_one_on_a_thread();
}

/// A thread waits on a socket that a runtime polls for; the runtime ends.
#[test]
fn a_thread_that_waits_survives_the_end_of_the_runtime() {
    for procs in [1, 2] {
        let runtime = runtime(procs);
        let (mut end, stream) = runtime.run(|| {
            let (end, stream) = pair();
            stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            assert_eq!((&stream).read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
            stream.set_read_timeout(None).unwrap();
            (end, Arc::new(stream))
        });
        let waits: Vec<_> = (0..2)
            .map(|_| {
                let stream = stream.clone();
                std::thread::spawn(move || (&*stream).read(&mut [0]).unwrap())
            })
            .collect();
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(runtime.shutdown(), 0);
        end.write_all(b"xy").unwrap();
        waits.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), 1));
    }
}

#[test]
fn two_runtimes_share_one_socket() {
    let (a, b) = (runtime(1), runtime(2));
    let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
    let to = socket.local_addr().unwrap();
    let (sender, receiver) = gmp::channel(100);
    let receivers: Vec<_> = [&a, &b, &a, &b]
        .into_iter()
        .map(|runtime| {
            let (socket, sender) = (socket.clone(), sender.clone());
            runtime.spawn(move || {
                let error = loop {
                    socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
                    let mut byte = [0];
                    match socket.recv(&mut byte) {
                        Ok(n) => sender.send((n, byte[0])).unwrap(),
                        Err(error) if error.kind() == ErrorKind::TimedOut => {}
                        Err(error) => break error,
                    }
                };
                assert!(is_closed(&error));
            })
        })
        .collect();
    for n in 0..200u8 {
        socket.send_to(&[n], to).unwrap();
        assert_eq!(receiver.recv(), Ok((1, n)));
        if n % 20 == 0 {
            std::thread::sleep(Duration::from_millis(3));
        }
    }
    socket.close().unwrap();
    receivers.into_iter().for_each(|receiver| receiver.join().unwrap());
}

#[test]
fn a_goroutine_that_unwinds_may_use_the_network() {
    struct Ends(TcpStream);
    impl Drop for Ends {
        fn drop(&mut self) {
            assert!(std::thread::panicking());
            ping(&mut self.0);
        }
    }
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let handles: Vec<_> = (0..5)
                .map(|_| {
                    let (client, server) = pair();
                    let echo = echoes(server);
                    let ends = Ends(client);
                    let panics = gmp::spawn(move || {
                        let _ends = ends;
                        std::panic::resume_unwind(Box::new(()));
                    });
                    (panics, echo)
                })
                .collect();
            for (panics, echo) in handles {
                assert!(panics.join().unwrap_err().is_panic());
                echo.join().unwrap();
            }
        });
    }
}

#[test]
fn a_runtime_dropped_while_goroutines_wait_for_the_network_ends_its_threads() {
    for procs in [1, 2] {
        let runtime = runtime(procs);
        let (mut end, stream) = pair();
        drop(runtime.spawn(move || reads_one(stream).join()));
        while runtime.stats().net_waiting == 0 {
            std::thread::yield_now();
        }
        assert_eq!(runtime.shutdown(), 2);
        end.write_all(b"x").unwrap();
    }
}
