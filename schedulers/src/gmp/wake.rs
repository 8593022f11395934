//! Handing Ps to Ms and taking them back: `wakep`, `start_m`, going idle, and an M's sleep.
//!
//! **No wake-up is lost.** Whoever makes work visible does (1) queue the G, (2) a full fence, (3) look at `idle_ps` and `spinning`.
//! An M that goes idle does (1) put its P and itself on the idle lists and stop counting as spinning, (2) a full fence, (3) look
//! at all queues again. In any order of the two fences, the later of the two sees what the other wrote: either the queuer sees
//! an idle P and nobody spinning, and wakes; or the idler sees the G, and takes its P back. (This is Go's #StoreLoad.) While an M
//! spins nobody is woken, since it will find the G; that is why leaving the spinning state is followed by a look at the queues, and, with
//! a G in hand, by a wake-up of the next if there is more ([`Sched::stop_spinning`]). Models of this run under loom, at the end of the file.

use std::{
    ptr::{NonNull, null_mut},
    sync::Arc,
};

use super::{
    atomic::{MutexGuard, Ordering::*, fence},
    futex::{NEVER, now_ns},
    m::M,
    p::P,
    sched::{Inner, Sched},
    trace,
};

impl Sched {
    /// There may be work for one more: wakes an M, unless all Ps are busy or somebody is looking already.
    #[inline]
    pub(super) fn wakep(&self) {
        fence(SeqCst); // Step 2 of the queuer.
        self.wakep_unfenced();
    }

    /// Owner of `p`: as [`wakep`](Sched::wakep). Where there is no other P, none is idle: the fence is spared.
    #[inline]
    pub(super) fn wakep_from(&self, p: &P) {
        if !p.lrq.is_sole() {
            self.wakep();
        }
    }

    /// As [`wakep`](Sched::wakep), for work that will be found a little later too: an M that goes idle at this moment may be missed.
    #[inline]
    pub(super) fn wakep_unfenced(&self) {
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
        p.counters.wakes.add(1);
        trace::wakes(m_ref, new);
        m_ref.spinning.store(spinning, Relaxed);
        if new {
            m_ref.attach(p); // Under the lock, for `end`.
            drop(inner);
            return self.arc().start_thread(m);
        }
        // Under the lock: a sleeper that wakes by itself, and is on the list no more, must find that a P is on its way.
        // Release: pairs with the Acquire in `take_handed_p`: all that was done to the P comes with it.
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
            if self.spinning.fetch_sub(1, AcqRel) == 1 {
                fence(SeqCst); // As an idler's step 2: who queued before and saw us spin has left it to us.
                if self.work_visible() {
                    self.wakep();
                }
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
        trace::idles(m);
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
        if ending || !self.work_visible() || !self.wake_up_again(m) {
            return true;
        }
        if spun {
            // Whoever queued several while we spun woke nobody. So when we have one of them, we wake somebody for the next: see `stop_spinning`.
            m.spinning.store(true, Relaxed);
            self.spinning.fetch_add(1, AcqRel);
        }
        false
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
        m.attach(p); // Under the lock, for `end`.
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
                m.attach(p); // Under the lock, for `end`.
                return true;
            }
            m.idle_since_ns.store(now_ns(), Relaxed);
            inner.idle_ms.push(NonNull::from(m));
        }
        true
    }
}

