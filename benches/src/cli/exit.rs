//! What the exit code says; a promise to scripts.

/// The end of a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Pass = 0,
    /// The gate found a regression.
    Regression = 1,
    /// A mistake of the user or of a file.
    Usage = 2,
    /// A wrong answer, a configuration mismatch, a hang or a crash of a contender.
    Wrong = 3,
    /// The machine was not fit for a measurement.
    Unsound = 4,
    /// The gate could not decide, with `--strict`.
    Inconclusive = 5,
    /// Stopped by the user; the record is valid.
    Interrupted = 130,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}
