//! A goroutine that overflows its stack is named, and the process aborts; every other fault is what it would be without gmp.
//!
//! Each deed is done in a child process: this program again, told by a variable of its environment what to do.
//!
//! Not under the sanitizers, which have handlers of their own for such faults.
#![cfg(not(any(gmp_tsan, gmp_asan)))]

use std::{
    hint::black_box,
    os::unix::process::ExitStatusExt,
    process::{Command, Output},
    sync::atomic::{AtomicBool, Ordering::*},
    thread,
};

use schedulers::gmp::{self, Builder, Runtime};

const DEED: &str = "GMP_TEST_DEED";

/// What a child may be told to do, each in a process of its own.
const DEEDS: [(&str, fn()); 14] = [
    ("deep recursion", || overflow_in_a_goroutine(runtime(1), recurse)),
    ("big frame", || overflow_in_a_goroutine(runtime(1), take_a_big_frame)),
    ("main goroutine", || overflow_in_main(recurse)),
    ("another stack size", another_stack_size),
    ("second M", on_a_second_m),
    ("hog without a P", as_a_hog_without_a_p),
    ("block_in_place", || overflow_in_a_goroutine(runtime(1), || gmp::block_in_place(recurse))),
    ("inside gmp", inside_gmp),
    ("mprotect guard", with_a_guard_made_by_mprotect),
    ("null write", || runtime(1).run(|| gmp::spawn(write_to_null).join().unwrap())),
    ("null write by default", null_write_by_default),
    ("null write with a handler", null_write_with_a_handler),
    ("null write by a thread", null_write_by_a_thread),
    ("thread", overflow_in_a_thread),
];

#[test]
fn a_child_does_as_it_is_told() {
    let Ok(deed) = std::env::var(DEED) else { return };
    let no_core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a pointer to our own value.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &no_core) };
    let (_, act) = DEEDS.into_iter().find(|&(name, _)| name == deed).unwrap();
    act();
    panic!("it survived");
}

fn child(deed: &str) -> (Output, String) {
    assert!(DEEDS.iter().any(|&(name, _)| name == deed), "no such deed: {deed}");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "a_child_does_as_it_is_told"])
        .env(DEED, deed)
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    (output, stderr)
}

/// Says who is about to overflow.
fn announce() {
    eprintln!("about to overflow: {}", gmp::current_id().unwrap());
}

/// The child has announced itself, was named by the report, which gives the size, and aborted.
fn overflows_and_is_named(deed: &str, stack_bytes: usize) {
    let (output, stderr) = child(deed);
    let (_, rest) = stderr.split_once("about to overflow: ").expect(&stderr);
    let (id, _) = rest.split_once('\n').unwrap();
    let report = format!(
        "fatal error: gmp: goroutine {id} has overflowed its stack of {stack_bytes} bytes; for larger stacks see `Runtime::builder().stack_size(..)`\n"
    );
    assert!(stderr.ends_with(&report), "{stderr}");
    assert_eq!(stderr.matches("overflowed").count(), 1, "{stderr}");
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{stderr}");
}

fn dies_by_a_foreign_fault(deed: &str) {
    let (output, stderr) = child(deed);
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{stderr}");
    assert!(!stderr.contains("goroutine") && !stderr.contains("overflowed"), "{stderr}");
}

fn builder(procs: usize) -> Builder {
    Runtime::builder().procs(procs)
}

fn start(builder: Builder) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { builder.build() }.unwrap()
}

fn runtime(procs: usize) -> Runtime {
    start(builder(procs))
}

#[inline(never)]
fn depth(n: u64) -> u64 {
    let frame = [n; 16];
    black_box(&frame);
    if n == 0 { 0 } else { depth(n - 1) + frame[3] }
}

fn recurse() {
    black_box(depth(u64::MAX));
}

#[inline(never)]
fn take_a_big_frame() {
    let mut frame = [0u8; 300_000];
    black_box(&mut frame);
}

fn write_to_null() {
    // The first page is never mapped. Not address 0 itself, for which debug builds panic.
    // SAFETY: none: it is to fail.
    unsafe { std::ptr::without_provenance_mut::<u8>(16).write_volatile(1) };
}

fn overflow_in_a_goroutine(runtime: Runtime, overflow: fn()) {
    let overflows = move || {
        announce();
        overflow();
    };
    runtime.run(|| {
        (0..5).for_each(|n| assert_eq!(gmp::spawn(move || n).join().unwrap(), n));
        gmp::spawn(overflows).join().unwrap();
    });
}

fn overflow_in_main(overflow: fn()) {
    runtime(1).run(|| {
        announce();
        overflow();
    });
}

fn another_stack_size() {
    let runtime = start(builder(1).stack_size(200_000));
    // More than the usual 64 KiB, for one whose stack is used again.
    runtime.run(|| gmp::spawn(|| black_box(depth(500))).join().unwrap());
    overflow_in_a_goroutine(runtime, recurse);
}

