//! Ctrl-C and `kill`: a flag that the run looks at, so that it ends with a valid record and no child left over.
//!
//! SIGINT and SIGTERM are blocked in every thread and taken by one thread that waits for them: no handler runs anywhere, and
//! no system call of a measurement is interrupted. The second signal does not wait for the run to look.

use std::{
    process,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use anyhow::Context;
use nix::sys::signal::{SigSet, Signal};

use crate::cli::Exit;

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Takes SIGINT and SIGTERM from here on. To be called on the main thread before any other is started, since threads
/// inherit the mask.
///
/// # Errors
/// The operating system's, if it refuses the mask or the thread.
pub fn watch() -> anyhow::Result<()> {
    let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]);
    signals.thread_block().context("cannot block SIGINT and SIGTERM")?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            while signals.wait().is_ok() {
                // Relaxed: nothing is handed over with the flag.
                if REQUESTED.swap(true, Ordering::Relaxed) {
                    process::exit(Exit::Interrupted.code().into());
                }
            }
        })
        .context("cannot start the thread that waits for signals")?;
    Ok(())
}

/// Whether the user asked to stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}
