//! The record, `schedbench/1`: JSON Lines, one object a line, `t` says its kind. Additive: readers ignore what they do not know.
//!
//! Integer nanoseconds everywhere; units are in the names. A sensor that is missing is `null`, with its reason in `missing`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The schema that this version writes.
pub const SCHEMA: &str = "schedbench/1";

/// The parameters of a variant: whole numbers by name.
pub type Params = BTreeMap<String, u64>;

/// One line of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "lowercase")]
pub enum Line {
    /// Once, first.
    Run(Run),
    /// Once, after `Run`.
    Machine(Machine),
    /// Once for each contender that started, for each configuration that it echoed.
    Contender(Contender),
    /// Once for each workload of the plan.
    Workload(Workload),
    /// One contender's share of one round of one variant.
    Round(Round),
    /// A histogram of that round.
    Hist(Hist),
    /// A cell or a round that gave no number, and why.
    Error(CellError),
    /// After the head, and after all rows of each round of a variant: what stands before it is whole.
    Checkpoint(Checkpoint),
    /// Last, if the run was not killed; once for each of its parts, if it was resumed.
    End(End),
    /// An interrupted or killed run goes on from here.
    Resume(Resume),
}

/// Which run this is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// [`SCHEMA`].
    pub schema: String,
    /// The run's name, which is also its folder's: `2026-11-23T17-04-05Z-7`.
    pub id: String,
    /// When it began, RFC 3339, UTC.
    pub started: String,
    /// The source it was built from, if known.
    pub git: Option<Git>,
    /// The seed of the orders of contenders.
    pub seed: u64,
    /// The command line, to reproduce it.
    pub command: Vec<String>,
    /// `quick`, `default` or `full`: a quick run never gives a verdict.
    pub mode: String,
    /// The version of schedbench.
    pub version: String,
    /// How long a turn was, in workloads that have no items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice_ns: Option<u64>,
    /// A digest of what is run: variants, and who runs them. With the next three, what a run that goes on must have again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Valid rounds that each cell should get; the most, if there is a `precision`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds: Option<u64>,
    /// Time of each contender in each round, before the workload's own factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ns: Option<u64>,
    /// The half-width, as a share such as 0.025, that ends a variant's rounds; `None` if their number was fixed beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<f64>,
    /// How long the whole run might take; `None` if the user did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_ns: Option<u64>,
    /// The CPUs that children ran on, in ascending order; `None` if they ran where the kernel put them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Vec<u64>>,
}

impl Run {
    /// Where its children ran, as in "it ran on CPUs 0, 1".
    pub fn pinned(&self) -> String {
        match &self.pin {
            None => "on all CPUs".to_owned(),
            Some(cpus) => format!("on CPUs {}", cpus.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
        }
    }
}

/// A source revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Git {
    /// The commit.
    pub rev: String,
    /// Whether the tree differed from it.
    pub dirty: bool,
}

/// The machine. Records with different keys are never compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// A digest of what decides timings: CPU model, cores, kernel release, virtualisation.
    pub key: String,
    /// The CPU's name.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: u64,
    /// The operating system's name and version.
    pub os: String,
    /// The kernel release.
    pub kernel: String,
    /// The hypervisor, `none`, or `null` if that cannot be told.
    pub virt: Option<String>,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// The CPU frequency governor, where the kernel shows one.
    pub governor: Option<String>,
    /// CPUs that the process may be on, by its affinity; a quota may make `cores` of it less.
    #[serde(default)]
    pub cpus: Option<u64>,
    /// The cgroup's limit of CPU time, in cores.
    #[serde(default)]
    pub quota_cores: Option<f64>,
    /// What the kernel takes the time from: `tsc`, `kvm-clock`, `hpet`.
    #[serde(default)]
    pub clock_source: Option<String>,
    /// Whether cores are shared by several hardware threads.
    #[serde(default)]
    pub smt: Option<bool>,
    /// Whether a CPU may run faster than its nominal frequency while others are idle.
    #[serde(default)]
    pub boost: Option<bool>,
    /// The size of a page of memory.
    #[serde(default)]
    pub page_bytes: Option<u64>,
    /// When memory gets huge pages: `always`, `madvise`, `never`.
    #[serde(default)]
    pub transparent_hugepages: Option<String>,
    /// Load average over one minute when the run began.
    pub load_1m: Option<f64>,
    /// The compiler that built schedbench.
    pub rustc: Option<String>,
    /// Why what is `null` is missing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing: BTreeMap<String, String>,
}

/// A contender as it really ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contender {
    /// Its name: `gmp`, `os-threads`, `tokio-mt`, `rayon`.
    pub contender: String,
    /// The version of its library.
    pub version: String,
    /// What it is, in a line.
    pub summary: String,
    /// The configuration that it echoed.
    pub config: BTreeMap<String, u64>,
    /// What part it plays.
    #[serde(default)]
    pub role: Role,
}

/// What part a contender plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A scheduler in its default configuration.
    #[default]
    Default,
    /// The same scheduler as its users tune it.
    Tuned,
    /// No scheduler at all: what the work itself takes. It is shown and never ranked.
    Floor,
}

/// What a workload says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// Its name: `ping_pong`.
    pub workload: String,
    /// Its name in headings.
    pub title: String,
    /// What one operation is.
    pub op: String,
    /// What contenders are compared by.
    pub metric: Metric,
    /// What it shows.
    pub shows: String,
    /// What result to expect and why.
    pub expect: String,
    /// Whose benchmark it descends from.
    pub origin: String,
}

