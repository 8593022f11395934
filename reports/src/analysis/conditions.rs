//! What the machine did meanwhile: shares of each round that went to others or to waiting.

use std::collections::BTreeMap;

use super::{Conditions, Share};
use crate::{
    read::Record,
    record::{Params, Round},
    statistics,
};

/// Over all rounds of all variants, those that were discarded too: they are part of what the machine was like.
pub(super) fn of(records: &[Record]) -> Conditions {
    // What all contenders of a round share is in each of their rows.
    let mut rounds: BTreeMap<(usize, &str, &Params, u64), &Round> = BTreeMap::new();
    for (place, record) in records.iter().enumerate() {
        for row in &record.rounds {
            rounds.entry((place, &row.workload, &row.params, row.round)).or_insert(row);
        }
    }
    let cpus: Vec<f64> = records.iter().map(cpus).collect();
    let share = |value: fn(&Round) -> Option<u64>, of_all_cpus: bool| {
        let of_round = |(&(place, ..), row): (&(usize, &str, &Params, u64), &&Round)| {
            let round_ns = row.round_ns.filter(|&ns| ns > 0)? as f64;
            let whole = if of_all_cpus { round_ns * cpus[place] } else { round_ns };
            Some(value(row)? as f64 / whole)
        };
        let shares: Vec<f64> = rounds.iter().filter_map(of_round).collect();
        let most = shares.iter().copied().fold(0.0, f64::max);
        Some(Share { median: statistics::median(&shares)?, most, rounds: shares.len() })
    };
    Conditions {
        steal: share(|row| row.steal_ns, true),
        foreign_cpu: share(|row| row.foreign_cpu_ns, true),
        pressure_cpu: share(|row| row.pressure_cpu_ns, false),
        pressure_memory: share(|row| row.pressure_memory_ns, false),
        pressure_io: share(|row| row.pressure_io_ns, false),
    }
}

/// The CPUs that steal and foreign time were counted on.
fn cpus(record: &Record) -> f64 {
    let machine = record.machine.as_ref();
    machine.map_or(1, |machine| machine.cpus.unwrap_or(machine.cores)).max(1) as f64
}
