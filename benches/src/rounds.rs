//! The rounds of a run: which is next, and when there are enough.
//!
//! Round r of every variant comes before round r + 1 of any, so that a run that is stopped has something of everything. What a round
//! gave is in the record, and synced, before the next begins. Rounds that had to be discarded, or that lost a cell, are run again at
//! the end, at most half as many as were planned.
//!
//! A budget is kept from the seventh round on: no round begins that would not end in time, by what the variant's last one took. The
//! first that would not is the sign that this sweep over the variants is the last one, so cells of two variants differ by one round at
//! most, and cells of one variant by none.

use std::time::{Duration, Instant};

use reports::{
    Record,
    record::{self, Checkpoint, Line, Stopped},
};

use crate::{
    budget,
    conditions::Probes,
    folder::Journal,
    looks::Finish,
    plan::{Entrant, Plan},
    progress::Progress,
    round,
    run::{is_failure, kind_name},
    schedule::{Mode, Schedule},
    seat::Interrupted,
    table::Table,
};

/// Rounds that are run whatever the budget is: below, there is no 95 % interval, and what was measured says little.
pub const LEAST_ROUNDS: u64 = 6;

/// How long a run has taken so far, with the parts before it was resumed.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    began: Instant,
    before: Duration,
}

impl Clock {
    /// Of a run that took `before` until it was interrupted: nothing, mostly.
    pub fn begin(before: Duration) -> Clock {
        Clock { began: Instant::now(), before }
    }

    /// How long.
    pub fn elapsed(&self) -> Duration {
        self.before + self.began.elapsed()
    }

