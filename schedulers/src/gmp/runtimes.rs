//! The runtimes of the process, for those who look at all of them: a trace that begins, and the search for a deadlock.

use std::sync::{Arc, PoisonError, Weak};

use super::{
    lock::{Mutex, MutexGuard},
    sched::Sched,
};

/// Those that have gone are forgotten when the next one is built.
static RUNTIMES: Mutex<Vec<Weak<Sched>>> = Mutex::new(Vec::new());

fn runtimes() -> MutexGuard<'static, Vec<Weak<Sched>>> {
    RUNTIMES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One more.
pub(super) fn register(sched: &Arc<Sched>) {
    let mut runtimes = runtimes();
    runtimes.retain(|runtime| runtime.strong_count() > 0);
    runtimes.push(Arc::downgrade(sched));
}

/// All that there are; among them those that have ended, but whose Gs had not: they stay for ever.
pub(super) fn all() -> Vec<Arc<Sched>> {
    runtimes().iter().filter_map(Weak::upgrade).collect()
}
