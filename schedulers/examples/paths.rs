//! One of gmp's paths, walked so many times on one P: `paths yield 100000`. For tools that count instructions, such as `.ci/instructions`, which keeps
//! them within bounds; without arguments it lists what it can walk.
//!
//! Each path is a loop of nothing but the operation, so that the difference of two counts of it is the operation alone.

use std::process::ExitCode;

use schedulers::gmp::{self, Runtime, sync::Mutex};

/// Name, what one operation is, and the loop.
type Path = (&'static str, &'static str, fn(u64));

const PATHS: [Path; 11] = [
    ("yield", "one of two Gs yields to the other", yields::<2>),
    ("yield_1000", "one of a thousand Gs yields to the next", yields::<1000>),
    ("ping_pong", "half of a round trip of two Gs over channels without a buffer", ping_pong::<0>),
    ("ping_pong_buffered", "the same over channels of capacity 1", ping_pong::<1>),
    ("channel", "one message through a channel of capacity 128, from one G to another", channel),
    ("spawn_join", "a G is spawned, runs, ends, and is joined", spawn_join),
    ("spawn_many", "the same, a hundred at a time", spawn_many),
    ("spawn_detached", "a G is spawned and its handle dropped, runs and ends, a hundred at a time", spawn_detached),
    ("spawn_scope", "a G of a scope is spawned, a hundred at a time, runs and ends before the scope does", spawn_scope),
    ("fork", "one `join` of a recursion whose halves are not stolen", fork),
    ("mutex", "one G locks and unlocks a mutex that nobody wants", mutex),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.is_empty() {
        PATHS.iter().for_each(|(name, what, _)| println!("{name}\t{what}"));
        return ExitCode::SUCCESS;
    }
    let [name, times] = &args[..] else { return mistake("expected the name of a path and how many times") };
    let Some((_, _, walk)) = PATHS.iter().find(|(known, ..)| known == name) else {
        return mistake(&format!("unknown path '{name}'"));
    };
    let Ok(times) = times.parse() else { return mistake(&format!("'{times}' is no number of times")) };
    // SAFETY: nothing here keeps a reference into a thread-local, or a guard, across a call to gmp.
    match unsafe { Runtime::builder().procs(1).build() } {
        Ok(runtime) => runtime.run(|| walk(times)),
        Err(error) => return mistake(&format!("no runtime: {error}")),
    }
    ExitCode::SUCCESS
}

fn mistake(what: &str) -> ExitCode {
    eprintln!("paths: {what}");
    ExitCode::from(2)
}

/// A yield of one of `GS` Gs is one operation.
fn yields<const GS: u64>(times: u64) {
    let each = times / GS;
    let gs: Vec<_> = (0..GS).map(|_| gmp::spawn(move || (0..each).for_each(|_| gmp::yield_now()))).collect();
    gs.into_iter().for_each(|g| g.join().expect("yielding does not panic"));
}

/// A message there is one operation, and one back another.
fn ping_pong<const CAPACITY: usize>(times: u64) {
    let (ping, pings) = gmp::channel::<u64>(CAPACITY);
    let (pong, pongs) = gmp::channel::<u64>(CAPACITY);
    let other = gmp::spawn(move || pings.iter().try_for_each(|n| pong.send(n)));
    for n in 0..times / 2 {
        ping.send(n).expect("the other G receives until we leave");
        assert_eq!(pongs.recv(), Ok(n));
    }
    drop(ping);
    assert!(matches!(other.join(), Ok(Ok(()))));
}

fn channel(times: u64) {
    let (sender, receiver) = gmp::channel::<u64>(128);
    let sum = gmp::spawn(move || receiver.iter().sum::<u64>());
    (0..times).for_each(|n| sender.send(n).expect("the other G receives until we leave"));
    drop(sender);
    assert!(matches!(sum.join(), Ok(sum) if sum == times * times.saturating_sub(1) / 2));
}

fn spawn_join(times: u64) {
    for n in 0..times {
        assert!(matches!(gmp::spawn(move || n).join(), Ok(it) if it == n));
    }
}

fn spawn_many(times: u64) {
    const AT_A_TIME: u64 = 100;
    for _ in 0..times / AT_A_TIME {
        let gs: [_; AT_A_TIME as usize] = std::array::from_fn(|n| gmp::spawn(move || n));
        gs.into_iter().enumerate().for_each(|(n, g)| assert!(matches!(g.join(), Ok(it) if it == n)));
    }
}

fn spawn_detached(times: u64) {
    const AT_A_TIME: u64 = 100;
    for _ in 0..times / AT_A_TIME {
        (0..AT_A_TIME).for_each(|n| drop(gmp::spawn(move || n)));
        gmp::yield_now();
    }
}

fn spawn_scope(times: u64) {
    const AT_A_TIME: u64 = 100;
    for _ in 0..times / AT_A_TIME {
        let mut sums = [0; AT_A_TIME as usize];
        gmp::scope(|scope| {
            sums.iter_mut().zip(0..).for_each(|(sum, n)| drop(scope.spawn(move || *sum = n)));
        });
        assert_eq!(sums.iter().sum::<u64>(), (0..AT_A_TIME).sum());
    }
}

fn fork(times: u64) {
    /// Forks `forks` times.
    fn walk(forks: u64) -> u64 {
        if forks == 0 {
            return 0;
        }
        let left = (forks - 1) / 2;
        let (a, b) = gmp::join(|| walk(left), || walk(forks - 1 - left));
        a + b + 1
    }
    assert_eq!(walk(times), times);
}

fn mutex(times: u64) {
    let count = Mutex::new(0);
    (0..times).for_each(|_| *count.lock() += 1);
    assert_eq!(count.into_inner(), times);
}
