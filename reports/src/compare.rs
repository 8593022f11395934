//! Comparison: two contenders of the same run, or two runs.
//!
//! Two contenders of a run took turns in the same rounds, so their values are **paired** by round: Hodges-Lehmann of the
//! logarithms of ratios, with the exact Wilcoxon signed-rank interval and p. Two runs share no round, so their values are
//! **independent** samples: Hodges-Lehmann shift of the logarithms, with the exact Mann-Whitney interval and p; that is the blunter
//! tool, since what the machine did that day is in it.
//!
//! Each row is tested by itself at 5 %: of 20 rows without any difference, one will show one. (The [gate](crate::gate)
//! corrects for that.)

use std::fmt;

use crate::{
    analysis::{Analysis, Measured, Ratio, RoundValue, Soundness, Unit, Variant},
    merge::{Machines, MergeError, Source, same_machine},
    statistics,
    table::{Table, p_value, ratio},
};

/// A candidate against a baseline. Displays as a table.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What the ratios are by: a contender, or a run's name.
    pub baseline: String,
    /// What is compared with it.
    pub candidate: String,
    /// Whether values are paired by round.
    pub paired: bool,
    /// What both sides measured.
    pub rows: Vec<Row>,
    /// What could not be compared, and why: a sentence each.
    pub not_compared: Vec<String>,
    /// What a reader should know before believing a figure: a sentence each.
    pub warnings: Vec<String>,
}

/// One variant of a comparison.
#[derive(Clone, Debug)]
pub struct Row {
    /// The variant's label, with the contender where runs are compared.
    pub name: String,
    /// The unit of the metric's values.
    pub unit: Unit,
    /// By the workload's metric.
    pub metric: Change,
    /// By CPU time by operation; `None` if it was not positive in every round.
    pub cpu: Option<Change>,
}

/// From baseline to candidate.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// The baseline's median: of the metric in the row's unit, of CPU time in nanoseconds.
    pub baseline: f64,
    /// The candidate's median, as the baseline's.
    pub candidate: f64,
    /// Candidate by baseline.
    pub ratio: Ratio,
}

/// What a row says at 5 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The candidate takes less.
    Better,
    /// The candidate takes more.
    Worse,
    /// No difference at 5 %. Displays as `~`.
    Same,
    /// There are too few rounds for any difference to show.
    TooFewRounds,
}

impl Change {
    /// What the row says at 5 %.
    pub fn verdict(&self) -> Verdict {
        match self.ratio {
            Ratio { p: None, .. } => Verdict::TooFewRounds,
            ratio if !ratio.is_significant() => Verdict::Same,
            ratio if ratio.estimate < 1.0 => Verdict::Better,
            _ => Verdict::Worse,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::Same => "~",
            Verdict::TooFewRounds => "too few rounds",
        })
    }
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
    let mut comparison = Comparison {
        baseline: baseline.to_owned(),
        candidate: candidate.to_owned(),
        paired: true,
        rows: Vec::new(),
        not_compared: Vec::new(),
        warnings: warnings(&[analysis]),
    };
    for variant in &analysis.variants {
        comparison.add(variant.label(), (variant, baseline), (variant, candidate));
    }
    comparison.unless_empty()
}

/// Compares two runs, contender by contender, `candidate / baseline`.
///
/// # Errors
/// Runs of different machines (unless `machines` allows them), or nothing that both measured.
pub fn runs(baseline: &Analysis, candidate: &Analysis, machines: Machines) -> Result<Comparison, CompareError> {
    let mut warnings = warnings(&[baseline, candidate]);
    match (same_machine(source(baseline), source(candidate)), machines) {
        (Ok(()), _) => {}
        (Err(error), Machines::MustMatch) => return Err(error.into()),
        (Err(error), Machines::MayDiffer) => warnings.push(error.to_string()),
    }
    let mut comparison = Comparison {
        baseline: baseline.run.id.clone(),
        candidate: candidate.run.id.clone(),
        paired: false,
        rows: Vec::new(),
        not_compared: Vec::new(),
        warnings,
    };
    for before in &baseline.variants {
        let Some(after) = candidate.variants.iter().find(|after| after.label() == before.label()) else {
            comparison.not_compared.push(format!("{}: only in {}", before.label(), baseline.run.id));
            continue;
        };
        if before.workload.metric != after.workload.metric {
            comparison.not_compared.push(format!("{}: the metric is not the same in both runs", before.label()));
            continue;
        }
        let only_after = after.cells.iter().filter(|cell| before.cell(&cell.contender).is_none());
        for cell in before.cells.iter().chain(only_after) {
            let name = format!("{} {}", before.label(), cell.contender);
            comparison.add(name, (before, &cell.contender), (after, &cell.contender));
        }
    }
    for after in &candidate.variants {
        if baseline.variants.iter().all(|before| before.label() != after.label()) {
            comparison.not_compared.push(format!("{}: only in {}", after.label(), candidate.run.id));
        }
    }
    comparison.unless_empty()
}

