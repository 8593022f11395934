//! A comparison as text, at most 120 columns wide unless names are longer.

use std::fmt;

use super::{By, Comparison, Family, Line, Outcome, Verdict};
use crate::{
    analysis::Unit,
    plot::units,
    table::{Table, p_value, ratio},
};

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (baseline, candidate) = (&self.baseline, &self.candidate);
        let machines = if self.two_machines { ", of TWO MACHINES" } else { "" };
        writeln!(f, "baseline {baseline}, candidate {candidate}")?;
        writeln!(f, "ratio = candidate / baseline{machines}; smaller is better\n")?;

        let mut table = Table::new(1, ["", "baseline", "candidate", "ratio", "95 % interval", "p (BH)", "verdict"]);
        for row in &self.rows {
            table.row([row.name.clone()]);
            row.lines.iter().for_each(|line| table.row(cells(line)));
        }
        writeln!(f, "{table}")?;

        let mut table = Table::new(
            1,
            ["all together", "geometric mean", "lines compared", "better", "worse", "~", "too few rounds"],
        );
        self.families.iter().for_each(|family| table.row(self.sum(family)));
        writeln!(f, "{table}")?;
        self.legend(f)?;
        for reason in &self.not_compared {
            writeln!(f, "not compared: {reason}")?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        Ok(())
    }
}

fn cells(line: &Line) -> Vec<String> {
    let mut cells = vec![format!("  {}", line.figure)];
    match &line.outcome {
        Outcome::Lacking(reason) => {
            cells.extend(["-", "-", "-", "-", "-"].map(str::to_owned));
            cells.push(reason.clone());
        }
        Outcome::Change(change) => {
            cells.extend([change.baseline, change.candidate].map(|value| text(line.unit, value)));
            cells.push(ratio(change.ratio.estimate));
            cells.push(match change.ratio.interval {
                Some((low, high)) => format!("[{}, {}]", ratio(low), ratio(high)),
                None => "-".to_owned(),
            });
            cells.push(change.adjusted_p.map_or_else(|| "-".to_owned(), p_value));
            cells.push(change.verdict.to_string());
        }
    }
    cells
}

fn text(unit: Option<Unit>, value: f64) -> String {
    unit.map_or_else(|| units::ratio(value), |unit| unit.text(value))
}

impl Comparison {
    /// A family's line: the mean with its coverage, and how many lines say what.
    fn sum(&self, family: &Family) -> Vec<String> {
        let verdicts: Vec<Verdict> =
            self.lines(family.by).filter_map(Line::change).map(|change| change.verdict).collect();
        let count = |verdict| verdicts.iter().filter(|other| **other == verdict).count().to_string();
        vec![
            format!("  {}", family.by.name()),
            family.geometric_mean.map_or_else(|| "-".to_owned(), ratio),
            format!("{} of {}", family.compared, family.of),
            count(Verdict::Better),
            count(Verdict::Worse),
            count(Verdict::Same),
            count(Verdict::TooFewRounds),
        ]
    }

    /// What the columns mean, as far as they say something here.
    fn legend(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (test, rounds) = match self.paired {
            true => ("Wilcoxon signed-rank", "Paired by round"),
            false => ("Mann-Whitney", "Rounds of two runs are not paired"),
        };
        writeln!(
            f,
            "p (BH): {test}, corrected over the lines of a kind by Benjamini and Hochberg: of the differences\n\
             shown, at most 5 % are expected to be none. Intervals are 95 % each, not corrected.\n\
             ~ : no difference, since p is over 5 % or the interval holds 1.\n\
             {rounds}: Hodges-Lehmann estimate and exact interval of ln(ratio)."
        )?;
        let is_resampled = |line: &Line| line.figure.is_resampled();
        if By::ALL.into_iter().flat_map(|by| self.lines(by)).any(is_resampled) {
            writeln!(
                f,
                "For p99, memory per op and growth: ratio of the medians over rounds, interval by bootstrap of whole rounds."
            )?;
        }
        if self.lines(By::P99).any(|line| line.change().is_none()) {
            writeln!(f, "insufficient: a round has fewer than 100 samples beyond its 99th percentile.")?;
        }
        let unseen: Vec<&str> =
            self.families.iter().filter(|family| family.one_alone_is_unseen).map(|family| family.by.name()).collect();
        if !unseen.is_empty() {
            writeln!(
                f,
                "A difference in one line alone cannot show in {}: too many lines for so few\n\
                 rounds. Run more rounds, or fewer workloads.",
                unseen.join(", ")
            )?;
        }
        Ok(())
    }
}
