//! How often and how long a plan is run: rounds, turns, warm-ups, and each contender's time in a round.

use std::time::Duration;

use workloads::Info;

use crate::{looks::Looks, pin::Pin};

/// The length of a turn. Measured with a contender against itself: 40 turns of 10 ms leave a quarter of the noise between rounds
/// that one turn of 400 ms leaves, and shorter turns gain nothing. `schedbench calibrate` measures it again.
pub const SLICE: Duration = Duration::from_millis(10);
/// Warm-up slices of a child, or fewer that take as long: caches, pools and frequency settle within a few.
const WARMUP_SLICES: u32 = 3;

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

    /// The most time that each contender gets in each round, before [`Info::round_factor`]: more narrows intervals less than more
    /// rounds do.
    pub fn most(self) -> Duration {
        match self {
            Mode::Quick => Duration::from_millis(50),
            Mode::Default | Mode::Full => Duration::from_millis(500),
        }
    }

    /// How long the whole run may take: a plan that is larger gives each contender less than [`most`](Mode::most). Promised to
    /// users: a minute with the Criterion benchmarks' half beside it, 5 minutes, a night.
    pub fn budget(self) -> Duration {
        match self {
            Mode::Quick => Duration::from_secs(60),
            Mode::Default => Duration::from_secs(5 * 60),
            Mode::Full => Duration::from_secs(8 * 60 * 60),
        }
    }
}

/// How often and how long.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// The name of the amount.
    pub mode: Mode,
    /// Valid rounds that each cell should get; the most, if there is a precision.
    pub rounds: u64,
    /// Time of each contender in each round, before [`Info::round_factor`].
    pub time: Duration,
    /// The length of a turn: [`SLICE`], unless it is what is being examined.
    pub slice: Duration,
    /// What the orders are drawn from.
    pub seed: u64,
    /// How long a child may take beyond what it was asked for.
    pub patience: Duration,
    /// How far each ratio should be known, as a share such as 0.025.
    pub precision: Option<f64>,
    /// How long the whole run may take, if the user said so.
    pub budget: Option<Duration>,
    /// The CPUs of children.
    pub pin: Option<Pin>,
}

impl Schedule {
    /// What a mode means where the user says nothing else.
    pub fn of(mode: Mode, seed: u64) -> Schedule {
        Schedule {
            mode,
            rounds: mode.rounds(),
            time: mode.most(),
            slice: SLICE,
            seed,
            patience: Duration::from_secs(10),
            precision: None,
            budget: None,
            pin: None,
        }
    }

    /// The fewest rounds that may be enough.
    pub fn fewest_rounds(&self) -> u64 {
        if self.precision.is_some() { self.rounds.min(Looks::fewest()) } else { self.rounds }
    }

    /// The rounds that a plan makes room for.
    pub fn usual_rounds(&self) -> u64 {
        if self.precision.is_some() { self.rounds.min(Looks::usual()) } else { self.rounds }
    }

    /// Time of each contender in a round of this workload.
    pub fn share(&self, info: &Info) -> Duration {
        let factor = u32::try_from(info.round_factor.max(1)).unwrap_or(u32::MAX);
        self.time.saturating_mul(factor)
    }

    /// The length of a turn: one item where the workload has items, else a slice, or less if the whole share is less.
    pub fn turn(&self, info: &Info) -> Duration {
        match info.item_ms {
            0 => self.slice.min(self.share(info)),
            item_ms => Duration::from_millis(item_ms),
        }
    }

    /// The length of a turn that warms up. Turns of any length are warmed up alike, so that nothing else differs between them.
    pub fn warmup_turn(&self, info: &Info) -> Duration {
        Schedule { slice: SLICE, ..*self }.turn(info)
    }

    /// Turns that make up the share. The last one begins within the share and ends after it, so an item is always whole.
    pub fn turns(&self, info: &Info) -> u32 {
        let turns = self.share(info).as_nanos().div_ceil(self.turn(info).as_nanos().max(1));
        u32::try_from(turns).unwrap_or(u32::MAX)
    }

    /// Turns before those. An item is long enough to be its own warm-up, and too long to be spent three times; and what a smoke
    /// test measures counts for nothing.
    pub fn warmups(&self, info: &Info) -> u32 {
        if info.item_ms > 0 || self.mode == Mode::Quick { 1 } else { WARMUP_SLICES }
    }
}
