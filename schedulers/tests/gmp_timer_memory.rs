//! Timers leave nothing behind: neither those that are dropped before they fire (Go: TestTimerGC), nor deadlines that were not needed.
//! A process of its own, since it counts allocations.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use schedulers::gmp::{self, Runtime, time::Timer};

const LONG: Duration = Duration::from_secs(3600);

struct Counting;

static LIVE_BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How much more is allocated after `f` than before, when it has run once already.
fn left_by(mut f: impl FnMut()) -> usize {
    f();
    let before = LIVE_BYTES.load(Relaxed);
    f();
    LIVE_BYTES.load(Relaxed).saturating_sub(before)
}

#[test]
fn neither_dropped_timers_nor_deadlines_in_vain_are_kept() {
    /// Less than one of the 10,000 would leave if it stayed in the heap of timers (16 + 32 bytes).
    const SLACK_BYTES: usize = 64 << 10;
    // SAFETY: nothing that belongs to a thread is kept across a call to gmp.
    let runtime = unsafe { Runtime::builder().procs(2).build() }.unwrap();
    runtime.run(|| {
        let dropped = left_by(|| (0..10_000).for_each(|_| drop((Timer::new(LONG), gmp::time::tick(LONG)))));
        assert!(dropped < SLACK_BYTES, "{dropped}");

        let (sender, receiver) = gmp::channel(0);
        let echo = gmp::spawn(move || receiver.iter().for_each(drop::<u32>));
        let in_vain = left_by(|| (0..10_000).for_each(|n| sender.send_timeout(n, LONG).unwrap()));
        assert!(in_vain < SLACK_BYTES, "{in_vain}");
        drop(sender);
        echo.join().unwrap();

        let (sender, receiver) = gmp::channel(0);
        let sends = gmp::spawn(move || (0..20_000u32).for_each(|n| sender.send(n).unwrap()));
        let in_vain = left_by(|| {
            for _ in 0..10_000 {
                gmp::select! {
                    recv(receiver) -> value => assert!(value.is_ok()),
                    recv(gmp::time::after(LONG)) -> _ => unreachable!(),
                    default(LONG) => unreachable!(),
                }
            }
        });
        assert!(in_vain < SLACK_BYTES, "{in_vain}");
        sends.join().unwrap();
    });
}
