//! The threads of Ms: started when a P finds no M that sleeps, at most `max_threads` of them, and ended when they have slept for long.
//!
//! An [`M`] outlives its thread: others may hold its address. So it stays in its place until the runtime ends, and is used again for the next thread.
//!
//! A thread inherits from the one that starts it what a goroutine may have changed there (a namespace, a signal mask, a scheduling class). Goroutines that do
//! that lock their thread, so threads are never started from one that is locked, but by sysmon, which executes no goroutine (Go's template thread).

use std::{
    ptr::{NonNull, null_mut},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    atomic::{Ordering::*, fence},
    futex::NEVER,
    m::{self, M, NO_P, WANTED},
    sched::{Inner, Sched, fatal},
};

/// The M's own stack runs the scheduler only; Gs have stacks of their own.
const M_STACK_BYTES: usize = 256 << 10;
/// Ms that may sleep beside those that idle Ps would need. Go keeps all; with none the next blocking call would have to start a thread. Tried: 2.
const SPARES: usize = 2;
/// How long one more than that sleeps before its thread ends. Untuned: far more than the pauses of a program that blocks regularly.
const RETIRE_NS: u64 = 5_000_000_000;

/// Behind the scheduler's lock.
#[derive(Default)]
pub(super) struct Threads {
    /// All Ms that ever were, each in its place.
    #[expect(clippy::vec_box, reason = "their addresses are known to others")]
    ms: Vec<Box<M>>,
    /// Those of them that have no thread.
    free: Vec<NonNull<M>>,
    /// Those whose threads sysmon has to start.
    to_start: Vec<NonNull<M>>,
    /// That have not ended: Ms' and sysmon's.
    pub(super) count: usize,
}

impl Threads {
    /// All Ms that ever were.
    pub(super) fn ms(&self) -> impl Iterator<Item = &M> {
        self.ms.iter().map(|m| &**m)
    }
}

impl Sched {
    /// An M whose thread is not started yet, owned by the scheduler.
    pub(super) fn new_m(&self, inner: &mut Inner) -> NonNull<M> {
        let threads = &mut inner.threads;
        if threads.count >= self.max_threads {
            fatal(&format!(
                "the runtime needs more than its {} threads (goroutines in blocking calls hold one each); raise `max_threads`",
                self.max_threads
            ));
        }
        threads.count += 1;
        if let Some(m) = threads.free.pop() {
            // SAFETY: Ms live as long as the scheduler.
            unsafe { m.as_ref() }.retires.store(false, Relaxed);
            return m;
        }
        let m = Box::new(M::new(threads.ms.len() as u64, self));
        let pointer = NonNull::from(&*m);
        threads.ms.push(m);
        pointer
    }

    /// Starts the thread of an M that `new_m` made, or has it started.
    pub(super) fn start_thread(self: &Arc<Self>, m: NonNull<M>) {
        // SAFETY: Ms live as long as their threads.
        if unsafe { m::current().as_ref() }.is_some_and(M::is_wired) {
            let mut inner = self.lock();
            // At the end sysmon may have gone, and the thread will execute no goroutine.
            if !self.shutting_down.load(Relaxed) {
                inner.threads.to_start.push(m);
                drop(inner);
                return self.sysmon.poke();
            }
        }
        self.start_thread_here(m);
    }

    fn start_thread_here(self: &Arc<Self>, m: NonNull<M>) {
        struct Handle(NonNull<M>);
        // SAFETY: the M is the new thread's from here on.
        unsafe impl Send for Handle {}
        let (sched, handle) = (self.clone(), Handle(m));
        let main = move || {
            let Handle(m) = { handle };
            m::main(sched, m);
        };
        let thread = std::thread::Builder::new().name("gmp-m".into()).stack_size(M_STACK_BYTES);
        if let Err(error) = thread.spawn(main) {
            fatal(&format!("the operating system gives no more threads: {error}"));
        }
    }

    /// sysmon: starts the threads that others may not start.
    pub(super) fn start_threads(self: &Arc<Self>) {
        let ms = std::mem::take(&mut self.lock().threads.to_start);
        ms.into_iter().for_each(|m| self.start_thread_here(m));
    }