    /// The same in nanoseconds.
    pub fn wall_ns(&self) -> u64 {
        u64::try_from(self.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The rounds of a run and what has come of each cell.
pub struct Rounds<'a> {
    schedule: &'a Schedule,
    clock: Clock,
    tables: Vec<Table<'a>>,
    probes: Probes,
    started: Vec<record::Contender>,
    failures: u64,
}

impl<'a> Rounds<'a> {
    /// Before the first round.
    ///
    /// # Errors
    /// See [`Table::new`].
    pub fn new(plan: &'a Plan, schedule: &'a Schedule, clock: Clock) -> anyhow::Result<Self> {
        let tables =
            plan.variants.iter().map(|variant| Table::new(variant, schedule)).collect::<anyhow::Result<_>>()?;
        Ok(Rounds { schedule, clock, tables, probes: Probes::begin(), started: Vec::new(), failures: 0 })
    }

    /// Takes in what a record has of this run.
    pub fn replay(&mut self, record: &Record) {
        self.started.clone_from(&record.contenders);
        self.failures = record.errors.iter().filter(|error| is_failure(error.kind)).count() as u64;
        for table in &mut self.tables {
            let (workload, params) = (table.variant.info.name, &table.variant.params);
            let rounds = record.rounds.iter().filter(|row| row.workload == workload && row.params == *params);
            let hists = record.hists.iter().filter(|row| row.workload == workload && row.params == *params);
            let errors = record.errors.iter().filter(|row| row.workload == workload && row.params == *params);
            let lines = rounds.map(|row| (Some(row.round), Line::Round(row.clone())));
            let lines = lines.chain(hists.map(|row| (Some(row.round), Line::Hist(row.clone()))));
            let lines = lines.chain(errors.map(|row| (row.round, Line::Error(row.clone()))));
            let mut lines: Vec<(Option<u64>, Line)> = lines.collect();
            // What holds for a cell as a whole comes last: while its rounds were run, nobody knew. The sort is stable.
            lines.sort_by_key(|(round, _)| round.unwrap_or(u64::MAX));
            for group in lines.chunk_by(|(a, _), (b, _)| a == b) {
                let rows: Vec<Line> = group.iter().map(|(_, line)| line.clone()).collect();
                match group[0].0 {
                    Some(round) => drop(table.take(round, &rows)),
                    None => table.take_absences(&rows),
                }
            }
        }
        let mut probed = None;
        for row in &record.rounds {
            // All rows of a round carry the one probe before it.
            let round = (&row.workload, &row.params, row.round);
            if let Some(probe_ns) = row.probe_ns.filter(|_| probed != Some(round)) {
                self.probes.add(probe_ns);
            }
            probed = Some(round);
        }
    }

    /// Error rows of contenders that hung, died, answered wrongly or ran with another configuration.
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Runs what is left.
    ///
    /// # Errors
    /// The user interrupts it, or the record cannot be written.
    pub fn run_all(&mut self, journal: &mut Journal, progress: &mut Progress) -> Result<Stopped, Stop> {
        let planned = self.schedule.rounds;
        let extra = if self.schedule.mode == Mode::Quick { 0 } else { planned.div_ceil(2) };
        for round in 0..planned + extra {
            let mut over = false;
            for table in 0..self.tables.len() {
                if !self.tables[table].wants(round, planned) {
                    continue;
                }
                if self.holds(table, round) { self.one(table, round, journal, progress)? } else { over = true }
            }
            if over {
                return Ok(Stopped::Budget);
            }
        }
        let precise = |table: &Table| table.finish() == Some(Finish::Precise) || table.variant.entrants.is_empty();
        let precise = self.schedule.precision.is_some() && self.tables.iter().all(precise);
        Ok(if precise { Stopped::Precision } else { Stopped::Rounds })
    }

    /// Whether the budget holds this round.
    fn holds(&self, table: usize, round: u64) -> bool {
        let ends = self.clock.elapsed() + self.expected(&self.tables[table]);
        round < LEAST_ROUNDS || self.schedule.budget.is_none_or(|budget| ends <= budget)
    }

    /// How long the next round of a variant takes: as long as its last one, or by the estimate.
    fn expected(&self, table: &Table) -> Duration {
        let estimated = || budget::round(table.variant, self.schedule, table.entrants().len());
        table.took.unwrap_or_else(estimated)
    }

    /// How long the rounds take that are planned and have not been run, within the budget.
    fn left(&self) -> Duration {
        let of = |table: &Table| {
            let rounds = u32::try_from(table.left(self.schedule.rounds)).unwrap_or(u32::MAX);
            self.expected(table).saturating_mul(rounds)
        };
        let left = self.tables.iter().map(of).fold(Duration::ZERO, Duration::saturating_add);
        self.schedule.budget.map_or(left, |budget| left.min(budget.saturating_sub(self.clock.elapsed())))
    }

    fn one(&mut self, table: usize, round: u64, journal: &mut Journal, progress: &mut Progress) -> Result<(), Stop> {
        let began = Instant::now();
        let left = self.left();
        let Table { variant, ref oracle, .. } = self.tables[table];
        let entrants: Vec<&Entrant> = self.tables[table].entrants();
        let label = variant.label();
        let extra = if round < self.schedule.rounds { "" } else { "extra " };
        let at_most = if self.schedule.precision.is_some() { "at most " } else { "" };
        let what = format!("{extra}round {} of {at_most}{}, {label}", round + 1, self.schedule.rounds);
        progress.round(what, self.expected(&self.tables[table]), left);
        let result = round::run(variant, oracle, &entrants, round, self.schedule, &mut self.probes, progress)?;

        let mut new: Vec<record::Contender> =
            result.started.into_iter().filter(|contender| !self.started.contains(contender)).collect();
        // They started in a random order; the record has them in the order of the legends.
        new.sort_by_key(|started| entrants.iter().position(|entrant| entrant.name == started.contender));
        let mut lines: Vec<Line> = new.iter().cloned().map(Line::Contender).collect();
        self.started.extend(new);
        if let Some(objection) = &result.objection {
            progress.say(&format!("round {} of {label} is discarded: {objection}", round + 1));
        }
        let given_up = self.tables[table].take(round, &result.lines);
        for line in result.lines.into_iter().chain(given_up.into_iter().map(Line::Error)) {
            if let Line::Error(error) = &line {
                progress.say(&format!("{label} {}: {}: {}", error.contender, kind_name(error.kind), error.reason));
                self.failures += u64::from(is_failure(error.kind));
            }
            lines.push(line);
        }
        lines.push(Line::Checkpoint(Checkpoint { wall_ns: self.clock.wall_ns() }));
        journal.append(&lines)?;
        let table = &mut self.tables[table];
        table.took = Some(began.elapsed());
        if table.finish() == Some(Finish::Precise) {
            progress.say(&format!("{label} is known to {} after {} rounds", within(table.precision()), table.valid()));
        }
        Ok(())
    }

    /// Says how many variants are as precise as asked, and what became of the others.
    pub fn say_precision(&self, progress: &Progress) {
        let Some(asked) = self.schedule.precision else { return };
        let looked_at = || self.tables.iter().filter(|table| !table.variant.entrants.is_empty());
        let open = || looked_at().filter(|table| table.finish() != Some(Finish::Precise));
        let (all, reached) = (looked_at().count(), looked_at().count() - open().count());
        let asked = within(Some(asked));
        progress.say(&format!("{reached} of {all} variants are known to {asked} at two looks in a row"));
        for table in open() {
            let (label, known) = (table.variant.label(), within(table.precision()));
            progress.say(&format!("  not {label}: {known} after {} rounds", table.valid()));
        }
    }
}

/// A precision as people read it.
fn within(precision: Option<f64>) -> String {
    precision.map_or_else(|| "no interval".to_owned(), |share| format!("±{:.1} %", share * 100.0))
}

/// Why rounds end before the last one.
pub enum Stop {
    /// The user wants it.
    Interrupted,
    /// The record cannot be written.
    Failed(anyhow::Error),
}

impl From<Interrupted> for Stop {
    fn from(_: Interrupted) -> Stop {
        Stop::Interrupted
    }
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Stop {
        Stop::Failed(error)
    }
}
