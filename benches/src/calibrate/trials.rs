//! What a calibration consists of: its parts, and the runs that they are made of.

use std::time::Duration;

use clap::ValueEnum;
use reports::calibration::PROMISED_PERCENT;

use super::cells::CELLS;
use crate::{
    budget,
    hash::hash,
    plan::Plan,
    schedule::{Mode, Schedule},
};

/// The turns in a round, by which the table of slice lengths is made: all of the time at once, to a quarter of what is usual.
const TURNS: [u32; 5] = [1, 4, 10, 40, 100];
/// How much longer a contender runs in a round of that table than in one of a comparison: 400 ms, which its lengths divide.
const SLICE_TIME_FACTOR: u32 = 4;
/// Rounds of a cell and a length before the next ones have their turn: few, so that all lengths see the same machine.
const PASS_ROUNDS: u64 = 8;

/// A part of a calibration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// A contender against itself
    Aa,
    /// A contender against itself, made slower
    Slowdowns,
    /// A contender against itself, by the length of a turn
    Slices,
}

/// How much is calibrated.
#[derive(Clone, Debug)]
pub struct Amount {
    /// What of it.
    pub parts: Vec<Part>,
    /// How many comparisons.
    pub comparisons: u64,
    /// Valid rounds of each.
    pub rounds: u64,
    /// Time of each contender in a round.
    pub time: Duration,
    /// Slowdowns in percent, besides the promised one.
    pub slowdowns: Vec<u32>,
    /// Valid rounds of each cell and length in the table of slice lengths.
    pub slice_rounds: u64,
    /// What all orders are drawn from; each run has its own seed, counted from this one.
    pub seed: u64,
    /// How long a child may overstay.
    pub patience: Duration,
}

impl Amount {
    /// Whether a part is asked for.
    pub fn has(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    /// What the contender is compared with: itself made slower by so many percent, in ascending order; 0 is A/A.
    pub fn slower_percents(&self) -> Vec<u32> {
        let mut percents = Vec::new();
        if self.has(Part::Aa) {
            percents.push(0);
        }
        if self.has(Part::Slowdowns) {
            percents.push(PROMISED_PERCENT);
            percents.extend(&self.slowdowns);
        }
        percents.sort_unstable();
        percents.dedup();
        percents
    }

    /// Time of each contender in a round of the table of slice lengths.
    pub fn slice_time(&self) -> Duration {
        self.time * SLICE_TIME_FACTOR
    }

    /// The lengths, longest first, in whole milliseconds, which are the protocol's unit.
    pub fn slice_lengths(&self) -> Vec<Duration> {
        let of_turns =
            |turns| Duration::from_millis(u64::try_from((self.slice_time() / turns).as_millis()).unwrap_or(0).max(1));
        let mut lengths: Vec<Duration> = TURNS.into_iter().map(of_turns).collect();
        lengths.dedup();
        lengths
    }
}

/// One run of a calibration.
#[derive(Debug)]
pub struct Trial {
    /// Its name, and its record's.
    pub name: String,
    /// What is said while it goes on.
    pub stage: String,
    /// The place of its cell.
    pub cell: usize,
    /// What it is for.
    pub what: What,
    /// One cell, the contender and its copies.
    pub plan: Plan,
    /// How often and how long.
    pub schedule: Schedule,
}

/// What a trial is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// One comparison of each arm.
    Comparison,
    /// Rounds with the slice length at this place.
    Slices {
        /// The place of the length.
        length: usize,
    },
}

