//! Handing Ps to Ms and taking them back: `wakep`, `start_m`, going idle, and an M's sleep.
//!
//! **No wake-up is lost.** Whoever makes work visible does (1) queue the G, (2) a full fence, (3) look at `idle_ps` and `spinning`.
//! An M that goes idle does (1) put its P and itself on the idle lists and stop counting as spinning, (2) a full fence, (3) look
//! at all queues again. In any order of the two fences, the later of the two sees what the other wrote: either the queuer sees
//! an idle P and nobody spinning, and wakes; or the idler sees the G, and takes its P back. (This is Go's #StoreLoad.) While an M
//! spins nobody is woken, since it will find the G; that is why leaving the spinning state is followed by a look at the queues
//! or, with a G in hand, by a wake-up of the next ([`Sched::stop_spinning`]).

use std::{
    ptr::{NonNull, null_mut},
    sync::{
        Arc,
        atomic::{Ordering::*, fence},
    },
};

use super::{
    futex::{NEVER, now_ns},
    lock::MutexGuard,
    m::M,
    p::P,
    sched::{Inner, Sched},
};

impl Sched {
    /// There may be work for one more: wakes an M, unless all Ps are busy or somebody is looking already.
    #[inline]
    pub(super) fn wakep(&self) {
        fence(SeqCst); // Step 2 of the queuer.
        if self.idle_ps.load(Relaxed) > 0 && self.spinning.load(Relaxed) == 0 {
            self.wake_one();
        }
    }

    #[cold]
    fn wake_one(&self) {
        // One at a time: the one that is woken wakes the next when it has found something.
        if self.spinning.compare_exchange(0, 1, AcqRel, Relaxed).is_err() {
            return;
        }
        let mut inner = self.lock();
        match self.take_idle_p(&mut inner, None) {
            Some(p) => self.start_m(inner, p, true),
            None => {
                self.spinning.fetch_sub(1, AcqRel);
            }
        }
    }

    /// Whether idle Ps stay idle for now: the world is stopped, or the runtime ends. For good, under the lock.
    pub(super) fn keeps_ps(&self) -> bool {
        self.stops.in_force() || self.shutting_down.load(Relaxed)
    }

    /// Takes an idle P: `preferred` if it is idle, else the last one released.
    pub(super) fn take_idle_p(&self, inner: &mut Inner, preferred: Option<&P>) -> Option<&P> {
        if self.keeps_ps() {
            return None;
        }
        let place = preferred.and_then(|p| inner.idle_ps.iter().position(|&id| id == p.id));
        let id = match place {
            Some(place) => inner.idle_ps.remove(place),
            None => inner.idle_ps.pop()?,
        };
        self.publish(inner);
        self.sysmon.rouse();
        Some(self.ps.get(id))
    }

    /// Hands `p`, which the caller owns, to a sleeping M or a new one. `spinning`: it is counted as such already.
    pub(super) fn start_m(&self, mut inner: MutexGuard<'_, Inner>, p: &P, spinning: bool) {
        let (m, new) = match inner.idle_ms.pop() {
            Some(m) => (m, false),
            None => (self.new_m(&mut inner), true),
        };
        // SAFETY: Ms live as long as the scheduler; this one sleeps, or has not begun, and nobody else hands it a P.
        let m_ref = unsafe { m.as_ref() };
        m_ref.spinning.store(spinning, Relaxed);
        if new {
            drop(inner);
            m_ref.attach(p);
            return self.arc().start_thread(m);
        }
        // Under the lock: a sleeper that wakes by itself, and is on the list no more, must find that a P is on its way.
        // Release: pairs with the Acquire in `wait_for_p`: all that was done to the P comes with it.
        m_ref.next_p.store(std::ptr::from_ref(p).cast_mut(), Release);
        drop(inner);
        m_ref.unpark();
    }

    /// Whoever keeps the timers looks anew at what it sleeps for.
    pub(super) fn rouse_keeper(&self) {
        // SAFETY: Ms live as long as the scheduler.
        match unsafe { self.timers.keeper().as_ref() } {
            Some(m) => m.unpark(),
            None => self.sysmon.poke(),
        }
    }

    /// The `Arc` that this scheduler lives in.
    fn arc(&self) -> Arc<Sched> {
        // SAFETY: `Runtime` makes every scheduler inside an `Arc`, and a caller holds one more of it.
        unsafe {
            Arc::increment_strong_count(self);
            Arc::from_raw(self)
        }
    }

