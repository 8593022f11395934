//! `select!`: waiting for whichever of several channel operations can be done first.
//!
//! One round, for any number of cases; a channel may stand in several of them:
//!
//! 1. Try the cases in random order, each with its channel locked and no other, and do the first that can be done. Any order is as likely as any
//!    other, so each of those that can be done is as likely as the others. Then unlock, and wake whom that concerns. Channels that were found empty, and
//!    to which nothing has come since, are left out: a word in each says so (42 ns a message instead of 67, in a program of eight senders and
//!    one who selects, with room for 128 in each channel, on one P).
//! 2. If none could: lock all channels, in the order of their addresses, each once, and try again. So the round sees all of them at one moment:
//!    `default` is taken only if there was a moment at which no case could be done.
//! 3. If none can, and there is time to wait: put a node on each channel's list, all with one [`Claim`]; unlock; sleep.
//! 4. Woken by whoever won the claim: take the nodes off again, one channel at a time. See `claim` for why nobody is lost or woken twice, and
//!    why no node stays behind. If the winner brought nothing (a clock that went off, a promise that was broken), begin anew.
//!
//! All nodes are published at one moment, before which the round has found no match, by somebody who is on no list until then. So
//! whoever finds a match, a select or not, is itself on no list at that time, and has one wait to claim: the other's. Registering channel
//! by channel instead (crossbeam does, with fewer locks held at a time) means that two selects can find each other while both are registered
//! elsewhere: they need to claim two waits at once, or to give up and try again.

mod case;
mod macros;

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use super::{
    claim::{Claim, TIMED_OUT},
    futex::{NEVER, NOW, Parker, now_ns, ns_after},
    raw_lock::RawLock,
    wait_reason::WaitReason,
    waiter::{Caller, Waiter},
};
use case::{Attempt, Case};

pub use case::{AnyCase, RecvCase, SendCase};

/// How long a select waits.
pub enum Patience {
    /// Until a case can be done.
    Endless,
    /// Not at all.
    None,
    /// At most as long as this.
    For(Duration),
}

/// Chooses one of the cases, which then knows that it was chosen; none if it took too long.
pub fn select<const N: usize>(cases: [AnyCase<'_>; N], patience: Patience) {
    let until = match patience {
        Patience::Endless => NEVER,
        Patience::None => NOW,
        Patience::For(duration) => ns_after(duration),
    };
    Selection { cases: &cases, locks: &mut [std::ptr::null(); N], order: &mut [0; N] }.run(until);
}

struct Selection<'a> {
    cases: &'a [AnyCase<'a>],
    /// One for each case, by address, so equal ones are neighbours.
    locks: &'a mut [*const RawLock],
    /// First those that have been tried in this round, in turn; all, when all have been.
    order: &'a mut [usize],
}

/// How a round ended.
enum Round {
    Chosen(usize),
    NoneInTime,
    Again,
}

impl Selection<'_> {
    fn run(&mut self, mut until: u64) {
        loop {
            let parker = Parker::new();
            match self.round(Caller::enter(&parker), until) {
                Round::Chosen(case) => return self.cases[case].case.choose(),
                Round::NoneInTime => return,
                // With the deadline behind us, once more: something may have come with it.
                Round::Again if until <= now_ns() => until = NOW,
                Round::Again => {}
            }
        }
    }

    fn round(&mut self, caller: Caller<'_>, until: u64) -> Round {
        let (claim, sleeper) = (Claim::new(), caller.sleeper());
        let waiter = caller.waiter_on(&sleeper);
        let mut random = seed(&caller);
        let mut tried = self.try_each(&mut random, waiter);
        if tried.is_none() {
            self.lock();
            // SAFETY: all channels are locked.
            tried = self.in_turn(|_| true, &mut random, |case| unsafe { case.attempt(waiter) });
            if tried.is_some() {
                self.unlock();
            }
        }
        if let Some((case, attempt)) = tried {
            let (Attempt::Done(woken) | Attempt::Promised(woken)) = attempt;
            if let Some(woken) = woken {
                // SAFETY: the case has claimed it.
                unsafe { woken.wake(caller.local()) };
            }
            if let Attempt::Done(_) = attempt {
                caller.exit();
                return Round::Chosen(case);
            }
            caller.sleep(&sleeper, WaitReason::Select).exit();
            return self.outcome(case);
        }
        if until == NOW {
            self.unlock();
            caller.exit();
            return Round::NoneInTime;
        }
        let mut wakes_at = until;
        // In the order in which they were tried: of those that wait on one list the first will be chosen.
        for &way in &*self.order {
            // SAFETY: its channel is locked; the case, the claim and the sleeper stay where they are until all nodes are off their lists.
            wakes_at = wakes_at.min(unsafe { self.cases[way].case.enlist(waiter, &claim, way as u32) });
        }
        self.unlock();
        let caller = caller.sleep_until(&sleeper, &claim, wakes_at, WaitReason::Select);
        self.cases.iter().for_each(|case| case.case.delist());
        caller.exit();
        match claim.winner() {
            TIMED_OUT => Round::Again,
            case => self.outcome(case as usize),
        }
    }

    /// Whoever woke us has served this case, or brought nothing.
    fn outcome(&self, case: usize) -> Round {
        if self.cases[case].case.is_served() { Round::Chosen(case) } else { Round::Again }
    }

    /// Tries the cases that look as if they could be done, one by one, with one channel locked at a time.
    fn try_each(&mut self, random: &mut u32, waiter: Waiter) -> Option<(usize, Attempt)> {
        // Relaxed: a hint. What it hides from us is found when all channels are locked.
        self.in_turn(
            |case| case.may_be_done.is_none_or(|hint| hint.load(Relaxed)),
            random,
            |case| case.attempt_alone(waiter),
        )
    }

    /// The first case, of those `among` whom to choose and in an order that `random` decides and goes on from, of which `attempt` made something.
    fn in_turn(
        &mut self,
        among: impl Fn(&AnyCase<'_>) -> bool,
        random: &mut u32,
        attempt: impl Fn(&dyn Case) -> Option<Attempt>,
    ) -> Option<(usize, Attempt)> {
        let mut count = 0;
        for (number, case) in self.cases.iter().enumerate() {
            self.order[count] = number;
            count += usize::from(among(case));
        }
        for tried in 0..count {
            // One of those that have not been tried, each as likely as the others (Fisher and Yates; the generator is a xorshift).
            *random ^= *random << 13;
            *random ^= *random >> 17;
            *random ^= *random << 5;
            let left = (count - tried) as u64;
            self.order.swap(tried, tried + ((u64::from(*random) * left) >> 32) as usize);
            let number = self.order[tried];
            if let Some(attempt) = attempt(self.cases[number].case) {
                return Some((number, attempt));
            }
        }
        None
    }

    /// Each lock once.
    fn distinct_locks(&self) -> impl Iterator<Item = *const RawLock> {
        let locks = &*self.locks;
        (0..locks.len()).filter(move |&n| n == 0 || locks[n] != locks[n - 1]).map(move |n| locks[n])
    }

    fn lock(&mut self) {
        self.locks.iter_mut().zip(self.cases).for_each(|(lock, case)| *lock = case.case.lock());
        self.locks.sort_unstable();
        // SAFETY: the cases borrow their channels.
        self.distinct_locks().for_each(|lock| unsafe { (*lock).lock() });
    }

    fn unlock(&self) {
        // SAFETY: as above; locked by `lock`.
        self.distinct_locks().for_each(|lock| unsafe { RawLock::unlock(lock) });
    }
}

