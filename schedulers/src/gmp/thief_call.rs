//! Whether a G that becomes the `runnext` of a P is worth waking an M for, at once.
//!
//! Mostly it is not: who made it runnable parks within a microsecond, and then it runs where its data is, while a wake-up takes 20 to 60 us. But
//! if its waker computes on, nobody else looks after it for up to a millisecond. Which of the two it is shows only afterwards, so the past decides: when a thief
//! has had to take the `runnext` of a P, the next few that come to stand there call for a thief at once; each call that no theft follows is one
//! fewer. And so that there is a past, sysmon has one call made now and then, less and less often while they lead to nothing: the wake-up costs the
//! P's G about 5 us, at one in 1 to 16 ms.
//!
//! All of it is hints: relaxed, and an update that is lost costs a wake-up more or less.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};

use super::futex::now_ns;

/// How many calls are made after a theft. Untuned: a waker that keeps on computing has one stolen each time, so it only says how soon one that has
/// changed is believed.
const CALLS: u32 = 4;
/// From one trial call to the next, at least and at most.
const TRIAL_NS: u64 = 1_000_000;
const TRIAL_MAX_NS: u64 = 16_000_000;

/// One P's.
pub(super) struct ThiefCall {
    /// Calls that are still to be made. The owner takes from it, thieves and sysmon set it.
    left: AtomicU32,
    /// When the last one was made, and the P's tick at that moment. The owner's to write.
    called_ns: AtomicU64,
    called_tick: AtomicU32,
    /// When the next trial is due, and how long after the one before. sysmon's, and a thief sets it back.
    trial_ns: AtomicU64,
    gap_ns: AtomicU64,
}

impl ThiefCall {
    pub(super) fn new() -> Self {
        ThiefCall {
            left: AtomicU32::new(0),
            called_ns: AtomicU64::new(0),
            called_tick: AtomicU32::new(0),
            trial_ns: AtomicU64::new(0),
            gap_ns: AtomicU64::new(TRIAL_NS),
        }
    }

    /// Owner, when a G has come to stand in `runnext`: whether to call. `tick` is the P's.
    #[inline]
    pub(super) fn is_due(&self, tick: &AtomicU32) -> bool {
        let left = self.left.load(Relaxed);
        left > 0 && self.note(left - 1, tick)
    }

    #[cold]
    fn note(&self, left: u32, tick: &AtomicU32) -> bool {
        self.left.store(left, Relaxed);
        self.called_tick.store(tick.load(Relaxed), Relaxed);
        self.called_ns.store(now_ns(), Relaxed);
        true
    }

    /// Thief: since when the P, which is at `tick`, has been called for without dispatching anything.
    pub(super) fn called_since(&self, tick: u32) -> Option<u64> {
        (self.called_tick.load(Relaxed) == tick).then(|| self.called_ns.load(Relaxed)).filter(|&since| since > 0)
    }

    /// Thief: it took what stood in `runnext`.
    pub(super) fn pays(&self) {
        self.left.store(CALLS, Relaxed);
        self.gap_ns.store(TRIAL_NS, Relaxed);
    }

    /// sysmon, while another P is idle: has a call made, if it is time for one.
    pub(super) fn try_once(&self, now: u64) {
        if self.left.load(Relaxed) > 0 || now < self.trial_ns.load(Relaxed) {
            return;
        }
        let gap = self.gap_ns.load(Relaxed);
        self.left.store(1, Relaxed);
        self.trial_ns.store(now + gap, Relaxed);
        self.gap_ns.store((2 * gap).min(TRIAL_MAX_NS), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_due(call: &ThiefCall, tick: u32) -> bool {
        call.is_due(&AtomicU32::new(tick))
    }

    #[test]
    fn nobody_is_called_without_a_theft_or_a_trial() {
        assert!(!is_due(&ThiefCall::new(), 0));
    }

    #[test]
    fn a_theft_is_followed_by_a_few_calls_and_each_theft_by_as_many_again() {
        let call = ThiefCall::new();
        call.pays();
        assert!((0..CALLS).all(|tick| is_due(&call, tick)));
        assert!(!is_due(&call, 9));
        call.pays();
        assert!(is_due(&call, 9));
        call.pays();
        assert!((0..CALLS).all(|tick| is_due(&call, tick)));
        assert!(!is_due(&call, 9));
    }

    #[test]
    fn trials_become_rare_while_they_lead_to_nothing() {
        let call = ThiefCall::new();
        let trials = |from_ns: u64, to_ns: u64| {
            (from_ns..to_ns).step_by(100_000).filter(|&now| {
                call.try_once(now);
                is_due(&call, 0)
            })
        };
        assert_eq!(trials(1, 15_000_000).collect::<Vec<_>>(), [1, 1_000_001, 3_000_001, 7_000_001]);
        let later = 1_000_000_000;
        assert_eq!(trials(later, later + 64_000_000).count(), 4);
        call.pays();
        while is_due(&call, 0) {}
        assert_eq!(trials(2 * later, 2 * later + 3_000_000).count(), 2);
    }

    #[test]
    fn a_call_is_of_the_dispatch_that_it_was_made_in() {
        let call = ThiefCall::new();
        assert_eq!(call.called_since(0), None);
        call.pays();
        assert!(is_due(&call, 7));
        assert!(call.called_since(7).is_some());
        assert_eq!(call.called_since(8), None);
    }
}
