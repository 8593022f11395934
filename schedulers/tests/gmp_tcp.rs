//! TCP in goroutines and in plain threads: what is sent arrives, whoever waits is woken, closing ends it. All on loopback.

use std::{
    io::{ErrorKind, IoSlice, Read, Write},
    net::{Shutdown, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::*},
    },
    time::Duration,
};

use schedulers::gmp::{
    self, Runtime,
    net::{TcpListener, TcpStream, is_closed},
};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Two ends of a connection.
fn pair() -> (TcpStream, TcpStream) {
    let (listener, address) = listen();
    let connected = TcpStream::connect(address).unwrap();
    (connected, listener.accept().unwrap().0)
}

/// Lets others get as far as they can.
fn settle() {
    gmp::time::sleep(Duration::from_millis(5));
}

fn echo(mut stream: TcpStream) {
    let mut buffer = [0; 512];
    loop {
        match stream.read(&mut buffer).unwrap() {
            0 => return,
            n => stream.write_all(&buffer[..n]).unwrap(),
        }
    }
}

#[test]
fn what_is_echoed_is_what_was_sent() {
    const ROUNDS: u32 = 2000;
    for procs in [1, 2, 4] {
        runtime(procs).run(|| {
            let (listener, address) = listen();
            let clients: Vec<_> = (0..8u32)
                .map(|client| {
                    gmp::spawn(move || {
                        let mut stream = TcpStream::connect(address).unwrap();
                        stream.set_nodelay(true).unwrap();
                        for round in 0..ROUNDS / 8 {
                            let mut message = [0; 512];
                            message[..8].copy_from_slice(&(u64::from(client) << 32 | u64::from(round)).to_le_bytes());
                            stream.write_all(&message).unwrap();
                            let mut answer = [0; 512];
                            stream.read_exact(&mut answer).unwrap();
                            assert_eq!(message, answer);
                        }
                    })
                })
                .collect();
            let servers: Vec<_> =
                (0..8).map(|_| listener.accept().unwrap().0).map(|s| gmp::spawn(|| echo(s))).collect();
            clients.into_iter().chain(servers).for_each(|handle| handle.join().unwrap());
        });
    }
}

/// Go's TestTCPStress, its numbers.
#[test]
fn two_connections_echo_ten_thousand_messages() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let clients: Vec<_> = (0..2)
                .map(|_| {
                    let (mut client, server) = pair();
                    let server = gmp::spawn(move || echo(server));
                    gmp::spawn(move || {
                        let mut buffer = [7; 512];
                        for _ in 0..10_000 {
                            client.write_all(&buffer).unwrap();
                            client.read_exact(&mut buffer).unwrap();
                        }
                        drop(client);
                        server.join().unwrap();
                    })
                })
                .collect();
            clients.into_iter().for_each(|client| client.join().unwrap());
        });
    }
}

#[test]
fn a_stream_is_read_and_written_at_the_same_time() {
    const BYTES: usize = 4 << 20;
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (one, other) = pair();
            let ends = [Arc::new(one), Arc::new(other)];
            let byte = |n: usize| ((n * 31) >> 3) as u8;
            // Both ends write more than the buffers hold, and read it only because others do so meanwhile.
            let handles: Vec<_> = ends
                .iter()
                .flat_map(|end| {
                    let (reader, writer) = (end.clone(), end.clone());
                    let reads = gmp::spawn(move || {
                        let mut buffer = vec![0; 10_007];
                        let mut at = 0;
                        loop {
                            let n = (&*reader).read(&mut buffer).unwrap();
                            assert!(buffer[..n].iter().enumerate().all(|(i, &b)| b == byte(at + i)));
                            at += n;
                            if n == 0 {
                                return assert_eq!(at, BYTES);
                            }
                        }
                    });
                    let writes = gmp::spawn(move || {
                        let data: Vec<u8> = (0..BYTES).map(byte).collect();
                        (&*writer).write_all(&data).unwrap();
                        writer.shutdown(Shutdown::Write).unwrap();
                    });
                    [reads, writes]
                })
                .collect();
            handles.into_iter().for_each(|handle| handle.join().unwrap());
        });
    }
}

/// One edge may stand for many bytes: whoever reads some must let the next reader have its turn.
#[test]
fn many_readers_of_one_stream_get_each_byte_once() {
    const READERS: u64 = 10;
    const BYTES: u64 = 20_000;
    for procs in [1, 2, 4] {
        runtime(procs).run(|| {
            let (mut writer, reader) = pair();
            let reader = Arc::new(reader);
            let sum = Arc::new(AtomicU64::new(0));
            let readers: Vec<_> = (0..READERS)
                .map(|_| {
                    let (reader, sum) = (reader.clone(), sum.clone());
                    gmp::spawn(move || {
                        let mut byte = [0];
                        while (&*reader).read(&mut byte).unwrap() == 1 {
                            sum.fetch_add(1 + u64::from(byte[0]), Relaxed);
                        }
                    })
                })
                .collect();
            let data: Vec<u8> = (0..BYTES).map(|n| n as u8).collect();
            for piece in data.chunks(1009) {
                writer.write_all(piece).unwrap();
                gmp::yield_now();
            }
            drop(writer);
            readers.into_iter().for_each(|reader| reader.join().unwrap());
            assert_eq!(sum.load(Relaxed), BYTES + data.iter().map(|&b| u64::from(b)).sum::<u64>());
        });
    }
}

