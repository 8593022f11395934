//! Everything at once, at random, for as long as one likes: the sums are right, no goroutine is left, and memory stays flat.
//!
//! `GMP_SOAK_SECONDS` says how long (5 by default), `GMP_SOAK_SEED` from which number the random ones come; both are printed. Goroutines run in parallel, so a
//! seed repeats what is done, not in which order.

use std::{
    hint::black_box,
    io::{Read, Write},
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::*},
    time::{Duration, Instant},
};

use schedulers::gmp::{
    self, Runtime,
    net::{TcpListener, TcpStream},
    select,
    sync::{Mutex, RwLock, Semaphore, WaitGroup},
};

/// Xorshift: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    /// Another, that goes its own way.
    fn split(&mut self) -> Random {
        Random(self.below(u64::MAX).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
}

/// What all goroutines share.
struct World {
    echo: SocketAddr,
    total: Mutex<u64>,
    table: RwLock<Vec<u64>>,
    permits: Semaphore,
    /// What `total` must be in the end.
    expected: AtomicU64,
}

impl World {
    fn expect(&self, n: u64) {
        self.expected.fetch_add(n, Relaxed);
    }

    fn add(&self, n: u64) {
        *self.total.lock() += n;
    }
}

/// One thing that goroutines do. It says what the total must grow by, and makes it grow.
type Deed = fn(&'static World, &mut Random);

const DEEDS: [Deed; 14] = [
    spawn_tree,
    channel,
    selects,
    echo,
    sleeps,
    gives_up,
    panics,
    exits,
    locks,
    blocks,
    computes,
    resizes,
    stops,
    locks_thread,
];

fn spawn_tree(world: &'static World, random: &mut Random) {
    fn sum(from: u64, to: u64) -> u64 {
        if to - from < 8 {
            return (from..to).sum();
        }
        let middle = from + (to - from) / 2;
        let upper = gmp::spawn(move || sum(middle, to));
        sum(from, middle) + upper.join().unwrap()
    }
    let n = random.below(300);
    world.expect((0..n).sum());
    world.add(sum(0, n));
}

fn channel(world: &'static World, random: &mut Random) {
    let (senders, values) = (1 + random.below(4), random.below(50));
    let (sender, receiver) = gmp::channel(random.below(4) as usize);
    world.expect(senders * (0..values).sum::<u64>());
    for _ in 0..senders {
        let sender = sender.clone();
        drop(gmp::spawn(move || (0..values).for_each(|n| sender.send(n).unwrap())));
    }
    drop(sender);
    let receivers: Vec<_> = (0..1 + random.below(3))
        .map(|_| {
            let receiver = receiver.clone();
            gmp::spawn(move || world.add(receiver.iter().sum()))
        })
        .collect();
    receivers.into_iter().for_each(|receiver| receiver.join().unwrap());
}

fn selects(world: &'static World, random: &mut Random) {
    let (a, from_a) = gmp::channel(0);
    let (b, from_b) = gmp::channel(random.below(3) as usize);
    let (n, m) = (random.below(30), random.below(30));
    world.expect((0..n).sum::<u64>() + (0..m).sum::<u64>());
    drop(gmp::spawn(move || (0..n).for_each(|n| a.send(n).unwrap())));
    drop(gmp::spawn(move || (0..m).for_each(|n| b.send(n).unwrap())));
    let (mut open_a, mut open_b, mut sum) = (true, true, 0);
    while open_a || open_b {
        let value = match (open_a, open_b) {
            (true, true) => select! {
                recv(from_a) -> value => value.map_err(|_| open_a = false),
                recv(from_b) -> value => value.map_err(|_| open_b = false),
                default(Duration::from_micros(50)) => Ok(0),
            },
            (true, false) => from_a.recv().map_err(|_| open_a = false),
            _ => from_b.recv().map_err(|_| open_b = false),
        };
        sum += value.unwrap_or(0);
    }
    world.add(sum);
}

fn echo(world: &'static World, random: &mut Random) {
    let length = 1 + random.below(5000) as usize;
    world.expect(length as u64);
    let stream = TcpStream::connect(world.echo).unwrap();
    let sent: Vec<_> = (0..length).map(|n| n as u8).collect();
    let mut came = vec![0; length];
    gmp::scope(|scope| {
        scope.spawn(|| (&stream).write_all(&sent).unwrap());
        (&stream).read_exact(&mut came).unwrap();
    });
    assert_eq!(came, sent);
    world.add(length as u64);
}

fn sleeps(world: &'static World, random: &mut Random) {
    let duration = Duration::from_micros(random.below(2000));
    let begin = Instant::now();
    gmp::time::sleep(duration);
    assert!(begin.elapsed() >= duration);
    world.expect(1);
    world.add(1);
}

fn gives_up(world: &'static World, random: &mut Random) {
    let (sender, receiver) = gmp::channel(0);
    let patience = |random: &mut Random| Duration::from_micros(random.below(300));
    let (ours, theirs) = (patience(random), patience(random));
    let sends = gmp::spawn(move || sender.send_timeout(1u64, theirs).is_ok());
    let received = receiver.recv_timeout(ours).unwrap_or(0);
    drop(receiver);
    let sent = sends.join().unwrap();
    assert_eq!(u64::from(sent), received);
    world.expect(received);
    world.add(received);
}

fn panics(world: &'static World, random: &mut Random) {
    struct Counts(&'static World, u64);
    impl Drop for Counts {
        fn drop(&mut self) {
            gmp::yield_now();
            self.0.add(self.1);
        }
    }
    let n = random.below(100);
    world.expect(n);
    let panics = gmp::spawn(move || {
        let _counts = Counts(world, n);
        gmp::yield_now();
        std::panic::resume_unwind(Box::new(n));
    });
    assert_eq!(*panics.join().unwrap_err().into_panic().downcast::<u64>().unwrap(), n);
}

fn exits(world: &'static World, random: &mut Random) {
    let n = random.below(100);
    world.expect(n);
    let exits = gmp::spawn(move || {
        world.add(n);
        gmp::exit();
    });
    assert!(exits.join().unwrap_err().is_exit());
}

fn locks(world: &'static World, random: &mut Random) {
    let (group, n) = (WaitGroup::new(), 1 + random.below(10));
    let place = random.below(16) as usize;
    world.expect(n);
    for _ in 0..n {
        group.add(1);
        let group = group.clone();
        drop(gmp::spawn(move || {
            let _permit = world.permits.acquire();
            if place.is_multiple_of(3) {
                world.table.write()[place] += 1;
            } else {
                black_box(world.table.read()[place]);
            }
            world.add(1);
            group.done();
        }));
    }
    group.wait();
}

fn blocks(world: &'static World, random: &mut Random) {
    let duration = Duration::from_micros(random.below(300));
    world.expect(1);
    if random.below(2) == 0 {
        gmp::block_in_place(|| std::thread::sleep(duration));
    } else {
        std::thread::sleep(duration);
    }
    world.add(1);
}

fn computes(world: &'static World, random: &mut Random) {
    let n = random.below(300_000);
    world.expect(1);
    black_box((0..n).map(black_box).sum::<u64>());
    world.add(1);
}

fn resizes(_: &'static World, random: &mut Random) {
    gmp::set_procs(1 + random.below(6) as usize);
}

fn stops(world: &'static World, random: &mut Random) {
    let micros = random.below(100);
    world.expect(1);
    let n = gmp::stop_the_world(|_| {
        std::thread::sleep(Duration::from_micros(micros));
        1
    });
    world.add(n);
}

fn locks_thread(world: &'static World, random: &mut Random) {
    let forgets = random.below(2) == 0;
    world.expect(1);
    let locked = gmp::spawn(move || {
        let lock = gmp::lock_os_thread();
        let here = std::thread::current().id();
        gmp::yield_now();
        gmp::time::sleep(Duration::from_micros(20));
        assert_eq!(std::thread::current().id(), here);
        if forgets {
            std::mem::forget(lock);
        }
        1
    });
    world.add(locked.join().unwrap());
}

/// Echoes each connection until its end.
fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept() {
        drop(gmp::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(n @ 1..) = (&stream).read(&mut buffer) {
                if (&stream).write_all(&buffer[..n]).is_err() {
                    break;
                }
            }
        }));
    }
}

