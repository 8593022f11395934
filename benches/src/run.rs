//! A run: its head, its rounds and its end, in a record that is whole at every moment.

use std::time::{Duration, SystemTime};

use reports::{
    Record,
    record::{self, CellError, Checkpoint, End, ErrorKind, Line, Resume},
};
use workloads::{Info, Metric};

use crate::{
    folder::Journal,
    machine,
    plan::{Absent, Plan, Variant},
    progress::Progress,
    rounds::{Clock, Rounds, Stop},
    schedule::Schedule,
    utc,
};

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
    let clock = Clock::begin(Duration::ZERO);
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let head = record::Run {
        schema: record::SCHEMA.to_owned(),
        id: id.to_owned(),
        started: utc::rfc3339(SystemTime::now()),
        git: machine::git(),
        seed: schedule.seed,
        command,
        mode: schedule.mode.name().to_owned(),
        version: version(),
        slice_ns: Some(nanoseconds(schedule.slice)),
        plan: Some(plan.digest()),
        rounds: Some(schedule.rounds),
        time_ns: Some(nanoseconds(schedule.time)),
        precision: schedule.precision,
        budget_ns: schedule.budget.map(nanoseconds),
        pin: schedule.pin.map(|pin| pin.cpus()),
    };
    let mut lines = vec![Line::Run(head), Line::Machine(machine::machine())];
    lines.extend(workload_lines(plan));
    lines.extend(plan.variants.iter().flat_map(absent_lines));
    lines.push(Line::Checkpoint(Checkpoint { wall_ns: clock.wall_ns() }));
    journal.append(&lines)?;
    to_the_end(Rounds::new(plan, schedule, clock)?, schedule, clock, journal, progress)
}

/// Goes on with the run of `record`, of which `journal` is the file.
///
/// # Errors
/// The record cannot be written.
pub fn resume(
    plan: &Plan,
    schedule: &Schedule,
    record: &Record,
    journal: &mut Journal,
    progress: &mut Progress,
) -> anyhow::Result<Outcome> {
    let so_far_ns = [record.checkpoint.map(|row| row.wall_ns), record.end.as_ref().map(|row| row.wall_ns)];
    let clock = Clock::begin(Duration::from_nanos(so_far_ns.into_iter().flatten().max().unwrap_or(0)));
    let mut rounds = Rounds::new(plan, schedule, clock)?;
    rounds.replay(record);
    let resumed = Line::Resume(Resume { started: utc::rfc3339(SystemTime::now()) });
    journal.append(&[resumed, Line::Checkpoint(Checkpoint { wall_ns: clock.wall_ns() })])?;
    to_the_end(rounds, schedule, clock, journal, progress)
}

fn to_the_end(
    mut rounds: Rounds,
    schedule: &Schedule,
    clock: Clock,
    journal: &mut Journal,
    progress: &mut Progress,
) -> anyhow::Result<Outcome> {
    if schedule.precision.is_some() {
        progress.may_end_early();
    }
    let result = rounds.run_all(journal, progress);
    rounds.say_precision(progress);
    let (status, stopped) = match result {
        Ok(stopped) => ("complete", Some(stopped)),
        Err(Stop::Interrupted) => ("interrupted", None),
        Err(Stop::Failed(error)) => return Err(error),
    };
    journal.append(&[Line::End(End { status: status.to_owned(), wall_ns: clock.wall_ns(), stopped })])?;
    Ok(Outcome { interrupted: stopped.is_none(), failures: rounds.failures() })
}

/// The version of schedbench; a build with debug assertions says so, since its figures mean nothing.
pub fn version() -> String {
    let debug = if cfg!(debug_assertions) { "+debug" } else { "" };
    format!("{}{debug}", env!("CARGO_PKG_VERSION"))
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
