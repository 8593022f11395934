//! UDP: datagrams arrive whole, empty ones too, each at one receiver. All on loopback.

use std::{
    io::ErrorKind,
    sync::Arc,
    time::{Duration, Instant},
};

use schedulers::gmp::{
    self, Runtime,
    net::{UdpSocket, is_closed},
};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

#[test]
fn datagrams_are_echoed() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (client, server) = (socket(), socket());
            let address = server.local_addr().unwrap();
            let echo = gmp::spawn(move || {
                let mut buffer = [0; 64];
                for _ in 0..1000 {
                    let (n, from) = server.recv_from(&mut buffer).unwrap();
                    assert_eq!(server.send_to(&buffer[..n], from).unwrap(), n);
                }
            });
            for n in 0..1000u32 {
                client.send_to(&n.to_le_bytes(), address).unwrap();
                let mut answer = [0; 64];
                assert_eq!(client.recv_from(&mut answer).unwrap(), (4, address));
                assert_eq!(answer[..4], n.to_le_bytes());
            }
            echo.join().unwrap();
        });
    }
}

#[test]
fn an_empty_datagram_is_received_as_one() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (client, server) = (socket(), socket());
            let (from, to) = (client.local_addr().unwrap(), server.local_addr().unwrap());
            let receives = gmp::spawn(move || {
                assert_eq!(server.recv_from(&mut [0; 8]).unwrap(), (0, from));
                assert_eq!(server.recv_from(&mut []).unwrap(), (0, from));
                server
            });
            gmp::time::sleep(Duration::from_millis(5));
            assert_eq!(client.send_to(&[], to).unwrap(), 0);
            client.connect(to).unwrap();
            assert_eq!(client.peer_addr().unwrap(), to);
            assert_eq!(client.send(&[]).unwrap(), 0);
            let server = receives.join().unwrap();
            assert_eq!(client.send(b"too long for it").unwrap(), 15);
            let mut start = [0; 3];
            assert_eq!(server.recv(&mut start).unwrap(), 3);
            assert_eq!(&start, b"too");
        });
    }
}

#[test]
fn each_datagram_reaches_one_of_many_receivers() {
    for procs in [1, 2, 4] {
        runtime(procs).run(|| {
            let (client, server) = (socket(), Arc::new(socket()));
            client.connect(server.local_addr().unwrap()).unwrap();
            let (sender, receiver) = gmp::channel(100);
            let receivers: Vec<_> = (0..10)
                .map(|_| {
                    let (server, sender) = (server.clone(), sender.clone());
                    gmp::spawn(move || {
                        let mut buffer = [0; 4];
                        while let Ok(4) = server.recv(&mut buffer) {
                            sender.send(u32::from_le_bytes(buffer)).unwrap();
                        }
                    })
                })
                .collect();
            // In bursts that the system's buffer holds.
            for burst in 0..20 {
                (0..50).for_each(|n| _ = client.send(&u32::to_le_bytes(burst * 50 + n)).unwrap());
                let mut seen: Vec<_> = (0..50).map(|_| receiver.recv().unwrap()).collect();
                seen.sort_unstable();
                assert!(seen.into_iter().eq(burst * 50..burst * 50 + 50));
            }
            server.close().unwrap();
            receivers.into_iter().for_each(|receiver| receiver.join().unwrap());
        });
    }
}

#[test]
fn deadlines_timeouts_and_close_end_a_receive() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let socket = Arc::new(socket());
            let own = socket.local_addr().unwrap();
            // A deadline that has passed, with a datagram ready.
            socket.send_to(b"ready", own).unwrap();
            socket.set_deadline(Some(Instant::now())).unwrap();
            assert_eq!(socket.recv_from(&mut [0; 8]).unwrap_err().kind(), ErrorKind::TimedOut);
            assert_eq!(socket.send_to(b"x", own).unwrap_err().kind(), ErrorKind::TimedOut);
            socket.set_deadline(None).unwrap();
            assert_eq!(socket.recv_from(&mut [0; 8]).unwrap(), (5, own));
            let timeout = Duration::from_millis(3);
            assert_eq!(socket.set_read_timeout(Some(Duration::ZERO)).unwrap_err().kind(), ErrorKind::InvalidInput);
            socket.set_read_timeout(Some(timeout)).unwrap();
            assert_eq!((socket.read_timeout().unwrap(), socket.write_timeout().unwrap()), (Some(timeout), None));
            let begin = Instant::now();
            assert_eq!(socket.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::TimedOut);
            assert!(begin.elapsed() >= timeout);
            socket.set_read_timeout(None).unwrap();
            let waits = gmp::spawn({
                let socket = socket.clone();
                move || socket.recv_from(&mut [0; 8]).unwrap_err()
            });
            gmp::time::sleep(timeout);
            socket.close().unwrap();
            assert!(is_closed(&waits.join().unwrap()));
            assert!(is_closed(&socket.local_addr().unwrap_err()));
        });
    }
}

#[test]
fn plain_threads_take_part() {
    let server = socket();
    let to = server.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let mut buffer = [0; 8];
        let (n, from) = server.recv_from(&mut buffer).unwrap();
        server.send_to(&buffer[..n], from).unwrap();
    });
    runtime(1).run(|| {
        let client = socket();
        client.send_to(b"thread", to).unwrap();
        assert_eq!(client.recv(&mut [0; 8]).unwrap(), 6);
    });
    thread.join().unwrap();
}
