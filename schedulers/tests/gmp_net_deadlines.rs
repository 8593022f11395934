//! Deadlines and timeouts of network operations: never early, never lost, even while others read, write and set new ones.

use std::{
    io::{ErrorKind, Read, Write},
    net::Shutdown,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::*},
    },
    time::{Duration, Instant},
};

use schedulers::gmp::{
    self, Runtime,
    net::{TcpListener, TcpStream},
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

fn after(duration: Duration) -> Option<Instant> {
    Some(Instant::now() + duration)
}

fn read_error(stream: &TcpStream) -> ErrorKind {
    (&mut &*stream).read(&mut [0; 64]).unwrap_err().kind()
}

/// Go's TestReadTimeout and TestWriteTimeout.
#[test]
fn a_deadline_that_has_passed_fails_at_once_even_with_data_ready() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (mut writer, reader) = pair();
            writer.write_all(b"ready").unwrap();
            for past in [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(1)] {
                let past = Instant::now().checked_sub(past);
                reader.set_deadline(past).unwrap();
                writer.set_deadline(past).unwrap();
                assert_eq!(read_error(&reader), ErrorKind::TimedOut);
                assert_eq!((&writer).write(b"x").unwrap_err().kind(), ErrorKind::TimedOut);
            }
            // What is there stays there.
            reader.set_deadline(after(Duration::from_secs(60))).unwrap();
            writer.set_deadline(None).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
            let mut text = String::new();
            (&reader).read_to_string(&mut text).unwrap();
            assert_eq!(text, "ready");
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let _waits = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            listener.set_deadline(Some(Instant::now())).unwrap();
            assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::TimedOut);
            listener.set_deadline(None).unwrap();
            listener.accept().unwrap();
        });
    }
}

/// Go's TestVariousDeadlines, with 1 and with 4 Ps.
#[test]
fn deadlines_of_any_length_come_and_never_early() {
    for procs in [1, 4] {
        runtime(procs).run(|| {
            let nanoseconds = [1, 2, 5, 50, 100, 200, 500, 750, 1_000, 5_000, 25_000, 250_000, 500_000];
            let all = nanoseconds.into_iter().chain([1, 5, 25, 100, 250, 500, 1000].map(|ms: u64| ms * 1_000_000));
            let handles: Vec<_> = all
                .map(Duration::from_nanos)
                .map(|timeout| {
                    let (stream, peer) = pair();
                    gmp::spawn(move || {
                        for run in 0..3 {
                            let deadline = Instant::now() + timeout;
                            stream.set_deadline(Some(deadline)).unwrap();
                            assert_eq!(read_error(&stream), ErrorKind::TimedOut);
                            assert!(Instant::now() >= deadline, "run {run}, {timeout:?}: early");
                            if timeout >= Duration::from_millis(250) {
                                break;
                            }
                        }
                        drop(peer);
                    })
                })
                .collect();
            handles.into_iter().for_each(|handle| handle.join().unwrap());
        });
    }
}

#[test]
fn a_timeout_counts_from_the_beginning_of_each_operation() {
    const TIMEOUT: Duration = Duration::from_millis(20);
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (mut writer, reader) = pair();
            assert_eq!(reader.set_read_timeout(Some(Duration::ZERO)).unwrap_err().kind(), ErrorKind::InvalidInput);
            reader.set_read_timeout(Some(TIMEOUT)).unwrap();
            reader.set_write_timeout(Some(TIMEOUT)).unwrap();
            assert_eq!(reader.read_timeout().unwrap(), Some(TIMEOUT));
            assert_eq!(reader.write_timeout().unwrap(), Some(TIMEOUT));
            for _ in 0..3 {
                let begin = Instant::now();
                assert_eq!(read_error(&reader), ErrorKind::TimedOut);
                assert!(begin.elapsed() >= TIMEOUT);
            }
            // Nobody reads at the other end: writing ends too.
            assert_eq!((&reader).write_all(&vec![0; 32 << 20]).unwrap_err().kind(), ErrorKind::TimedOut);
            // Within the timeout nothing is amiss, however long it takes in all.
            reader.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            let writes = gmp::spawn(move || {
                for _ in 0..10 {
                    gmp::time::sleep(Duration::from_millis(5));
                    writer.write_all(b"x").unwrap();
                }
                writer
            });
            let mut text = [0; 10];
            (&reader).read_exact(&mut text).unwrap();
            drop(writes.join().unwrap());
        });
    }
}

