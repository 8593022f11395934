//! Comparison: two contenders of the same run, or two runs.
//!
//! Two contenders of a run took turns in the same rounds, so their values are **paired** by round: Hodges-Lehmann of the
//! logarithms of ratios, with the exact Wilcoxon signed-rank interval and p. Two runs share no round, so their values are
//! **independent** samples: Hodges-Lehmann shift of the logarithms, with the exact Mann-Whitney interval and p; that is the blunter
//! tool, since what the machine did that day is in it.
//!
//! **Percentiles, memory by task and growth** are compared by the ratio of their medians over rounds, and its interval is that of a
//! block bootstrap of whole rounds. A percentile is that of one round, a process; pooled histograms are never compared: whose rounds
//! had more samples, or one slow process, would decide. The p-value is that of the rank test here too.
//!
//! **Many lines.** The p-values of each kind of figure are corrected together by Benjamini and Hochberg's method: of the
//! differences that its lines show, at most 5 % are expected to be none. Not all kinds together, since a reader looks at one at
//! a time, and since a table full of true differences of memory would make it easier for differences of time to pass. And not
//! Holm's, which the [gate](crate::gate) uses: there one false alarm costs a day, here it is one of many lines to look into.

mod change;
mod figure;
mod growth;
mod table;

use std::collections::BTreeMap;

use serde::Serialize;

pub use change::{Change, Verdict};
pub use figure::{By, Figure};

use growth::Curve;

use crate::{
    analysis::{Analysis, Measured, Soundness, Unit, Variant},
    merge::{Machines, MergeError, Source, same_machine},
    record::Run,
    statistics,
};

/// A candidate against a baseline. Displays as a table.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// What the ratios are by: a contender, or a run's name.
    pub baseline: String,
    /// What is compared with it.
    pub candidate: String,
    /// Whether values are paired by round.
    pub paired: bool,
    /// Whether the two sides ran on different machines, or on machines that are not known to be the same.
    pub two_machines: bool,
    /// What both sides measured.
    pub rows: Vec<Row>,
    /// What the lines of each kind say together.
    pub families: Vec<Family>,
    /// What could not be compared, and why: a sentence each.
    pub not_compared: Vec<String>,
    /// What a reader should know before believing a figure: a sentence each.
    pub warnings: Vec<String>,
    /// Figures that only one side has, by kind: they count in a family's coverage.
    #[serde(skip)]
    one_sided: BTreeMap<By, usize>,
}

/// One variant of a comparison, or one sweep.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The variant's label, with the contender where runs are compared.
    pub name: String,
    /// Its figures.
    pub lines: Vec<Line>,
}

/// One figure of a variant.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Which one.
    pub figure: Figure,
    /// Its kind.
    pub by: By,
    /// The unit of its values; `None` for a factor.
    pub unit: Option<Unit>,
    /// How it changed, or why that cannot be said.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of a line.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Both sides have the figure.
    Change(Change),
    /// Why there is no change to show, in a phrase: `insufficient` for a percentile that a round's samples do not carry.
    Lacking(String),
}

/// All lines of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct Family {
    /// Which kind.
    pub by: By,
    /// The geometric mean of the ratios of the lines that have one: of the common subset.
    pub geometric_mean: Option<f64>,
    /// How many lines those are.
    pub compared: usize,
    /// Of how many that at least one side has.
    pub of: usize,
    /// Whether there are so many lines, with so few rounds, that a difference in only one of them could not show.
    pub one_alone_is_unseen: bool,
}

/// Why there is nothing to compare. Displays as one line.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// No such contender.
    #[error("unknown contender '{name}', expected one of {known}")]
    UnknownContender {
        /// What was given.
        name: String,
        /// Those that the record has.
        known: String,
    },
    /// A contender with itself.
    #[error("'{0}' is on both sides, expected two contenders")]
    SameContender(String),
    /// Two machines.
    #[error(transparent)]
    Machines(#[from] MergeError),
    /// Not one row.
    #[error("{baseline} and {candidate} have no variant in common that both measured")]
    NothingInCommon {
        /// One side.
        baseline: String,
        /// The other.
        candidate: String,
    },
}