/// The figure that contenders are compared by; smaller is better. Written `time_per_op`, `mean:wake` or `bytes_per_op`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Metric {
    /// `wall_ns / ops`.
    TimePerOp,
    /// The mean of the round's histogram of this kind, in nanoseconds.
    MeanOf(String),
    /// `bytes / ops`.
    BytesPerOp,
}

impl TryFrom<String> for Metric {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.strip_prefix("mean:") {
            Some(kind) if !kind.is_empty() => Ok(Metric::MeanOf(kind.to_owned())),
            None if text == "time_per_op" => Ok(Metric::TimePerOp),
            None if text == "bytes_per_op" => Ok(Metric::BytesPerOp),
            _ => Err(format!("unknown metric '{text}', expected time_per_op, mean:<kind> or bytes_per_op")),
        }
    }
}

impl From<Metric> for String {
    fn from(metric: Metric) -> String {
        match metric {
            Metric::TimePerOp => "time_per_op".to_owned(),
            Metric::MeanOf(kind) => format!("mean:{kind}"),
            Metric::BytesPerOp => "bytes_per_op".to_owned(),
        }
    }
}

/// One contender's share of one round: a fresh process, its slices added up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// The workload.
    pub workload: String,
    /// The variant.
    pub params: Params,
    /// The contender.
    pub contender: String,
    /// The round, from 0.
    pub round: u64,
    /// Its place in the order in which the round's contenders were started, from 0.
    pub position: u64,
    /// Operations completed, warm-up excluded.
    pub ops: u64,
    /// The time they took.
    pub wall_ns: u64,
    /// CPU time of the child over the same slices, all threads, user and system.
    pub cpu_ns: u64,
    /// Slices that were added up.
    #[serde(default)]
    pub slices: u64,
    /// The same slices by the parent's clock, from request to answer: what is beyond `wall_ns` is set-up, joins and checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns_ns: Option<u64>,
    /// `ok`: every slice's answer was the expected one. (What is not ok is an `error` line instead.)
    pub check: String,
    /// Highest resident set of the child.
    pub peak_rss_bytes: Option<u64>,
    /// Most threads that the child was seen to have.
    pub peak_threads: Option<u64>,
    /// Voluntary context switches in the slices.
    pub ctx_voluntary: Option<u64>,
    /// Involuntary context switches in the slices.
    pub ctx_involuntary: Option<u64>,
    /// Times that the kernel moved a thread of the child from one CPU to another, over all slices. `null` too if threads ended meanwhile,
    /// since they take their counts along.
    #[serde(default)]
    pub migrations: Option<u64>,
    /// How long the round took, all contenders together: what the following five are to be compared with.
    #[serde(default)]
    pub round_ns: Option<u64>,
    /// CPU time stolen by the hypervisor during the round, from all CPUs that the process may be on.
    pub steal_ns: Option<u64>,
    /// CPU time that processes other than schedbench and its children had on the same CPUs during the round.
    #[serde(default)]
    pub foreign_cpu_ns: Option<u64>,
    /// How long somebody on the machine waited for a CPU during the round (Linux's PSI, `some`); the children count too.
    #[serde(default)]
    pub pressure_cpu_ns: Option<u64>,
    /// How long somebody waited for memory.
    #[serde(default)]
    pub pressure_memory_ns: Option<u64>,
    /// How long somebody waited for a disk.
    #[serde(default)]
    pub pressure_io_ns: Option<u64>,
    /// A fixed spin loop's time just before the round: how fast the machine was.
    pub probe_ns: Option<u64>,
    /// The memory that the operations held, in workloads that measure it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Whether the round counts.
    pub valid: bool,
    /// Why it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid_reason: Option<String>,
    /// The contender's own counters.
    #[serde(default)]
    pub counters: BTreeMap<String, u64>,
    /// Why what is `null` is missing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing: BTreeMap<String, String>,
}

/// A latency histogram of one round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hist {
    /// The workload.
    pub workload: String,
    /// The variant.
    pub params: Params,
    /// The contender.
    pub contender: String,
    /// The round.
    pub round: u64,
    /// `wake`, `response` or `service`.
    pub kind: String,
    /// `HdrV2Deflate-base64`: nanoseconds, 1 ns to 60 s, 3 significant digits.
    pub enc: String,
    /// The histogram.
    pub data: String,
}

/// The encoding of [`Hist::data`].
pub const HIST_ENCODING: &str = "HdrV2Deflate-base64";

/// A cell or a round that gave no number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellError {
    /// The workload.
    pub workload: String,
    /// The variant.
    pub params: Params,
    /// The contender.
    pub contender: String,
    /// The round, or `null` for the cell as a whole (`n/a`, `skipped`).
    pub round: Option<u64>,
    /// What kind.
    pub kind: ErrorKind,
    /// Why, in a sentence, with the child's last words where it had any.
    pub reason: String,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The child did not answer in time and was killed.
    Hang,
    /// The child died.
    Crash,
    /// The child computed a wrong answer, or its clock cannot be right.
    WrongAnswer,
    /// The child runs with another configuration than it was asked to.
    ConfigMismatch,
    /// The contender is not available here.
    Skipped,
    /// The workload cannot be written for the contender.
    #[serde(rename = "n/a")]
    NotApplicable,
}

/// All rows so far are there, and on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// How long the run has taken, all of its parts together.
    pub wall_ns: u64,
}

/// How the run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// `complete` or `interrupted`.
    pub status: String,
    /// How long it took, all of its parts together.
    pub wall_ns: u64,
    /// What ended the rounds of a run that is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
}

/// What ended the rounds of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stopped {
    /// Every variant was as precise as asked.
    Precision,
    /// The time was over.
    Budget,
    /// Some variant had all the rounds that it could get.
    Rounds,
}

/// A run that was interrupted or killed goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// When, RFC 3339, UTC.
    pub started: String,
}
