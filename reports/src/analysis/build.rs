//! From the rows of records to an [`Analysis`].

use std::collections::BTreeMap;

use super::{
    Analysis, Cell, Ratio, State, Summary, Variant,
    cell::{self, Rows},
    conditions, order, soundness,
};
use crate::{
    merge::{self, Machines, MergeError},
    read::Record,
    record::{self, ErrorKind, Params, Role},
    statistics,
};

impl Analysis {
    /// Analyses one record, or several together: the partitions of one run, or runs whose rounds are to be pooled.
    ///
    /// # Errors
    /// No record, records of different machines (unless `machines` allows them), or the same row in two records.
    pub fn new(records: &[Record], machines: Machines) -> Result<Analysis, MergeError> {
        merge::check(records, machines)?;
        let first = records.first().ok_or(MergeError::NoRecord)?;

        let workloads = workloads(records);
        let contenders = contenders(records);
        let (names, floors) = names(records);
        let mut warnings = soundness::warnings(records);

        let variants: Vec<Variant> = rows_by_variant(records, &workloads, &mut warnings)
            .into_iter()
            .map(|((workload, params), rows)| variant(workloads[workload], params, &rows, &names, &floors))
            .collect();
        let mut run = first.run.clone();
        if records.iter().any(|record| record.run.mode == "quick") {
            "quick".clone_into(&mut run.mode);
        }
        Ok(Analysis {
            run,
            other_runs: records[1..].iter().map(|record| record.run.clone()).collect(),
            machine: records.iter().find_map(|record| record.machine.clone()),
            contenders,
            summary: summary(&variants, &names),
            variants,
            conditions: conditions::of(records),
            verdict: soundness::judge(records),
            warnings,
        })
    }
}

/// Each workload once, as the first record that has it says.
fn workloads(records: &[Record]) -> Vec<&record::Workload> {
    let mut workloads: Vec<&record::Workload> = Vec::new();
    for workload in records.iter().flat_map(|record| &record.workloads) {
        if workloads.iter().all(|known| known.workload != workload.workload) {
            workloads.push(workload);
        }
    }
    workloads
}

/// Each contender's configurations, once.
fn contenders(records: &[Record]) -> Vec<record::Contender> {
    let mut contenders = Vec::new();
    for contender in records.iter().flat_map(|record| &record.contenders) {
        if !contenders.contains(contender) {
            contenders.push(contender.clone());
        }
    }
    contenders
}

/// The contenders' names, and those of floors, in the order in which records name them: those that started, then those that only have
/// rounds or errors.
fn names(records: &[Record]) -> (Vec<&str>, Vec<&str>) {
    let started = records.iter().flat_map(|record| &record.contenders).map(|row| &row.contender);
    let ran = records.iter().flat_map(|record| &record.rounds).map(|row| &row.contender);
    let failed = records.iter().flat_map(|record| &record.errors).map(|row| &row.contender);
    let mut names: Vec<&str> = Vec::new();
    for name in started.chain(ran).chain(failed) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let is = |name: &str, role| {
        let mut rows = records.iter().flat_map(|record| &record.contenders);
        rows.any(|row| row.contender == name && row.role == role)
    };
    let (floors, ranked): (Vec<&str>, Vec<&str>) = names.into_iter().partition(|name| is(name, Role::Floor));
    (order::tuned_behind_defaults(&ranked, |name| is(name, Role::Tuned)), floors)
}

/// A workload's place in the list, and the parameters.
type VariantKey<'a> = (usize, &'a Params);
type RowsByContender<'a> = BTreeMap<&'a str, Rows<'a>>;

/// The rows, sorted into cells. Rows of a workload that the record does not describe cannot be understood: a warning.
fn rows_by_variant<'a>(
    records: &'a [Record],
    workloads: &[&record::Workload],
    warnings: &mut Vec<String>,
) -> BTreeMap<VariantKey<'a>, RowsByContender<'a>> {
    let mut variants: BTreeMap<VariantKey, RowsByContender> = BTreeMap::new();
    let mut unknown: BTreeMap<&str, usize> = BTreeMap::new();
    let mut file =
        |workload: &'a str, params: &'a Params, contender: &'a str, add: &dyn Fn(&mut Rows<'a>)| match workloads
            .iter()
            .position(|known| known.workload == workload)
        {
            Some(index) => add(variants.entry((index, params)).or_default().entry(contender).or_default()),
            None => *unknown.entry(workload).or_default() += 1,
        };
    for (index, record) in records.iter().enumerate() {
        for row in &record.rounds {
            file(&row.workload, &row.params, &row.contender, &|rows| rows.rounds.push((index, row)));
        }
        for row in &record.hists {
            file(&row.workload, &row.params, &row.contender, &|rows| rows.hists.push((index, row)));
        }
        for row in &record.errors {
            file(&row.workload, &row.params, &row.contender, &|rows| rows.errors.push(row));
        }
    }
    for (workload, rows) in unknown {
        warnings.push(format!("{rows} rows of '{workload}' are not used: the record has no 'workload' row for it"));
    }
    variants
}

fn variant(
    workload: &record::Workload,
    params: &Params,
    rows: &RowsByContender,
    names: &[&str],
    floors: &[&str],
) -> Variant {
    let discarded = cell::discarded(rows.values());
    let none = Rows::default();
    let cell = |name: &&str| {
        let state = cell::state(&workload.metric, rows.get(name).unwrap_or(&none), &discarded);
        Cell { contender: (*name).to_owned(), state }
    };
    // Most workloads have no floor: that it is not there is no news.
    let is_news = |cell: &Cell| {
        let State::Missing { kind, .. } = &cell.state else { return true };
        kind.is_some_and(|kind| kind != ErrorKind::NotApplicable)
    };
    let mut variant = Variant {
        workload: workload.clone(),
        params: params.clone(),
        cells: names.iter().map(cell).collect(),
        floors: floors.iter().map(cell).filter(is_news).collect(),
    };
    compare_with_best(&mut variant);
    variant
}

/// Fills in `to_best`. The best is chosen by its median, from the same rounds: among near equals, its lead is a little flattered.
fn compare_with_best(variant: &mut Variant) {
    let Some(best) = variant.best() else { return };
    let name = best.contender.clone();
    let best_rounds = best.measured().map(|measured| measured.rounds.clone()).unwrap_or_default();
    for cell in variant.cells.iter_mut().filter(|cell| cell.contender != name) {
        if let State::Measured(measured) = &mut cell.state {
            measured.to_best = Ratio::paired(&measured.rounds, &best_rounds, |round| round.value);
        }
    }
}

/// The lines of the summary. Contenders that measured less than half of the variants, such as a pool for fork and join only, have no
/// mean: with them, what all have in common would be next to nothing.
fn summary(variants: &[Variant], names: &[&str]) -> Vec<Summary> {
    let covered = |name: &str| variants.iter().filter(|variant| variant.measured(name).is_some()).count();
    let takes_part = |name: &str| covered(name) > 0 && covered(name) * 2 >= variants.len();
    let common: Vec<&Variant> = variants
        .iter()
        .filter(|variant| names.iter().all(|name| !takes_part(name) || variant.ratio_to_best(name).is_some()))
        .collect();
    let summary_of = |name: &&str| {
        let ratios = common.iter().filter_map(|variant| variant.ratio_to_best(name));
        Summary {
            contender: (*name).to_owned(),
            geometric_mean: if takes_part(name) { statistics::geometric_mean(ratios) } else { None },
            common: common.len(),
            covered: covered(name),
            of: variants.len(),
        }
    };
    names.iter().map(summary_of).collect()
}