impl Comparison {
    /// Adds the row if both sides were measured; what neither side has is no news.
    fn add(&mut self, name: String, baseline: (&Variant, &str), candidate: (&Variant, &str)) {
        let of = |(variant, contender): (&Variant, &str)| variant.measured(contender).cloned();
        let (before, after) = match (of(baseline), of(candidate)) {
            (Some(before), Some(after)) => (before, after),
            (Some(_), None) => return self.not_compared.push(format!("{name}: not measured for {}", self.candidate)),
            (None, Some(_)) => return self.not_compared.push(format!("{name}: not measured for {}", self.baseline)),
            (None, None) => return,
        };
        let change = |value: fn(&RoundValue) -> f64, median: fn(&Measured) -> f64| {
            let ratio = match self.paired {
                true => Ratio::paired(&after.rounds, &before.rounds, value),
                false => Ratio::independent(&after.rounds, &before.rounds, value),
            };
            Some(Change { baseline: median(&before), candidate: median(&after), ratio: ratio? })
        };
        let metric = change(|round| round.value, |measured| measured.median);
        let cpu = change(|round| round.cpu_ns_per_op, |measured| measured.cpu_ns_per_op);
        match metric {
            Some(metric) => self.rows.push(Row { name, unit: baseline.0.unit(), metric, cpu }),
            None => self.not_compared.push(format!("{name}: no round in common")),
        }
    }

    fn unless_empty(self) -> Result<Comparison, CompareError> {
        if self.rows.is_empty() {
            return Err(CompareError::NothingInCommon { baseline: self.baseline, candidate: self.candidate });
        }
        Ok(self)
    }

    /// The geometric mean of the rows' ratios by the metric.
    pub fn geometric_mean(&self) -> Option<f64> {
        statistics::geometric_mean(self.rows.iter().map(|row| row.metric.ratio.estimate))
    }

    /// The geometric mean of the rows' ratios by CPU time, over the rows that have one.
    pub fn geometric_mean_of_cpu(&self) -> Option<f64> {
        statistics::geometric_mean(self.rows.iter().filter_map(|row| Some(row.cpu?.ratio.estimate)))
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

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (baseline, candidate) = (&self.baseline, &self.candidate);
        writeln!(f, "baseline {baseline}, candidate {candidate}; ratio = candidate / baseline, smaller is better\n")?;
        let head =
            ["variant", "baseline", "candidate", "ratio", "95 % interval", "p", "verdict", "CPU ratio", "p", "verdict"];
        let mut table = Table::new(1, head);
        for row in &self.rows {
            let Change { baseline, candidate, ratio: by_metric } = row.metric;
            let mut cells =
                vec![row.name.clone(), row.unit.text(baseline), row.unit.text(candidate), ratio(by_metric.estimate)];
            cells.push(match by_metric.interval {
                Some((low, high)) => format!("[{}, {}]", ratio(low), ratio(high)),
                None => "-".to_owned(),
            });
            cells.extend([p_or_dash(&by_metric), row.metric.verdict().to_string()]);
            cells.extend(match row.cpu {
                Some(cpu) => [ratio(cpu.ratio.estimate), p_or_dash(&cpu.ratio), cpu.verdict().to_string()],
                None => ["-", "-", "-"].map(str::to_owned),
            });
            table.row(cells);
        }
        let mean = |of: Option<f64>| of.map_or_else(|| "-".to_owned(), ratio);
        let blank = String::new;
        table.row([
            "geometric mean".to_owned(),
            blank(),
            blank(),
            mean(self.geometric_mean()),
            blank(),
            blank(),
            blank(),
            mean(self.geometric_mean_of_cpu()),
        ]);
        writeln!(f, "{table}")?;

        writeln!(
            f,
            "~ : no difference at 5 %, each row by itself. {}",
            match self.paired {
                true => "Paired by round: Hodges-Lehmann estimate, exact Wilcoxon signed-rank interval and p.",
                false =>
                    "Rounds of two runs are not paired: Hodges-Lehmann shift, exact Mann-Whitney interval and p, of logarithms.",
            }
        )?;
        for reason in &self.not_compared {
            writeln!(f, "not compared: {reason}")?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        Ok(())
    }
}

fn p_or_dash(ratio: &Ratio) -> String {
    ratio.p.map_or_else(|| "-".to_owned(), p_value)
}
