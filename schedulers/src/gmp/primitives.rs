//! Timed loops over parts of gmp that are private: what the `criterion` bench target measures beside the public operations.

use std::{
    hint::black_box,
    io,
    ptr::{NonNull, without_provenance},
    time::{Duration, Instant},
};

use super::{
    join::join,
    lrq::Lrq,
    runtime::Runtime,
    stack::Stacks,
    switch::{Context, switch},
};

/// The time of `hops` stack switches, half of them there and half of them back (rounded up to an even number).
///
/// # Errors
/// The operating system's, when it gives no stack.
pub fn stack_switches(hops: u64) -> io::Result<Duration> {
    struct Pair {
        here: Context,
        there: Context,
    }
    unsafe extern "C" fn bounce(argument: *mut (), a: *const (), b: *const (), c: *const ()) -> ! {
        let (pair, mut passed) = (argument.cast::<Pair>(), [a, b, c]);
        loop {
            // SAFETY: the pair outlives the loop; `here` waits in its own switch.
            passed = unsafe { switch(&raw mut (*pair).there, &raw mut (*pair).here, passed) };
        }
    }
    let stacks = Stacks::new(64 << 10)?;
    let stack = stacks.allocate()?;
    let mut pair = Pair { here: Context::of_thread(), there: Context::of_thread() };
    let pair = &raw mut pair;
    // SAFETY: the stack is ours alone; `bounce` never returns; the pair stays where it is.
    unsafe { (*pair).there = Context::fresh(&stack, bounce, pair.cast()) };
    let begin = Instant::now();
    for n in 0..hops.div_ceil(2) {
        // SAFETY: `there` is suspended: fresh, or in its own switch.
        black_box(unsafe {
            switch(&raw mut (*pair).here, &raw mut (*pair).there, [without_provenance(n as usize); 3])
        });
    }
    Ok(begin.elapsed())
}

/// The time of `count` pushes into a local run queue and as many pops.
pub fn lrq_push_pop(count: u64) -> Duration {
    let (lrq, item) = (Lrq::<u64>::new(), NonNull::dangling());
    let begin = Instant::now();
    for _ in 0..count {
        black_box(lrq.push(black_box(item)).is_ok());
        black_box(lrq.pop());
    }
    begin.elapsed()
}

/// The time of `count` steals, each of half of 64 queued Gs, by a thief that is alone.
pub fn lrq_steals(count: u64) -> Duration {
    let (victim, thief, item) = (Lrq::<u64>::new(), Lrq::<u64>::new(), NonNull::dangling());
    let mut time = Duration::ZERO;
    for _ in 0..count {
        while victim.ring_len() < 64 {
            black_box(victim.push(item).is_ok());
        }
        let begin = Instant::now();
        black_box(victim.steal_half(&thief));
        time += begin.elapsed();
        while thief.pop().is_some() {}
    }
    time
}

/// The time of `count` joins inside of another, on one P, so that nobody takes a second half.
///
/// # Errors
/// The operating system's, when it gives no thread.
pub fn joins(count: u64) -> io::Result<Duration> {
    // SAFETY: nothing below belongs to a thread.
    let runtime = unsafe { Runtime::builder().procs(1).build()? };
    let timed = || {
        let begin = Instant::now();
        for n in 0..count {
            black_box(join(|| black_box(n), || black_box(n)));
        }
        begin.elapsed()
    };
    Ok(runtime.run(|| join(timed, || ()).0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_measure_something() {
        assert!(stack_switches(1000).unwrap() > Duration::ZERO);
        assert!(lrq_push_pop(1000) > Duration::ZERO);
        assert!(lrq_steals(10) > Duration::ZERO);
        assert!(joins(1000).unwrap() > Duration::ZERO);
    }
}