#[test]
fn all_who_wait_time_out_each_at_its_own_moment() {
    for procs in [1, 2] {
        let runtime = runtime(procs);
        runtime.run(|| {
            let (stream, _peer) = pair();
            let stream = Arc::new(stream);
            let mut handles: Vec<gmp::JoinHandle<()>> = Vec::new();
            // The last one to come is the first one to go.
            for n in (1..=8u32).rev() {
                let timeout = n * Duration::from_millis(5);
                stream.set_read_timeout(Some(timeout)).unwrap();
                let stream = stream.clone();
                handles.push(gmp::spawn(move || {
                    let begin = Instant::now();
                    assert_eq!(read_error(&stream), ErrorKind::TimedOut);
                    assert!(begin.elapsed() >= timeout, "{n}: early");
                }));
                // The timeout is the socket's: it may change when this one waits.
                let has_begun = |runtime: &Runtime| {
                    let finished = handles.iter().filter(|handle| handle.is_finished()).count();
                    runtime.stats().net_waiting as usize + finished >= handles.len()
                };
                while !has_begun(&runtime) {
                    gmp::yield_now();
                }
            }
            handles.into_iter().for_each(|handle| handle.join().unwrap());
        });
    }
}

/// Go's TestReadTimeoutUnblocksRead.
#[test]
fn setting_a_deadline_that_has_passed_frees_a_read_that_waits() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            for earlier in [None, after(Duration::from_secs(100))] {
                let (stream, _peer) = pair();
                let stream = Arc::new(stream);
                stream.set_deadline(earlier).unwrap();
                let reads = gmp::spawn({
                    let stream = stream.clone();
                    move || read_error(&stream)
                });
                gmp::time::sleep(Duration::from_millis(5));
                let begin = Instant::now();
                stream.set_deadline(Some(begin)).unwrap();
                assert_eq!(reads.join().unwrap(), ErrorKind::TimedOut);
                assert!(begin.elapsed() < Duration::from_secs(5));
            }
        });
    }
}

/// Go's TestReadWriteProlongedTimeout, its number.
#[test]
fn a_deadline_that_is_pushed_on_in_time_never_comes() {
    const AHEAD: Duration = Duration::from_secs(60);
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (client, server) = pair();
            let ends = [Arc::new(client), Arc::new(server)];
            let stop = Arc::new(AtomicBool::new(false));
            let handles: Vec<_> = ends
                .iter()
                .enumerate()
                .flat_map(|(n, end)| {
                    let (reader, writer, stop) = (end.clone(), end.clone(), stop.clone());
                    let reads = gmp::spawn(move || {
                        let mut buffer = [0; 1024];
                        loop {
                            reader.set_deadline(after(AHEAD)).unwrap();
                            if (&*reader).read(&mut buffer).unwrap() == 0 {
                                return;
                            }
                        }
                    });
                    let writes = gmp::spawn(move || {
                        for _ in 0..if n == 0 { 1000 } else { usize::MAX } {
                            writer.set_deadline(after(AHEAD)).unwrap();
                            (&*writer).write_all(b"0123456789").unwrap();
                            if stop.load(Relaxed) {
                                break;
                            }
                        }
                        stop.store(true, Relaxed);
                        writer.shutdown(Shutdown::Write).unwrap();
                    });
                    [reads, writes]
                })
                .collect();
            handles.into_iter().for_each(|handle| handle.join().unwrap());
        });
    }
}