/// Compares two contenders of one analysis, `candidate / baseline`.
///
/// # Errors
/// A contender that the record does not have, the same one twice, or nothing that both measured.
pub fn contenders(analysis: &Analysis, baseline: &str, candidate: &str) -> Result<Comparison, CompareError> {
    for name in [baseline, candidate] {
        let mut known = analysis.contender_names().chain(analysis.floor_names());
        if !known.any(|known| known == name) {
            let known = analysis.contender_names().chain(analysis.floor_names()).collect::<Vec<_>>().join(", ");
            return Err(CompareError::UnknownContender { name: name.to_owned(), known });
        }
    }
    if baseline == candidate {
        return Err(CompareError::SameContender(baseline.to_owned()));
    }
    let mut comparison = Comparison::between(baseline, candidate, true, warnings(&[analysis]));
    for variant in &analysis.variants {
        comparison.add(variant.label(), (variant, baseline), (variant, candidate));
    }
    comparison.add_sweeps(
        &analysis.variants.iter().map(|variant| (variant, variant)).collect::<Vec<_>>(),
        (baseline, candidate),
        "",
    );
    comparison.complete()
}

/// Compares two runs, contender by contender, `candidate / baseline`.
///
/// # Errors
/// Runs of different machines (unless `machines` allows them), or nothing that both measured.
pub fn runs(baseline: &Analysis, candidate: &Analysis, machines: Machines) -> Result<Comparison, CompareError> {
    let mut comparison =
        Comparison::between(&baseline.run.id, &candidate.run.id, false, warnings(&[baseline, candidate]));
    match (same_machine(source(baseline), source(candidate)), machines) {
        (Ok(()), _) => {}
        (Err(error), Machines::MustMatch) => return Err(error.into()),
        (Err(error), Machines::MayDiffer) => {
            comparison.two_machines = true;
            comparison.warnings.insert(0, format!("{error}. {TWO_MACHINES}"));
        }
    }
    if baseline.run.pin != candidate.run.pin {
        let ran = |run: &Run| format!("{} ran {}", run.id, run.pinned());
        let (before, after) = (ran(&baseline.run), ran(&candidate.run));
        comparison.warnings.insert(0, format!("{before}, {after}: on other CPUs a scheduler is another one"));
    }
    let mut both = Vec::new();
    for before in &baseline.variants {
        let Some(after) = candidate.variants.iter().find(|after| after.label() == before.label()) else {
            comparison.add_one_sided(before, &baseline.run.id);
            continue;
        };
        if before.workload.metric != after.workload.metric {
            comparison.not_compared.push(format!("{}: the metric is not the same in both runs", before.label()));
            continue;
        }
        both.push((before, after));
        let only_after = after.cells.iter().filter(|cell| before.cell(&cell.contender).is_none());
        for cell in before.cells.iter().chain(only_after) {
            let name = format!("{} {}", before.label(), cell.contender);
            comparison.add(name, (before, &cell.contender), (after, &cell.contender));
        }
    }
    for after in &candidate.variants {
        if baseline.variants.iter().all(|before| before.label() != after.label()) {
            comparison.add_one_sided(after, &candidate.run.id);
        }
    }
    for contender in baseline.contender_names() {
        comparison.add_sweeps(&both, (contender, contender), contender);
    }
    comparison.complete()
}

/// What a ratio of two machines' figures is.
const TWO_MACHINES: &str = "Each ratio here is one of two machines with all that differs between them, CPU, memory, kernel, neighbours, \
                            and not of two versions: no verdict says anything about a scheduler";

impl Comparison {
    fn between(baseline: &str, candidate: &str, paired: bool, warnings: Vec<String>) -> Comparison {
        Comparison {
            baseline: baseline.to_owned(),
            candidate: candidate.to_owned(),
            paired,
            two_machines: false,
            rows: Vec::new(),
            families: Vec::new(),
            not_compared: Vec::new(),
            warnings,
            one_sided: BTreeMap::new(),
        }
    }

    /// Adds the row if both sides were measured; what neither side has is no news.
    fn add(&mut self, name: String, baseline: (&Variant, &str), candidate: (&Variant, &str)) {
        let (before, after) = match (baseline.0.measured(baseline.1), candidate.0.measured(candidate.1)) {
            (Some(before), Some(after)) => (before, after),
            (Some(before), None) => {
                self.count_one_sided(baseline.0, before);
                return self.not_compared.push(format!("{name}: not measured for {}", self.candidate));
            }
            (None, Some(after)) => {
                self.count_one_sided(candidate.0, after);
                return self.not_compared.push(format!("{name}: not measured for {}", self.baseline));
            }
            (None, None) => return,
        };
        if self.paired && before.rounds.iter().all(|round| after.rounds.iter().all(|other| other.key() != round.key()))
        {
            self.count_one_sided(baseline.0, before);
            return self.not_compared.push(format!("{name}: no round in common"));
        }
        let (before, mut after) = (figure::figures(baseline.0, before), figure::figures(candidate.0, after));
        let mut lines = Vec::new();
        for (figure, values) in before {
            let other = after.iter().position(|(other, _)| *other == figure).map(|place| after.remove(place).1);
            let outcome = match other {
                Some(other) => self.outcome(&figure, values, other),
                None => Outcome::Lacking(format!("only in {}", self.baseline)),
            };
            lines.push(Line::new(figure, outcome));
        }
        let only_after = || Outcome::Lacking(format!("only in {}", self.candidate));
        lines.extend(after.into_iter().map(|(figure, _)| Line::new(figure, only_after())));
        lines.sort_by_key(|line| line.by);
        self.rows.push(Row { name, lines });
    }