#[test]
fn many_writers_of_one_stream_are_all_heard() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (writer, mut reader) = pair();
            let writer = Arc::new(writer);
            let writers: Vec<_> = (1..=8u8)
                .map(|id| {
                    let writer = writer.clone();
                    gmp::spawn(move || (&*writer).write_all(&vec![id; 500_000]).unwrap())
                })
                .collect();
            drop(writer);
            let mut heard = [0; 9];
            let mut buffer = vec![0; 4096];
            loop {
                match reader.read(&mut buffer).unwrap() {
                    0 => break,
                    n => buffer[..n].iter().for_each(|&id| heard[usize::from(id)] += 1),
                }
            }
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            assert_eq!((heard[0], &heard[1..]), (0, &[500_000; 8][..]));
        });
    }
}

/// Go's TestTCPConcurrentAccept, its numbers; none fails here.
#[test]
fn ten_acceptors_accept_a_hundred_connections() {
    for procs in [1, 2, 4] {
        runtime(procs).run(|| {
            let (listener, address) = listen();
            let listener = Arc::new(listener);
            let acceptors: Vec<_> = (0..10)
                .map(|_| {
                    let listener = listener.clone();
                    gmp::spawn(move || (0..).take_while(|_| listener.accept().is_ok()).count())
                })
                .collect();
            settle();
            let dials: Vec<_> = (0..100).map(|_| gmp::spawn(move || TcpStream::connect(address).unwrap())).collect();
            let dialled: Vec<_> = dials.into_iter().map(|dial| dial.join().unwrap()).collect();
            // All are in the backlog at least; close only when they have been taken out, which each acceptor does before it waits.
            for stream in &dialled {
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                assert_eq!((&mut &*stream).read(&mut [0]).unwrap(), 0, "accepted and dropped");
            }
            listener.close().unwrap();
            assert_eq!(acceptors.into_iter().map(|acceptor| acceptor.join().unwrap()).sum::<usize>(), 100);
        });
    }
}

#[test]
fn reading_into_nothing_returns_at_once_and_takes_nothing() {
    runtime(1).run(|| {
        let (mut writer, mut reader) = pair();
        assert_eq!(reader.read(&mut []).unwrap(), 0);
        assert_eq!(writer.write(&[]).unwrap(), 0);
        writer.write_all(b"x").unwrap();
        assert_eq!(reader.read(&mut []).unwrap(), 0);
        let mut byte = [0];
        assert_eq!((reader.read(&mut byte).unwrap(), byte), (1, *b"x"));
        reader.close().unwrap();
        assert!(is_closed(&reader.read(&mut []).unwrap_err()));
    });
}

#[test]
fn several_buffers_are_written_in_one_call() {
    runtime(1).run(|| {
        let (mut writer, mut reader) = pair();
        assert_eq!(writer.write_vectored(&[IoSlice::new(b"one "), IoSlice::new(b"call")]).unwrap(), 8);
        writer.shutdown(Shutdown::Write).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one call");
    });
}

#[test]
fn both_ends_know_each_other() {
    runtime(1).run(|| {
        let (listener, address) = listen();
        let client = TcpStream::connect(("127.0.0.1", address.port())).unwrap();
        let (server, peer) = listener.accept().unwrap();
        assert_eq!((client.peer_addr().unwrap(), client.local_addr().unwrap()), (address, peer));
        assert_eq!((server.peer_addr().unwrap(), server.local_addr().unwrap()), (peer, address));
        client.set_nodelay(true).unwrap();
        assert!(client.nodelay().unwrap() && !server.nodelay().unwrap());
    });
}

#[test]
fn connecting_to_nobody_is_refused() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (listener, address) = listen();
            drop(listener);
            assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
            let nowhere: &[SocketAddr] = &[];
            assert_eq!(TcpStream::connect(nowhere).unwrap_err().kind(), ErrorKind::InvalidInput);
            // The first address that answers.
            let (_listener, other) = listen();
            assert_eq!(TcpStream::connect(&[address, other][..]).unwrap().peer_addr().unwrap(), other);
        });
    }
}

#[test]
fn a_reader_that_waits_sees_its_peer_end_and_reset() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (writer, mut reader) = pair();
            let reads = gmp::spawn(move || reader.read(&mut [0]).unwrap());
            settle();
            drop(writer);
            assert_eq!(reads.join().unwrap(), 0);
            // A peer that closes with data unread resets the connection.
            let (mut writer, mut reader) = pair();
            writer.write_all(b"unread").unwrap();
            reader.write_all(b"unread").unwrap();
            drop(writer);
            let error = std::iter::from_fn(|| Some(reader.read(&mut [0; 64]))).find_map(Result::err).unwrap();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        });
    }
}

