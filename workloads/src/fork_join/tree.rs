//! Searching a tree whose nodes are made on the way: what the queens and UTS have in common.

use std::{ops::Range, pin::Pin};

use schedulers::model::{Async, Blocking, ForkJoin};

/// A node, from which all that is below it follows.
pub(super) trait Tree: Copy + Send + Sync + 'static {
    /// What the node itself adds to the result.
    fn value(self) -> u64;
    /// How many levels there may be below it.
    fn levels(self) -> u64;
    /// How many children it has.
    fn children(self) -> u32;
    /// One of them.
    fn child(self, nth: u32) -> Self;
    /// All of them, for plain code: it takes them in order, which may be quicker than each by its number.
    fn each_child(self) -> impl Iterator<Item = Self>;
}

/// How many nodes have no children, or are cut off from them.
pub(super) fn leaves<T: Tree>(node: T, cutoff: u64) -> u64 {
    if node.levels() <= cutoff || node.children() == 0 {
        return 1;
    }
    node.each_child().map(|child| leaves(child, cutoff)).sum()
}

/// The sum of the values of `node` and of all below it.
pub(super) fn plain<T: Tree>(node: T) -> u64 {
    node.value() + node.each_child().map(plain).sum::<u64>()
}

/// [`plain`], with a task for each child but the last.
pub(super) fn blocking<R: Blocking, T: Tree>(node: T, cutoff: u64) -> u64 {
    if node.levels() <= cutoff {
        return plain(node);
    }
    let Some(last) = node.children().checked_sub(1) else { return node.value() };
    let fork = |nth| R::spawn(move || blocking::<R, T>(node.child(nth), cutoff));
    let forked: Vec<_> = (0..last).map(fork).collect();
    let called = blocking::<R, T>(node.child(last), cutoff);
    node.value() + called + forked.into_iter().map(R::join).sum::<u64>()
}

/// [`blocking`] for futures.
pub(super) fn asynchronous<R: Async, T: Tree>(node: T, cutoff: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if node.levels() <= cutoff {
            return plain(node);
        }
        let Some(last) = node.children().checked_sub(1) else { return node.value() };
        let fork = |nth| R::spawn(async move { asynchronous::<R, T>(node.child(nth), cutoff).await });
        let forked: Vec<_> = (0..last).map(fork).collect();
        let mut sum = node.value() + asynchronous::<R, T>(node.child(last), cutoff).await;
        for task in forked {
            sum += R::join(task).await;
        }
        sum
    })
}

/// [`plain`], with the children halved by joins.
pub(super) fn fork_join<R: ForkJoin, T: Tree>(node: T, cutoff: u64) -> u64 {
    if node.levels() <= cutoff {
        return plain(node);
    }
    node.value() + halves::<R, T>(node, 0..node.children(), cutoff)
}

fn halves<R: ForkJoin, T: Tree>(node: T, children: Range<u32>, cutoff: u64) -> u64 {
    match children.len() {
        0 => 0,
        1 => fork_join::<R, T>(node.child(children.start), cutoff),
        _ => {
            let middle = children.start.midpoint(children.end);
            let (left, right) = R::join(
                || halves::<R, T>(node, children.start..middle, cutoff),
                || halves::<R, T>(node, middle..children.end, cutoff),
            );
            left + right
        }
    }
}
