//! Whether the machine was fit for what was measured, by rules that are stated beforehand and know no result.

use std::collections::BTreeSet;

use super::Soundness;
use crate::{
    read::Record,
    record::{ErrorKind, Round},
};

/// More than this share of rounds discarded makes a run unsound.
const DISCARDED_AT_MOST: f64 = 0.25;
/// A load average, by core, from which a machine counts as busy when the run began.
const BUSY_LOAD_PER_CORE: f64 = 0.5;

/// The verdict over all records: that of the worst, since none makes up for another. Each doubt names its record, if there are several.
pub(super) fn judge(records: &[Record]) -> Soundness {
    let mut worst = Soundness::Clean;
    for record in records {
        let named = |doubts: Vec<String>| match records {
            [_] => doubts,
            _ => doubts.into_iter().map(|doubt| format!("{}: {doubt}", record.path.display())).collect(),
        };
        worst = match (worst, judge_one(record)) {
            (worst, Soundness::Clean) => worst,
            (Soundness::Unsound(mut known), Soundness::Noisy(doubts) | Soundness::Unsound(doubts)) => {
                known.extend(named(doubts));
                Soundness::Unsound(known)
            }
            (Soundness::Noisy(mut known), Soundness::Noisy(doubts)) => {
                known.extend(named(doubts));
                Soundness::Noisy(known)
            }
            (Soundness::Clean, Soundness::Noisy(doubts)) => Soundness::Noisy(named(doubts)),
            (Soundness::Clean, Soundness::Unsound(doubts)) => Soundness::Unsound(named(doubts)),
            // What makes it unsound comes first.
            (Soundness::Noisy(known), Soundness::Unsound(doubts)) => {
                Soundness::Unsound(named(doubts).into_iter().chain(known).collect())
            }
        };
    }
    worst
}

fn judge_one(record: &Record) -> Soundness {
    let mut all = BTreeSet::new();
    let mut discarded = BTreeSet::new();
    let mut reasons = BTreeSet::new();
    for round in &record.rounds {
        if !round.valid {
            discarded.insert(group(round));
            reasons.extend(round.invalid_reason.as_deref());
        }
        all.insert(group(round));
    }
    let mut doubts = Vec::new();
    if !discarded.is_empty() {
        let mut doubt = format!("{} of {} rounds were discarded", discarded.len(), all.len());
        // They differ in a figure, mostly: two show what they are like.
        for (place, reason) in reasons.iter().take(2).enumerate() {
            doubt += if place == 0 { ": " } else { "; " };
            doubt += reason;
        }
        if reasons.len() > 2 {
            doubt += &format!("; and {} more of that kind", reasons.len() - 2);
        }
        doubts.push(doubt);
    }
    if discarded.len() as f64 > all.len() as f64 * DISCARDED_AT_MOST {
        return Soundness::Unsound(doubts);
    }
    let load = record.machine.as_ref().and_then(|machine| Some((machine.load_1m?, machine.cores)));
    if let Some((load, cores)) = load.filter(|(load, cores)| *load > *cores as f64 * BUSY_LOAD_PER_CORE) {
        doubts.push(format!("the machine was busy when the run began: load average {load:.2} on {cores} cores"));
    }
    if doubts.is_empty() { Soundness::Clean } else { Soundness::Noisy(doubts) }
}

/// What is discarded as a whole: one round of one variant, all contenders.
fn group(round: &Round) -> (&str, &crate::record::Params, u64) {
    (&round.workload, &round.params, round.round)
}

/// What a reader of the report should know about these records before believing a figure.
pub(super) fn warnings(records: &[Record]) -> Vec<String> {
    let mut warnings = Vec::new();
    for record in records {
        let id = &record.run.id;
        if record.run.mode == "quick" {
            warnings.push(format!("run {id} is a quick one: a smoke test, never a verdict"));
        }
        match record.end.as_ref().map(|end| end.status.as_str()) {
            Some("complete") => {}
            Some(status) => warnings.push(format!("run {id} was not completed: {status}")),
            None => warnings.push(format!("run {id} was not completed: its record has no end")),
        }
        for resume in &record.resumes {
            warnings.push(format!("run {id} was interrupted or killed, and resumed at {}", resume.started));
        }
        let names = [
            (ErrorKind::WrongAnswer, "gave a wrong answer"),
            (ErrorKind::ConfigMismatch, "ran with another configuration than asked"),
            (ErrorKind::Hang, "hung"),
            (ErrorKind::Crash, "crashed"),
        ];
        for (kind, did) in names {
            let errors: Vec<_> = record.errors.iter().filter(|error| error.kind == kind).collect();
            if let [first, ..] = errors[..] {
                let count = errors.len();
                let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
                let variant = super::label(&first.workload, &first.params);
                warnings.push(format!("a child {did} {times}, first {} on {variant}", first.contender));
            }
        }
    }
    let sources: BTreeSet<_> = records.iter().map(|record| record.run.git.as_ref().map(|git| &git.rev)).collect();
    if sources.len() > 1 {
        warnings.push("the records were made by different revisions of schedbench".to_owned());
    }
    let machines: BTreeSet<_> =
        records.iter().map(|record| record.machine.as_ref().map(|machine| &machine.key)).collect();
    if machines.len() > 1 {
        warnings.push("the records are of different machines: their timings do not compare".to_owned());
    }
    warnings
}
