//! A gate applied to an analysis. The module above has the method and its reasons.

use super::{
    config::{Config, GateError, Row, RowMetric},
    outcome::{Judgement, Outcome, Verdict},
};
use crate::{
    analysis::{Analysis, Measured, RoundValue, Soundness, State, Variant, log_ratios},
    record::ErrorKind,
    statistics::{Shift, holm},
};

/// Judges a record by a gate.
///
/// # Errors
/// The record is a quick one and the gate does not allow that, a row matches nothing, or what it names was not measured for
/// lack of a contender.
pub fn check(config: &Config, analysis: &Analysis) -> Result<Outcome, GateError> {
    if analysis.run.mode == "quick" && !config.allow_quick {
        let problem = format!(
            "run {} is a quick one, which never gives a verdict: expected a default or full run, or allow_quick = true",
            analysis.run.id
        );
        return Err(GateError { path: config.path.clone(), line: None, problem });
    }
    let mut cases = Vec::new();
    for row in &config.rows {
        let fail = |problem| GateError { path: config.path.clone(), line: Some(row.line), problem };
        known(analysis, row).map_err(fail)?;
        for variant in
            analysis.variants.iter().filter(|variant| row.workload.matches(&variant.workload.workload, &variant.params))
        {
            cases.push((row, variant, evidence(config, row, variant).map_err(fail)?));
        }
    }

    // Only rows that can be tested share alpha; which ones those are depends on numbers of rounds, never on a result.
    let edge = |row: &Row| row.limit * (1.0 + config.tolerance);
    let testable: Vec<(&Shift, f64)> =
        cases.iter().filter_map(|(row, _, evidence)| Some((evidence.shift()?, edge(row).ln()))).collect();
    let family = Family::new(config.alpha, &testable);
    let mut levels = family.levels.iter();

    let judgements = cases.iter().map(|(row, variant, evidence)| {
        let (bounds, verdict) = match evidence {
            Evidence::Enough { shift, .. } => {
                let level = *levels.next().expect("one level for each row that can be tested");
                judge(shift, edge(row), level, config.alpha)
            }
            Evidence::TooLittle(reason) => (None, Verdict::Inconclusive(reason.clone())),
            Evidence::Broken(reason) => (None, Verdict::Broken(reason.clone())),
        };
        Judgement {
            line: row.line,
            variant: variant.label(),
            contender: row.contender.clone(),
            vs: row.vs.clone(),
            metric: row.metric,
            limit: row.limit,
            edge: edge(row),
            ratio: evidence.shift().map(|shift| shift.estimate().exp()),
            bounds,
            rounds: evidence.rounds(),
            verdict,
        }
    });
    Ok(Outcome {
        judgements: judgements.collect(),
        alpha: config.alpha,
        tolerance: config.tolerance,
        family_level: family.level,
        rounds_for_alpha: family.rounds_for_alpha,
        unsound: match &analysis.verdict {
            Soundness::Unsound(reasons) => reasons.clone(),
            Soundness::Clean | Soundness::Noisy(_) => Vec::new(),
        },
        warnings: analysis.warnings.clone(),
    })
}

/// Refuses a row that names a contender or a variant that the record does not have.
fn known(analysis: &Analysis, row: &Row) -> Result<(), String> {
    for name in [&row.contender, &row.vs] {
        let names = || analysis.contender_names().chain(analysis.floor_names());
        if !names().any(|known| known == name) {
            return Err(unknown("contender", name, names()));
        }
    }
    let workloads = || analysis.variants.iter().map(|variant| variant.workload.workload.as_str());
    if !workloads().any(|known| known == row.workload.workload) {
        return Err(unknown("workload", &row.workload.workload, workloads()));
    }
    if !analysis.variants.iter().any(|variant| row.workload.matches(&variant.workload.workload, &variant.params)) {
        let of_workload = analysis.variants.iter().filter(|variant| variant.workload.workload == row.workload.workload);
        let variants: Vec<String> = of_workload.map(Variant::label).collect();
        return Err(format!("workload '{}' matches no variant, the record has {}", row.workload, variants.join(", ")));
    }
    Ok(())
}

/// One line about a name that is not there, with the nearest one that is.
fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.collect();
    known.dedup();
    let nearest = known.iter().max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    let hint = match nearest.filter(|nearest| strsim::jaro_winkler(nearest, name) > 0.8) {
        Some(nearest) => format!(" (did you mean '{nearest}'?)"),
        None => String::new(),
    };
    format!("the record has no {what} '{name}', expected one of {}{hint}", known.join(", "))
}

/// What there is to judge a row by.
enum Evidence {
    /// Rounds enough to be tested, and how many.
    Enough { shift: Shift, rounds: usize },
    /// Why there will be no verdict.
    TooLittle(String),
    /// The contender did not do its work.
    Broken(String),
}

