//! A million goroutines that wait, each on a stack of its own: what they take, and what is left of it when they have ended.
//!
//! `million [COUNT]`. Linux says `VmRSS` of the pages that a process has, and `VmPTE` of the tables that map them.

use std::{
    fs, io,
    time::{Duration, Instant},
};

use schedulers::gmp::{self, Runtime, sync::WaitGroup, time::sleep};

/// KiB that the process has: pages, and tables. Zero if the system does not say.
fn memory() -> [i64; 2] {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = |name| status.lines().find_map(|line| line.strip_prefix(name)?.strip_suffix("kB"));
    ["VmRSS:", "VmPTE:"].map(|name| kib(name).map_or(0, |kib| kib.trim().parse().expect("a number")))
}

/// What was seen.
#[derive(Debug)]
pub struct Report {
    /// Before, with all parked, when all have ended, and when nothing more is given back.
    pub(crate) memory: [[i64; 2]; 4],
    pub(crate) mappings: usize,
    pub(crate) creation: Duration,
    pub(crate) wake_and_join: Duration,
    pub(crate) joined: usize,
}

/// Parks `count` goroutines, wakes them all, joins them, and waits until their memory is back.
pub fn park(count: usize) -> io::Result<Report> {
    // SAFETY: nothing here keeps a reference into a thread-local, or a guard, across a call to gmp.
    let runtime = unsafe { Runtime::new()? };
    Ok(runtime.run(|| {
        let (arrived, gate) = (WaitGroup::new(), WaitGroup::new());
        arrived.add(count);
        gate.add(1);
        let mut handles: Vec<_> = (0..count).map(|_| None).collect(); // No part of what a goroutine takes.
        let (before, begin) = (memory(), Instant::now());
        for handle in &mut handles {
            let (arrived, gate) = (arrived.clone(), gate.clone());
            *handle = Some(gmp::spawn(move || (arrived.done(), gate.wait())));
        }
        arrived.wait();
        let creation = begin.elapsed();
        sleep(Duration::from_millis(10)); // The last to arrive is some steps from waiting.
        let mappings = fs::read_to_string("/proc/self/maps").map_or(0, |maps| maps.lines().count());
        let (parked, begin) = (memory(), Instant::now());
        gate.done();
        let joined = handles.into_iter().flatten().filter_map(|handle| handle.join().ok()).count();
        let (wake_and_join, ended) = (begin.elapsed(), memory());
        let (mut left, mut last) = (ended, [i64::MAX; 2]);
        while left < last {
            sleep(Duration::from_secs(3)); // It begins after one or two.
            (last, left) = (left, memory());
        }
        let memory = [before, parked, ended, left];
        Report { memory, mappings, creation, wake_and_join, joined }
    }))
}

/// Tells it.
pub fn main() -> io::Result<()> {
    let count = std::env::args().nth(1).map_or(Ok(1_000_000), |count| count.parse());
    let Ok(count @ 1..) = count else {
        eprintln!("million: expected how many goroutines, at least 1");
        std::process::exit(2);
    };
    let Report { memory, mappings, creation, wake_and_join, joined } = park(count)?;
    let more = memory.map(|[pages, tables]| [pages - memory[0][0], tables - memory[0][1]]);
    let ([pages, tables], ns) = (more[1], |time: Duration| time.as_nanos() / count as u128);
    println!("{joined} of {count} were joined; {mappings} mappings");
    println!("bytes each: {} of pages, {} of tables", pages * 1024 / count as i64, tables * 1024 / count as i64);
    println!("ns each: {} to begin and park, {} to wake and be joined", ns(creation), ns(wake_and_join));
    println!("KiB more than before: {:?} when all had ended, {:?} later (pages, tables)", more[2], more[3]);
    Ok(())
}
