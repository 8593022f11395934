//! The victim: a task that wants to run at each tick, and writes down how late it was.
//!
//! The load is open: tick k is meant for `begin + k * tick` however late the one before was. A victim that wakes late
//! answers for every tick that has passed, each with its own lateness (no coordinated omission).
//!
//! A blocking or asynchronous victim sleeps until its next tick with its scheduler's own timer. A fork-join pool has
//! no timers: there a thread beside the pool is the clock, and the victim is a task that it gives to the pool at each
//! tick; the lateness of the clock itself, some 60 us, is in the figure.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};

use schedulers::model::{Async, Blocking, fork_join::ScopeSpawn};

use crate::workload::nanoseconds;

/// When it is over for a victim: ticks meant for later than this moment are not its business.
#[derive(Clone, Default)]
pub(crate) struct End(Arc<OnceLock<Instant>>);

impl End {
    /// It is over at `end`; the first call decides.
    pub(crate) fn set(&self, end: Instant) {
        self.0.get_or_init(|| end);
    }

    /// When it was over.
    pub(crate) fn get(&self) -> Option<Instant> {
        self.0.get().copied()
    }

    fn is_before(&self, intended: Instant) -> bool {
        self.get().is_some_and(|end| end < intended)
    }
}

/// What a victim is to do.
#[derive(Clone)]
pub(crate) struct Victim {
    /// The time between two ticks.
    pub(crate) tick: Duration,
    /// How many ticks there are; `None` if they go on until `end` is set.
    pub(crate) ticks: Option<u32>,
    /// Set by the victim itself if it knows how many ticks there are, else by the one who started it.
    pub(crate) end: End,
}

impl Victim {
    fn begin(self) -> Schedule {
        let begin = Instant::now();
        if let Some(ticks) = self.ticks {
            self.end.set(begin + self.tick * ticks);
        }
        Schedule { begin, next: begin + self.tick, tick: self.tick, end: self.end, lateness_ns: Vec::new() }
    }
}

/// The ticks still to come, and the lateness of those that have passed.
struct Schedule {
    begin: Instant,
    next: Instant,
    tick: Duration,
    end: End,
    lateness_ns: Vec<u64>,
}

impl Schedule {
    fn next(&self) -> Option<Instant> {
        (!self.end.is_before(self.next)).then_some(self.next)
    }

    /// The victim runs, and it is `now`.
    fn runs_at(&mut self, now: Instant) {
        while let Some(intended) = self.next().filter(|intended| *intended <= now) {
            self.lateness_ns.push(nanoseconds(now - intended));
            self.next += self.tick;
        }
    }
}

/// A victim that has begun.
pub(crate) struct Begun<H> {
    /// When its schedule began; it has slept and been woken once before.
    pub(crate) begin: Instant,
    /// Gives the nanoseconds by which each tick was late.
    pub(crate) task: H,
}

/// Starts a victim and waits until it has begun, so that the load that is put beside it cannot come first.
pub(crate) fn start_blocking<R: Blocking>(victim: Victim) -> Begun<R::JoinHandle<Vec<u64>>> {
    let (has_begun, wait) = R::channel(1);
    let task = R::spawn(move || {
        R::sleep(victim.tick);
        let mut schedule = victim.begin();
        R::send(&has_begun, schedule.begin).expect("the main task waits for this");
        while let Some(next) = schedule.next() {
            R::sleep_until(next);
            schedule.runs_at(Instant::now());
        }
        schedule.lateness_ns
    });
    Begun { begin: R::recv(&wait).expect("a victim always begins"), task }
}

/// [`start_blocking`] for futures.
pub(crate) async fn start_async<R: Async>(victim: Victim) -> Begun<R::JoinHandle<Vec<u64>>> {
    let (has_begun, mut wait) = R::channel(1);
    let task = R::spawn(async move {
        R::sleep(victim.tick).await;
        let mut schedule = victim.begin();
        R::send(&has_begun, schedule.begin).await.expect("the main task waits for this");
        while let Some(next) = schedule.next() {
            R::sleep_until(next).await;
            schedule.runs_at(Instant::now());
        }
        schedule.lateness_ns
    });
    Begun { begin: R::recv(&mut wait).await.expect("a victim always begins"), task }
}

/// Where the victims of a fork-join pool leave their lateness.
#[derive(Default)]
pub(crate) struct Lateness(Mutex<Vec<u64>>);

impl Lateness {
    /// What was written, in nanoseconds.
    pub(crate) fn into_ns(self) -> Vec<u64> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, late: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(nanoseconds(late));
    }
}

/// Is the clock of a fork-join pool: gives it a victim at each tick until it is over. `load` is called once the
/// schedule has begun, to put the load beside it.
pub(crate) fn tick_into<'scope, S: ScopeSpawn<'scope>>(
    scope: &S,
    victim: Victim,
    lateness: &'scope Lateness,
    load: impl FnOnce(&S),
) {
    let mut schedule = victim.begin();
    load(scope);
    while let Some(intended) = schedule.next() {
        thread::sleep(intended.saturating_duration_since(Instant::now()));
        if schedule.next().is_none() {
            return;
        }
        scope.spawn(move || lateness.write(intended.elapsed()));
        schedule.next += schedule.tick;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(1);

    fn schedule(ticks: Option<u32>, end: End) -> Schedule {
        Victim { tick: TICK, ticks, end }.begin()
    }

    #[test]
    fn a_late_victim_answers_for_every_tick_that_has_passed() {
        let mut schedule = schedule(Some(300), End::default());
        let begin = schedule.begin;
        schedule.runs_at(begin + TICK * 3 + Duration::from_nanos(5));
        assert_eq!(schedule.lateness_ns, [2_000_005, 1_000_005, 5]);
        assert_eq!(schedule.next(), Some(begin + TICK * 4));
    }

    #[test]
    fn a_known_number_of_ticks_is_kept_however_late_the_victim_is() {
        let mut schedule = schedule(Some(3), End::default());
        schedule.runs_at(schedule.begin + TICK * 100);
        assert_eq!(schedule.lateness_ns, [99_000_000, 98_000_000, 97_000_000]);
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn ticks_meant_for_after_the_end_do_not_count() {
        let end = End::default();
        let mut schedule = schedule(None, end.clone());
        assert!(schedule.next().is_some());
        end.set(schedule.begin + TICK * 2 + TICK / 2);
        schedule.runs_at(schedule.begin + TICK * 10);
        assert_eq!(schedule.lateness_ns, [9_000_000, 8_000_000]);
        assert_eq!(schedule.next(), None);
    }
}
