//! A variant in a run, and what has come of each of its cells: who still runs, how many rounds there are, and whether they are enough.
//!
//! Invariant: a table is made of nothing but the plan and the rows of its rounds, in the order of rounds. A run that goes on puts
//! the rows of its record in and stands where it stood.

use std::time::Duration;

use reports::{
    analysis::{RoundValue, half_width},
    record::{self, CellError, ErrorKind, Hist, Line},
};
use schedulers::model::Role;
use workloads::Oracle;

use crate::{
    looks::{Finish, Looks},
    plan::{Entrant, Variant},
    run::{is_failure, metric},
    schedule::Schedule,
};

/// A cell that failed in so many rounds is given up: a hang costs its whole time limit each time.
const FAILURES_MAX: u64 = 3;

/// A variant and its cells.
pub struct Table<'a> {
    /// The variant.
    pub variant: &'a Variant,
    /// What its answers must be.
    pub oracle: Oracle,
    /// What its last round took, by the parent's clock.
    pub took: Option<Duration>,
    cells: Vec<Tally<'a>>,
    metric: record::Metric,
    /// The first round that has not been run.
    next: u64,
    /// Rounds that count.
    valid: u64,
    looks: Option<Looks>,
    finish: Option<Finish>,
}

/// What has come of one cell.
struct Tally<'a> {
    entrant: &'a Entrant,
    valid: u64,
    failures: u64,
    /// Not run any more.
    out: bool,
    /// Of the valid rounds, where somebody looks.
    values: Vec<RoundValue>,
}

impl<'a> Table<'a> {
    /// Before the first round.
    ///
    /// # Errors
    /// Parameters that the workload does not take, which a plan does not have.
    pub fn new(variant: &'a Variant, schedule: &Schedule) -> anyhow::Result<Self> {
        let tally = |entrant| Tally { entrant, valid: 0, failures: 0, out: false, values: Vec::new() };
        Ok(Table {
            variant,
            oracle: workloads::oracle(variant.info.name, &variant.params)?,
            took: None,
            cells: variant.entrants.iter().map(tally).collect(),
            metric: metric(variant.info),
            next: 0,
            valid: 0,
            looks: schedule.precision.map(Looks::new),
            finish: None,
        })
    }

    /// Those who still run.
    pub fn entrants(&self) -> Vec<&'a Entrant> {
        self.cells.iter().filter(|cell| !cell.out).map(|cell| cell.entrant).collect()
    }

    /// Whether this round is to be run: a planned one, or one that can give a cell what it lacks.
    pub fn wants(&self, round: u64, planned: u64) -> bool {
        self.next <= round && self.finish.is_none() && !self.entrants().is_empty() && {
            round < planned || self.lacks_rounds(planned)
        }
    }

    /// Rounds that are planned and have not been run.
    pub fn left(&self, planned: u64) -> u64 {
        if self.finish.is_some() || self.entrants().is_empty() { 0 } else { planned.saturating_sub(self.next) }
    }

    /// How the rounds ended, if they were looked at and ended by that.
    pub fn finish(&self) -> Option<Finish> {
        self.finish
    }

    /// Rounds that count.
    pub fn valid(&self) -> u64 {
        self.valid
    }

    /// How far its ratios are known, as a share such as 0.025; `None` if some cell has no interval yet.
    pub fn precision(&self) -> Option<f64> {
        // Floors are not ranked. A cell that was given up cannot get what it lacks.
        let looked_at = self.cells.iter().filter(|cell| !cell.out && cell.entrant.role != Role::Floor);
        half_width(&looked_at.map(|cell| cell.values.as_slice()).collect::<Vec<_>>()).map(f64::exp_m1)
    }

    /// Takes in the rows of a round; gives those that say that a cell is given up.
    pub fn take(&mut self, round: u64, lines: &[Line]) -> Vec<CellError> {
        self.next = round + 1;
        let given_up = lines.iter().filter_map(|line| self.count(line, lines)).collect();
        // A round is discarded whole: any row of it says so. One that all cells failed in is none.
        let mut rows = lines.iter().filter_map(|line| if let Line::Round(row) = line { Some(row) } else { None });
        if rows.next().is_some_and(|row| row.valid) {
            self.valid += 1;
            if let Some(mut looks) = self.looks {
                self.finish = looks.look(self.valid, || self.precision().map(f64::ln_1p));
                self.looks = Some(looks);
            }
        }
        given_up
    }

    /// Takes in rows that hold for a cell as a whole.
    pub fn take_absences(&mut self, lines: &[Line]) {
        for line in lines {
            self.count(line, &[]);
        }
    }

    /// Keeps count of a line; gives the row that says so if the cell is given up.
    fn count(&mut self, line: &Line, lines: &[Line]) -> Option<CellError> {
        match line {
            Line::Round(round) => {
                let cell = self.cells.iter_mut().find(|cell| cell.entrant.name == round.contender)?;
                cell.valid += u64::from(round.valid);
                if self.looks.is_some() {
                    let of_the_cell = |line: &Line| match line {
                        Line::Hist(hist) if hist.contender == round.contender => Some(hist.clone()),
                        _ => None,
                    };
                    let hists: Vec<Hist> = lines.iter().filter_map(of_the_cell).collect();
                    cell.values.extend(RoundValue::of(&self.metric, round, &hists));
                }
                None
            }
            Line::Error(error) => {
                let cell = self.cells.iter_mut().find(|cell| cell.entrant.name == error.contender)?;
                if !is_failure(error.kind) {
                    cell.out = true;
                    return None;
                }
                cell.failures += 1;
                cell.out = cell.failures >= FAILURES_MAX;
                let reason = format!("given up after {FAILURES_MAX} rounds that failed");
                cell.out.then(|| CellError { round: None, kind: ErrorKind::Skipped, reason, ..error.clone() })
            }
            _ => None,
        }
    }

    /// Whether another round can give a cell what it lacks. One that never succeeded is not worth it.
    fn lacks_rounds(&self, wanted: u64) -> bool {
        self.cells.iter().any(|cell| !cell.out && cell.valid < wanted && (cell.valid > 0 || cell.failures == 0))
    }
}
