//! `quicksort`: an array is partitioned, and both parts are sorted, each perhaps elsewhere.
//!
//! What it shows, what to expect and whose it is: see [`Quicksort::INFO`](Workload::INFO), which the report prints.
//!
//! A part that is longer than `grain` is partitioned by Hoare's scheme around the median of its first, middle and last element; a task is
//! started for the lower part, and the upper one is called. A shorter part is sorted by the same algorithm without tasks, down to 16 elements, which
//! are sorted by insertion. All models do this with the same code, in place, on one array of relaxed atomics: they are plain loads and stores on
//! every processor that matters, and tasks that may borrow nothing can write to them.
//!
//! An item is one array, and a slice is as many as fit in its time. A pass is timed inside the main task; filling the array again is not timed.
//! Element i is the upper half of [`scatter`]`(i + 1)`. The answer is a digest of the array as it is at the end, in its order: elements that are lost,
//! doubled or in each other's places change it.

use std::{
    cell::OnceCell,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use schedulers::model::{Async, Blocking, ForkJoin, Model};

use crate::{
    digest::{in_order, scatter},
    fit,
    params::{ParamSpec, Params, WORKERS},
    passes::{Pass, pass_after_pass, timed, timed_async},
    workload::{Body, Info, Metric, NotApplicable, Outcome, Takes, Workload},
};

/// See the [module](self).
pub struct Quicksort {
    n: usize,
    grain: usize,
    /// Computed by [`expected`](Workload::expected) when it is first asked.
    answer: OnceCell<String>,
}

/// Parts as short as this are sorted by insertion. Untuned; the same for all.
const INSERTION: usize = 16;

impl Workload for Quicksort {
    const INFO: Info = Info {
        name: "quicksort",
        title: "Quicksort",
        op: "element",
        model: Model::ForkJoin,
        metric: Metric::TimePerOp,
        shows: "Divide and conquer whose pieces are uneven and whose first step is serial: nobody can help before the \
                whole array has been partitioned once.",
        expect: "On one worker everybody is near the serial floor, since a task sorts some 600 elements in 30 us; \
                 threads pay 10 to 50 us for each. On two, the first partition (1 of some 18 levels) is \
                 alone, so that at best 0.53 of the time is left. Who runs a fork later, and rather his own newest, \
                 finds its elements in the cache.",
        origin: "Hoare, 1961; rayon-demo's quicksort; Cilk's cilksort.",
        params: &[
            ParamSpec { name: "n", about: "elements", min: 1, max: 100_000_000, default: 1_000_000 },
            ParamSpec {
                name: "grain",
                about: "parts of so many elements, or fewer, are sorted by plain code",
                min: INSERTION as u64,
                max: 100_000_000,
                default: 1_000,
            },
            WORKERS,
        ],
        variants: &[&[("workers", 2)]],
        full: &[&[("grain", 16)], &[("n", 10_000_000)]],
        floor: true,
        item_ms: 70,
        round_factor: 1,
        takes: &[
            Takes { of: &[("n", 10_000_000)], timed_ms: 660, untimed_ms: 40 },
            Takes { of: &[], timed_ms: 110, untimed_ms: 7 },
        ],
    };

    fn new(params: &Params) -> Self {
        let size = |name: &str| usize::try_from(params[name]).expect("the ranges allow 100,000,000");
        Quicksort { n: size("n"), grain: size("grain"), answer: OnceCell::new() }
    }

    /// Sorted by the standard library.
    fn expected(&self, _ops: u64) -> String {
        let sort = || {
            let mut sorted: Vec<_> = (0..self.n).map(element).collect();
            sorted.sort_unstable();
            answer(sorted.len(), sorted)
        };
        self.answer.get_or_init(sort).clone()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let (n, grain) = (self.n, self.grain);
        fit::tasks(R::LIMITS, self.tasks())?;
        let mut array = None;
        Ok(Box::new(move |contender, time| {
            let array: &Arc<Array> = array.get_or_insert_with(|| Arc::from(new_array(n)));
            sort_after_sort(time, array, || {
                let array = Arc::clone(array);
                contender.run(move || timed(|| sort::<R>(&array, 0, n, grain))).0
            })
        }))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        let (n, grain) = (self.n, self.grain);
        fit::tasks(R::LIMITS, self.tasks())?;
        let mut array = None;
        Ok(Box::new(move |contender, time| {
            let array: &Arc<Array> = array.get_or_insert_with(|| Arc::from(new_array(n)));
            sort_after_sort(time, array, || {
                contender.run(timed_async(sort_async::<R>(Arc::clone(array), 0, n, grain))).0
            })
        }))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        let (n, grain) = (self.n, self.grain);
        let mut array = None;
        Ok(Box::new(move |contender, time| {
            let array: &Array = array.get_or_insert_with(|| new_array(n));
            sort_after_sort(time, array, || contender.run(|| timed(|| sort_joining::<R>(array, grain))).0)
        }))
    }
}

impl Quicksort {
    /// How many tasks may be alive at once: one a fork. With medians of three of random elements there are about 12 / 7 forks for each `grain` of
    /// elements; the elements are always the same, and a test counts them.
    fn tasks(&self) -> usize {
        2 * self.n / self.grain + 1
    }
}

/// Relaxed throughout: whoever reads an element after another task has written it has joined that task, or was started after it.
type Array = [AtomicU32];

fn sort<R: Blocking>(array: &Arc<Array>, begin: usize, end: usize, grain: usize) {
    let part = &array[begin..end];
    if part.len() <= grain {
        return sort_plainly(part);
    }
    let middle = begin + partition(part);
    let lower = {
        let array = Arc::clone(array);
        R::spawn(move || sort::<R>(&array, begin, middle, grain))
    };
    sort::<R>(array, middle, end, grain);
    R::join(lower);
}

fn sort_async<R: Async>(
    array: Arc<Array>,
    begin: usize,
    end: usize,
    grain: usize,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let part = &array[begin..end];
        if part.len() <= grain {
            return sort_plainly(part);
        }
        let middle = begin + partition(part);
        let lower = R::spawn(sort_async::<R>(Arc::clone(&array), begin, middle, grain));
        sort_async::<R>(array, middle, end, grain).await;
        R::join(lower).await;
    })
}

