//! A clock instead of a sender: when a channel has its next value.

use std::time::{Duration, Instant};

use crate::gmp::futex::{NEVER, deadline_ns};

/// In the state of a channel, under its lock.
pub(in crate::gmp) struct Alarm<T> {
    /// When the next value is due; `None` for never.
    next: Option<Instant>,
    /// Between two values; `None` if there is one only.
    period: Option<Duration>,
    /// The value. (`T` is `Instant`, and this the identity; a channel's code knows `T` only.)
    value: fn(Instant) -> T,
}

/// What comes after more than this does not come: 500 years, a little less than nanoseconds in 64 bits can count.
const FAR: Duration = Duration::from_secs(500 * 365 * 24 * 3600);

impl Alarm<Instant> {
    /// One value, `delay` from now.
    pub(in crate::gmp) fn once(delay: Duration) -> Self {
        Alarm { next: Some(Instant::now() + delay.min(FAR)), period: None, value: |due| due }
    }

    /// A value each `period`, from now.
    pub(in crate::gmp) fn every(period: Duration) -> Self {
        Alarm { period: Some(period), ..Alarm::once(period) }
    }
}

impl<T> Alarm<T> {
    /// Takes the value, if it is due.
    pub(super) fn take(&mut self) -> Option<T> {
        let due = self.next?;
        let late = Instant::now().checked_duration_since(due)?;
        // The next tick that is still to come: the ones between are dropped (Go's rule).
        self.next = self.period.map(|period| {
            let into_period = late.as_nanos() % period.as_nanos();
            due + late + (period - Duration::from_nanos_u128(into_period)).min(FAR)
        });
        Some((self.value)(due))
    }

    /// Makes the next value due `delay` from now, or never; whether there was to be one.
    pub(super) fn set(&mut self, delay: Option<Duration>) -> bool {
        let next = delay.map(|delay| Instant::now() + delay.min(FAR));
        std::mem::replace(&mut self.next, next).is_some()
    }

    /// When to look again.
    pub(super) fn due_ns(&self) -> u64 {
        self.next.map_or(NEVER, deadline_ns)
    }
}
