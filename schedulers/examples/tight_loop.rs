//! A tight loop that starves nobody.
//!
//! With one P, a goroutine counts in a loop that calls nothing: there is no place where it could be interrupted. sysmon takes its P
//! after its slice, and the others go on, while the loop shares the core with them as any thread does. Go interrupts such a loop by a signal,
//! after 10 ms; before Go 1.14 it stopped the program.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use schedulers::gmp::{self, Runtime};

/// How often to sleep for a millisecond beside the loop.
const TICKS: u32 = 50;

/// How far the loop has counted, and how late each of the sleeps beside it ended.
pub fn tick_beside_a_loop() -> io::Result<(u64, Vec<Duration>)> {
    // SAFETY: nothing here keeps a reference into a thread-local, or a guard, across a call to gmp.
    let runtime = unsafe { Runtime::builder().procs(1).build()? };
    Ok(runtime.run(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let counts = gmp::spawn({
            let stop = stop.clone();
            move || {
                let mut count = 0u64;
                while !stop.load(Relaxed) {
                    count = std::hint::black_box(count + 1);
                }
                count
            }
        });
        let mut late = Vec::new();
        for _ in 0..TICKS {
            let due = Instant::now() + Duration::from_millis(1);
            gmp::time::sleep_until(due);
            late.push(due.elapsed());
        }
        stop.store(true, Relaxed);
        (counts.join().expect("counting does not panic"), late)
    }))
}

/// Tells it.
pub fn main() -> io::Result<()> {
    let (count, mut late) = tick_beside_a_loop()?;
    late.sort_unstable();
    println!("the loop counted to {count}");
    println!("of {} sleeps beside it, half were late by less than {:?}", late.len(), late[late.len() / 2]);
    println!("and the latest by {:?}", late[late.len() - 1]);
    Ok(())
}
