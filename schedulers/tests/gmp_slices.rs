//! Loops and reductions over slices: results, their order, parallelism, panics.

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::{AtomicU32, AtomicUsize, Ordering::*},
    time::Duration,
};

use schedulers::gmp::{
    self, Runtime,
    slices::{for_each, for_each_mut, map_reduce},
};

const PROCS: [usize; 3] = [1, 2, 4];
/// Pieces of one item, of several, of all, and more than that.
const GRAINS: [usize; 6] = [0, 1, 3, 7, 1000, usize::MAX];

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

/// Calls `check` as a goroutine on one P, two and four, and on this thread.
fn everywhere(check: impl Fn() + Sync) {
    for procs in PROCS {
        let runtime = runtime(procs);
        runtime.run(&check);
        assert_eq!(runtime.shutdown(), 0);
    }
    check();
}

fn numbers(range: Range<u64>) -> Vec<u64> {
    range.collect()
}

#[test]
fn each_item_is_visited_once() {
    everywhere(|| {
        for len in [0, 1, 2, 3, 10, 1000] {
            for grain in GRAINS {
                let visits: Vec<AtomicU32> = (0..len).map(|_| AtomicU32::new(0)).collect();
                for_each(&visits, grain, |visits| _ = visits.fetch_add(1, Relaxed));
                assert!(visits.into_iter().all(|visits| visits.into_inner() == 1), "{len} items, grain {grain}");
            }
        }
    });
}

#[test]
fn each_item_is_changed_once() {
    everywhere(|| {
        for len in [0, 1, 2, 3, 10, 1000] {
            for grain in GRAINS {
                let mut items = numbers(0..len);
                for_each_mut(&mut items, grain, |n| *n = *n * 2 + 1);
                assert!(items.into_iter().eq((0..len).map(|n| n * 2 + 1)), "{len} items, grain {grain}");
            }
        }
    });
}

#[test]
fn a_reduction_keeps_the_order_of_the_slice() {
    let items = numbers(0..500);
    let expected: String = items.iter().map(u64::to_string).collect();
    everywhere(|| {
        for grain in GRAINS {
            let text = map_reduce(&items, grain, |n| n.to_string(), |left, right| left + &right);
            assert_eq!(text.as_deref(), Some(&*expected), "grain {grain}");
        }
    });
}

#[test]
fn of_nothing_there_is_no_result_and_of_one_item_its_own() {
    everywhere(|| {
        for grain in GRAINS {
            let neither = |_, _| unreachable!("there are no two results");
            assert_eq!(map_reduce(&[], grain, |n: &u64| *n, neither), None);
            assert_eq!(map_reduce(&[7], grain, |n: &u64| n * n, neither), Some(49));
        }
    });
}

/// Sums of floats differ with the places of the parentheses.
#[test]
fn what_is_reduced_with_what_depends_on_length_and_grain_alone() {
    let items: Vec<f64> = (1..5000).map(|n| 1.0 / f64::from(n)).collect();
    let sum = |grain| map_reduce(&items, grain, |x| *x, |a, b| a + b).unwrap().to_bits();
    for grain in [1, 10, 1000] {
        let expected = sum(grain); // On this thread.
        for procs in PROCS {
            let runtime = runtime(procs);
            for _ in 0..10 {
                assert_eq!(runtime.run(|| sum(grain)), expected, "grain {grain}, {procs} Ps");
            }
        }
    }
    assert_ne!(sum(1), sum(usize::MAX), "they would not show it");
}

#[test]
fn a_piece_has_no_more_items_than_the_grain_and_is_one_goroutines() {
    let items = numbers(0..1000);
    for procs in PROCS {
        runtime(procs).run(|| {
            // A piece is a run of reductions that grows by one item each.
            let longest = AtomicUsize::new(0);
            map_reduce(
                &items,
                10,
                |_| (1, gmp::current_id()),
                |(left, goroutine), (right, other)| {
                    if right == 1 {
                        assert_eq!(goroutine, other);
                        longest.fetch_max(left + right, Relaxed);
                    }
                    (left + right, gmp::current_id())
                },
            );
            assert_eq!(longest.into_inner(), 8, "1000 halved until there are 10 at most");
        });
    }
}

/// Two items wait for each other: they are under way at once, or never end.
#[test]
fn pieces_run_in_parallel_and_may_park() {
    runtime(2).run(|| {
        let (here, there) = gmp::channel(0);
        for_each(&[0, 1], 1, |n| match n {
            0 => here.send("a ball").unwrap(),
            _ => assert_eq!(there.recv(), Ok("a ball")),
        });
    });
}

#[test]
fn loops_nest() {
    everywhere(|| {
        let mut table: Vec<Vec<u64>> = (0..30).map(|row| numbers(row..row + 40)).collect();
        for_each_mut(&mut table, 1, |row| for_each_mut(row, 3, |n| *n += 1));
        let sum = |row: &Vec<u64>| map_reduce(row, 5, |n| *n, |a, b| a + b).unwrap();
        let total = map_reduce(&table, 2, sum, |a, b| a + b);
        assert_eq!(total, Some((0..30).map(|row| (row + 1..row + 41).sum::<u64>()).sum()));
    });
}

#[test]
fn the_first_panic_in_the_order_of_the_slice_is_the_one_that_propagates() {
    let items = numbers(0..100);
    everywhere(|| {
        let running = AtomicUsize::new(0);
        for grain in [1, 7, 100] {
            let fail_at_30_and_70 = |n: &u64| {
                running.fetch_add(1, SeqCst);
                if n % 20 == 5 {
                    gmp::time::sleep(Duration::from_micros(200)); // Others begin.
                }
                running.fetch_sub(1, SeqCst);
                if matches!(n, 30 | 70) {
                    resume_unwind(Box::new(*n));
                }
            };
            let panic = catch_unwind(AssertUnwindSafe(|| for_each(&items, grain, fail_at_30_and_70)));
            assert_eq!(panic.unwrap_err().downcast_ref(), Some(&30u64), "grain {grain}");
            assert_eq!(running.load(SeqCst), 0, "all that have begun have ended");
            let reduce = |left: u64, right: u64| {
                if left < 50 && right >= 50 { resume_unwind(Box::new("middle")) } else { left.max(right) }
            };
            let panic = catch_unwind(AssertUnwindSafe(|| map_reduce(&items, grain, |n| *n, reduce)));
            assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"middle"), "grain {grain}");
        }
    });
}

#[test]
fn an_exit_ends_the_goroutine_that_loops() {
    for procs in PROCS {
        runtime(procs).run(|| {
            let loops = gmp::spawn(|| {
                for_each(&numbers(0..100), 1, |n| {
                    if *n == 60 {
                        gmp::exit()
                    }
                })
            });
            assert!(loops.join().unwrap_err().is_exit());
        });
    }
}
