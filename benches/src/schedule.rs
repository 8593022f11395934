//! How often and how long a plan is run.

use std::time::Duration;

use workloads::Info;

/// How much of a plan is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A smoke test: never a verdict.
    Quick,
    /// What `cargo bench` does.
    Default,
    /// Long enough for narrow intervals.
    Full,
}

impl Mode {
    /// The name in the record.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Quick => "quick",
            Mode::Default => "default",
            Mode::Full => "full",
        }
    }

    /// Rounds of each variant. Below 6 there is no 95 % interval; 8 and 32 are the first and the last but two of the looks of
    /// the sequential design (8, 12, 16, 24, 32, 48, 64).
    pub fn rounds(self) -> u64 {
        match self {
            Mode::Quick => 2,
            Mode::Default => 8,
            Mode::Full => 32,
        }
    }

    /// Time of each contender in each round, before [`Info::round_factor`].
    pub fn time(self) -> Duration {
        match self {
            Mode::Quick => Duration::from_millis(50),
            Mode::Default | Mode::Full => Duration::from_millis(500),
        }
    }
}

/// How often and how long.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// The name of the amount.
    pub mode: Mode,
    /// Valid rounds that each cell should get.
    pub rounds: u64,
    /// Time of each contender in each round, before [`Info::round_factor`].
    pub time: Duration,
    /// What the orders are drawn from.
    pub seed: u64,
    /// How long a child may take beyond what it was asked for.
    pub patience: Duration,
}

impl Schedule {
    /// Time of each contender in a round of this workload.
    pub fn share(&self, info: &Info) -> Duration {
        let factor = u32::try_from(info.round_factor.max(1)).unwrap_or(u32::MAX);
        self.time.saturating_mul(factor)
    }
}
