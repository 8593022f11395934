//! The sanitizers see what goes on in goroutines: each fault below, made on purpose by a child process, is reported. Without them there is
//! nothing to test; CONTRIBUTING.md says how they are built in.
#![cfg(any(gmp_tsan, gmp_asan))]

use std::{env, process::Command};

use schedulers::gmp::{self, Runtime};

fn runtime() -> Runtime {
    // SAFETY: nothing that belongs to a thread is kept across a call to gmp.
    unsafe { Runtime::builder().procs(2).build() }.unwrap()
}

/// A pointer that two goroutines use, though they should not.
#[derive(Clone, Copy)]
struct Shared(*mut u64);

// SAFETY: it is not: that is what is to be reported.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    #[inline(never)]
    fn write(self) {
        // SAFETY: none; see above.
        unsafe { self.0.write_volatile(1) };
    }
}

/// Runs the calling test, `name`, once more in a child, in which it does `fault`; the report must name `kind`, and where it was written.
fn must_report(name: &str, kind: &str, fault: fn()) {
    const CHILD: &str = "GMP_TEST_CHILD";
    if env::var_os(CHILD).is_some() {
        return fault();
    }
    let child =
        Command::new(env::current_exe().unwrap()).args([name, "--exact", "--nocapture"]).env(CHILD, "1").output();
    let child = child.unwrap();
    let report = String::from_utf8_lossy(&child.stderr);
    assert!(!child.status.success(), "{report}");
    assert!(report.contains(kind) && report.contains("Shared>::write"), "{report}");
}

/// Each on an M of its own: they wait for each other without a call to gmp, and without an order that would keep them apart.
#[cfg(gmp_tsan)]
#[test]
fn a_race_of_two_goroutines_is_reported() {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    must_report("a_race_of_two_goroutines_is_reported", "data race", || {
        let mut value = 0;
        let (there, shared) = (AtomicU32::new(0), Shared(&raw mut value));
        runtime().run(|| {
            gmp::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        there.fetch_add(1, Relaxed);
                        while there.load(Relaxed) < 2 {
                            std::hint::spin_loop();
                        }
                        // Again and again: two writes at the very same moment can hide each other.
                        (0..1000).for_each(|_| shared.write());
                    });
                }
            });
        });
        assert_eq!(value, 1);
    });
}

#[cfg(gmp_asan)]
#[test]
fn a_goroutine_that_writes_to_freed_memory_is_reported() {
    must_report("a_goroutine_that_writes_to_freed_memory_is_reported", "heap-use-after-free", || {
        runtime().run(|| {
            let shared = Shared(Box::into_raw(Box::new(0)));
            let writes = gmp::spawn(move || {
                gmp::yield_now();
                shared.write();
            });
            // SAFETY: the first part of the fault.
            drop(unsafe { Box::from_raw(shared.0) });
            writes.join().unwrap();
        });
    });
}

/// The frame is on a goroutine's stack, which has been left and come back to meanwhile.
#[cfg(gmp_asan)]
#[test]
fn a_write_to_a_frame_that_has_returned_is_reported() {
    // Without `black_box`: frames of functions with inline assembly are not kept.
    #[inline(never)]
    fn leak_local(to: &mut Shared) {
        let mut local = 0;
        *to = Shared(&raw mut local);
        gmp::yield_now();
    }

    must_report("a_write_to_a_frame_that_has_returned_is_reported", "stack-use-after-return", || {
        runtime().run(|| {
            let other = gmp::spawn(|| (0..10).for_each(|_| gmp::yield_now()));
            let mut shared = Shared(std::ptr::null_mut());
            leak_local(&mut shared);
            gmp::yield_now();
            shared.write();
            other.join().unwrap();
        });
    });
}
