//! A run: rounds of all variants, interleaved, into a record that is whole at every moment.
//!
//! Round 0 of every variant comes before round 1 of any, so that a run that is stopped has something of everything. What a
//! round gave is in the file, and synced, before the next begins. Rounds that had to be discarded, or that lost a cell, are run
//! again at the end, at most half as many as were planned.

use std::time::{Instant, SystemTime};

use reports::record::{self, CellError, End, ErrorKind, Line};
use workloads::{Info, Metric, Oracle};

use crate::{
    budget,
    conditions::Probes,
    folder::Journal,
    machine,
    plan::{Absent, Entrant, Plan, Variant},
    progress::Progress,
    round,
    schedule::{Mode, Schedule},
    seat::Interrupted,
    utc,
};

/// A cell that failed in so many rounds is given up: a hang costs its whole time limit each time.
const FAILURES_MAX: u64 = 3;

/// How a run went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// Error rows of contenders that hung, died, answered wrongly or ran with another configuration.
    pub failures: u64,
}

/// Runs `plan` and writes the record.
///
/// # Errors
/// The record cannot be written. What children do is never an error, it is a row.
pub fn run(
    plan: &Plan,
    schedule: &Schedule,
    id: &str,
    command: Vec<String>,
    journal: &mut Journal,
    progress: &mut Progress,
) -> anyhow::Result<Outcome> {
    let began = Instant::now();
    let head = record::Run {
        schema: record::SCHEMA.to_owned(),
        id: id.to_owned(),
        started: utc::rfc3339(SystemTime::now()),
        git: machine::git(),
        seed: schedule.seed,
        command,
        mode: schedule.mode.name().to_owned(),
        version: version(),
        slice_ns: Some(u64::try_from(schedule.slice.as_nanos()).unwrap_or(u64::MAX)),
    };
    let mut lines = vec![Line::Run(head), Line::Machine(machine::machine())];
    lines.extend(workload_lines(plan));
    lines.extend(plan.variants.iter().flat_map(absent_lines));
    journal.append(&lines)?;

    let outcome = Rounds::new(plan, schedule)?.run_all(journal, progress)?;
    let status = if outcome.interrupted { "interrupted" } else { "complete" }.to_owned();
    let wall_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    journal.append(&[Line::End(End { status, wall_ns })])?;
    Ok(outcome)
}

/// The version of schedbench; a build with debug assertions says so, since its figures mean nothing.
pub fn version() -> String {
    let debug = if cfg!(debug_assertions) { "+debug" } else { "" };
    format!("{}{debug}", env!("CARGO_PKG_VERSION"))
}

/// The rounds of a run and what has come of each cell.
struct Rounds<'a> {
    schedule: &'a Schedule,
    tables: Vec<Table<'a>>,
    probes: Probes,
    started: Vec<record::Contender>,
    failures: u64,
}

/// A variant and its cells.
struct Table<'a> {
    variant: &'a Variant,
    oracle: Oracle,
    cells: Vec<Tally<'a>>,
}

/// What has come of one cell.
struct Tally<'a> {
    entrant: &'a Entrant,
    valid: u64,
    failures: u64,
    /// Not run any more.
    out: bool,
}