    /// Adds a row for each sweep over variants that both contenders measured.
    fn add_sweeps(&mut self, variants: &[(&Variant, &Variant)], contenders: (&str, &str), suffix: &str) {
        for curve in Curve::all(variants, contenders) {
            let (before, after) = curve.growth();
            let figure = Figure::Growth(curve.param);
            let outcome = self.outcome(&figure, before, after);
            let name = if suffix.is_empty() { curve.name } else { format!("{} {suffix}", curve.name) };
            self.rows.push(Row { name, lines: vec![Line::new(figure, outcome)] });
        }
    }

    fn outcome(&self, figure: &Figure, before: figure::Values, after: figure::Values) -> Outcome {
        match (before, after) {
            (Ok(before), Ok(after)) => match Change::new(figure, &before, &after, self.paired) {
                Some(change) => Outcome::Change(change),
                None => Outcome::Lacking("no round in common".to_owned()),
            },
            (Err(reason), _) | (_, Err(reason)) => Outcome::Lacking(reason.to_owned()),
        }
    }

    /// A variant that only one run has.
    fn add_one_sided(&mut self, variant: &Variant, run: &str) {
        self.not_compared.push(format!("{}: only in {run}", variant.label()));
        for measured in variant.cells.iter().filter_map(|cell| cell.measured()) {
            self.count_one_sided(variant, measured);
        }
    }

    fn count_one_sided(&mut self, variant: &Variant, measured: &Measured) {
        for (figure, _) in figure::figures(variant, measured) {
            *self.one_sided.entry(figure.by()).or_default() += 1;
        }
    }

    /// Corrects the p-values and sums up, unless there is nothing to.
    fn complete(mut self) -> Result<Comparison, CompareError> {
        if self.rows.is_empty() {
            return Err(CompareError::NothingInCommon { baseline: self.baseline, candidate: self.candidate });
        }
        for by in By::ALL {
            let lines = self.rows.iter_mut().flat_map(|row| &mut row.lines).filter(|line| line.by == by);
            let mut of = self.one_sided.get(&by).copied().unwrap_or(0);
            let mut changes: Vec<&mut Change> = Vec::new();
            for line in lines {
                of += 1;
                if let Outcome::Change(change) = &mut line.outcome {
                    changes.push(change);
                }
            }
            let one_alone_is_unseen = change::correct(&mut changes);
            let geometric_mean = statistics::geometric_mean(changes.iter().map(|change| change.ratio.estimate));
            let compared = changes.len();
            if of > 0 {
                self.families.push(Family { by, geometric_mean, compared, of, one_alone_is_unseen });
            }
        }
        Ok(self)
    }

    /// Keeps the figures of these kinds only. What they say stays: each kind was corrected by itself.
    #[must_use]
    pub fn only(mut self, kinds: &[By]) -> Comparison {
        self.families.retain(|family| kinds.contains(&family.by));
        for row in &mut self.rows {
            row.lines.retain(|line| kinds.contains(&line.by));
        }
        self.rows.retain(|row| !row.lines.is_empty());
        self
    }

    /// The lines of this kind, in the order of rows.
    pub fn lines(&self, by: By) -> impl Iterator<Item = &Line> {
        self.rows.iter().flat_map(|row| &row.lines).filter(move |line| line.by == by)
    }
}

impl Line {
    fn new(figure: Figure, outcome: Outcome) -> Line {
        Line { by: figure.by(), unit: figure.unit(), figure, outcome }
    }

    /// How the figure changed, if both sides have it.
    pub fn change(&self) -> Option<&Change> {
        match &self.outcome {
            Outcome::Change(change) => Some(change),
            Outcome::Lacking(_) => None,
        }
    }
}

fn source(analysis: &Analysis) -> Source<'_> {
    Source { name: &analysis.run.id, machine: analysis.machine.as_ref() }
}

/// What the analyses say against believing them.
fn warnings(analyses: &[&Analysis]) -> Vec<String> {
    let mut warnings = Vec::new();
    for analysis in analyses {
        warnings.extend(analysis.warnings.iter().cloned());
        if let Soundness::Noisy(reasons) | Soundness::Unsound(reasons) = &analysis.verdict {
            warnings.extend(reasons.iter().map(|reason| format!("run {}: {reason}", analysis.run.id)));
        }
    }
    warnings
}
