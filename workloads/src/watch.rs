//! How a task that repeats a tiny operation knows that its slice is over, without looking at the clock each time.
//!
//! It does a batch of operations, of a size that [`Pace`] finds, and looks. Where several tasks look, each takes its
//! share: tasks that take turns on one worker see their batches last as long as those of all of them, so a batch is as
//! long as if the others' time were not its own. The clock stays under 1 % of the time of all of them together.

use std::time::{Duration, Instant};

use crate::pace::Pace;

/// One task's watch.
#[derive(Debug)]
pub(crate) struct Watch {
    pace: Pace,
    /// How many tasks look at the clock in this slice.
    lookers: u32,
    last: Instant,
    deadline: Instant,
}

impl Watch {
    /// The watch of one of `lookers` tasks, for a slice that began at `begin`.
    pub(crate) fn at(begin: Instant, time: Duration, lookers: usize) -> Self {
        let lookers = u32::try_from(lookers).expect("the ranges of the parameters are small");
        Watch { pace: Pace::new(), lookers, last: Instant::now(), deadline: begin + time }
    }

    /// How many operations to do before looking.
    pub(crate) fn batch(&self) -> u64 {
        self.pace.batch()
    }

    /// A batch has just ended. Whether the slice is over.
    pub(crate) fn look(&mut self) -> bool {
        let now = Instant::now();
        self.look_after(now, now)
    }

    /// A batch ended at `batch_end`, and one more operation, that was timed alone, at `now`. Whether the slice is over.
    pub(crate) fn look_after(&mut self, batch_end: Instant, now: Instant) -> bool {
        self.pace.took((batch_end - self.last) / self.lookers);
        self.last = now;
        self.is_over_at(now)
    }

    /// For tasks that read the clock anyway.
    pub(crate) fn is_over_at(&self, now: Instant) -> bool {
        now >= self.deadline
    }

    /// When it was looked at last.
    pub(crate) fn last(&self) -> Instant {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_over_at_its_deadline_and_not_before() {
        let begin = Instant::now();
        let mut watch = Watch::at(begin, Duration::from_millis(10), 1);
        let after = |millis| begin + Duration::from_millis(millis);
        assert!(!watch.look_after(after(5), after(9)));
        assert_eq!(watch.last(), after(9));
        assert!(watch.look_after(after(9), after(10)));
    }

    #[test]
    fn who_takes_turns_with_others_looks_as_rarely_as_if_it_were_alone() {
        let settled = |lookers: u32| {
            let mut watch = Watch::at(Instant::now(), Duration::from_secs(1), lookers as usize);
            for _ in 0..32 {
                let batch_end = watch.last() + Duration::from_nanos(40 * watch.batch()) * lookers;
                watch.look_after(batch_end, batch_end);
            }
            watch.batch()
        };
        assert_eq!(settled(1), settled(8));
    }
}
