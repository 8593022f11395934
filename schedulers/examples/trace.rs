//! A timeline of a small program: two goroutines play ping-pong, one computes without a break, one blocks its thread.
//!
//! Writes `trace.json`, which <https://ui.perfetto.dev> opens: a lane for each P shows who executes there, a lane for each M what the thread does.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use schedulers::gmp::{self, Runtime, trace};

/// How often the ball goes there and back.
const ROUNDS: u32 = 100;

/// Runs the program, and writes its timeline.
pub fn record(timeline: impl Write + Send + 'static) -> io::Result<trace::Summary> {
    // SAFETY: nothing here keeps a reference into a thread-local, or a guard, across a call to gmp.
    let runtime = unsafe { Runtime::builder().procs(2).build()? };
    trace::start(timeline)?;
    let over = AtomicBool::new(false);
    runtime.run(|| {
        gmp::scope(|scope| {
            scope.spawn(|| {
                // No call to gmp: sysmon sees to it that the others get their turn.
                while !over.load(Relaxed) {
                    std::hint::spin_loop();
                }
            });
            let blocks = scope.spawn(|| gmp::block_in_place(|| std::thread::sleep(Duration::from_millis(5))));
            ping_pong();
            blocks.join().expect("sleeping does not panic");
            over.store(true, Relaxed);
        });
    });
    trace::stop()
}

/// One goroutine and the calling one.
fn ping_pong() {
    let (ping, pinged) = gmp::channel(0);
    let (pong, ponged) = gmp::channel(0);
    let other = gmp::spawn(move || {
        for ball in pinged {
            if pong.send(ball).is_err() {
                break;
            }
        }
    });
    for ball in 0..ROUNDS {
        ping.send(ball).expect("the other plays until we stop");
        assert_eq!(ponged.recv(), Ok(ball));
    }
    drop(ping);
    other.join().expect("playing does not panic");
}

/// Records it in a file.
pub fn record_in(path: &Path) -> io::Result<trace::Summary> {
    record(File::create(path)?)
}

/// Tells what it has done.
pub fn main() -> io::Result<()> {
    let path = Path::new("trace.json");
    let summary = record_in(path)?;
    println!("{} holds {} events: open it at https://ui.perfetto.dev", path.display(), summary.events);
    Ok(())
}
