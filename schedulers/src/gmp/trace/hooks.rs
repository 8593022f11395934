//! The places where the scheduler tells the trace what it does: one line each there, one load and a branch not taken while no trace goes on.

use std::{ptr::NonNull, sync::atomic::Ordering::*};

pub(in crate::gmp) use super::trail::Why;
use super::trail::{NUMBER, What, record};
use crate::gmp::{g::G, m::M, p::P, sched::Sched};

/// Records what `event` gives, a runtime's number and what happens there, if a trace goes on.
#[inline(always)]
fn note(event: impl FnOnce() -> (u32, What)) {
    // Relaxed: `record` looks again.
    if NUMBER.0.load(Relaxed) != 0 {
        note_now(event);
    }
}

#[cold]
#[inline(never)]
fn note_now(event: impl FnOnce() -> (u32, What)) {
    let (runtime, what) = event();
    record(runtime, what);
}

fn runtime(m: &M) -> u32 {
    m.sched().number
}

fn id(m: &M) -> u32 {
    m.id as u32
}

/// The P that the caller holds.
fn held(m: &M) -> u32 {
    // SAFETY: on its own thread, in the scheduler, with a P: so say the callers.
    unsafe { m.p() }.id as u32
}

/// The G that the caller executes.
fn current(m: &M) -> u64 {
    // SAFETY: on its own thread, which executes a G; that is alive.
    unsafe { (*m.curg.load(Relaxed)).id }
}

/// Own thread, with a P: `g` begins to execute.
#[inline(always)]
pub(in crate::gmp) fn starts(m: &M, g: NonNull<G>) {
    // SAFETY: who dispatches a G owns it.
    note(|| (runtime(m), What::Starts { g: unsafe { g.as_ref() }.id, p: held(m), m: id(m) }));
}

/// Own thread, with a P again: its G goes on.
#[inline(always)]
pub(in crate::gmp) fn goes_on(m: &M) {
    note(|| (runtime(m), What::Starts { g: current(m), p: held(m), m: id(m) }));
}

/// Own thread, with a P: its G is about to leave.
#[inline(always)]
pub(in crate::gmp) fn stops(m: &M, why: Why) {
    note(|| (runtime(m), What::Stops { g: current(m), p: held(m), m: id(m), why }));
}

/// A new G; `p` is the P of the G that spawns it.
#[inline(always)]
pub(in crate::gmp) fn spawns(sched: &Sched, p: Option<&P>, g: NonNull<G>) {
    // SAFETY: the caller has made it, and not queued it yet.
    note(|| (sched.number, What::Spawns { g: unsafe { g.as_ref() }.id, p: p.map(|p| p.id as u32) }));
}

/// Owner of `p`: `g`, which is not queued yet, is runnable.
#[inline(always)]
pub(in crate::gmp) fn readies(sched: &Sched, p: &P, g: NonNull<G>) {
    // SAFETY: who makes a G runnable owns it until it is queued.
    note(|| (sched.number, What::Readies { g: unsafe { g.as_ref() }.id, p: p.id as u32 }));
}

/// Owner of `thief`, whose ring was empty: it has stolen one G to run, and what is in the ring.
#[inline(always)]
pub(in crate::gmp) fn steals(sched: &Sched, thief: &P, victim: &P) {
    note(|| {
        (sched.number, What::Steals { p: thief.id as u32, from: victim.id as u32, count: thief.lrq.ring_len() + 1 })
    });
}

/// sysmon has taken `p` from `m`.
#[inline(always)]
pub(in crate::gmp) fn retakes(sched: &Sched, p: &P, m: &M) {
    note(|| (sched.number, What::Retakes { p: p.id as u32, m: id(m) }));
}

/// Own thread, with a P, which it is about to give away while its G goes on, if it executes one.
#[inline(always)]
pub(in crate::gmp) fn hands_off(m: &M) {
    note(|| {
        let (p, m_id) = (held(m), id(m));
        let what = match m.curg.load(Relaxed).is_null() {
            true => What::Idles { p, m: m_id },
            false => What::HandsOff { g: current(m), p, m: m_id },
        };
        (runtime(m), what)
    });
}

/// `m` gets `p`.
#[inline(always)]
pub(in crate::gmp) fn attaches(m: &M, p: &P) {
    note(|| (runtime(m), What::Attaches { p: p.id as u32, m: id(m) }));
}

/// Own thread, with a P that it is about to give up for want of work.
#[inline(always)]
pub(in crate::gmp) fn idles(m: &M) {
    note(|| (runtime(m), What::Idles { p: held(m), m: id(m) }));
}

/// Own thread, without a P: it goes to sleep.
#[inline(always)]
pub(in crate::gmp) fn parks(m: &M) {
    note(|| (runtime(m), What::Parks { m: id(m) }));
}

/// `m` is woken for work, or its thread is about to start.
#[inline(always)]
pub(in crate::gmp) fn wakes(m: &M, new: bool) {
    note(|| (runtime(m), What::Wakes { m: id(m), new }));
}

/// Own thread: it ends.
#[inline(always)]
pub(in crate::gmp) fn ends(m: &M) {
    note(|| (runtime(m), What::Ends { m: id(m) }));
}