fn on_a_second_m() {
    static OTHER_IS_THERE: AtomicBool = AtomicBool::new(false);
    runtime(2).run(|| {
        let first = thread::current().id();
        drop(gmp::spawn(move || {
            assert_ne!(thread::current().id(), first);
            OTHER_IS_THERE.store(true, Relaxed);
            announce();
            recurse();
        }));
        // Without a call to gmp that could run the other one here.
        while !OTHER_IS_THERE.load(Relaxed) {
            std::hint::spin_loop();
        }
        thread::park();
    });
}

fn as_a_hog_without_a_p() {
    static OTHERS_RAN: AtomicBool = AtomicBool::new(false);
    runtime(1).run(|| {
        drop(gmp::spawn(|| OTHERS_RAN.store(true, Relaxed)));
        announce();
        // They do on another M, with our P.
        while !OTHERS_RAN.load(Relaxed) {
            std::hint::spin_loop();
        }
        recurse();
    });
}

/// Frames that are smaller than what gmp needs below them: the guard is met by gmp, most likely in the middle of a switch.
fn inside_gmp() {
    #[inline(never)]
    fn yields(n: u64) -> u64 {
        gmp::yield_now();
        if n == 0 { 0 } else { black_box(yields(n - 1)) + 1 }
    }
    overflow_in_a_goroutine(runtime(1), || {
        drop(gmp::spawn(|| {
            loop {
                gmp::yield_now();
            }
        }));
        black_box(yields(u64::MAX));
    });
}

/// On a kernel that refuses `MADV_GUARD_INSTALL`, or does so from now on, by a filter of system calls.
fn with_a_guard_made_by_mprotect() {
    let op = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let unless =
        |k: u32, skip: u8| libc::sock_filter { jf: skip, ..op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, k) };
    let load = |offset: usize| op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset as u32);
    let third_argument = std::mem::offset_of!(libc::seccomp_data, args) + 2 * size_of::<u64>();
    let low_half = if cfg!(target_endian = "big") { 4 } else { 0 };
    let mut filter = [
        load(std::mem::offset_of!(libc::seccomp_data, nr)),
        unless(libc::SYS_madvise as u32, 3),
        load(third_argument + low_half),
        unless(102, 1), // MADV_GUARD_INSTALL
        op(libc::BPF_RET, libc::SECCOMP_RET_ERRNO | libc::EINVAL as u32),
        op(libc::BPF_RET, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the filter lives across the call, and lets this process do all that it needs.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program), 0);
        assert_eq!(libc::madvise(std::ptr::null_mut(), 0, 102), -1, "the filter works");
    }
    overflow_in_a_goroutine(runtime(1), recurse);
}

fn null_write_by_default() {
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: no handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    runtime(1).run(|| gmp::spawn(write_to_null).join().unwrap());
}

fn null_write_with_a_handler() {
    extern "C" fn handler(_: libc::c_int) {
        // SAFETY: ends the process, and may be called by a handler.
        unsafe { libc::_exit(77) }
    }
    // SAFETY: the handler does what handlers may do.
    unsafe { libc::signal(libc::SIGSEGV, handler as *const () as usize) };
    runtime(1).run(|| gmp::spawn(write_to_null).join().unwrap());
}

fn null_write_by_a_thread() {
    let runtime = runtime(1);
    runtime.run(|| ());
    write_to_null();
}

fn overflow_in_a_thread() {
    let runtime = runtime(1);
    runtime.run(|| ());
    thread::Builder::new().name("a plain thread".into()).spawn(recurse).unwrap().join().unwrap();
}

#[test]
fn deep_recursion_is_reported() {
    overflows_and_is_named("deep recursion", 64 << 10);
    overflows_and_is_named("main goroutine", 64 << 10);
}

#[test]
fn a_frame_of_many_pages_is_reported() {
    overflows_and_is_named("big frame", 64 << 10);
}

#[test]
fn the_size_is_that_of_the_builder_rounded_up() {
    overflows_and_is_named("another stack size", 256 << 10);
}

#[test]
fn an_overflow_on_any_m_is_reported() {
    overflows_and_is_named("second M", 64 << 10);
}

#[test]
fn an_overflow_without_a_p_is_reported() {
    overflows_and_is_named("hog without a P", 64 << 10);
    overflows_and_is_named("block_in_place", 64 << 10);
}

#[test]
fn an_overflow_inside_gmp_is_reported() {
    overflows_and_is_named("inside gmp", 64 << 10);
}

#[test]
fn an_overflow_into_a_guard_of_an_old_kernel_is_reported() {
    overflows_and_is_named("mprotect guard", 64 << 10);
}

#[test]
fn other_faults_kill_as_ever() {
    dies_by_a_foreign_fault("null write");
    dies_by_a_foreign_fault("null write by default");
    dies_by_a_foreign_fault("null write by a thread");
}

#[test]
fn other_faults_go_to_the_handler_that_was_there_before() {
    let (output, stderr) = child("null write with a handler");
    assert_eq!(output.status.code(), Some(77), "{stderr}");
    assert!(!stderr.contains("goroutine"), "{stderr}");
}

#[test]
fn a_thread_that_overflows_has_the_message_of_std() {
    let (output, stderr) = child("thread");
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{stderr}");
    assert!(stderr.contains("'a plain thread'") && stderr.contains("has overflowed its stack"), "{stderr}");
    assert!(!stderr.contains("goroutine"), "{stderr}");
}
