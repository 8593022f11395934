//! Fork-join: results, parallelism, halves that park or hog. (Panics and exits: `gmp_join_panics`.)

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::*},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use schedulers::gmp::{self, GoroutineState, Runtime, WaitReason};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

fn fib(n: u32) -> u64 {
    if n < 2 {
        return n.into();
    }
    let (a, b) = gmp::join(|| fib(n - 1), || fib(n - 2));
    a + b
}

/// Of a range of numbers.
fn sum_with_yields(from: u64, to: u64) -> u64 {
    if from + 1 == to {
        if from.is_multiple_of(3) {
            gmp::yield_now();
        }
        return from;
    }
    let middle = from.midpoint(to);
    let (left, right) = gmp::join(|| sum_with_yields(from, middle), || sum_with_yields(middle, to));
    left + right
}

/// Keeps its thread, without a call to gmp, until `done` says so.
fn spin_until(done: impl Fn() -> bool) {
    while !done() {
        std::hint::spin_loop();
    }
}

#[test]
fn both_halves_give_their_results() {
    for procs in [1, 2, 4] {
        let runtime = runtime(procs);
        assert_eq!(runtime.run(|| gmp::join(|| 1, || "two")), (1, "two"));
        assert_eq!(runtime.run(|| fib(20)), 6765);
        assert_eq!(runtime.shutdown(), 0);
    }
}

#[test]
fn halves_borrow_from_the_caller() {
    fn double(numbers: &mut [u64]) -> u64 {
        if numbers.len() <= 10 {
            numbers.iter_mut().for_each(|number| *number *= 2);
            return numbers.iter().sum();
        }
        let (left, right) = numbers.split_at_mut(numbers.len() / 2);
        let (left, right) = gmp::join(|| double(left), || double(right));
        left + right
    }
    for procs in [1, 2, 4] {
        let mut numbers: Vec<u64> = (0..10_000).collect();
        let sum = runtime(procs).run(|| double(&mut numbers));
        assert_eq!(sum, 9_999 * 10_000);
        assert!(numbers.into_iter().eq((0..10_000).map(|n| n * 2)));
    }
}

#[test]
fn quicksort_sorts() {
    fn sort(numbers: &mut [u64]) {
        if numbers.len() < 2 {
            return;
        }
        let last = numbers.len() - 1;
        numbers.swap(last / 2, last);
        let mut middle = 0;
        for n in 0..last {
            if numbers[n] < numbers[last] {
                numbers.swap(n, middle);
                middle += 1;
            }
        }
        numbers.swap(middle, last);
        let (left, right) = numbers.split_at_mut(middle);
        gmp::join(|| sort(left), || sort(&mut right[1..]));
    }
    let mut random = Random(1);
    let numbers: Vec<u64> = (0..20_000).map(|_| random.below(1 << 20)).collect();
    let mut expected = numbers.clone();
    expected.sort_unstable();
    for procs in [1, 2, 4] {
        let mut numbers = numbers.clone();
        runtime(procs).run(|| sort(&mut numbers));
        assert!(numbers == expected);
    }
}

#[test]
fn on_one_p_a_fork_spawns_nothing() {
    let runtime = runtime(1);
    runtime.run(|| {
        let id = gmp::current_id();
        assert_eq!(gmp::join(gmp::current_id, gmp::current_id), (id, id));
        assert_eq!(fib(15), 610);
    });
    assert_eq!(runtime.stats().spawned, 1);
}

/// More jobs than may be pending; those for which there is no room are run by their forkers.
#[test]
fn recursion_may_be_deeper_than_the_stack_of_jobs() {
    fn down(n: u64) -> u64 {
        if n == 0 {
            return 0;
        }
        let (below, here) = gmp::join(|| down(n - 1), || n);
        below + here
    }
    for procs in [1, 2, 4] {
        // SAFETY: as in `runtime`.
        let runtime = unsafe { Runtime::builder().procs(procs).stack_size(4 << 20).build() }.unwrap();
        for _ in 0..10 {
            assert_eq!(runtime.run(|| down(1000)), 500_500);
        }
    }
}

