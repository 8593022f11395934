//! What a gate says: a verdict a row, one for all, a table for people and an exit code for machines.

use std::fmt;

use super::config::RowMetric;
use crate::table::{Table, ratio};

/// What a gate says of a record. Displays as a table and a final line.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// One for each variant that a row matches, in the order of the rows.
    pub judgements: Vec<Judgement>,
    /// The chance of a false alarm that was asked for.
    pub alpha: f64,
    /// How far over its limit a row may be, as a fraction.
    pub tolerance: f64,
    /// The chance of a false alarm that the family of rows has; over `alpha` if there are too few rounds for so many rows.
    pub family_level: f64,
    /// If so: the rounds that would keep `alpha`.
    pub rounds_for_alpha: Option<usize>,
    /// Why no verdict may rest on the record; empty if it may.
    pub unsound: Vec<String>,
    /// What a reader should know before believing a figure.
    pub warnings: Vec<String>,
}

/// One row on one variant.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The row's line in the gate's file.
    pub line: usize,
    /// The variant.
    pub variant: String,
    /// Who must keep the limit.
    pub contender: String,
    /// By whom its figure is divided.
    pub vs: String,
    /// Of what.
    pub metric: RowMetric,
    /// The limit.
    pub limit: f64,
    /// The limit with its tolerance.
    pub edge: f64,
    /// The estimate, if there were rounds enough.
    pub ratio: Option<f64>,
    /// One-sided bounds: the lower at the row's share of alpha, the upper at alpha.
    pub bounds: Option<(f64, f64)>,
    /// Paired valid rounds; 0 where they were too few.
    pub rounds: usize,
    /// The verdict.
    pub verdict: Verdict,
}

/// What a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Under the edge.
    Pass,
    /// Over the edge.
    Fail,
    /// Not decided, and why.
    Inconclusive(String),
    /// The contender hung, crashed or computed something wrong.
    Broken(String),
}

/// What all rows together say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Every row passes.
    Pass,
    /// At least one row fails.
    Fail,
    /// No row fails, and at least one is not decided.
    Inconclusive,
    /// A contender did not do its work.
    Broken,
    /// The measurement carries no verdict.
    Unsound,
}

impl Outcome {
    /// What all rows together say. What a contender computed wrongly stays wrong on any machine, so that comes first; a
    /// failure on an unsound machine is none.
    pub fn status(&self) -> Status {
        let any = |which: fn(&Verdict) -> bool| self.judgements.iter().any(|judgement| which(&judgement.verdict));
        if any(|verdict| matches!(verdict, Verdict::Broken(_))) {
            Status::Broken
        } else if !self.unsound.is_empty() {
            Status::Unsound
        } else if any(|verdict| *verdict == Verdict::Fail) {
            Status::Fail
        } else if any(|verdict| matches!(verdict, Verdict::Inconclusive(_))) {
            Status::Inconclusive
        } else {
            Status::Pass
        }
    }

    /// The exit code of `schedbench gate`, and with `--strict`. (A [`GateError`](super::GateError) is 2.)
    pub fn exit_code(&self, strict: bool) -> u8 {
        match self.status() {
            Status::Pass => 0,
            Status::Fail => 1,
            Status::Broken => 3,
            Status::Unsound => 4,
            Status::Inconclusive => {
                if strict {
                    5
                } else {
                    0
                }
            }
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table =
            Table::new(3, ["variant", "ratio of", "metric", "ratio", "bounds", "limit", "edge", "rounds", "verdict"]);
        for judgement in &self.judgements {
            let Judgement { variant, contender, vs, metric, limit, edge, bounds, rounds, .. } = judgement;
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            table.row([
                variant.clone(),
                format!("{contender} / {vs}"),
                metric.to_string(),
                or_dash(judgement.ratio.map(ratio)),
                or_dash(bounds.map(|(low, high)| format!("[{}, {}]", ratio(low), ratio(high)))),
                ratio(*limit),
                ratio(*edge),
                or_dash((*rounds > 0).then(|| rounds.to_string())),
                judgement.verdict.to_string(),
            ]);
        }
        writeln!(f, "{table}")?;
        for judgement in &self.judgements {
            if let Verdict::Inconclusive(reason) | Verdict::Broken(reason) = &judgement.verdict {
                writeln!(f, "{} ({} / {}): {reason}", judgement.variant, judgement.contender, judgement.vs)?;
            }
        }
        if let (Some(rounds), Status::Fail) = (self.rounds_for_alpha, self.status()) {
            writeln!(
                f,
                "{} rows at so few rounds: the chance of a false alarm is at most {:.1} %, not {:.1} %; {rounds} rounds keep that",
                self.judgements.iter().filter(|judgement| judgement.bounds.is_some()).count(),
                self.family_level * 100.0,
                self.alpha * 100.0
            )?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        let count =
            |which: fn(&Verdict) -> bool| self.judgements.iter().filter(|judgement| which(&judgement.verdict)).count();
        let all = self.judgements.len();
        match self.status() {
            Status::Pass => writeln!(f, "gate: PASS, {all} of {all} rows are under their edge"),
            Status::Fail => {
                let failed = count(|verdict| *verdict == Verdict::Fail);
                writeln!(
                    f,
                    "gate: FAIL, {failed} of {all} rows are over their edge (limit + {:.1} %)",
                    self.tolerance * 100.0
                )
            }
            Status::Inconclusive => {
                let open = count(|verdict| matches!(verdict, Verdict::Inconclusive(_)));
                writeln!(f, "gate: INCONCLUSIVE, {open} of {all} rows are not decided and none fails")
            }
            Status::Broken => {
                let broken = count(|verdict| matches!(verdict, Verdict::Broken(_)));
                writeln!(f, "gate: BROKEN, {broken} of {all} rows have a contender that did not do its work")
            }
            Status::Unsound => writeln!(f, "gate: UNSOUND, no verdict: {}", self.unsound.join("; ")),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Pass => "PASS",
            Verdict::Fail => "FAIL",
            Verdict::Inconclusive(_) => "INCONCLUSIVE",
            Verdict::Broken(_) => "BROKEN",
        })
    }
}
