//! Loops and reductions over slices, on [`join`]: a slice is halved down to pieces of `grain` items, and whoever has nothing to do takes the largest half that is left.
//!
//! **Why the grain is the caller's.** Only the caller knows what an item costs. Pieces that follow the number of Ps, or what happens to be stolen, would spare him the number,
//! but the shape of a reduction would follow them too: sums of floats would differ from run to run. And a grain that is too fine costs little: a sum
//! with a grain of 1 takes 136 instructions an item by callgrind, 101 of them for the fork; of a piece of 3 us that is under a per cent.

use super::join::join;

/// Calls `f` with each item, maybe in parallel: rayon's `par_iter().for_each(f)`.
///
/// As [`map_reduce`] in all that concerns `grain`, panics, and where it may be called.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
///
/// let numbers: Vec<u64> = (0..100_000).collect();
/// let odd = AtomicU64::new(0);
/// runtime.run(|| gmp::slices::for_each(&numbers, 1000, |n| _ = odd.fetch_add(n % 2, Relaxed)));
/// assert_eq!(odd.into_inner(), 50_000);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn for_each<T, F>(items: &[T], grain: usize, f: F)
where
    T: Sync,
    F: Fn(&T) + Sync,
{
    map_reduce(items, grain, f, |(), ()| ());
}

/// [`for_each`] for items that are changed.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// let mut roots: Vec<f64> = (0..100_000).map(f64::from).collect();
/// runtime.run(|| gmp::slices::for_each_mut(&mut roots, 1000, |x| *x = x.sqrt()));
/// assert_eq!(roots[81], 9.0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn for_each_mut<T, F>(items: &mut [T], grain: usize, f: F)
where
    T: Send,
    F: Fn(&mut T) + Sync,
{
    fn halve<T: Send>(items: &mut [T], grain: usize, f: &(impl Fn(&mut T) + Sync)) {
        if items.len() <= grain {
            return items.iter_mut().for_each(f);
        }
        let (left, right) = items.split_at_mut(items.len() / 2);
        join(|| halve(left, grain, f), || halve(right, grain, f));
    }
    halve(items, grain.max(1), &f);
}

/// Maps each item, and reduces the results to one, maybe in parallel; `None` if there are no items. It is rayon's `par_iter().map(map).reduce_with(reduce)`.
///
/// Pieces of at most `grain` items (0 is taken for 1) are mapped and reduced item by item. A piece should take some microseconds: less, and its fork begins to count; much more,
/// and Ps may have nothing to do while the last ones go on. If an item takes that long, the grain is 1, as for the chunks of a text:
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// let text = "so it goes\n".repeat(10_000);
/// let lines: Vec<&str> = text.lines().collect();
/// let chunks: Vec<&[&str]> = lines.chunks(100).collect();
/// let words = |chunk: &&[&str]| chunk.iter().map(|line| line.split(' ').count()).sum::<usize>();
/// let count = runtime.run(|| gmp::slices::map_reduce(&chunks, 1, words, |a, b| a + b));
/// assert_eq!(count, Some(30_000));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// `reduce` has to be associative. It need not commute, since it is always called with results of neighbours, in the order of the slice:
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// let digits: Vec<u32> = (0..10).collect();
/// let text = runtime.run(|| gmp::slices::map_reduce(&digits, 2, |n| n.to_string(), |a, b| a + &b));
/// assert_eq!(text.unwrap(), "0123456789");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Which results it is called with depends on the length and the grain alone. So what is associative but for rounding, such as a sum of floats, has the same result in each
/// run, on any number of Ps. No neutral element is asked for: one that is not quite neutral would count once a piece.
///
/// On a thread that is no goroutine's it does the same by itself.
///
/// # Panics
/// If `map` or `reduce` does, as [`join`]: with the panic of the first of such pieces, in the order of the slice, after all that have begun have ended.
pub fn map_reduce<T, U, M, R>(items: &[T], grain: usize, map: M, reduce: R) -> Option<U>
where
    T: Sync,
    U: Send,
    M: Fn(&T) -> U + Sync,
    R: Fn(U, U) -> U + Sync,
{
    fn halve<T, U, M, R>(items: &[T], grain: usize, map: &M, reduce: &R) -> Option<U>
    where
        T: Sync,
        U: Send,
        M: Fn(&T) -> U + Sync,
        R: Fn(U, U) -> U + Sync,
    {
        if items.len() <= grain {
            return items.iter().map(map).reduce(reduce);
        }
        let (left, right) = items.split_at(items.len() / 2);
        let (left, right) = join(|| halve(left, grain, map, reduce), || halve(right, grain, map, reduce));
        Some(reduce(left?, right?)) // Neither is empty.
    }
    halve(items, grain.max(1), &map, &reduce)
}