impl M {
    /// Own thread: takes the P that it was handed while it slept, if any. Whether the runtime has ended must be looked at after that, not before.
    pub(super) fn take_handed_p(&self) -> Option<&P> {
        // Acquire: pairs with the Release in `start_m` and `give_p_to`: all that was done to the P, and to its Gs, comes with it.
        let p = self.next_p.swap(null_mut(), Acquire);
        // SAFETY: Ps live as long as the scheduler; this one was handed to us.
        let p = unsafe { p.as_ref() }?;
        self.attach(p);
        fence(SeqCst); // Pairs with the one in `end`.
        Some(p)
    }

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
            trace::parks(self);
            let keeps_until = sched.timers.try_keep(self);
            let ready = sched.sleep(self, keeps_until.unwrap_or(NEVER));
            if keeps_until.is_some() {
                sched.timers.stop_keeping();
            }
            if let Some(p) = self.take_handed_p() {
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

/// The real steps of both sides, on a real scheduler whose threads are loom's. What they leave out of a search for work is the clock. A wake-up that is
/// lost shows as an M that sleeps for ever.
#[cfg(all(test, gmp_loom))]
mod models {
    use loom::thread;

    use super::*;
    use crate::gmp::g::{Borrows, G};

    /// A scheduler with as many Ms as Ps, each with one, and Gs that are queued in the course of the model.
    struct World {
        sched: Arc<Sched>,
        ms: Vec<NonNull<M>>,
        gs: Vec<NonNull<G>>,
    }

    // SAFETY: as Ms and Gs in the scheduler.
    unsafe impl Send for World {}
    // SAFETY: as above.
    unsafe impl Sync for World {}

    impl World {
        /// `spare`: one more M, without a P, asleep.
        fn new(procs: usize, gs: usize, spare: bool) -> Self {
            let sched = Arc::new(Sched::new(procs, 64 << 10, procs + usize::from(spare), None).unwrap());
            let mut inner = sched.lock();
            let with_p = |_| {
                let m = sched.new_m(&mut inner);
                let p = sched.take_idle_p(&mut inner, None).unwrap();
                // SAFETY: the scheduler owns it.
                unsafe { m.as_ref() }.attach(p);
                m
            };
            let mut ms: Vec<_> = (0..procs).map(with_p).collect();
            if spare {
                let m = sched.new_m(&mut inner);
                inner.idle_ms.push(m);
                ms.push(m);
            }
            drop(inner);
            let gs = (0..gs as u64).map(|id| G::allocate(|| (), id, &*sched, Borrows::NOTHING, None)).collect();
            World { sched, ms, gs }
        }

        fn m(&self, n: usize) -> &M {
            // SAFETY: the scheduler owns it.
            unsafe { self.ms[n].as_ref() }
        }

        fn p(&self, n: usize) -> &P {
            // SAFETY: each model's threads ask for Ps that their Ms hold.
            unsafe { self.m(n).p() }
        }

        /// As `find_runnable` when it begins to spin.
        fn spin(&self, n: usize) {
            self.m(n).spinning.store(true, Relaxed);
            self.sched.spinning.fetch_add(1, AcqRel);
        }

        /// The life of an M until it has found a G, which it then executes for ever; `None`: the runtime ends first.
        fn find(&self, n: usize) -> Option<NonNull<G>> {
            let m = self.m(n);
            loop {
                if !m.has_p() && !m.wait_for_p() {
                    return None;
                }
                if self.sched.shutting_down.load(Relaxed) {
                    self.sched.go_idle(m);
                    return None;
                }
                let p = self.p(n);
                let others = || self.sched.ps.iter().filter(|other| other.id != p.id);
                let found = self.sched.pop_global_batch(p).or_else(|| p.lrq.pop());
                let found = found.or_else(|| others().find_map(|victim| victim.lrq.steal_half(&p.lrq)));
                if let Some(g) = found {
                    self.sched.stop_spinning(m);
                    return Some(g);
                }
                self.sched.go_idle(m);
            }
        }

        /// As `shut_down`, up to where it waits.
        fn end(&self) {
            self.sched.end(&mut self.sched.lock());
        }

        /// What an M does with what it has found: executes it, or ends its thread.
        fn executes(&self, n: usize, found: Option<NonNull<G>>) -> bool {
            if found.is_none() {
                self.sched.m_ended(self.m(n));
            }
            found.is_some()
        }

        /// After the end: an M that executes a G sees the end at its next call, and gives its P up there. So all Ps come to be idle.
        fn has_ended(&self, n: usize, executes: bool) {
            let m = self.m(n);
            assert!(!executes || !m.step_in(), "it would go on for ever");
            if m.has_p() {
                self.sched.go_idle(m);
            }
            assert_eq!(self.sched.lock().idle_ps.len(), self.sched.ps.len());
        }

        /// An M queues a G on its own P.
        fn queue_locally(&self, n: usize, g: usize) {
            self.sched.push_local(self.p(n), self.gs[g]);
            self.sched.wakep();
        }

        /// Somebody without a P queues a G.
        fn queue_globally(&self, g: usize) {
            self.sched.ready_from_outside(self.gs[g]);
        }
    }

    impl Drop for World {
        fn drop(&mut self) {
            // SAFETY: no queue holds them any more, or nobody looks into it; never run, with both references.
            self.gs.iter().for_each(|&g| unsafe { G::free(g, None) });
        }
    }

    fn check(preemptions: usize, body: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(preemptions);
        builder.check(body);
    }

    /// All Ms but the first look for work, each for one G, while the first does `queue`. All of the Gs must be found.
    fn model(preemptions: usize, procs: usize, prepare: fn(&World), queue: fn(&World)) {
        check(preemptions, move || {
            let world = Arc::new(World::new(procs, procs - 1, false));
            prepare(&world);
            let seeker = |n| {
                let world = world.clone();
                thread::spawn(move || world.find(n).unwrap().as_ptr().addr())
            };
            let seekers: Vec<_> = (1..procs).map(seeker).collect();
            queue(&world);
            let mut found: Vec<_> = seekers.into_iter().map(|seeker| seeker.join().unwrap()).collect();
            found.sort_unstable();
            let mut expected: Vec<_> = world.gs.iter().map(|g| g.as_ptr().addr()).collect();
            expected.sort_unstable();
            assert_eq!(found, expected, "each G is found once");
        });
    }

    #[test]
    fn a_g_queued_locally_is_found_by_an_m_that_goes_idle() {
        model(4, 2, |_| (), |world| world.queue_locally(0, 0));
    }

    #[test]
    fn a_g_queued_globally_is_found_by_an_m_that_goes_idle() {
        model(4, 2, |_| (), |world| world.queue_globally(0));
    }

    #[test]
    fn a_g_is_found_by_an_m_that_spins_and_then_goes_idle() {
        model(4, 2, |world| world.spin(1), |world| world.queue_locally(0, 0));
    }

    /// While one spins nobody is woken for the second G: the one that has found the first must do it.
    #[test]
    fn who_stops_spinning_wakes_the_next() {
        let prepare = |world: &World| {
            assert!(world.sched.go_idle(world.m(2)));
            world.spin(1);
        };
        let queue = |world: &World| {
            world.queue_locally(0, 0);
            world.queue_locally(0, 1);
        };
        model(2, 3, prepare, queue);
    }

    /// Whoever queues one and comes too late to wake somebody for it, since the P is in use again, does not stand in the way of the next wake-up.
    #[test]
    fn two_gs_are_found_by_two_ms_that_go_idle() {
        let queue = |world: &World| {
            world.queue_locally(0, 0);
            world.queue_locally(0, 1);
        };
        model(2, 3, |_| (), queue);
    }

    /// The first M gives its P away, as a blocking call does, while another thread does `queue`; one more M sleeps, and must find the G.
    fn passing_on(procs: usize, queue: fn(&World)) {
        check(3, move || {
            let world = Arc::new(World::new(procs, 1, true));
            let (queuer, spare) = (world.clone(), world.clone());
            let queuer = thread::spawn(move || queue(&queuer));
            let spare = thread::spawn(move || assert_eq!(spare.find(procs), Some(spare.gs[0])));
            world.sched.hand_off(world.m(0));
            queuer.join().unwrap();
            spare.join().unwrap();
        });
    }

    #[test]
    fn a_p_that_is_passed_on_is_used_for_what_is_queued_globally() {
        passing_on(1, |world| world.queue_globally(0));
    }

    #[test]
    fn a_p_that_is_passed_on_is_used_for_what_is_queued_locally() {
        passing_on(2, |world| world.queue_locally(1, 0));
    }

    /// Whoever finds nothing sleeps until the end, and then ends.
    #[test]
    fn the_end_reaches_an_m_that_goes_idle() {
        check(3, || {
            let world = Arc::new(World::new(2, 0, false));
            let seeker = world.clone();
            let seeker = thread::spawn(move || assert_eq!(seeker.find(1), None));
            world.end();
            seeker.join().unwrap();
        });
    }

    /// It comes while a G that has lost its P takes an idle one, and goes on at once.
    #[test]
    fn the_end_reaches_an_m_that_takes_a_p_again() {
        check(3, || {
            let world = Arc::new(World::new(1, 0, false));
            world.sched.hand_off(world.m(0));
            let its = world.clone();
            let m = thread::spawn(move || its.sched.attach_again(its.m(0)));
            world.end();
            m.join().unwrap();
            world.has_ended(0, true);
        });
    }

    /// It comes while an M hands its P to a sleeper.
    #[test]
    fn the_end_reaches_an_m_that_is_handed_a_p() {
        check(3, || {
            let world = Arc::new(World::new(1, 1, true));
            world.sched.push_global(world.gs[0]);
            let (giver, sleeper) = (world.clone(), world.clone());
            let giver = thread::spawn(move || giver.sched.hand_off(giver.m(0)));
            let sleeper = thread::spawn(move || sleeper.executes(1, sleeper.find(1)));
            world.end();
            giver.join().unwrap();
            world.has_ended(1, sleeper.join().unwrap());
        });
    }

    /// It comes while an M hands its P to the one that a G is wired to.
    #[test]
    fn the_end_reaches_an_m_that_waits_for_its_g() {
        check(3, || {
            let world = Arc::new(World::new(1, 1, true));
            let (giver, wired) = (world.clone(), world.clone());
            let giver = thread::spawn(move || {
                let m = giver.m(0);
                giver.sched.give_p_to(m, giver.m(1));
                if m.has_p() {
                    giver.sched.go_idle(m);
                }
            });
            let wired = thread::spawn(move || {
                wired.m(1).wired.set(wired.gs[0].as_ptr());
                wired.executes(1, wired.m(1).await_wired())
            });
            world.end();
            giver.join().unwrap();
            world.has_ended(1, wired.join().unwrap());
        });
    }
}
