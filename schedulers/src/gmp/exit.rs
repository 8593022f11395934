//! A goroutine that ends itself: Go's `runtime.Goexit`.
//!
//! It is an unwinding with a payload of our own, which no panic hook reports: destructors run, and the root of the G, which catches it as it
//! catches a panic, keeps it as the outcome.
//!
//! A G that unwinds already (a destructor calls [`exit`]) cannot do so: Rust aborts the process when a second unwinding leaves a destructor. It is *abandoned*:
//! it is said to have ended, and its stack stays as it is for ever, as if it slept there, since the frames on it may be borrowed from.
//! Its thread ends too, as the panic that it is in never will (std counts them by thread). That is sound only if nobody takes
//! the end of the G for the end of its borrows.

use std::{
    panic::resume_unwind,
    ptr::{NonNull, null, null_mut},
    sync::atomic::Ordering::*,
};

use super::{
    enter::enter,
    g::{After, Borrows, G},
    life::tell,
    m::{self, M, RUNTIME},
    park::switch_to_g0,
    sched::fatal,
};

/// What a G unwinds with that exits. Outside code cannot make one.
pub(super) struct Exit;

/// Ends the calling goroutine; other ones go on. Destructors of everything on its stack run, and [`join`](super::JoinHandle::join) gives an error
/// that [`is_exit`](super::JoinError::is_exit).
///
/// Called by a destructor during a panic, it ends that goroutine only, but at once: the destructors that were still to come never run, and its stack
/// and thread are lost.
///
/// It works by unwinding. A [`catch_unwind`](std::panic::catch_unwind) on the way stops it, as it would a panic, and can let it go on with
/// [`resume_unwind`](std::panic::resume_unwind).
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// runtime.run(|| {
///     let (sender, receiver) = gmp::channel::<()>(0);
///     let exits = gmp::spawn(move || {
///         let _dropped = sender;
///         gmp::exit();
///     });
///     assert!(exits.join().unwrap_err().is_exit());
///     assert!(receiver.recv().is_err(), "the destructor of the sender has run");
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
/// Outside of a goroutine.
///
/// # Aborts
/// The process, if a destructor calls it during a panic of a goroutine that may borrow: that of [`Runtime::run`](super::Runtime::run), or one of a
/// [`scope`](super::scope()).
pub fn exit() -> ! {
    assert!(!m::current().is_null(), "gmp::exit is for goroutines");
    if std::thread::panicking() {
        abandon();
    }
    resume_unwind(Box::new(Exit))
}

/// Ends a G that unwinds.
#[cold]
fn abandon() -> ! {
    // An unwinding G gives up its P here.
    assert!(enter().is_none());
    // SAFETY: Ms live as long as their threads, and an M that runs user code executes a G.
    let (m, g) = unsafe {
        let m = &*m::current();
        (m, NonNull::new_unchecked(m.curg.load(Relaxed)))
    };
    // SAFETY: it executes, so it is alive.
    unsafe {
        if g.as_ref().borrows != Borrows::NOTHING {
            fatal(
                "gmp::exit was called during a panic, by a goroutine of Runtime::run or of a scope: who waits for it relies on its destructors",
            );
        }
        G::exited(g);
    }
    m.sched().count_abandoned();
    m.retires.store(true, Relaxed);
    m.place.store(RUNTIME, Relaxed);
    // SAFETY: a G of `m` calls; g0 does not need a P to end its thread.
    unsafe { switch_to_g0(m, After { commit: leave_behind, data: null() }) };
    unreachable!("nobody dispatches a G that has ended")
}

/// `After`: gives up the G, but not its stack.
unsafe fn leave_behind(m: &M, g: NonNull<G>, _: *const ()) {
    // SAFETY: the G has ended and left its stack, and is ours until its handle is told; without one, we free it: the outcome needs no drop.
    unsafe {
        let stack = g.as_ref().stack.take().expect("a G that has run has a stack");
        stack.owner().store(null_mut(), Relaxed);
        m.sched().census.await_end();
        if !tell(m, g) {
            G::free(g, None);
        }
    }
}