impl<'a> Rounds<'a> {
    fn new(plan: &'a Plan, schedule: &'a Schedule) -> anyhow::Result<Self> {
        let table = |variant: &'a Variant| {
            let oracle = workloads::oracle(variant.info.name, &variant.params)?;
            let tally = |entrant| Tally { entrant, valid: 0, failures: 0, out: false };
            Ok(Table { variant, oracle, cells: variant.entrants.iter().map(tally).collect() })
        };
        let tables = plan.variants.iter().map(table).collect::<anyhow::Result<_>>()?;
        Ok(Rounds { schedule, tables, probes: Probes::begin(), started: Vec::new(), failures: 0 })
    }

    fn run_all(mut self, journal: &mut Journal, progress: &mut Progress) -> anyhow::Result<Outcome> {
        let interrupted = match self.planned_and_extra(journal, progress) {
            Ok(()) => false,
            Err(Stop::Interrupted) => true,
            Err(Stop::Failed(error)) => return Err(error),
        };
        Ok(Outcome { interrupted, failures: self.failures })
    }

    fn planned_and_extra(&mut self, journal: &mut Journal, progress: &mut Progress) -> Result<(), Stop> {
        let planned = self.schedule.rounds;
        let extra = if self.schedule.mode == Mode::Quick { 0 } else { planned.div_ceil(2) };
        for round in 0..planned + extra {
            for table in 0..self.tables.len() {
                if round < planned || self.tables[table].lacks_rounds(planned) {
                    self.one(table, round, journal, progress)?;
                }
            }
        }
        Ok(())
    }

    fn one(&mut self, table: usize, round: u64, journal: &mut Journal, progress: &mut Progress) -> Result<(), Stop> {
        let Table { variant, oracle, cells } = &self.tables[table];
        let entrants: Vec<&Entrant> = cells.iter().filter(|cell| !cell.out).map(|cell| cell.entrant).collect();
        if entrants.is_empty() {
            return Ok(());
        }
        let label = variant.label();
        let extra = if round < self.schedule.rounds { "" } else { "extra " };
        let what = format!("{extra}round {} of {}, {label}", round + 1, self.schedule.rounds);
        progress.round(what, budget::round(variant.info, self.schedule, entrants.len()));
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
        for line in result.lines {
            let given_up = self.tables[table].count(&line);
            if let Line::Error(error) = &line {
                progress.say(&format!("{label} {}: {}: {}", error.contender, kind_name(error.kind), error.reason));
                self.failures += u64::from(is_failure(error.kind));
            }
            lines.push(line);
            lines.extend(given_up.map(Line::Error));
        }
        Ok(journal.append(&lines)?)
    }
}

/// Why rounds end before the last one.
enum Stop {
    Interrupted,
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

impl Table<'_> {
    /// Keeps count of a line; gives the row that says so if the cell is given up.
    fn count(&mut self, line: &Line) -> Option<CellError> {
        match line {
            Line::Round(round) => {
                let cell = self.cells.iter_mut().find(|cell| cell.entrant.name == round.contender)?;
                cell.valid += u64::from(round.valid);
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

/// Whether this kind is a failure of the contender, which the exit code tells, or just a reason not to run it.
pub fn is_failure(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::Hang | ErrorKind::Crash | ErrorKind::WrongAnswer | ErrorKind::ConfigMismatch => true,
        ErrorKind::Skipped | ErrorKind::NotApplicable => false,
    }
}

/// The kind as the record writes it.
pub fn kind_name(kind: ErrorKind) -> String {
    serde_json::to_value(kind).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The metric as the record writes it.
pub fn metric(info: &Info) -> record::Metric {
    match info.metric {
        Metric::TimePerOp => record::Metric::TimePerOp,
        Metric::MeanOf(kind) => record::Metric::MeanOf(kind.name().to_owned()),
        Metric::BytesPerOp => record::Metric::BytesPerOp,
    }
}

fn workload_lines(plan: &Plan) -> impl Iterator<Item = Line> {
    plan.workloads.iter().map(|info| {
        Line::Workload(record::Workload {
            workload: info.name.to_owned(),
            title: info.title.to_owned(),
            op: info.op.to_owned(),
            metric: metric(info),
            shows: info.shows.to_owned(),
            expect: info.expect.to_owned(),
            origin: info.origin.to_owned(),
        })
    })
}

fn absent_lines(variant: &Variant) -> Vec<Line> {
    let row = |absent: &Absent| {
        Line::Error(CellError {
            workload: variant.info.name.to_owned(),
            params: variant.params.clone(),
            contender: absent.contender.clone(),
            round: None,
            kind: absent.kind,
            reason: absent.reason.clone(),
        })
    };
    variant.absent.iter().map(row).collect()
}
