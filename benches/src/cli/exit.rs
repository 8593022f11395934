//! What the exit code says; a promise to scripts.

use reports::analysis::Soundness;

use crate::schedule::Mode;

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
    /// Of a run that came to its end: with so many failures of contenders, on a machine of which this is the verdict.
    pub fn of_run(failures: u64, verdict: &Soundness, mode: Mode) -> Exit {
        match verdict {
            _ if failures > 0 => Exit::Wrong,
            // A smoke test gives no verdict, so there is none that could be unsound.
            Soundness::Unsound(_) if mode != Mode::Quick => Exit::Unsound,
            _ => Exit::Pass,
        }
    }

    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unsound_run_ends_with_4_and_a_noisy_one_with_0() {
        let (noisy, unsound) = (Soundness::Noisy(Vec::new()), Soundness::Unsound(Vec::new()));
        let code = |failures, verdict: &Soundness, mode| Exit::of_run(failures, verdict, mode).code();
        assert_eq!([&Soundness::Clean, &noisy, &unsound].map(|verdict| code(0, verdict, Mode::Default)), [0, 0, 4]);
        assert_eq!(code(0, &unsound, Mode::Full), 4);
        assert_eq!(code(0, &unsound, Mode::Quick), 0);
        assert_eq!(code(1, &unsound, Mode::Default), 3);
    }
}
