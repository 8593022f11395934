//! What ends the process says why, and what does not end it is reported in order. Each in a process of its own.

use std::{
    fmt,
    os::unix::process::ExitStatusExt,
    panic::{AssertUnwindSafe, catch_unwind},
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering::*},
    time::Duration,
};

use schedulers::gmp::{self, Runtime};

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

/// Runs `body` in another process, in which it is the whole of the test `test`, the caller; what became of that.
fn in_a_process(test: &str, body: impl FnOnce()) -> (Output, String) {
    const IS_THE_CHILD: &str = "GMP_TEST_IS_THE_CHILD";
    if std::env::var_os(IS_THE_CHILD).is_some() {
        body();
        std::process::exit(0);
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]).env(IS_THE_CHILD, "").env("RUST_BACKTRACE", "0");
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, errors)
}

fn assert_aborted(output: &Output, errors: &str) {
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{:?}: {errors}", output.status);
}

/// Asserts that all of `texts` stand in `errors`, each behind the one before it.
fn assert_in_order(errors: &str, texts: &[&str]) {
    let mut rest = errors;
    for text in texts {
        let at = rest.find(text).unwrap_or_else(|| panic!("{text:?} in its place, in: {errors}"));
        rest = &rest[at + text.len()..];
    }
}

/// Runs its closure when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Go: TestThreadExhaustion, with blocking calls in the place of locked threads.
#[test]
fn needing_more_threads_than_allowed_ends_the_process_with_a_message() {
    let (output, errors) = in_a_process("needing_more_threads_than_allowed_ends_the_process_with_a_message", || {
        // SAFETY: as in `runtime`.
        let runtime = unsafe { Runtime::builder().procs(1).max_threads(10).build() }.unwrap();
        runtime.run(|| {
            let block = || gmp::block_in_place(|| std::thread::sleep(Duration::from_secs(60)));
            let handles: Vec<_> = (0..100).map(|_| gmp::spawn(block)).collect();
            handles.into_iter().for_each(|handle| handle.join().unwrap());
        });
    });
    assert_aborted(&output, &errors);
    assert_in_order(&errors, &["fatal error: gmp: the runtime needs more than its 10 threads", "max_threads"]);
}

/// As many threads as allowed are no reason to end.
#[test]
fn as_many_threads_as_allowed_are_enough() {
    let (output, errors) = in_a_process("as_many_threads_as_allowed_are_enough", || {
        // One for sysmon, one with the P, eight that block.
        // SAFETY: as in `runtime`.
        let runtime = unsafe { Runtime::builder().procs(1).max_threads(10).build() }.unwrap();
        for _ in 0..3 {
            runtime.run(|| {
                let block = || gmp::block_in_place(|| std::thread::sleep(Duration::from_millis(5)));
                let handles: Vec<_> = (0..8).map(|_| gmp::spawn(block)).collect();
                handles.into_iter().for_each(|handle| handle.join().unwrap());
            });
            assert!(runtime.stats().threads <= 10);
        }
    });
    assert!(output.status.success(), "{errors}");
}

/// Go: TestPanicAfterGoexit. Rust ends a process in which a destructor panics while its goroutine unwinds.
#[test]
fn a_panic_out_of_a_destructor_during_an_exit_ends_the_process() {
    let (output, errors) = in_a_process("a_panic_out_of_a_destructor_during_an_exit_ends_the_process", || {
        runtime(2).run(|| {
            let exits = gmp::spawn(|| {
                let _panics = OnDrop(|| panic!("in a destructor"));
                gmp::exit()
            });
            exits.join().map(|()| 0).ok();
        });
    });
    assert_aborted(&output, &errors);
    assert_in_order(&errors, &["in a destructor", "panic in a destructor during cleanup"]);
}

#[test]
fn an_exit_of_the_main_goroutine_during_its_panic_ends_the_process_with_a_message() {
    let (output, errors) =
        in_a_process("an_exit_of_the_main_goroutine_during_its_panic_ends_the_process_with_a_message", || {
            runtime(2).run(|| {
                let _exits = OnDrop(|| gmp::exit());
                panic!("of main");
            });
        });
    assert_aborted(&output, &errors);
    assert_in_order(&errors, &["of main", "fatal error: gmp: gmp::exit was called during a panic"]);
}