fn sort_joining<R: ForkJoin>(part: &Array, grain: usize) {
    if part.len() <= grain {
        return sort_plainly(part);
    }
    let (lower, upper) = part.split_at(partition(part));
    R::join(|| sort_joining::<R>(lower, grain), || sort_joining::<R>(upper, grain));
}

/// Without tasks.
fn sort_plainly(part: &Array) {
    if part.len() <= INSERTION {
        return insert_each(part);
    }
    let (lower, upper) = part.split_at(partition(part));
    sort_plainly(lower);
    sort_plainly(upper);
}

/// Moves what is small to the front and gives the length of the front: neither part is empty, and no element of the first is greater
/// than one of the second. For three elements at least.
fn partition(part: &Array) -> usize {
    let at = |index: usize| part[index].load(Relaxed);
    let (first, middle, last) = (at(0), at(part.len() / 2), at(part.len() - 1));
    // Two of the three are no less than this and two no greater, so both scans below stop inside the array, and apart from its ends.
    let pivot = first.min(middle).max(first.max(middle).min(last));
    let (mut low, mut high) = (0, part.len() - 1);
    loop {
        while at(low) < pivot {
            low += 1;
        }
        while at(high) > pivot {
            high -= 1;
        }
        if low >= high {
            return high + 1;
        }
        let (small, large) = (at(high), at(low));
        part[low].store(small, Relaxed);
        part[high].store(large, Relaxed);
        low += 1;
        high -= 1;
    }
}

