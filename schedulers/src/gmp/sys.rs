//! What gmp asks of Linux for its threads, beside futexes: punctual wake-ups, short slices, membarrier.

use std::io;

#[cfg(gmp_loom)]
use super::atomic::{Ordering::SeqCst, fence};

/// How long an M may run at a stretch while another thread waits for its core. Short slices let a thread that wakes preempt sooner
/// (Linux 6.12 and later; before, the request is refused and nothing is lost). Measured with two hogs on two cores.
const M_SLICE_NS: u64 = 100_000;
/// The slice of a thread whose G lost its P: long, so that it disturbs the Ms less often.
const DETACHED_SLICE_NS: u64 = 20_000_000;

/// The kernel's `struct sched_attr`, version 1.
#[repr(C)]
struct SchedAttr {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime_ns: u64,
    deadline_ns: u64,
    period_ns: u64,
    util_min: u32,
    util_max: u32,
}

/// The calling thread's id.
pub(super) fn thread_id() -> i32 {
    // SAFETY: no arguments, cannot fail.
    unsafe { libc::gettid() }
}

/// Makes the calling thread wake as soon as its timers expire (1 ns of slack instead of 50 us) and preempt quickly.
pub(super) fn be_punctual() {
    // SAFETY: an option with a plain number.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong) };
    set_slice(0, M_SLICE_NS);
}

/// Gives the thread of a G that lost its P a long slice, or the usual one back.
pub(super) fn set_detached(tid: i32, detached: bool) {
    set_slice(tid, if detached { DETACHED_SLICE_NS } else { M_SLICE_NS });
}

fn set_slice(tid: i32, slice_ns: u64) {
    // SAFETY: plain numbers. (-1 is a legal nice value and also the error's; either way it is what the kernel would use.)
    let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, tid as libc::id_t) };
    let attr = SchedAttr {
        size: size_of::<SchedAttr>() as u32,
        policy: libc::SCHED_OTHER as u32,
        flags: 0, // SCHED_FLAG_KEEP_PARAMS would keep the slice too.
        nice,
        priority: 0,
        runtime_ns: slice_ns,
        deadline_ns: 0,
        period_ns: 0,
        util_min: 0,
        util_max: 0,
    };
    // SAFETY: the attribute lives across the call. A refusal changes nothing but latency.
    unsafe { libc::syscall(libc::SYS_sched_setattr, tid, &raw const attr, 0) };
}

/// `MEMBARRIER_CMD_PRIVATE_EXPEDITED` and its registration.
const MEMBARRIER_EXPEDITED: libc::c_int = 1 << 3;
const MEMBARRIER_REGISTER: libc::c_int = 1 << 4;

/// Registers the process for [`heavy_barrier`].
///
/// # Errors
/// Where the kernel has none (before Linux 4.14, or a sandbox that refuses it).
pub(super) fn register_heavy_barrier() -> io::Result<()> {
    // SAFETY: plain numbers.
    match unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_REGISTER, 0, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A full fence against whoever calls [`heavy_barrier`], which does the work of both: here it only keeps the compiler from moving anything.
#[inline(always)]
pub(super) fn light_barrier() {
    #[cfg(not(gmp_loom))]
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
    #[cfg(gmp_loom)] // It knows of no membarrier: two fences stand for the pair.
    fence(SeqCst);
}

/// Executes a full memory barrier on every core that runs a thread of this process.
pub(super) fn heavy_barrier() {
    #[cfg(gmp_loom)]
    fence(SeqCst);
    // SAFETY: plain numbers; cannot fail once registered.
    unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_EXPEDITED, 0, 0) };
}
