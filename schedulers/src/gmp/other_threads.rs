//! Whether any thread of the process might still do something, as the kernel tells: `/proc/self/task/*/syscall` says in which system call a thread is
//! blocked, and with what arguments.
//!
//! A thread that waits on a futex without a time limit goes on only when another thread of the process wakes it. (Or another process, through
//! shared memory, or a signal handler: who relies on those for goroutines changes `on_deadlock`.) If all do, nobody will. Any other thread is *active*: it runs, or
//! sleeps for a time, or waits for something from outside.
//!
//! One exception: the main thread is not active in a futex wait with a time limit. The test harness of Rust waits like that for tests to end, to
//! tell which of them take long.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io, process,
};

/// Threads that are blocked for good if nothing else happens. Two of these that are equal, one taken after the other, prove that at the moment between them
/// all threads were blocked at once: none has run in between.
#[derive(PartialEq, Eq)]
pub(super) struct Blocked(BTreeMap<i32, Wait>);

/// How a thread is blocked.
#[derive(PartialEq, Eq)]
struct Wait {
    /// The system call, its arguments, and where the thread stands.
    call: String,
    /// How often the thread has given up its core.
    switches: u64,
}

/// All threads of the process but `ours`, if they are blocked; `None` if one is active, or cannot be told about.
pub(super) fn blocked(ours: &BTreeSet<i32>) -> Option<Blocked> {
    let mut waits = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/task").ok()? {
        let tid = entry.ok()?.file_name().to_str()?.parse().ok()?;
        if ours.contains(&tid) {
            continue;
        }
        match wait(tid) {
            Ok(wait) => _ = waits.insert(tid, wait?),
            Err(error) if error.kind() == io::ErrorKind::NotFound && has_ended(tid) => {}
            Err(_) => return None,
        }
    }
    Some(Blocked(waits))
}

fn has_ended(tid: i32) -> bool {
    fs::metadata(format!("/proc/self/task/{tid}")).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// `Ok(None)` if the thread is active.
fn wait(tid: i32) -> io::Result<Option<Wait>> {
    let call = fs::read_to_string(format!("/proc/self/task/{tid}/syscall"))?;
    if !waits_for_others(&call, tid == process::id().cast_signed()) {
        return Ok(None);
    }
    let status = fs::read_to_string(format!("/proc/self/task/{tid}/status"))?;
    let switches = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    Ok(switches.and_then(|count| count.trim().parse().ok()).map(|switches| Wait { call, switches }))
}

/// Whether a line of the kernel (`running`, or the number of a system call and six arguments) is a wait on a futex that only others can end.
fn waits_for_others(call: &str, is_main: bool) -> bool {
    let mut words = call.split_whitespace();
    if words.next().and_then(|number| number.parse().ok()) != Some(libc::SYS_futex) {
        return false;
    }
    let arguments: Vec<_> =
        words.map_while(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok()).take(4).collect();
    let [_, operation, _, timeout] = arguments[..] else { return false };
    let flags = (libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME) as u64;
    let waits = [libc::FUTEX_WAIT as u64, libc::FUTEX_WAIT_BITSET as u64].contains(&(operation & !flags));
    waits && (timeout == 0 || is_main)
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_a_futex_wait_without_a_limit_is_for_others_to_end() {
        let futex = libc::SYS_futex;
        let endless = format!("{futex} 0x7f725c000ba0 0x189 0x0 0x0 0x0 0xffffffff 0x7f726bb33950 0x7f726c8a3f16\n");
        let limited =
            format!("{futex} 0x7f7260000ba0 0x89 0x0 0x7f726b3329f0 0x0 0xffffffff 0x7f726b332940 0x7f726c8a3f16");
        let wakes = format!("{futex} 0x7f7260000ba0 0x81 0x1 0x0 0x0 0x0 0x7f726b332940 0x7f726c8a3f16");
        assert!(waits_for_others(&endless, false) && waits_for_others(&endless, true));
        assert!(!waits_for_others(&limited, false) && waits_for_others(&limited, true));
        for active in [&wakes, "running", "-1 0x7f726b332940 0x7f726c8a3f16", "", &format!("{futex}"), "nonsense 0x1"] {
            assert!(!waits_for_others(active, true), "{active}");
        }
        let sleeps = format!("{} 0x1 0x1 0x7f726c334ab0 0x0 0x0 0x0 0x0 0x0", libc::SYS_clock_nanosleep);
        assert!(!waits_for_others(&sleeps, true));
    }

    #[test]
    fn a_thread_that_sleeps_for_a_time_is_active() {
        let (tell, told) = std::sync::mpsc::channel();
        let (_end, ends) = std::sync::mpsc::channel::<()>();
        let sleeper = std::thread::spawn(move || {
            // SAFETY: no arguments.
            tell.send(unsafe { libc::gettid() }).unwrap();
            let _ = ends.recv_timeout(std::time::Duration::from_millis(200));
        });
        let tid = told.recv().unwrap();
        while wait(tid).is_ok_and(|wait| wait.is_some()) {} // It may be seen on its way to sleep, in a lock.
        assert!(blocked(&BTreeSet::new()).is_none());
        sleeper.join().unwrap();
    }
}
