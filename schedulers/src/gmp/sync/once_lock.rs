//! A value that is made once, by whoever needs it first.

use std::{cell::UnsafeCell, fmt, mem::MaybeUninit};

use super::once::Once;
use crate::gmp::atomic::const_fn;

/// A cell that is written once.
///
/// ```
/// # use schedulers::gmp::sync::OnceLock;
/// static ANSWER: OnceLock<u32> = OnceLock::new();
/// assert_eq!(ANSWER.get(), None);
/// assert_eq!(*ANSWER.get_or_init(|| 42), 42);
/// assert_eq!(ANSWER.set(43), Err(43));
/// ```
pub struct OnceLock<T> {
    once: Once,
    /// Written if `once` is completed, and not changed any more.
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: whoever finds `once` completed shares a `&T`; the value may come from one thread and be dropped on another.
unsafe impl<T: Send + Sync> Sync for OnceLock<T> {}

impl<T> OnceLock<T> {
    const_fn! {
        /// An empty cell.
        pub fn new() -> Self {
            OnceLock { once: Once::new(), value: UnsafeCell::new(MaybeUninit::uninit()) }
        }
    }

    /// The value, if it has been made.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: completed: written, before, says the Acquire in `is_completed`, and never changed again.
        self.once.is_completed().then(|| unsafe { (*self.value.get()).assume_init_ref() })
    }

    /// As [`get`](OnceLock::get); the borrow allows changes.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        // SAFETY: completed: written; and the borrow is unique.
        self.once.is_completed().then(|| unsafe { self.value.get_mut().assume_init_mut() })
    }

    /// Writes the value. Waits if another is making one.
    ///
    /// # Errors
    /// With the value, if there is one already.
    ///
    /// ```
    /// # use schedulers::gmp::sync::OnceLock;
    /// static NAME: OnceLock<String> = OnceLock::new();
    /// NAME.set("gmp".into()).unwrap();
    /// assert_eq!(NAME.set("tpm".into()), Err("tpm".into()));
    /// assert_eq!(NAME.get().unwrap(), "gmp");
    /// ```
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.once.call_once_successfully(|| {
            if let Some(value) = value.take() {
                // SAFETY: in the `Once`: nobody else touches it, and there is no value yet.
                unsafe { (*self.value.get()).write(value) };
            }
        });
        value.map_or(Ok(()), Err)
    }

    /// The value; if there is none, `make` makes it. Others who come meanwhile wait.
    ///
    /// If `make` panics, or calls [`exit`](crate::gmp::exit), the cell stays empty, and one of those who wait makes the value instead. (Unlike
    /// [`Once::call_once`]: there is nothing to return.) `make` must not ask for the same cell: it would wait for itself, for ever.
    ///
    /// ```
    /// # use schedulers::gmp::sync::OnceLock;
    /// static WORDS: OnceLock<Vec<&str>> = OnceLock::new();
    /// let words = || WORDS.get_or_init(|| "so it goes".split(' ').collect());
    /// assert_eq!(words().len(), 3);
    /// assert!(std::ptr::eq(words(), words()), "made once");
    /// ```
    ///
    /// # Panics
    /// If `make` does.
    #[inline]
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if !self.once.is_completed() {
            self.once.call_once_successfully(|| {
                let value = make();
                // SAFETY: as in `set`.
                unsafe { (*self.value.get()).write(value) };
            });
        }
        // SAFETY: a call that returned has made the value, ours or another.
        unsafe { (*self.value.get()).assume_init_ref() }
    }

    /// The value, taken out.
    pub fn into_inner(mut self) -> Option<T> {
        self.take()
    }

    /// The value, taken out; the cell is empty again, and can be filled anew.
    ///
    /// ```
    /// use schedulers::gmp::sync::OnceLock;
    ///
    /// let mut cell = OnceLock::from(1);
    /// assert_eq!(cell.take(), Some(1));
    /// assert_eq!(*cell.get_or_init(|| 2), 2);
    /// ```
    pub fn take(&mut self) -> Option<T> {
        let made = std::mem::take(&mut self.once).is_completed();
        // SAFETY: completed: written; and from now on the cell counts as empty.
        made.then(|| unsafe { self.value.get_mut().assume_init_read() })
    }
}

impl<T> Drop for OnceLock<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        OnceLock::new()
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> Self {
        let cell = OnceLock::new();
        let _ = cell.set(value);
        cell
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            Some(value) => f.debug_tuple("OnceLock").field(value).finish(),
            None => f.write_str("OnceLock(<empty>)"),
        }
    }
}
