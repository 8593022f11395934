//! Who polls, and why no edge is left lying.
//!
//! **Who polls**: an M that has run out of Gs, while it spins and before it goes idle; an M that has not, every 61st dispatch, so that a
//! full queue never starves the network; the *sleeper*, one idle M that sleeps in the poller instead of on its own futex while there is an idle P for it
//! to take (with none the Ms that have them poll, and waking one more thread for every edge would only take their cores); and sysmon, when
//! a millisecond has passed in which nobody did (Go: 10 ms), for every P may be held up by a G that does not come back.
//!
//! **No edge is left lying.** Say that a socket becomes ready for a G that waits. Either all Ps are busy. Then their Ms dispatch, and
//! poll at the 61st, or run out, and poll; or they are stuck in a G's code, and sysmon polls in the next millisecond but one. Or a P is idle.
//! The M that gave it up last becomes the sleeper, and the kernel keeps edges that nobody has taken, so they end its sleep at once; or it finds
//! that there is a sleeper, who wakes. Three cases are left. (a) It went to sleep on its futex because there was no poller yet. Who opens the
//! poller does (1) open it, (2) a full fence, (3) look for the keeper of the timers, which every idle M is when there is no other, and wakes it;
//! who becomes keeper does (1) say so, (2) a full fence, (3) look for the poller: the later of the two sees the other. (b) The P was not given
//! up by an M that went idle, but by a blocking call or to sysmon; (c) the sleeper has left with one P while another is idle. Then sysmon polls in
//! the next millisecond but one, and rouses an M that sleeps, which becomes the sleeper. sysmon itself does not fall into its deep
//! sleep while there are sockets and no sleeper.

use std::{
    ptr::NonNull,
    sync::atomic::{Ordering::*, fence},
};

use crate::gmp::{g::G, m::M, p::P, sched::Sched, waiter::Waiter};

impl Sched {
    /// Owner of `p`: those who may go on join its queue, with one wake-up for all of them. Whether there was one.
    #[inline]
    pub(in crate::gmp) fn poll_network(&self, p: &P) -> bool {
        if !self.netpoll.has_sockets() {
            return false;
        }
        let mut found = 0;
        self.netpoll.poll(|waiter| {
            if let Some(g) = self.rouse(waiter) {
                self.push_local(p, g);
                found += 1;
            }
        });
        if found > 0 && p.lrq.ring_len() > 1 {
            self.wakep();
        }
        found > 0
    }

    /// An idle M sleeps until `until` or an unpark; if it can be the sleeper, until a socket is ready too. The Gs that may go on are the
    /// caller's to queue.
    pub(in crate::gmp) fn sleep(&self, m: &M, until: u64) -> Vec<NonNull<G>> {
        let mut ready = Vec::new();
        if self.idle_ps.load(Acquire) > 0 && self.netpoll.try_sleep_in() {
            self.netpoll.sleep(&m.parker, until, |waiter| ready.extend(self.rouse(waiter)));
            self.netpoll.stop_sleeping_in();
        } else {
            m.parker.park(until);
        }
        ready
    }

    /// Wakes one that the poller hands out, all but those Gs of our own that the caller must make runnable.
    fn rouse(&self, waiter: Waiter) -> Option<NonNull<G>> {
        // SAFETY: nobody else wakes it.
        let g = unsafe { waiter.rouse() }?;
        // SAFETY: it waits until it is made runnable, which is up to us, and so its scheduler is alive.
        let sched = unsafe { &*g.as_ref().sched };
        if std::ptr::eq(sched, self) {
            return Some(g);
        }
        sched.ready_from_outside(g);
        None
    }

    /// Owner of `p`: queues Gs that the sleeper found.
    pub(in crate::gmp) fn ready_polled(&self, p: &P, ready: Vec<NonNull<G>>) {
        if !ready.is_empty() {
            ready.into_iter().for_each(|g| self.push_local(p, g));
            self.wakep();
        }
    }

    /// Without a P: queues Gs that the sleeper or sysmon found.
    pub(in crate::gmp) fn ready_polled_globally(&self, ready: Vec<NonNull<G>>) {
        if !ready.is_empty() {
            let mut inner = self.lock();
            ready.into_iter().for_each(|g| inner.grq.push(g));
            self.publish(&inner);
            drop(inner);
            self.wakep();
        }
    }

    /// The poller has just been opened: a keeper that sleeps on its futex must go there.
    pub(in crate::gmp) fn netpoll_is_open(&self) {
        fence(SeqCst); // Pairs with the one in `try_keep`.
        self.rouse_keeper();
    }

    /// sysmon: polls if nobody has done so since the last look, whose count is in `polls`.
    pub(in crate::gmp) fn poll_neglected_network(&self, polls: &mut u64) {
        if !self.netpoll.nobody_sleeps() {
            return;
        }
        let now = self.netpoll.polls.load(Relaxed);
        if std::mem::replace(polls, now) != now {
            return;
        }
        let mut ready = Vec::new();
        self.netpoll.poll(|waiter| ready.extend(self.rouse(waiter)));
        *polls = self.netpoll.polls.load(Relaxed);
        self.ready_polled_globally(ready);
        let inner = self.lock();
        if let (false, Some(m)) = (inner.idle_ps.is_empty(), inner.idle_ms.first()) {
            // SAFETY: Ms live as long as the scheduler.
            unsafe { m.as_ref() }.unpark();
        }
    }
}