/// The runs of a calibration, in order.
///
/// # Errors
/// A cell that cannot be planned.
pub fn trials(amount: &Amount) -> anyhow::Result<Vec<Trial>> {
    let mut trials = Vec::new();
    let schedule = |place: usize| Schedule {
        patience: amount.patience,
        ..Schedule::of(Mode::Default, amount.seed.wrapping_add(place as u64))
    };
    let percents = amount.slower_percents();
    let comparisons = if percents.is_empty() { 0 } else { amount.comparisons };
    for (number, cell) in (1..=comparisons).zip((0..CELLS.len()).cycle()) {
        trials.push(Trial {
            name: format!("comparison-{number:03}"),
            stage: format!("comparison {number} of {comparisons}"),
            cell,
            what: What::Comparison,
            plan: CELLS[cell].plan(&percents)?,
            schedule: Schedule { rounds: amount.rounds, time: amount.time, ..schedule(trials.len()) },
        });
    }
    if !amount.has(Part::Slices) {
        return Ok(trials);
    }
    let lengths = amount.slice_lengths();
    let mut rng = fastrand::Rng::with_seed(hash(&["slices", &amount.seed.to_string()]));
    let passes = amount.slice_rounds.div_ceil(PASS_ROUNDS);
    for pass in 1..=passes {
        let rounds = PASS_ROUNDS.min(amount.slice_rounds - (pass - 1) * PASS_ROUNDS);
        let mut order: Vec<(usize, usize)> =
            (0..CELLS.len()).flat_map(|cell| (0..lengths.len()).map(move |length| (cell, length))).collect();
        rng.shuffle(&mut order);
        for (cell, length) in order {
            let (slice, name) = (lengths[length], CELLS[cell].file_name());
            trials.push(Trial {
                name: format!("slices-{:03}ms-{name}-{pass}", slice.as_millis()),
                stage: format!("slices of {} ms, pass {pass} of {passes}", slice.as_millis()),
                cell,
                what: What::Slices { length },
                plan: CELLS[cell].plan(&[0])?,
                schedule: Schedule { rounds, time: amount.slice_time(), slice, ..schedule(trials.len()) },
            });
        }
    }
    Ok(trials)
}

/// How long they take.
pub fn planned(trials: &[Trial]) -> Duration {
    trials.iter().map(|trial| budget::plan(&trial.plan, &trial.schedule)).fold(Duration::ZERO, Duration::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(parts: &[Part]) -> Amount {
        Amount {
            parts: parts.to_vec(),
            comparisons: 100,
            rounds: 16,
            time: Duration::from_millis(100),
            slowdowns: vec![20, 3, 10],
            slice_rounds: 20,
            seed: 7,
            patience: Duration::from_secs(1),
        }
    }

    #[test]
    fn the_promised_slowdown_is_always_among_them() {
        assert_eq!(amount(&[Part::Slowdowns]).slower_percents(), [3, 10, 20]);
        assert_eq!(amount(&[Part::Aa]).slower_percents(), [0]);
        assert_eq!(Amount { slowdowns: Vec::new(), ..amount(&[Part::Aa, Part::Slowdowns]) }.slower_percents(), [0, 10]);
    }

    #[test]
    fn comparisons_are_spread_over_the_cells_and_every_run_has_its_own_name_and_seed() {
        let trials = trials(&amount(&[Part::Aa, Part::Slowdowns, Part::Slices])).unwrap();
        let of_cell = |cell| trials.iter().filter(|trial| trial.cell == cell && trial.what == What::Comparison).count();
        assert!((0..CELLS.len()).all(|cell| of_cell(cell) == 100 / CELLS.len()));
        for by in [|trial: &Trial| trial.name.clone(), |trial: &Trial| trial.schedule.seed.to_string()] {
            let mut all: Vec<String> = trials.iter().map(by).collect();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), trials.len());
        }
    }

    #[test]
    fn every_length_gets_the_same_rounds_and_the_same_time() {
        let amount = amount(&[Part::Slices]);
        assert_eq!(amount.slice_lengths().iter().map(Duration::as_millis).collect::<Vec<_>>(), [400, 100, 40, 10, 4]);
        let trials = trials(&amount).unwrap();
        for cell in 0..CELLS.len() {
            for length in 0..amount.slice_lengths().len() {
                let of_both = trials.iter().filter(|trial| (trial.cell, trial.what) == (cell, What::Slices { length }));
                let schedules: Vec<Schedule> = of_both.map(|trial| trial.schedule).collect();
                assert_eq!(schedules.iter().map(|schedule| schedule.rounds).sum::<u64>(), 20);
                assert!(schedules.iter().all(|schedule| schedule.time == amount.slice_time()));
            }
        }
    }

    #[test]
    fn lengths_under_a_millisecond_are_none() {
        let tiny = Amount { time: Duration::from_millis(10), ..amount(&[Part::Slices]) };
        assert_eq!(tiny.slice_lengths().iter().map(Duration::as_millis).collect::<Vec<_>>(), [40, 10, 4, 1]);
    }
}