/// Go's TestReadWriteDeadlineRace, its numbers.
#[test]
fn deadlines_of_two_microseconds_race_with_a_reader_and_a_writer() {
    const ROUNDS: usize = 1000;
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (stream, peer) = pair();
            let stream = Arc::new(stream);
            let sets = gmp::spawn({
                let stream = stream.clone();
                move || {
                    for _ in 0..ROUNDS {
                        stream.set_deadline(after(Duration::from_micros(2))).unwrap();
                        gmp::yield_now();
                    }
                }
            });
            let reads = gmp::spawn({
                let stream = stream.clone();
                move || (0..ROUNDS).for_each(|_| assert_eq!(read_error(&stream), ErrorKind::TimedOut))
            });
            let writes = gmp::spawn({
                let stream = stream.clone();
                move || {
                    for _ in 0..ROUNDS {
                        if let Err(error) = (&*stream).write(b"x") {
                            assert_eq!(error.kind(), ErrorKind::TimedOut);
                        }
                    }
                }
            });
            stream.set_deadline(after(Duration::from_micros(2))).unwrap();
            [sets, reads, writes].into_iter().for_each(|handle| handle.join().unwrap());
            drop(peer);
        });
    }
}

/// Go's TestConcurrentSetDeadline, its numbers.
#[test]
fn eight_goroutines_set_deadlines_of_ten_connections() {
    for procs in [1, 4] {
        runtime(procs).run(|| {
            let ends: Arc<Vec<_>> = Arc::new((0..10).map(|_| pair()).collect());
            let readers: Vec<_> = (0..10)
                .map(|n| {
                    let ends = ends.clone();
                    gmp::spawn(move || assert_eq!(read_error(&ends[n].0), ErrorKind::TimedOut))
                })
                .collect();
            let setters: Vec<_> = (0..8u64)
                .map(|id| {
                    let ends = ends.clone();
                    gmp::spawn(move || {
                        for n in 0..100 {
                            for (one, other) in ends.iter() {
                                let deadline = after(Duration::from_secs(60 + (n * id) % 7));
                                one.set_deadline(deadline).unwrap();
                                other.set_deadline(deadline).unwrap();
                            }
                        }
                    })
                })
                .collect();
            setters.into_iter().for_each(|setter| setter.join().unwrap());
            assert!(readers.iter().all(|reader| !reader.is_finished()));
            ends.iter().for_each(|(one, _)| one.set_deadline(after(Duration::from_millis(1))).unwrap());
            readers.into_iter().for_each(|reader| reader.join().unwrap());
        });
    }
}

/// A listener whose backlog is full does not answer: the connection is neither made nor refused.
#[test]
fn connecting_to_one_who_does_not_answer_ends_in_time() {
    // SAFETY: plain system calls; the address lives across them.
    let full = unsafe {
        use std::os::fd::FromRawFd;
        let fd = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        let address = libc::sockaddr_in {
            sin_family: libc::AF_INET as _,
            sin_port: 0,
            sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) },
            sin_zero: [0; 8],
        };
        assert_eq!(libc::bind(fd, (&raw const address).cast(), size_of_val(&address) as _), 0);
        assert_eq!(libc::listen(fd, 0), 0);
        std::net::TcpListener::from_raw_fd(fd)
    };
    let address = full.local_addr().unwrap();
    const TIMEOUT: Duration = Duration::from_millis(50);
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let begin = Instant::now();
            let mut answered = Vec::new();
            let error = loop {
                match TcpStream::connect_timeout(&address, TIMEOUT) {
                    Ok(stream) => answered.push(stream),
                    Err(error) => break error,
                }
                assert!(answered.len() < 10, "a backlog of 0 is never full");
            };
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert!((TIMEOUT..Duration::from_secs(20)).contains(&begin.elapsed()));
            let error = TcpStream::connect_timeout(&address, Duration::ZERO).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        });
    }
}

#[test]
fn a_closed_socket_says_that_it_is_closed_whatever_its_deadline() {
    runtime(1).run(|| {
        let (stream, _peer) = pair();
        stream.set_deadline(Some(Instant::now())).unwrap();
        assert_eq!(read_error(&stream), ErrorKind::TimedOut);
        stream.close().unwrap();
        assert!(gmp::net::is_closed(&(&stream).read(&mut [0]).unwrap_err()));
    });
}