/// Neither half calls gmp, and both wait for the other to begin.
#[test]
fn an_idle_p_takes_the_second_half_from_a_first_that_hogs() {
    let runtime = runtime(2);
    for _ in 0..50 {
        let begun = AtomicU32::new(0);
        let half = || {
            begun.fetch_add(1, SeqCst);
            spin_until(|| begun.load(SeqCst) == 2);
        };
        runtime.run(|| gmp::join(half, half));
    }
}

/// Of any size: it stays where the forker has put it, and is moved out there.
#[test]
fn what_the_second_half_captures_moves_with_it_once_whoever_runs_it() {
    struct Counts<'a>(&'a AtomicU32);
    impl Drop for Counts<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    fn check<const WORDS: usize>(procs: usize) {
        let runtime = runtime(procs);
        for n in 1..=50 {
            let (begun, dropped) = (&AtomicBool::new(false), &AtomicU32::new(0));
            let (guard, words) = (Counts(dropped), [n; WORDS]);
            let second = move || {
                begun.store(true, SeqCst);
                assert_eq!(dropped.load(SeqCst), 0);
                drop(guard);
                words.iter().sum::<usize>()
            };
            // With two Ps it is taken, with one it is not.
            let first = move || spin_until(|| procs == 1 || begun.load(SeqCst));
            let ((), sum) = runtime.run(|| gmp::join(first, second));
            assert_eq!((sum, dropped.load(SeqCst)), (n * WORDS, 1));
        }
    }

    for procs in [1, 2] {
        check::<0>(procs);
        check::<1>(procs);
        check::<40>(procs);
    }
}

#[test]
fn nested_forks_spread_over_all_ps() {
    for procs in [2, 4, 8] {
        let runtime = runtime(procs);
        for _ in 0..20 {
            fn fork(width: usize, leaf: &(impl Fn() + Sync)) {
                if width == 1 {
                    return leaf();
                }
                gmp::join(|| fork(width / 2, leaf), || fork(width / 2, leaf));
            }
            let begun = AtomicU32::new(0);
            let leaf = || {
                begun.fetch_add(1, SeqCst);
                while begun.load(SeqCst) < procs as u32 {
                    thread::yield_now(); // More of them than cores.
                }
            };
            runtime.run(|| fork(procs, &leaf));
        }
    }
}

/// With one P too: what has parked is not in the way of its second half.
#[test]
fn while_the_first_half_is_parked_the_second_runs() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            for n in 0..100u32 {
                let (sender, receiver) = gmp::channel(0);
                let here = gmp::current_id();
                let ((received, first), second) = gmp::join(
                    || (receiver.recv(), gmp::current_id()),
                    || sender.send(n).map(|()| gmp::current_id()).unwrap(),
                );
                assert_eq!((received, first), (Ok(n), here));
                assert_ne!(second, here);
            }
        });
    }
}

#[test]
fn jobs_of_a_parked_forker_are_not_starved_by_others() {
    runtime(1).run(|| {
        let ended = AtomicBool::new(false);
        gmp::scope(|scope| {
            // Always somebody in the local queue.
            for _ in 0..2 {
                scope.spawn(|| {
                    while !ended.load(Relaxed) {
                        gmp::yield_now();
                    }
                });
            }
            let (sender, receiver) = gmp::channel(0);
            gmp::join(|| receiver.recv().unwrap(), || sender.send(1).unwrap());
            ended.store(true, Relaxed);
        });
    });
}

#[test]
fn a_first_half_that_blocks_its_thread_gives_its_p_to_the_second() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (sender, receiver) = mpsc::channel();
            let (received, ()) =
                gmp::join(|| gmp::block_in_place(move || receiver.recv()), move || sender.send(5).unwrap());
            assert_eq!(received, Ok(5));
        });
    }
}