#[test]
fn close_wakes_everybody_who_waits_with_an_error() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (stream, peer) = pair();
            let stream = Arc::new(stream);
            let readers = (0..4).map(|_| {
                let stream = stream.clone();
                gmp::spawn(move || (&*stream).read(&mut [0; 16]).unwrap_err())
            });
            let writers = (0..4).map(|_| {
                let stream = stream.clone();
                gmp::spawn(move || (&*stream).write_all(&vec![0; 16 << 20]).unwrap_err())
            });
            let waiting: Vec<_> = readers.chain(writers).collect();
            settle();
            stream.close().unwrap();
            for handle in waiting {
                let error = handle.join().unwrap();
                assert!(is_closed(&error) && error.kind() == ErrorKind::NotConnected, "{error:?}");
            }
            assert!(is_closed(&(&*stream).read(&mut [0]).unwrap_err()));
            assert!(is_closed(&(&*stream).write(&[0]).unwrap_err()));
            assert!(is_closed(&stream.peer_addr().unwrap_err()));
            assert!(is_closed(&stream.close().unwrap_err()));
            drop(peer);
        });
    }
}

#[test]
fn a_closed_listener_stops_listening_though_others_hold_it() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (listener, address) = listen();
            let listener = Arc::new(listener);
            let acceptors: Vec<_> = (0..4)
                .map(|_| {
                    let listener = listener.clone();
                    gmp::spawn(move || listener.accept().map(drop).unwrap_err())
                })
                .collect();
            settle();
            listener.close().unwrap();
            assert!(acceptors.into_iter().all(|acceptor| is_closed(&acceptor.join().unwrap())));
            assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
            drop(TcpListener::bind(address).unwrap());
        });
    }
}

/// Go's fdMutex stress: closing at any moment of reads and writes is an error for them, and nothing worse.
#[test]
fn close_may_come_at_any_moment() {
    for procs in [1, 2, 4] {
        runtime(procs).run(|| {
            for round in 0..200u32 {
                let (stream, peer) = pair();
                let (stream, peer) = (Arc::new(stream), Arc::new(peer));
                let busy: Vec<_> = [stream.clone(), stream.clone(), peer.clone(), peer.clone()]
                    .into_iter()
                    .enumerate()
                    .map(|(n, end)| {
                        gmp::spawn(move || {
                            let mut buffer = [0; 64];
                            if n % 2 == 0 {
                                while (&*end).write(&buffer).is_ok() {}
                            } else {
                                while matches!((&*end).read(&mut buffer), Ok(1..)) {}
                            }
                        })
                    })
                    .collect();
                for _ in 0..round % 7 {
                    gmp::yield_now();
                }
                stream.close().unwrap();
                busy.into_iter().for_each(|handle| handle.join().unwrap());
            }
        });
    }
}

#[test]
fn plain_threads_take_part() {
    let runtime = runtime(2);
    // A thread connects and talks, a goroutine answers; and the other way round; and both threads.
    let (listener, address) = listen();
    let server = runtime.spawn(move || echo(listener.accept().unwrap().0));
    let talk = move |address| {
        let mut stream = TcpStream::connect(address).unwrap();
        for n in 0..500u32 {
            stream.write_all(&n.to_le_bytes()).unwrap();
            let mut answer = [0; 4];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(u32::from_le_bytes(answer), n);
        }
    };
    std::thread::spawn(move || talk(address)).join().unwrap();
    server.join().unwrap();
    for on_thread in [false, true] {
        let (listener, address) = listen();
        let server = std::thread::spawn(move || echo(listener.accept().unwrap().0));
        if on_thread {
            std::thread::spawn(move || talk(address)).join().unwrap()
        } else {
            runtime.run(|| talk(address))
        }
        server.join().unwrap();
    }
}

#[test]
fn close_and_deadlines_reach_a_thread_that_waits() {
    let (stream, _peer) = pair();
    let stream = Arc::new(stream);
    let wait = || {
        let stream = stream.clone();
        std::thread::spawn(move || (&*stream).read(&mut [0]).unwrap_err())
    };
    let waits = wait();
    std::thread::sleep(Duration::from_millis(5));
    stream.set_deadline(Some(std::time::Instant::now())).unwrap();
    assert_eq!(waits.join().unwrap().kind(), ErrorKind::TimedOut);
    stream.set_deadline(Some(std::time::Instant::now() + Duration::from_millis(5))).unwrap();
    assert_eq!(wait().join().unwrap().kind(), ErrorKind::TimedOut);
    stream.set_deadline(None).unwrap();
    let waits: Vec<_> = (0..4).map(|_| wait()).collect();
    std::thread::sleep(Duration::from_millis(5));
    stream.close().unwrap();
    assert!(waits.into_iter().all(|waits| is_closed(&waits.join().unwrap())));
}