/// Says what everybody is doing and ends the process when a round does not end.
fn watch(runtime: &Runtime, rounds: &AtomicU64, done: &AtomicBool) {
    const PATIENCE: Duration = Duration::from_secs(60);
    let (mut seen, mut since) = (0, Instant::now());
    while !done.load(Relaxed) {
        std::thread::sleep(Duration::from_millis(100));
        let now = rounds.load(Relaxed);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        if since.elapsed() > PATIENCE {
            eprintln!("round {now} does not end: {:#?}\n{:?}", runtime.snapshot(), runtime.stats());
            std::process::abort();
        }
    }
}

fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value}: expected a number")))
}

#[test]
fn sums_are_right_and_memory_is_flat_after_any_mixture() {
    const AT_ONCE: u64 = 40;
    let length = Duration::from_secs(variable("GMP_SOAK_SECONDS").unwrap_or(5));
    let clock = || Instant::now().elapsed().as_nanos() as u64 ^ u64::from(std::process::id()) << 20;
    let seed = variable("GMP_SOAK_SEED").unwrap_or_else(clock) | 1;
    println!("GMP_SOAK_SECONDS={} GMP_SOAK_SEED={seed}", length.as_secs());
    // SAFETY: the deeds keep nothing that belongs to a thread across a call to gmp.
    let runtime = unsafe { Runtime::builder().procs(3).build() }.unwrap();
    let (rounds, done, mut resident) = (AtomicU64::new(0), AtomicBool::new(false), Vec::new());
    let main = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let world: &'static World = Box::leak(Box::new(World {
            echo: listener.local_addr().unwrap(),
            total: Mutex::new(0),
            table: RwLock::new(vec![0; 16]),
            permits: Semaphore::new(3),
            expected: AtomicU64::new(0),
        }));
        drop(gmp::spawn(move || serve(listener)));
        let mut random = Random(seed);
        let begin = Instant::now();
        while begin.elapsed() < length {
            let goroutines: Vec<_> = (0..AT_ONCE)
                .map(|_| {
                    let mut random = random.split();
                    gmp::spawn(move || {
                        for _ in 0..5 {
                            DEEDS[random.below(DEEDS.len() as u64) as usize](world, &mut random);
                        }
                    })
                })
                .collect();
            goroutines.into_iter().for_each(|goroutine| goroutine.join().unwrap());
            let round = rounds.fetch_add(1, Relaxed);
            assert_eq!(*world.total.lock(), world.expected.load(Relaxed), "seed {seed}, round {round}");
            resident.push(resident_bytes());
        }
        world
    };
    let world = std::thread::scope(|threads| {
        threads.spawn(|| watch(&runtime, &rounds, &done));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.run(main)));
        done.store(true, Relaxed);
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    let rounds = rounds.into_inner();
    println!("{rounds} rounds, {} deeds, total {}", rounds * AT_ONCE * 5, *world.total.lock());
    println!(
        "resident: {:?} KiB",
        resident.iter().step_by(resident.len().div_ceil(10)).map(|n| n >> 10).collect::<Vec<_>>()
    );
    // What is cached (stacks, threads' memory, the allocator's) has its size after a while; from then on a leak would show.
    let half = resident.len() / 2;
    let highest = |part: &[u64]| part.iter().max().copied().unwrap_or(0);
    let (before, after) = (highest(&resident[..half]), highest(&resident[half..]));
    // The books that the sanitizers keep are not ours.
    let flat = cfg!(any(gmp_tsan, gmp_asan)) || after <= before + before / 4 + (8 << 20);
    assert!(flat, "{before} bytes grew to {after}, seed {seed}");
    // The server waits for connections, and nobody else is left; connections are closed a moment after their users have ended.
    let deadline = Instant::now() + Duration::from_secs(10);
    while runtime.snapshot().goroutines.len() > 1 {
        assert!(Instant::now() < deadline, "{:?}", runtime.snapshot());
        std::thread::sleep(Duration::from_millis(1));
    }
}
