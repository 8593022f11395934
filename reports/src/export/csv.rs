//! CSV (RFC 4180, with `\n`): a line for each round of each cell, valid or not, in the order of the records.
//!
//! **Columns.** [`COLUMNS`] stand first, always the same and in that order: what says which round it is and if it counts, then all of the
//! record's `round` row. Behind them stand `param_<name>` for each parameter and `counter_<name>` for each counter that any round has,
//! in alphabetical order. A field that is `null` or does not apply is empty.
//!
//! `counts` is whether the analysis uses the round: a round that was discarded for one contender counts for none. `value` is the workload's
//! `metric` in `unit`, for rounds that count. `missing` is `sensor: reason` for what is empty, separated by `; `.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io, ptr,
};

use serde_json::Value;

use super::cells::Cell;
use crate::{
    analysis::{Unit, label},
    read::Record,
    record::{Metric, Round},
};

/// The columns that are always there. Those that are not named in [`write`] are fields of the record's `round` row.
pub(super) const COLUMNS: [&str; 33] = [
    "run",
    "machine",
    "variant",
    "workload",
    "contender",
    "round",
    "position",
    "valid",
    "invalid_reason",
    "counts",
    "metric",
    "value",
    "unit",
    "ops",
    "wall_ns",
    "cpu_ns",
    "slices",
    "turns_ns",
    "round_ns",
    "check",
    "peak_rss_bytes",
    "peak_threads",
    "ctx_voluntary",
    "ctx_involuntary",
    "migrations",
    "steal_ns",
    "foreign_cpu_ns",
    "probe_ns",
    "pressure_cpu_ns",
    "pressure_memory_ns",
    "pressure_io_ns",
    "bytes",
    "missing",
];

pub(super) fn write(records: &[Record], cells: &[Cell], out: &mut impl io::Write) -> io::Result<()> {
    let rounds = || records.iter().flat_map(|record| &record.rounds);
    let params: BTreeSet<&str> = rounds().flat_map(|round| round.params.keys().map(String::as_str)).collect();
    let counters: BTreeSet<&str> = rounds().flat_map(|round| round.counters.keys().map(String::as_str)).collect();
    let values: HashMap<*const Round, f64> =
        cells.iter().flat_map(|cell| &cell.rounds).map(|round| (ptr::from_ref(round.row), round.value)).collect();

    let mut writer = csv::Writer::from_writer(out);
    let head = COLUMNS.iter().map(|name| (*name).to_owned());
    let head = head.chain(params.iter().map(|name| format!("param_{name}")));
    writer.write_record(head.chain(counters.iter().map(|name| format!("counter_{name}"))))?;

    for record in records {
        let machine = record.machine.as_ref().map(|machine| machine.key.as_str()).unwrap_or_default();
        for round in &record.rounds {
            let row = serde_json::to_value(round)?;
            let value = values.get(&ptr::from_ref(round));
            let metric = record.workloads.iter().find(|workload| workload.workload == round.workload);
            let metric = metric.map(|workload| &workload.metric);
            let fixed = COLUMNS.iter().map(|column| match *column {
                "run" => record.run.id.clone(),
                "machine" => machine.to_owned(),
                "variant" => label(&round.workload, &round.params),
                "counts" => value.is_some().to_string(),
                "metric" => metric.map(|metric| String::from(metric.clone())).unwrap_or_default(),
                "unit" => metric.map(unit_name).unwrap_or_default().to_owned(),
                "value" => value.map(f64::to_string).unwrap_or_default(),
                field => text(&row[field]),
            });
            let of =
                |values: &BTreeMap<String, u64>, name: &str| values.get(name).map(u64::to_string).unwrap_or_default();
            let params = params.iter().map(|name| of(&round.params, name));
            let counters = counters.iter().map(|name| of(&round.counters, name));
            writer.write_record(fixed.chain(params).chain(counters))?;
        }
    }
    writer.flush()
}

fn unit_name(metric: &Metric) -> &'static str {
    match Unit::of(metric) {
        Unit::Nanoseconds => "ns",
        Unit::Bytes => "bytes",
    }
}

/// A field of the record as the text of a cell.
fn text(field: &Value) -> String {
    match field {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(reasons) => {
            let reasons: Vec<String> =
                reasons.iter().map(|(name, reason)| format!("{name}: {}", text(reason))).collect();
            reasons.join("; ")
        }
        other => other.to_string(),
    }
}
