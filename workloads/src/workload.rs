//! What a workload is: the trait, what it says of itself, and what a slice of it gives back.

use std::time::Duration;

use schedulers::model::{Async, Blocking, ForkJoin, Model};

use crate::params::{ParamSpec, Params};

/// What a workload says of itself; the record carries it, so that a report needs nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// The name on the command line and in the record, such as `ping_pong`.
    pub name: &'static str,
    /// The name in headings, such as "Ping-pong".
    pub title: &'static str,
    /// What one operation is, such as "round trip".
    pub op: &'static str,
    /// The model that it is at home in: a contender that offers several is run in this one, if it is among them and fits.
    pub model: Model,
    /// The figure that contenders are compared by.
    pub metric: Metric,
    /// What it shows, in a sentence or two.
    pub shows: &'static str,
    /// What result to expect and why: a hypothesis, printed beside what was measured.
    pub expect: &'static str,
    /// Whose benchmark it descends from.
    pub origin: &'static str,
    /// Its parameters; `workers` is always among them.
    pub params: &'static [ParamSpec],
    /// The variants of the default plan: each names the parameters that do not have their default. One that does not name `workers` is run
    /// with 1 and with 2. (The default plan has minutes; the full one runs all of them with both.)
    pub variants: &'static [&'static [(&'static str, u64)]],
    /// The variants that the full plan has besides.
    pub full: &'static [&'static [(&'static str, u64)]],
    /// Whether plain sequential code can do it, which is then shown as its floor.
    pub floor: bool,
    /// The least time, in milliseconds, that a slice of it takes: 0 where the budget decides (10 ms in lockstep), else
    /// the rough length of the one item of fixed size that a slice then is.
    pub item_ms: u64,
    /// How much longer than asked for its rounds should be, since its samples come slowly.
    pub round_factor: u64,
    /// How long its turns are, for estimates: the first entry that fits a variant counts. Where none does, a turn is as long as asked for.
    pub takes: &'static [Takes],
}

/// How long a turn of a workload is: the mean over its contenders, with one worker and with two.
///
/// All are from a record of the whole `--full` plan with a turn or two of each cell (1801 cells, 2 cores, optimised), and where the default plan has
/// the variant, from two records of that: `wall_ns` and `turns_ns` by `slices`.
#[derive(Clone, Copy, Debug)]
pub struct Takes {
    /// The parameters of the variants that it holds for; those that are not named may be anything.
    pub of: &'static [(&'static str, u64)],
    /// Of the part that is timed, in milliseconds.
    pub timed_ms: u64,
    /// Of set-up, joins and checks, in milliseconds.
    pub untimed_ms: u64,
}

impl Info {
    /// How long a turn of the variant with these parameters is, if anything is said of it: the timed part, and the rest.
    pub fn takes(&self, params: &Params) -> Option<(Duration, Duration)> {
        let fits = |takes: &&Takes| takes.of.iter().all(|&(name, value)| params.get(name) == Some(&value));
        let takes = self.takes.iter().find(fits)?;
        Some((Duration::from_millis(takes.timed_ms), Duration::from_millis(takes.untimed_ms)))
    }
}

/// The figure that contenders are compared by; smaller is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Wall time by operations.
    TimePerOp,
    /// The mean of the round's histogram of this kind.
    MeanOf(SampleKind),
    /// Memory by operations: [`Outcome::bytes`].
    BytesPerOp,
}

/// What a latency sample is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleKind {
    /// From the moment that a task should run (intended, not actual, for timers) to the moment that it runs.
    Wake,
    /// From the intended start of a request to its completion.
    Response,
    /// From the actual start of a request to its completion.
    Service,
}

impl SampleKind {
    /// The name in the record.
    pub fn name(self) -> &'static str {
        match self {
            SampleKind::Wake => "wake",
            SampleKind::Response => "response",
            SampleKind::Service => "service",
        }
    }
}

/// What one slice did.
#[derive(Debug)]
pub struct Outcome {
    /// Operations completed.
    pub ops: u64,
    /// The time they took; set-up and checks are outside of it.
    pub wall: Duration,
    /// What was computed, to be compared with [`Workload::expected`].
    pub answer: String,
    /// Latency samples in nanoseconds, by kind.
    pub samples: Vec<(SampleKind, Vec<u64>)>,
    /// The memory that the operations held, for workloads that measure it: by the slope over several amounts, so that what a process has
    /// anyway is not in it.
    pub bytes: Option<u64>,
}

/// `duration` as a sample.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A workload's code for the contender `R`: it runs for about the given time (or one item, if that is longer) and may
/// keep state between slices. The box is opened once a slice; all inside is statically dispatched.
pub type Body<R> = Box<dyn FnMut(&R, Duration) -> Outcome>;

/// Why a workload cannot be written for a model or a contender: a sentence for the report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotApplicable(pub String);

/// A workload. Where a model does not fit, its function says so instead of giving a body.
pub trait Workload: Sized + 'static {
    /// What it says of itself.
    const INFO: Info;

    /// From parameters that were checked against [`Info::params`]: each is there and in range.
    fn new(params: &Params) -> Self;

    /// What the answer of a slice of `ops` operations must be; computed in the harness's own process.
    fn expected(&self, ops: u64) -> String;

    /// The code for contenders with blocking tasks.
    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable>;

    /// The code for contenders whose tasks are futures.
    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable>;

    /// The code for fork-join contenders.
    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable>;
}

/// Code that runs for a workload that is known only by name.
pub trait Visit {
    /// What the visit gives back.
    type Output;
    /// Called with the workload's type.
    fn visit<W: Workload>(self) -> Self::Output;
}
