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

impl Alarm<Instant> {
    pub(in crate::gmp) fn once(due: Option<Instant>) -> Self {
        Alarm { next: due, period: None, value: |due| due }
    }

    pub(in crate::gmp) fn every(period: Duration, now: Instant) -> Self {
        Alarm { next: now.checked_add(period), period: Some(period), value: |due| due }
    }
}

impl<T> Alarm<T> {
    /// Takes the value, if it is due.
    pub(super) fn take(&mut self) -> Option<T> {
        let due = self.next?;
        let late = Instant::now().checked_duration_since(due)?;
        // The next tick that is still to come: the ones between are dropped (Go's rule). Beyond what a clock can count: never.
        self.next = self.period.and_then(|period| {
            let missed = late.as_nanos() / period.as_nanos();
            let ahead = period.as_nanos().checked_mul(missed + 1)?;
            due.checked_add(Duration::from_nanos_u128(ahead))
        });
        Some((self.value)(due))
    }

    /// Changes when the next value is due; whether there was to be one.
    pub(super) fn set(&mut self, next: Option<Instant>) -> bool {
        std::mem::replace(&mut self.next, next).is_some()
    }

    /// When to look again.
    pub(super) fn due_ns(&self) -> u64 {
        self.next.map_or(NEVER, deadline_ns)
    }
}