    /// sysmon: ends the threads of Ms that have slept for long and are not needed; when to look again.
    pub(super) fn retire_idle_ms(&self, now: u64) -> u64 {
        let mut inner = self.lock();
        loop {
            let keep = inner.idle_ps.len() + SPARES;
            if inner.idle_ms.len() <= keep {
                return NEVER;
            }
            // The one that has slept longest, but not the keeper of the timers: another would have to take its place.
            let keeper = self.timers.keeper();
            let Some(place) = inner.idle_ms.iter().position(|m| !std::ptr::eq(m.as_ptr(), keeper)) else {
                return NEVER;
            };
            // SAFETY: Ms live as long as the scheduler.
            let m = unsafe { inner.idle_ms[place].as_ref() };
            let due = m.idle_since_ns.load(Relaxed) + RETIRE_NS;
            if due > now {
                return due;
            }
            inner.idle_ms.remove(place);
            m.retires.store(true, Relaxed); // The lock orders it: see `join_sleepers`.
            m.unpark();
        }
    }

    /// The last thing that an M's thread does here.
    pub(super) fn m_ended(&self, m: &M) {
        let mut inner = self.lock();
        m.tid.store(0, Relaxed); // The kernel may give it to another thread.
        inner.threads.free.push(NonNull::from(m));
        // SAFETY: Ps live as long as the scheduler.
        if let Some(p) = unsafe { m.next_p.swap(null_mut(), Relaxed).as_ref() } {
            // It was handed to us before the end, and we did not come to take it. Who stops the world waits for each P.
            inner.idle_ps.push(p.id);
            self.publish(&inner);
        }
        self.thread_ended(inner);
        self.sysmon.poke(); // It may have been the one that slept in the netpoller.
    }

    /// Tells all threads to end: from now on no P is handed out.
    ///
    /// **It reaches every M.** On g0 an M looks at `shutting_down` before it executes a G, asleep it is woken. In the code of a G, or on its way there, it has a P or
    /// gets one. Who has a P is asked for it, here, once; that wish stays in its word until it has been understood, across a stop of the world too. Who gets one
    /// after this does not (`take_idle_p`). What is left is a P that is under way. (a) It was taken under the lock: it is attached under the same
    /// lock, so we find it. (b) It was handed to a sleeper: that one does (1) attach it, (2) a full fence, (3) look at `shutting_down`; we do (1) set that, (2) a full
    /// fence, (3) look at its word. The later of the two sees the other. Models of both stand in `wake`.
    pub(super) fn end(&self, inner: &mut Inner) {
        self.shutting_down.store(true, Relaxed);
        fence(SeqCst); // Pairs with the one in `take_handed_p`.
        inner.idle_ms.clear();
        for m in inner.threads.ms() {
            // AcqRel: as sysmon's wish, and `shutting_down` comes with it. Who computes, or calls only what never waits, sees at its next call that it is to end.
            let _ = m.p.fetch_update(AcqRel, Relaxed, |p| (p != NO_P).then_some(p | WANTED));
            m.unpark();
        }
        self.sysmon.poke();
    }

    /// Tells all threads to end, and waits for them, but no longer than `patience`. Not for the caller's own, if it is a G of this runtime: that one ends when the
    /// G calls gmp again.
    pub(super) fn shut_down(&self, patience: Duration) {
        let mut inner = self.lock();
        self.end(&mut inner);
        let deadline = Instant::now() + patience;
        // SAFETY: Ms live as long as their threads.
        let own = unsafe { m::current().as_ref() }.is_some_and(|m| std::ptr::eq(m.sched, self));
        while inner.threads.count > usize::from(own) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            inner = self.ended.wait_timeout(inner, left).expect("no code panics while it holds the scheduler's lock").0;
        }
        let ended = inner.threads.count == usize::from(own);
        drop(inner);
        if ended {
            // SAFETY: no M is left that could own a P, but for the caller's own, which is in the code of a G.
            self.ps.ever().for_each(|p| self.stacks.spill_all(&mut unsafe { p.own() }.stacks));
        }
        self.netpoll.end();
    }
}