#[test]
fn a_forker_waits_parked_and_is_reported_so() {
    for procs in [1, 2] {
        let runtime = runtime(procs);
        runtime.run(|| {
            let (id_sender, id) = gmp::channel(0);
            let (go, gone) = gmp::channel(0);
            let forks = gmp::spawn(move || {
                let here = gmp::current_id().unwrap();
                // The first half returns when the second has begun, and that does not end before we have looked.
                let (begin, begun) = gmp::channel(0);
                gmp::join(
                    || begun.recv().unwrap(),
                    || {
                        begin.send(()).unwrap();
                        id_sender.send(here).unwrap();
                        gone.recv().unwrap()
                    },
                )
            });
            let id = id.recv().unwrap();
            let waits = || {
                let snapshot = runtime.snapshot();
                let forker = snapshot.goroutines.iter().find(|goroutine| goroutine.id == id);
                forker.is_some_and(|forker| forker.state == GoroutineState::Waiting(WaitReason::Join))
            };
            while !waits() {
                gmp::yield_now();
            }
            go.send(9).unwrap();
            assert_eq!(forks.join().unwrap(), ((), 9));
        });
    }
}

#[test]
fn a_join_fits_into_scopes_and_blocking_calls_and_destructors() {
    struct Joins<'a>(&'a AtomicU64);
    impl Drop for Joins<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(fib(10), Relaxed);
        }
    }
    for procs in [1, 2, 4] {
        runtime(procs).run(|| {
            let sum = AtomicU64::new(0);
            gmp::scope(|scope| {
                for _ in 0..10 {
                    scope.spawn(|| sum.fetch_add(fib(10), Relaxed));
                }
                gmp::join(|| scope.spawn(|| sum.fetch_add(1, Relaxed)), || scope.spawn(|| sum.fetch_add(1, Relaxed)));
            });
            assert_eq!(sum.load(Relaxed), 552);
            assert_eq!(gmp::block_in_place(|| fib(10)), 55);
            let panic = catch_unwind(AssertUnwindSafe(|| {
                let _joins = Joins(&sum);
                resume_unwind(Box::new("panic"));
            }));
            assert!(panic.is_err());
            assert_eq!(sum.load(Relaxed), 607);
        });
    }
}

#[test]
fn on_a_plain_thread_it_is_two_calls() {
    let here = thread::current().id();
    assert_eq!(gmp::join(|| thread::current().id(), || thread::current().id()), (here, here));
    assert_eq!(fib(10), 55);
}

#[test]
fn a_second_half_that_was_taken_may_hog() {
    for procs in [1, 2, 4] {
        let runtime = runtime(procs);
        for _ in 0..20 {
            runtime.run(|| {
                let ended = AtomicBool::new(false);
                let (begin, begun) = gmp::channel(1);
                let ((), second) = gmp::join(
                    || {
                        begun.recv().unwrap();
                        gmp::yield_now();
                        ended.store(true, SeqCst);
                    },
                    || {
                        begin.send(()).unwrap();
                        spin_until(|| ended.load(SeqCst));
                        fib(5)
                    },
                );
                assert_eq!(second, 5);
            });
        }
    }
}

/// The first half waits for the second without a call to gmp. Somebody else waits too, so that it loses its P, whose next M finds the job.
#[test]
fn the_second_half_of_a_hog_that_loses_its_p_goes_with_the_p() {
    let runtime = runtime(1);
    for _ in 0..5 {
        runtime.run(|| {
            let begun = AtomicBool::new(false);
            let other = gmp::spawn(gmp::yield_now);
            gmp::join(|| spin_until(|| begun.load(SeqCst)), || begun.store(true, SeqCst));
            other.join().unwrap();
        });
    }
    assert!(runtime.stats().retakes >= 5);
}

/// They come back to their jobs without a P, while another M runs forkers on it.
#[test]
fn forkers_that_lose_their_ps_keep_their_jobs() {
    fn leaves(depth: u32) -> u32 {
        if depth == 0 {
            let begin = Instant::now();
            spin_until(|| begin.elapsed() > Duration::from_micros(1500));
            return 1;
        }
        let (left, right) = gmp::join(|| leaves(depth - 1), || leaves(depth - 1));
        left + right
    }
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let forkers: Vec<_> = (0..4).map(|_| gmp::spawn(|| leaves(4))).collect();
            assert!(forkers.into_iter().all(|forker| forker.join().unwrap() == 16));
        });
    }
}