impl Evidence {
    fn shift(&self) -> Option<&Shift> {
        match self {
            Evidence::Enough { shift, .. } => Some(shift),
            Evidence::TooLittle(_) | Evidence::Broken(_) => None,
        }
    }

    fn rounds(&self) -> usize {
        match self {
            Evidence::Enough { rounds, .. } => *rounds,
            Evidence::TooLittle(_) | Evidence::Broken(_) => 0,
        }
    }
}

fn evidence(config: &Config, row: &Row, variant: &Variant) -> Result<Evidence, String> {
    let mut sides = Vec::new();
    for name in [&row.contender, &row.vs] {
        // Every variant has a cell for each contender, but not for each floor.
        let Some(cell) = variant.cell(name) else {
            return Err(format!("{name} was not measured on {}", variant.label()));
        };
        match &cell.state {
            State::Measured(measured) => sides.push(measured),
            State::Missing { kind: Some(kind), reason } if is_broken(*kind) => {
                return Ok(Evidence::Broken(format!("{name}: {reason}")));
            }
            State::Missing { reason, .. } => {
                return Err(format!("{name} was not measured on {}: {reason}", variant.label()));
            }
        }
    }
    let [contender, vs] = sides[..] else { unreachable!("both sides were measured") };
    if let Some(error) = contender.errors.iter().find(|error| is_broken(error.kind)) {
        return Ok(Evidence::Broken(format!("{}: {}", row.contender, error.reason)));
    }
    Ok(paired(config, row.metric, contender, vs))
}

fn paired(config: &Config, metric: RowMetric, contender: &Measured, vs: &Measured) -> Evidence {
    let value = |round: &RoundValue| match metric {
        RowMetric::Time => round.value,
        RowMetric::Cpu => round.cpu_ns_per_op,
    };
    let d = log_ratios(&contender.rounds, &vs.rounds, value);
    // 2^-n is the smallest p that n rounds can have.
    let fewest = config.rounds.max(rounds_for(config.alpha));
    if d.len() < fewest {
        return Evidence::TooLittle(format!("{} valid rounds in common, needs {fewest}", d.len()));
    }
    match Shift::paired(&d) {
        Some(shift) => Evidence::Enough { shift, rounds: d.len() },
        None => Evidence::TooLittle(format!("a round has no {metric} figure over zero")),
    }
}

/// Whether the error means that the contender did not do its work, rather than that it could not be asked to.
fn is_broken(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::Hang | ErrorKind::Crash | ErrorKind::WrongAnswer | ErrorKind::ConfigMismatch => true,
        ErrorKind::Skipped | ErrorKind::NotApplicable => false,
    }
}

/// The fewest rounds whose smallest one-sided p reaches this level.
fn rounds_for(level: f64) -> usize {
    // -1e-9: log2 of 1 / 2^-n must not round up to n + 1.
    (-level.log2() - 1e-9).ceil() as usize
}

/// How the rows share alpha.
struct Family {
    /// The level of each row's test for FAIL.
    levels: Vec<f64>,
    /// The chance that any row fails falsely.
    level: f64,
    /// If that is more than alpha: the rounds that would keep it.
    rounds_for_alpha: Option<usize>,
}

impl Family {
    fn new(alpha: f64, rows: &[(&Shift, f64)]) -> Family {
        let share = alpha / rows.len().max(1) as f64;
        if rows.iter().all(|(shift, _)| shift.smallest_p() <= share) {
            let p_values: Vec<f64> = rows.iter().map(|(shift, edge)| shift.p_above(*edge)).collect();
            return Family { levels: holm(&p_values, alpha), level: alpha, rounds_for_alpha: None };
        }
        let levels: Vec<f64> = rows.iter().map(|(shift, _)| shift.smallest_p().max(share)).collect();
        let level = levels.iter().sum();
        Family { levels, level, rounds_for_alpha: Some(rounds_for(share)) }
    }
}

/// The bounds, as ratios, and what they say of the edge.
fn judge(shift: &Shift, edge: f64, level: f64, alpha: f64) -> (Option<(f64, f64)>, Verdict) {
    let (Some(lower), Some(upper)) = (shift.lower(level), shift.upper(alpha)) else {
        return (None, Verdict::Inconclusive("too few rounds for bounds".to_owned()));
    };
    let verdict = match edge.ln() {
        edge if lower > edge => Verdict::Fail,
        edge if upper < edge => Verdict::Pass,
        _ => Verdict::Inconclusive("the bounds hold the edge between them: more rounds would tell".to_owned()),
    };
    (Some((lower.exp(), upper.exp())), verdict)
}