fn insert_each(part: &Array) {
    for sorted in 1..part.len() {
        let element = part[sorted].load(Relaxed);
        let mut hole = sorted;
        while hole > 0 && part[hole - 1].load(Relaxed) > element {
            part[hole].store(part[hole - 1].load(Relaxed), Relaxed);
            hole -= 1;
        }
        part[hole].store(element, Relaxed);
    }
}

fn new_array(n: usize) -> Box<Array> {
    (0..n).map(|_| AtomicU32::new(0)).collect()
}

/// The element that is at `index` before it is sorted.
fn element(index: usize) -> u32 {
    (scatter(index as u64 + 1) >> 32) as u32
}

/// Sorts until `time` is up, at least once; `sort` tells how long it took.
fn sort_after_sort(time: Duration, array: &Array, mut sort: impl FnMut() -> Duration) -> Outcome {
    pass_after_pass(time, || {
        (0..).zip(array).for_each(|(index, place)| place.store(element(index), Relaxed));
        let wall = sort();
        let sorted = array.iter().map(|element| element.load(Relaxed));
        Pass { wall, ops: array.len() as u64, answer: answer(array.len(), sorted) }
    })
}

fn answer(n: usize, array: impl IntoIterator<Item = u32>) -> String {
    format!("{n} sorted, digest {:016x}", in_order(array))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::params::resolve;

    fn workload(n: usize, grain: usize) -> Quicksort {
        let given = [("n".to_owned(), n as u64), ("grain".to_owned(), grain as u64)].into();
        Quicksort::new(&resolve(&Quicksort::INFO, &given).unwrap())
    }

    fn atomic(values: &[u32]) -> Box<Array> {
        values.iter().copied().map(AtomicU32::new).collect()
    }

    fn plain(array: &Array) -> Vec<u32> {
        array.iter().map(|element| element.load(Relaxed)).collect()
    }

    #[test]
    fn there_are_no_more_forks_than_the_bound_says() {
        fn forks(part: &Array, grain: usize) -> usize {
            if part.len() <= grain {
                return 0;
            }
            let (lower, upper) = part.split_at(partition(part));
            1 + forks(lower, grain) + forks(upper, grain)
        }
        for (n, grain) in [(1_000_000, 1_000), (100_000, 16), (50_000, 5_000), (1_001, 1_000), (5, 16)] {
            let elements: Vec<_> = (0..n).map(element).collect();
            let forks = forks(&atomic(&elements), grain);
            assert!(forks <= workload(n, grain).tasks(), "{n}, {grain}: {forks}");
        }
    }

    #[test]
    fn elements_that_are_lost_or_in_each_others_places_are_noticed() {
        let workload = workload(100, 16);
        let array = new_array(100);
        let sorted = |spoil: fn(&Array)| {
            let sort = || {
                sort_plainly(&array);
                spoil(&array);
                Duration::from_secs(1)
            };
            sort_after_sort(Duration::ZERO, &array, sort).answer
        };
        assert_eq!(sorted(|_| ()), workload.expected(100));
        assert_ne!(sorted(|array| array[50].store(array[51].load(Relaxed), Relaxed)), workload.expected(100));
        assert_ne!(
            sorted(|array| array[0].store(array[1].swap(array[0].load(Relaxed), Relaxed), Relaxed)),
            workload.expected(100)
        );
    }

    proptest! {
        #[test]
        fn any_array_is_sorted(values in prop::collection::vec(0u32..100, 0..300)) {
            let array = atomic(&values);
            sort_plainly(&array);
            let mut sorted = values;
            sorted.sort_unstable();
            prop_assert_eq!(plain(&array), sorted);
        }

        #[test]
        fn a_partition_has_two_parts_and_nothing_is_on_the_wrong_side(values in prop::collection::vec(0u32..20, 3..100)) {
            let array = atomic(&values);
            let (lower, upper) = array.split_at(partition(&array));
            prop_assert!(!lower.is_empty() && !upper.is_empty());
            prop_assert!(plain(lower).iter().max() <= plain(upper).iter().min());
        }
    }
}
