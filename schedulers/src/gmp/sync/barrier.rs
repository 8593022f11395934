//! A meeting point for a number of goroutines or threads.

use std::fmt;

use crate::gmp::{
    atomic::const_fn,
    futex::Parker,
    raw_lock::Locked,
    wait_list::{Node, WaitList},
    wait_reason::WaitReason,
    waiter::Caller,
};

/// Lets nobody pass until `n` have come; then all of them, and it begins anew.
///
/// ```
/// # use schedulers::gmp::{self, Runtime, sync::Barrier};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// static BARRIER: Barrier = Barrier::new(3);
/// runtime.run(|| {
///     let handles = [(); 3].map(|()| gmp::spawn(|| BARRIER.wait().is_leader()));
///     let leaders = handles.map(|handle| usize::from(handle.join().unwrap()));
///     assert_eq!(leaders.iter().sum::<usize>(), 1);
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Barrier {
    n: usize,
    round: Locked<Round>,
}

/// Those who have come and wait; there is no trace of them any more once the last one has come.
struct Round {
    arrived: usize,
    waiters: WaitList<()>,
}

/// What [`Barrier::wait`] gives.
///
/// ```
/// # use schedulers::gmp::sync::Barrier;
/// let barrier = Barrier::new(2);
/// let results = std::thread::scope(|threads| {
///     let other = threads.spawn(|| barrier.wait()); // Threads may meet as well.
///     [barrier.wait(), other.join().unwrap()]
/// });
/// assert_ne!(results[0].is_leader(), results[1].is_leader(), "one of them");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether the caller was the last to come; one of each round is.
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl Barrier {
    const_fn! {
        /// For `n`; with 0 or 1 nobody waits.
        pub fn new(n: usize) -> Self {
            Barrier { n, round: Locked::new(Round { arrived: 0, waiters: WaitList::new() }) }
        }
    }

    /// Waits until `n`, the caller included, have come. What each did before is seen by all afterwards.
    pub fn wait(&self) -> BarrierWaitResult {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        let mut round = self.round.lock();
        round.arrived += 1;
        let leads = round.arrived >= self.n;
        if leads {
            round.arrived = 0;
            let all = round.waiters.take();
            drop(round);
            // SAFETY: taken out under the lock, by us alone.
            unsafe { all.wake(caller.local()) };
            caller.exit();
        } else {
            let mut node = Node::new(caller.waiter(), ());
            // SAFETY: the node stays here until it has been taken off and we are woken.
            unsafe { round.waiters.push_back(&raw mut node) };
            caller.wait(round.into_raw(), WaitReason::Barrier).exit();
        }
        BarrierWaitResult(leads)
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").field("n", &self.n).finish_non_exhaustive()
    }
}
