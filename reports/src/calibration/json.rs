//! A calibration for programs. Additive, as the record is: fields may be added and keep their meaning.

use serde_json::{Value, json};

use super::{Arm, Calibration, SliceTable, Tally, false_alarms_at_most};
use crate::statistics::{CONFIDENCE, clopper_pearson};

/// The schema that this version writes.
const SCHEMA: &str = "schedbench-calibration/1";

impl Calibration {
    /// All of it as JSON.
    pub fn json(&self) -> Value {
        let objections = self.objections();
        json!({
            "schema": SCHEMA,
            "run": self.run,
            "machine": self.machine,
            "rounds": self.rounds,
            "time_ns": self.time_ns,
            "achieved_level": self.achieved_level(),
            "arms": self.arms.iter().map(arm).collect::<Vec<_>>(),
            "slices": self.slices.as_ref().map(slices),
            "complete": self.complete,
            "holds": objections.is_empty(),
            "objections": objections,
        })
    }
}

fn arm(arm: &Arm) -> Value {
    let total = arm.total();
    let cells = arm.rows.iter().map(|row| {
        let mut cell = tally(&row.tally, arm.slower_percent);
        cell["cell"] = json!(row.cell);
        cell["promised"] = json!(row.promised);
        cell
    });
    json!({
        "slower_percent": arm.slower_percent,
        "total": tally(&total, arm.slower_percent),
        "false_alarms_at_most": (arm.slower_percent == 0).then(|| false_alarms_at_most(total.comparisons)),
        "cells": cells.collect::<Vec<_>>(),
    })
}

fn tally(tally: &Tally, slower_percent: u32) -> Value {
    let found = tally.found(slower_percent);
    json!({
        "comparisons": tally.comparisons,
        "without_verdict": tally.without_verdict,
        "slower": tally.slower,
        "faster": tally.faster,
        "found": found,
        "found_interval": clopper_pearson(found, tally.comparisons, CONFIDENCE),
        "cpu_slower": tally.cpu_slower,
        "cpu_faster": tally.cpu_faster,
        "median_ratio": tally.median_ratio(),
        "median_half_width": tally.median_half_width(),
        "ratios": tally.ratios,
    })
}

fn slices(table: &SliceTable) -> Value {
    let rows = table.rows.iter().map(|row| {
        let spreads = row.spreads.iter().zip(&table.lengths_ns);
        let spreads =
            spreads.map(|(spread, slice_ns)| json!({"slice_ns": slice_ns, "rounds": spread.rounds, "sd": spread.sd}));
        json!({"cell": row.cell, "spreads": spreads.collect::<Vec<_>>()})
    });
    json!({"time_ns": table.time_ns, "cells": rows.collect::<Vec<_>>()})
}
