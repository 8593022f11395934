//! Sleeping, and channels that a clock feeds.
//!
//! [`after`], [`tick`] and [`Timer`] give receivers. Nothing runs behind them: a receiver knows when its next value is due, and whoever waits on it
//! sleeps until then. So one that is dropped or forgotten costs nothing, a value is never stale, and a buffer for it does not exist (length and
//! capacity are 0). They work from plain threads as well.

use std::{
    fmt,
    time::{Duration, Instant},
};

use super::{
    Receiver,
    channel::{Alarm, channel_with_alarm},
    enter::enter,
    futex::{NEVER, deadline_ns, now_ns, ns_after},
    timer::park_until,
};

/// Parks the calling G for at least `duration`; other Gs run meanwhile. 0 is a [`yield_now`](super::yield_now). Go's `time.Sleep`.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # use std::time::{Duration, Instant};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// let begin = Instant::now();
/// runtime.run(|| {
///     let sleepers: Vec<_> = (0..1000).map(|_| gmp::spawn(|| gmp::time::sleep(Duration::from_millis(1)))).collect();
///     sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
/// });
/// assert!(begin.elapsed() >= Duration::from_millis(1), "all of them slept at the same time");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// On a thread that is no M: [`std::thread::sleep`].
pub fn sleep(duration: Duration) {
    if duration.is_zero() {
        return super::yield_now();
    }
    match enter() {
        // A timer that never fires is still one: the G sleeps, it does not hang.
        Some(local) => park_until(local, ns_after(duration).min(NEVER - 1)).exit(),
        None => std::thread::sleep(duration),
    }
}

/// Parks the calling G until `deadline`; one that has passed is a [`yield_now`](super::yield_now).
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # use std::time::{Duration, Instant};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// runtime.run(|| {
///     let begin = Instant::now();
///     for step in 1..=3 {
///         // What is done in between does not add up.
///         gmp::time::sleep_until(begin + step * Duration::from_millis(1));
///     }
///     assert!(begin.elapsed() >= Duration::from_millis(3));
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// On a thread that is no M: sleeps the thread.
pub fn sleep_until(deadline: Instant) {
    let until = deadline_ns(deadline);
    if until <= now_ns() {
        return super::yield_now();
    }
    match enter() {
        Some(local) => park_until(local, until.min(NEVER - 1)).exit(),
        None => std::thread::sleep(deadline.saturating_duration_since(Instant::now())),
    }
}

/// A channel that gives one value, after `duration`: the moment at which it was due. Then it stays empty. Go's `time.After`; in a `select!` with
/// nothing else to come for, `default(duration)` does the same.
///
/// ```
/// # use schedulers::gmp;
/// # use std::time::{Duration, Instant};
/// let begin = Instant::now();
/// let due = gmp::time::after(Duration::from_millis(1)).recv().unwrap();
/// assert!(due >= begin + Duration::from_millis(1) && due <= Instant::now());
/// ```
pub fn after(duration: Duration) -> Receiver<Instant> {
    channel_with_alarm(Alarm::once(duration))
}

/// A channel that gives a value each `period`: the moment at which it was due. Ticks that nobody has received when the next is due are dropped. Go's
/// `time.Tick`.
///
/// ```
/// # use schedulers::gmp;
/// # use std::time::{Duration, Instant};
/// let period = Duration::from_millis(1);
/// let ticks = gmp::time::tick(period);
/// let (first, second) = (ticks.recv().unwrap(), ticks.recv().unwrap());
/// assert!(second >= first + period, "later ones are dropped, not hurried");
/// ```
///
/// # Panics
/// If `period` is 0.
pub fn tick(period: Duration) -> Receiver<Instant> {
    assert!(!period.is_zero(), "gmp::time::tick: a period of 0");
    channel_with_alarm(Alarm::every(period))
}

/// One value after a time that can be changed: Go's `time.Timer`, as of Go 1.23.
///
/// ```
/// # use schedulers::gmp::time::Timer;
/// # use std::time::Duration;
/// let timer = Timer::new(Duration::from_secs(3600));
/// assert!(timer.reset(Duration::from_millis(1)), "it was pending");
/// timer.receiver().recv().unwrap();
/// assert!(!timer.stop(), "its value has been received");
/// ```
pub struct Timer {
    receiver: Receiver<Instant>,
}

impl Timer {
    /// A timer that is due after `duration`.
    pub fn new(duration: Duration) -> Self {
        Timer { receiver: after(duration) }
    }

    /// Where its value comes: the moment at which it was due.
    pub fn receiver(&self) -> &Receiver<Instant> {
        &self.receiver
    }

    /// Makes it due after `duration` from now, whether it was pending, fired, received or stopped. Whoever waits on it waits for the new time.
    ///
    /// `true` if it was pending: it had not been stopped, and its value had not been received; nobody will receive that one.
    ///
    /// ```
    /// # use schedulers::gmp;
    /// # use std::time::Duration;
    /// // A watchdog that is fed three times.
    /// let timer = gmp::time::Timer::new(Duration::from_secs(60));
    /// for _ in 0..3 {
    ///     assert!(timer.reset(Duration::from_secs(60)));
    /// }
    /// assert!(timer.receiver().try_recv().is_err());
    /// ```
    pub fn reset(&self, duration: Duration) -> bool {
        self.receiver.set_alarm(Some(duration))
    }

    /// Keeps it from firing. `true` if it was pending, as in [`reset`](Timer::reset); nobody will receive its value, and whoever waits for it waits on.
    ///
    /// ```
    /// # use schedulers::gmp;
    /// # use std::time::Duration;
    /// let timer = gmp::time::Timer::new(Duration::ZERO);
    /// assert!(timer.stop(), "due, but not received");
    /// assert!(timer.receiver().recv_timeout(Duration::from_millis(1)).is_err());
    /// ```
    pub fn stop(&self) -> bool {
        self.receiver.set_alarm(None)
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").finish_non_exhaustive()
    }
}
