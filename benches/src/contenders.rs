//! The contenders that this program has inside: those of the list, and one that the program may bring besides.
//!
//! Invariant: what is brought is brought before anything else happens, in this process and in each child, which is the same program.

use std::sync::OnceLock;

use schedulers::contender::{self, Entry, Own};
use workloads::{Cell, OpenError, Params};

/// A contender that is not in the list, with its type behind functions.
struct Brought {
    entry: Entry,
    check_fit: fn(&str, &Params) -> Result<(), OpenError>,
    open: Open,
}

type Open = fn(&str, &Params) -> Result<Box<dyn Cell>, OpenError>;

static BROUGHT: OnceLock<Brought> = OnceLock::new();

/// Adds `C` to the contenders.
///
/// # Panics
/// If one was added before, or one of that name is in the list.
pub fn bring<C: Own>() {
    let entry = C::entry();
    assert!(contender::ALL.iter().all(|listed| listed.name != entry.name), "'{}' is in the list already", entry.name);
    let brought = Brought { entry, check_fit: workloads::check_fit_own::<C>, open: workloads::open_own::<C> };
    assert!(BROUGHT.set(brought).is_ok(), "a program brings one contender");
}

/// All of them, in the order of the legends.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    contender::ALL.iter().chain(BROUGHT.get().map(|brought| &brought.entry))
}

fn brought(contender: &str) -> Option<&'static Brought> {
    BROUGHT.get().filter(|brought| brought.entry.name == contender)
}

/// [`workloads::check_fit`], for all of them.
///
/// # Errors
/// See [`OpenError`].
pub fn check_fit(workload: &str, contender: &str, params: &Params) -> Result<(), OpenError> {
    match brought(contender) {
        Some(brought) => (brought.check_fit)(workload, params),
        None => workloads::check_fit(workload, contender, params),
    }
}

/// [`workloads::open`], for all of them.
///
/// # Errors
/// See [`OpenError`].
pub fn open(workload: &str, contender: &str, params: &Params) -> Result<Box<dyn Cell>, OpenError> {
    match brought(contender) {
        Some(brought) => (brought.open)(workload, params),
        None => workloads::open(workload, contender, params),
    }
}