/// Jobs stand on Ps that are stopped, and on Ps that go away.
#[test]
fn forks_go_on_while_the_world_stops_and_ps_come_and_go() {
    let runtime = runtime(4);
    runtime.run(|| {
        let ended = AtomicU32::new(0);
        gmp::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for n in 0..10u64 {
                        assert_eq!(sum_with_yields(n, n + 200), 200 * n + 19_900);
                    }
                    ended.fetch_add(1, Relaxed);
                });
            }
            let mut random = Random(7);
            while ended.load(Relaxed) < 8 {
                gmp::set_procs(1 + random.below(5) as usize);
                gmp::stop_the_world(|_| thread::yield_now());
                gmp::yield_now();
            }
        });
    });
    assert_eq!(runtime.shutdown(), 0);
}

/// xorshift64*: enough to mix operations.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }
}

/// A tree of joins whose leaves and inner nodes do everything that parks, moves or ends a goroutine. A leaf that panics takes its branch with it, which
/// some node above catches; each says how many leaves it lost.
fn random_tree(depth: u32, random: u64, lost: &AtomicU64) -> u64 {
    let mut random = Random(random);
    let disturb = |random: &mut Random| match random.below(16) {
        0 => gmp::yield_now(),
        1 => gmp::time::sleep(Duration::from_micros(random.below(200))),
        2 => {
            let (sender, receiver) = gmp::channel(0);
            let other = gmp::spawn(move || sender.send(1u64));
            assert_eq!(receiver.recv(), Ok(1));
            other.join().unwrap().unwrap();
        }
        3 => gmp::block_in_place(thread::yield_now),
        _ => {}
    };
    disturb(&mut random);
    if depth == 0 {
        if random.below(50) == 0 {
            resume_unwind(Box::new("leaf"));
        }
        return 1;
    }
    let (left, right) = (random.below(u64::MAX) | 1, random.below(u64::MAX) | 1);
    let catches = depth >= 8 || random.below(4) == 0;
    let branch = || {
        let (left, right) = gmp::join(|| random_tree(depth - 1, left, lost), || random_tree(depth - 1, right, lost));
        left + right
    };
    let leaves = if catches {
        // Whatever the branch below has noted as lost is part of what is lost here.
        let inner = AtomicU64::new(0);
        match catch_unwind(AssertUnwindSafe(|| {
            let (left, right) =
                gmp::join(|| random_tree(depth - 1, left, &inner), || random_tree(depth - 1, right, &inner));
            left + right
        })) {
            Ok(leaves) => {
                lost.fetch_add(inner.into_inner(), Relaxed);
                leaves
            }
            Err(payload) => {
                assert_eq!(payload.downcast_ref(), Some(&"leaf"));
                lost.fetch_add(1 << depth, Relaxed);
                0
            }
        }
    } else {
        branch()
    };
    disturb(&mut random);
    leaves
}

#[test]
fn random_trees_keep_their_sums() {
    const DEPTH: u32 = 8;
    const TREES: u64 = 16;
    for (procs, seed) in [(1, 11), (2, 22), (4, 33), (8, 44)] {
        let runtime = runtime(procs);
        let sums: Vec<(u64, u64)> = runtime.run(|| {
            gmp::scope(|scope| {
                let trees: Vec<_> = (0..TREES)
                    .map(|n| {
                        scope.spawn(move || {
                            let lost = AtomicU64::new(0);
                            let leaves = random_tree(DEPTH, (seed << 32) + n, &lost);
                            (leaves, lost.into_inner())
                        })
                    })
                    .collect();
                trees.into_iter().map(|tree| tree.join().unwrap()).collect()
            })
        });
        for (leaves, lost) in sums {
            assert_eq!(leaves + lost, 1 << DEPTH, "procs {procs}, seed {seed}");
        }
        assert_eq!(runtime.shutdown(), 0, "procs {procs}, seed {seed}");
    }
}

/// Forkers of many goroutines interleave on the same stacks of jobs.
#[test]
fn many_forkers_on_one_p_do_not_mix_up_their_jobs() {
    for procs in [1, 2, 4] {
        runtime(procs).run(|| {
            let forkers: Vec<_> = (0..50u64).map(|n| gmp::spawn(move || sum_with_yields(n, n + 100))).collect();
            for (n, forker) in forkers.into_iter().enumerate() {
                assert_eq!(forker.join().unwrap(), 100 * n as u64 + 4950);
            }
        });
    }
}