    /// An M that spun has found work. If it was the last to spin and there is more, the next one is woken: work that was queued
    /// meanwhile woke nobody.
    pub(super) fn stop_spinning(&self, m: &M) {
        if m.spinning.load(Relaxed) {
            m.spinning.store(false, Relaxed);
            if self.spinning.fetch_sub(1, AcqRel) == 1 && self.work_visible() {
                self.wakep();
            }
        }
    }

    /// On g0 with a P and nothing to do: gives the P up and joins the sleepers. `false`, and nothing happens, if there is work after all.
    pub(super) fn go_idle(&self, m: &M) -> bool {
        let mut inner = self.lock();
        let ending = self.shutting_down.load(Relaxed);
        if !ending && inner.grq.len() > 0 {
            return false;
        }
        // SAFETY: on g0, with a P.
        let p = unsafe { m.detach() };
        inner.idle_ps.push(p.id);
        if !ending {
            m.idle_since_ns.store(now_ns(), Relaxed);
            inner.idle_ms.push(NonNull::from(m));
        }
        // Before the lock is released: then `m` may be handed a P, and be counted as spinning again.
        let spun = m.spinning.swap(false, Relaxed);
        self.publish(&inner);
        drop(inner);
        if spun {
            self.spinning.fetch_sub(1, AcqRel);
        }
        fence(SeqCst); // Step 2 of the idler.
        !(self.work_visible() && !ending && self.wake_up_again(m))
    }

    /// An M on the list of sleepers takes itself off it, together with an idle P. `false` if somebody else was faster (then a P is on
    /// its way to it) or no P is idle.
    fn wake_up_again(&self, m: &M) -> bool {
        let mut inner = self.lock();
        let Some(place) = inner.idle_ms.iter().rposition(|&idle| idle == NonNull::from(m)) else { return false };
        // SAFETY: Ps live as long as the scheduler.
        let old_p = unsafe { m.old_p.get().as_ref() };
        let Some(p) = self.take_idle_p(&mut inner, old_p) else { return false };
        inner.idle_ms.remove(place);
        drop(inner);
        m.attach(p);
        true
    }

    /// An M whose G lost its P and got no other: joins the sleepers. `false` at the end of the runtime, or the thread's.
    fn join_sleepers(&self, m: &M) -> bool {
        let mut inner = self.lock();
        if self.shutting_down.load(Relaxed) || m.retires.load(Relaxed) {
            return false;
        }
        let sleeps = inner.idle_ms.contains(&NonNull::from(m));
        if !sleeps && m.next_p.load(Acquire).is_null() {
            // The G that it has just queued may find a P that went idle meanwhile.
            if inner.grq.len() > 0
                && let Some(p) = self.take_idle_p(&mut inner, None)
            {
                drop(inner);
                m.attach(p);
                return true;
            }
            m.idle_since_ns.store(now_ns(), Relaxed);
            inner.idle_ms.push(NonNull::from(m));
        }
        true
    }
}

impl M {
    /// Sleeps until somebody hands over a P. `false`: the runtime ends, or the thread does.
    ///
    /// One idle M at a time keeps the timers: it sleeps until the next is due, and then looks for an idle P itself. One, mostly the same,
    /// sleeps in the netpoller: see there.
    pub(super) fn wait_for_p(&self) -> bool {
        let sched = self.sched();
        loop {
            if !sched.join_sleepers(self) {
                return false;
            }
            if self.has_p() {
                return true;
            }
            let keeps_until = sched.timers.try_keep(self);
            let ready = sched.sleep(self, keeps_until.unwrap_or(NEVER));
            if keeps_until.is_some() {
                sched.timers.stop_keeping();
            }
            // Acquire: pairs with the Release in `start_m`.
            let p = self.next_p.swap(null_mut(), Acquire);
            if !p.is_null() {
                // SAFETY: Ps live as long as the scheduler; this one was handed to us.
                let p = unsafe { &*p };
                self.attach(p);
                sched.ready_polled(p, ready);
                return true;
            }
            let due = keeps_until.is_some() && sched.timers.next_ns() <= now_ns();
            if due || !ready.is_empty() {
                if sched.wake_up_again(self) {
                    // SAFETY: it says that we have a P; on g0.
                    sched.ready_polled(unsafe { self.p() }, ready);
                    return true;
                }
                sched.ready_polled_globally(ready);
                sched.expire_timers_globally();
            }
        }
    }
}
