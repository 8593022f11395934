//! Fibonacci numbers by their definition: a call, a fork, and one addition.

use std::pin::Pin;

use schedulers::model::{Async, Blocking, ForkJoin};

/// The `n`-th number, by adding up.
pub(super) fn number(n: u64) -> u64 {
    (0..n).fold((0, 1), |(this, next), _| (next, this + next)).0
}

/// How many calls end the recursion.
pub(super) fn leaves(n: u64, cutoff: u64) -> u64 {
    // With m(n) the number for n: m(n) = m(n-1) + m(n-2) above the cut, and 1 below it, so it is a Fibonacci number itself.
    number((n + 1).saturating_sub(cutoff.max(1)) + 1)
}

/// Whether a call forks no more.
fn is_leaf(n: u64, cutoff: u64) -> bool {
    n <= cutoff.max(1)
}

fn plain(n: u64) -> u64 {
    if n < 2 { n } else { plain(n - 1) + plain(n - 2) }
}

pub(super) fn blocking<R: Blocking>(n: u64, cutoff: u64) -> u64 {
    if is_leaf(n, cutoff) {
        return plain(n);
    }
    let forked = R::spawn(move || blocking::<R>(n - 1, cutoff));
    let called = blocking::<R>(n - 2, cutoff);
    R::join(forked) + called
}

pub(super) fn asynchronous<R: Async>(n: u64, cutoff: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if is_leaf(n, cutoff) {
            return plain(n);
        }
        let forked = R::spawn(asynchronous::<R>(n - 1, cutoff));
        let called = asynchronous::<R>(n - 2, cutoff).await;
        R::join(forked).await + called
    })
}

pub(super) fn fork_join<R: ForkJoin>(n: u64, cutoff: u64) -> u64 {
    if is_leaf(n, cutoff) {
        return plain(n);
    }
    let (a, b) = R::join(|| fork_join::<R>(n - 1, cutoff), || fork_join::<R>(n - 2, cutoff));
    a + b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_known_ones() {
        assert_eq!([0, 1, 2, 3, 10, 25, 30, 40].map(number), [0, 1, 1, 2, 55, 75_025, 832_040, 102_334_155]);
        assert_eq!((0..20).map(plain).collect::<Vec<_>>(), (0..20).map(number).collect::<Vec<_>>());
    }

    #[test]
    fn leaves_are_the_calls_that_do_not_fork() {
        fn count(n: u64, cutoff: u64) -> u64 {
            if is_leaf(n, cutoff) { 1 } else { count(n - 1, cutoff) + count(n - 2, cutoff) }
        }
        for (n, cutoff) in (1..20).flat_map(|n| (0..22).map(move |cutoff| (n, cutoff))) {
            assert_eq!(leaves(n, cutoff), count(n, cutoff), "fib({n}) cut at {cutoff}");
        }
    }
}
