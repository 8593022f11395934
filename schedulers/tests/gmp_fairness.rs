//! Nobody waits for ever: each kind of traffic that could keep a P busy, against each way of becoming runnable.

use std::{
    io::{Read, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use schedulers::gmp::{
    self, JoinHandle, Runtime,
    net::{TcpListener, TcpStream},
    sync::{Condvar, Mutex},
    time::sleep,
};

/// For ever, on the scale of a scheduler.
const PATIENCE: Duration = Duration::from_secs(20);

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

/// Set when the traffic is to end.
#[derive(Clone, Default)]
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn requested(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// A goroutine that repeats `work` until the end.
    fn until(&self, mut work: impl FnMut() + Send + 'static) -> JoinHandle<()> {
        let stop = self.clone();
        gmp::spawn(move || {
            while !stop.requested() {
                work();
            }
        })
    }
}

/// Goroutines that keep all Ps busy until the end.
type Traffic = fn(&Stop) -> Vec<JoinHandle<()>>;

fn yielders(stop: &Stop) -> Vec<JoinHandle<()>> {
    (0..8).map(|_| stop.until(gmp::yield_now)).collect()
}

/// More than the local queues hold: the global one is never empty.
fn a_flood_of_yielders(stop: &Stop) -> Vec<JoinHandle<()>> {
    (0..2000).map(|_| stop.until(gmp::yield_now)).collect()
}

fn ping_pong_pairs(stop: &Stop) -> Vec<JoinHandle<()>> {
    let pairs = (0..4).flat_map(|_| {
        let (ping, pinged) = gmp::channel(0);
        let (pong, ponged) = gmp::channel(0);
        let echo = gmp::spawn(move || pinged.iter().for_each(|n: u32| pong.send(n).unwrap()));
        let player = stop.until(move || {
            ping.send(1).unwrap();
            ponged.recv().unwrap();
        });
        [echo, player]
    });
    pairs.collect()
}

/// Each goroutine spawns its successor and ends: `runnext` is never empty.
fn chains_of_spawns(stop: &Stop) -> Vec<JoinHandle<()>> {
    fn link(stop: Stop, done: gmp::Sender<()>) {
        if stop.requested() {
            drop(done);
        } else {
            drop(gmp::spawn(move || link(stop, done)));
        }
    }
    let chains = (0..4).map(|_| {
        let (done, ended) = gmp::channel::<()>(0);
        link(stop.clone(), done);
        gmp::spawn(move || assert!(ended.recv().is_err()))
    });
    chains.collect()
}

fn sleepers(stop: &Stop) -> Vec<JoinHandle<()>> {
    (0..200).map(|n| stop.until(move || sleep(Duration::from_micros(1 + n % 7)))).collect()
}

fn a_convoy_at_a_lock(stop: &Stop) -> Vec<JoinHandle<()>> {
    let lock = Arc::new(Mutex::new(0u64));
    let convoy = (0..8).map(|_| {
        let lock = lock.clone();
        stop.until(move || {
            let mut guard = lock.lock();
            gmp::yield_now();
            *guard += 1;
        })
    });
    convoy.collect()
}

fn broadcasts(stop: &Stop) -> Vec<JoinHandle<()>> {
    let shared = Arc::new((Mutex::new(0u64), Condvar::new()));
    let turns = (0..8).map(|_| {
        let (shared, stop) = (shared.clone(), stop.clone());
        gmp::spawn(move || {
            let mut turns = shared.0.lock();
            while !stop.requested() {
                *turns += 1;
                if *turns % 8 == 0 {
                    shared.1.notify_all();
                } else {
                    shared.1.wait(&mut turns);
                }
            }
            shared.1.notify_all();
        })
    });
    turns.collect()
}

fn blocking_calls(stop: &Stop) -> Vec<JoinHandle<()>> {
    (0..8).map(|_| stop.until(|| gmp::block_in_place(|| std::thread::sleep(Duration::from_micros(20))))).collect()
}

fn hogs(stop: &Stop) -> Vec<JoinHandle<()>> {
    (0..3).map(|_| stop.until(std::hint::spin_loop)).collect()
}

fn echoes(stop: &Stop) -> Vec<JoinHandle<()>> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let pairs = (0..4).flat_map(|_| {
        let mut client = TcpStream::connect(address).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let echo = gmp::spawn(move || {
            let mut byte = [0];
            while server.read(&mut byte).unwrap() == 1 {
                server.write_all(&byte).unwrap();
            }
        });
        let player = stop.until(move || {
            client.write_all(b"p").unwrap();
            client.read_exact(&mut [0]).unwrap();
        });
        [echo, player]
    });
    pairs.collect()
}

/// Each way of becoming runnable, a few times over: in the local queue, through the global one, by a timer, by a thread, by the network.
fn everybody_gets_a_turn(procs: usize, traffic: Traffic) {
    let runtime = runtime(procs);
    let stop = Stop::default();
    let begins = stop.clone();
    let traffic = runtime.spawn(move || traffic(&begins)).join().unwrap();
    let (sender, receiver) = gmp::channel(64);
    let (to_g, from_thread) = gmp::channel(0);
    let local = sender.clone();
    let from_outside = runtime.spawn(move || {
        let handle = gmp::spawn(gmp::yield_now);
        let mut client = {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let mut server = listener.accept().unwrap().0;
            drop(gmp::spawn(move || {
                sleep(Duration::from_millis(1));
                server.write_all(b"x").unwrap();
            }));
            client
        };
        handle.join().unwrap();
        local.send("a child of mine has run").unwrap();
        sleep(Duration::from_millis(1));
        local.send("a timer woke me").unwrap();
        assert_eq!(from_thread.recv(), Ok(1));
        local.send("a thread woke me").unwrap();
        client.read_exact(&mut [0]).unwrap();
        local.send("the network woke me").unwrap();
        gmp::block_in_place(|| std::thread::sleep(Duration::from_micros(100)));
        gmp::yield_now();
        local.send("I have a P again").unwrap();
    });
    let expect = |text| assert_eq!(receiver.recv_timeout(PATIENCE), Ok(text));
    expect("a child of mine has run");
    expect("a timer woke me");
    to_g.send(1).unwrap();
    expect("a thread woke me");
    expect("the network woke me");
    expect("I have a P again");
    from_outside.join().unwrap();
    stop.0.store(true, Relaxed);
    traffic.into_iter().for_each(|handle| handle.join().unwrap());
    assert_eq!(runtime.shutdown(), 0);
}

fn everybody_gets_a_turn_beside(traffic: Traffic) {
    [1, 2, 4].into_iter().for_each(|procs| everybody_gets_a_turn(procs, traffic));
}

#[test]
fn nobody_starves_behind_yielders() {
    everybody_gets_a_turn_beside(yielders);
}

#[test]
fn nobody_starves_behind_a_flood_of_yielders() {
    everybody_gets_a_turn_beside(a_flood_of_yielders);
}

#[test]
fn nobody_starves_behind_ping_pong_pairs() {
    everybody_gets_a_turn_beside(ping_pong_pairs);
}

#[test]
fn nobody_starves_behind_chains_of_spawns() {
    everybody_gets_a_turn_beside(chains_of_spawns);
}

#[test]
fn nobody_starves_behind_sleepers() {
    everybody_gets_a_turn_beside(sleepers);
}

#[test]
fn nobody_starves_behind_a_convoy_at_a_lock() {
    everybody_gets_a_turn_beside(a_convoy_at_a_lock);
}

#[test]
fn nobody_starves_behind_broadcasts() {
    everybody_gets_a_turn_beside(broadcasts);
}

#[test]
fn nobody_starves_behind_blocking_calls() {
    everybody_gets_a_turn_beside(blocking_calls);
}

#[test]
fn nobody_starves_behind_hogs() {
    everybody_gets_a_turn_beside(hogs);
}

#[test]
fn nobody_starves_behind_traffic_of_the_network() {
    everybody_gets_a_turn_beside(echoes);
}

/// All at once.
#[test]
fn nobody_starves_behind_all_of_them_together() {
    let all: Traffic = |stop| {
        let all: [Traffic; 8] = [
            yielders,
            ping_pong_pairs,
            chains_of_spawns,
            sleepers,
            a_convoy_at_a_lock,
            broadcasts,
            blocking_calls,
            echoes,
        ];
        all.into_iter().flat_map(|traffic| traffic(stop)).collect()
    };
    everybody_gets_a_turn_beside(all);
}

/// Threads outside keep the global queue full; who is in a local one, or sleeps, gets a turn.
#[test]
fn a_flood_from_outside_starves_nobody_inside() {
    for procs in [1, 2] {
        let runtime = runtime(procs);
        let stop = Stop::default();
        std::thread::scope(|threads| {
            let flood = || {
                threads.spawn(|| {
                    while !stop.requested() {
                        // In bursts, and not faster than they are worked off: memory is not what this is about.
                        let burst: Vec<_> = (0..500).map(|_| runtime.spawn(gmp::yield_now)).collect();
                        burst.into_iter().for_each(|one| one.join().unwrap());
                    }
                })
            };
            let floods = [flood(), flood()];
            runtime.run(|| {
                for n in 0..20 {
                    sleep(Duration::from_micros(100));
                    assert_eq!(gmp::spawn(move || n).join().unwrap(), n);
                    gmp::yield_now();
                }
            });
            stop.0.store(true, Relaxed);
            floods.into_iter().for_each(|flood| flood.join().unwrap());
        });
    }
}

/// Of equals that yield none gets ahead of the others by more than what a queue that is drained in parts explains.
#[test]
fn those_who_yield_share_one_p_evenly() {
    const TURNS: u32 = 2000;
    runtime(1).run(|| {
        let turns = Arc::new(Mutex::new([0u32; 10]));
        let stop = Stop::default();
        let all: Vec<_> = (0..10)
            .map(|id| {
                let (turns, ends) = (turns.clone(), stop.clone());
                stop.until(move || {
                    let mut turns = turns.lock();
                    turns[id] += 1;
                    if turns[id] >= TURNS {
                        ends.0.store(true, Relaxed);
                    }
                    drop(turns);
                    gmp::yield_now();
                })
            })
            .collect();
        all.into_iter().for_each(|one| one.join().unwrap());
        let turns = *turns.lock();
        assert!(turns.iter().all(|&turns| turns > TURNS / 2), "{turns:?}");
    });
}

/// More than a queue holds, both ends counted, and always ready: none of them is served again and again while others wait.
#[test]
fn hundreds_of_busy_sockets_are_served_about_evenly() {
    const SOCKETS: usize = 300; // 600 descriptors: systems allow 1,024.
    const TURNS: usize = 40;
    for procs in [1, 2] {
        let mut turns = runtime(procs).run(|| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let (all, (start, started)) = (Arc::new(AtomicUsize::new(0)), gmp::channel::<()>(0));
            let connection = |_| {
                let mut client = TcpStream::connect(address).unwrap();
                let mut server = listener.accept().unwrap().0;
                drop(gmp::spawn(move || {
                    let mut byte = [0];
                    while server.read(&mut byte).unwrap() == 1 {
                        server.write_all(&byte).unwrap();
                    }
                }));
                let (all, started) = (all.clone(), started.clone());
                gmp::spawn(move || {
                    started.recv().unwrap_err();
                    let mut turns = 0;
                    while all.fetch_add(1, Relaxed) < TURNS * SOCKETS {
                        client.write_all(b"p").unwrap();
                        client.read_exact(&mut [0]).unwrap();
                        turns += 1;
                    }
                    turns
                })
            };
            let clients: Vec<_> = (0..SOCKETS).map(connection).collect();
            drop(start);
            clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
        });
        turns.sort_unstable();
        assert!(turns[SOCKETS / 10] > TURNS * 3 / 4, "{procs} Ps: {turns:?}");
    }
}