/// Go: TestRecursivePanic and its like.
#[test]
fn panics_inside_each_other_are_reported_in_their_order() {
    fn nested(depth: u32) {
        let _deeper = (depth < 5).then(|| {
            OnDrop(move || {
                // While the outer panic goes on; and caught, so that it can.
                let caught = catch_unwind(AssertUnwindSafe(|| nested(depth + 1)));
                assert_eq!(*caught.unwrap_err().downcast::<String>().unwrap(), format!("number {}", depth + 1));
            })
        });
        panic!("number {depth}");
    }
    let (output, errors) = in_a_process("panics_inside_each_other_are_reported_in_their_order", || {
        runtime(2).run(|| {
            let payload = gmp::spawn(|| nested(1)).join().unwrap_err().into_panic();
            assert_eq!(*payload.downcast::<String>().unwrap(), "number 1");
            // And one that is raised again is not reported again.
            let again = gmp::spawn(|| {
                let payload = catch_unwind(|| panic!("first")).unwrap_err();
                gmp::yield_now();
                std::panic::resume_unwind(payload)
            });
            assert_eq!(again.join().map(|()| 0).unwrap_err().to_string(), "goroutine panicked: first");
        });
    });
    assert!(output.status.success(), "{errors}");
    assert_in_order(&errors, &["number 1", "number 2", "number 3", "number 4", "number 5", "first"]);
    assert_eq!(errors.matches("first").count(), 1, "{errors}");
}

/// A message that does, when it is printed, what a goroutine may do.
struct Message(fn());

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)();
        f.write_str("a message with side effects")
    }
}

/// Go: TestPanicDeadlockGosched, TestPanicDeadlockSyscall.
#[test]
fn printing_the_message_of_a_panic_may_yield_block_and_wait() {
    static PRINTED: AtomicU32 = AtomicU32::new(0);
    let (output, errors) = in_a_process("printing_the_message_of_a_panic_may_yield_block_and_wait", || {
        let prints: [fn(); 4] = [
            gmp::yield_now,
            || gmp::time::sleep(Duration::from_millis(2)),
            || gmp::block_in_place(|| std::thread::sleep(Duration::from_millis(2))),
            || _ = std::fs::metadata("/").unwrap(),
        ];
        // What a hook does is done inside of the panic, too.
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            gmp::yield_now();
            assert_eq!(gmp::channel::<u32>(0).1.recv_timeout(Duration::from_millis(1)).ok(), None);
            default(info);
            PRINTED.fetch_add(1, Relaxed);
        }));
        for procs in [1, 2] {
            runtime(procs).run(|| {
                let panics = prints.map(|print| gmp::spawn(move || panic!("{}", Message(print))));
                for handle in panics {
                    let error = handle.join().map(|()| 0).unwrap_err();
                    assert_eq!(error.to_string(), "goroutine panicked: a message with side effects");
                }
            });
        }
        assert_eq!(PRINTED.load(Relaxed), 8);
    });
    assert!(output.status.success(), "{errors}");
    assert_eq!(errors.matches("a message with side effects").count(), 8, "{errors}");
}

/// Go: TestPanicLoop.
#[test]
fn a_message_that_panics_when_it_is_printed_ends_the_process() {
    let (output, errors) = in_a_process("a_message_that_panics_when_it_is_printed_ends_the_process", || {
        fn print() {
            panic!("{}", Message(print));
        }
        runtime(2).run(|| gmp::spawn(print).join().ok());
    });
    assert_aborted(&output, &errors);
    assert_in_order(&errors, &["panicked", "abort"]);
}

/// Go: TestPanicRace, as far as it can apply: the process does not end by the panic of a goroutine, so whoever wants to know waits.
#[test]
fn a_panic_of_a_detached_goroutine_is_reported_and_ends_nothing() {
    let (output, errors) = in_a_process("a_panic_of_a_detached_goroutine_is_reported_and_ends_nothing", || {
        let runtime = runtime(2);
        runtime.run(|| {
            drop(gmp::spawn(|| panic!("nobody joins me")));
            while gmp::num_goroutines() > 1 {
                gmp::yield_now();
            }
            assert_eq!(gmp::spawn(|| 1).join().unwrap(), 1);
        });
        assert_eq!(runtime.shutdown(), 0);
    });
    assert!(output.status.success(), "{errors}");
    assert_in_order(&errors, &["panicked", "nobody joins me"]);
}