/// Something random, not 0.
fn seed(caller: &Caller<'_>) -> u32 {
    /// For threads. Any odd step goes through all values; this one (Weyl's, of the golden ratio) makes neighbours differ widely.
    static NEXT: AtomicU32 = AtomicU32::new(1);
    match caller {
        // SAFETY: the caller owns its P.
        Caller::G(local) => unsafe { local.p().own().random() },
        Caller::Thread(_) if cfg!(gmp_loom) => 1, // A model must do the same each time that it is run.
        Caller::Thread(_) => NEXT.fetch_add(0x9e37_79b9, Relaxed).wrapping_mul(0x85eb_ca6b) | 1,
    }
}

/// Whole selects between threads of loom's, as in the models of channels.
#[cfg(all(test, gmp_loom))]
mod models {
    use loom::thread;

    use crate::gmp::{Receiver, Sender, channel, select};

    fn check(preemptions: usize, body: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(preemptions);
        builder.check(body);
    }

    type Channel = (Sender<u32>, Receiver<u32>);

    /// Two channels in the order in which a select locks them: a model must do the same each time that it is run.
    fn channels(capacity: usize) -> (Channel, Channel) {
        let (one, other) = (channel(capacity), channel(capacity));
        if std::ptr::from_ref(one.0.shared()) < std::ptr::from_ref(other.0.shared()) {
            (one, other)
        } else {
            (other, one)
        }
    }

    /// Two senders, each on its own channel: two selects get both values.
    #[test]
    fn two_channels_and_who_selects_from_them() {
        for capacity in 0..2 {
            check(2, move || {
                let ((left, from_left), (right, from_right)) = channels(capacity);
                let senders = [(left, 1), (right, 2)]
                    .map(|(sender, number)| thread::spawn(move || sender.send(number).map(|()| sender)));
                let next = || {
                    select! {
                        recv(from_left) -> number => number.unwrap(),
                        recv(from_right) -> number => number.unwrap(),
                    }
                };
                assert_eq!([next(), next()].iter().sum::<u32>(), 3);
                senders.into_iter().for_each(|sender| assert!(sender.join().unwrap().is_ok()));
            });
        }
    }

    /// A select that would send, to one who receives: the message is evaluated when the two have met.
    #[test]
    fn an_offer_and_a_receiver() {
        for capacity in 0..2 {
            check(3, move || {
                let ((sender, receiver), (_silent, never)) = channels(capacity);
                let other = thread::spawn(move || receiver.recv());
                select! {
                    send(sender, 7) -> sent => sent.unwrap(),
                    recv(never) -> _ => unreachable!(),
                }
                assert_eq!(other.join().unwrap(), Ok(7));
            });
        }
    }

    /// Both sides select.
    #[test]
    fn an_offer_and_one_who_selects() {
        check(3, || {
            let ((sender, receiver), (_silent, never)) = channels(0);
            let nobody = never.clone();
            let other = thread::spawn(move || {
                select! {
                    recv(receiver) -> number => number,
                    recv(nobody) -> _ => unreachable!(),
                }
            });
            select! {
                recv(never) -> _ => unreachable!(),
                send(sender, 7) -> sent => sent.unwrap(),
            }
            assert_eq!(other.join().unwrap(), Ok(7));
        });
    }

    /// A select that would send or receive, and two others, for one of which it is: the other one is told that there is nobody.
    #[test]
    fn one_case_of_two_is_done() {
        check(2, || {
            let ((to, from_us), (to_us, from)) = channels(0);
            let receives = thread::spawn(move || from_us.recv());
            let sends = thread::spawn(move || to_us.send(1));
            let sent = select! {
                send(to, 2) -> sent => { sent.unwrap(); true }
                recv(from) -> number => { assert_eq!(number, Ok(1)); false }
            };
            drop((to, from));
            assert_eq!(receives.join().unwrap().is_ok(), sent);
            assert_eq!(sends.join().unwrap().is_ok(), !sent);
        });
    }
}
