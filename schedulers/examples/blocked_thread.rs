//! GOMAXPROCS(1), and a thread that is blocked: blocking a thread does not stop the world.
//!
//! One goroutine reads from a pipe with the plain, blocking `std::io`, without telling gmp. Its thread is stuck, and with it the only P;
//! sysmon takes the P away and gives it to another thread. So another goroutine gets to write what the first one waits for.

use std::io::{self, Read, Write};

use schedulers::gmp::{self, Runtime};

/// What was found out.
#[derive(Debug)]
pub struct Report {
    /// Of the machine.
    pub cpus: usize,
    /// That goroutines may execute on at a time.
    pub procs: usize,
    /// What the blocked goroutine read in the end.
    pub read: String,
    /// How often the P was taken from a thread that did not come back.
    pub retakes: u64,
    /// Threads at the end, sysmon included.
    pub threads: u64,
}

/// Blocks a thread, and lets others go on.
pub fn block_one_of_one() -> io::Result<Report> {
    // SAFETY: nothing here keeps a reference into a thread-local, or a guard, across a call to gmp.
    let runtime = unsafe { Runtime::builder().procs(1).build()? };
    let (mut reader, mut writer) = io::pipe()?;
    let (procs, read) = runtime.run(move || {
        let blocked = gmp::spawn(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).map(|_| text)
        });
        gmp::yield_now(); // It runs, and blocks the only thread that has a P.
        let writes = gmp::spawn(move || writer.write_all(b"the world goes on"));
        writes.join().expect("writing does not panic")?;
        let read = blocked.join().expect("reading does not panic")?;
        Ok::<_, io::Error>((gmp::procs(), read))
    })?;
    let stats = runtime.stats();
    Ok(Report { cpus: gmp::num_cpus(), procs, read, retakes: stats.retakes, threads: stats.threads })
}

/// Tells it.
pub fn main() -> io::Result<()> {
    let report = block_one_of_one()?;
    println!("{} CPUs, {} P, {} threads", report.cpus, report.procs, report.threads);
    println!("the P was taken from a blocked thread {} times", report.retakes);
    println!("the blocked goroutine read: {}", report.read);
    Ok(())
}
