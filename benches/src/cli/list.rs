//! `list`: what there is to run.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use serde_json::json;
use workloads::Metric;

use super::{exit::Exit, matrix, select::Select};
use crate::{
    contenders,
    plan::{Absent, Plan},
    run::metric,
    selection::Selection,
};

/// Lists contenders (tuned ones too), workloads and their parameters, and who runs what or why not
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    select: Select,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl List {
    pub fn execute(self) -> anyhow::Result<Exit> {
        let plan = Plan::new(&Selection::from(self.select.of_all_contenders()))?;
        let mut out = io::stdout().lock();
        match self.format {
            Format::Json => writeln!(out, "{:#}", as_json(&plan))?,
            Format::Text => write_text(&plan, &mut out)?,
        }
        Ok(Exit::Pass)
    }
}

fn as_json(plan: &Plan) -> serde_json::Value {
    let workloads = plan.workloads.iter().map(|info| {
        let params = info.params.iter().map(|spec| {
            json!({
                "name": spec.name, "about": spec.about, "min": spec.min, "max": spec.max,
                "default": spec.default,
            })
        });
        let variants = plan.variants.iter().filter(|variant| variant.info.name == info.name).map(|variant| {
            let runs = variant.entrants.iter().map(|entrant| json!({"contender": entrant.name, "runs": true}));
            let not = variant.absent.iter().map(|Absent { contender, kind, reason }| {
                json!({"contender": contender, "runs": false, "kind": kind, "reason": reason})
            });
            json!({
                "name": variant.label(), "params": variant.params,
                "cells": runs.chain(not).collect::<Vec<_>>(),
            })
        });
        json!({
            "name": info.name, "title": info.title, "op": info.op, "metric": metric(info), "model": info.model.name(),
            "shows": info.shows, "expect": info.expect, "origin": info.origin, "floor": info.floor, "item_ms": info.item_ms,
            "params": params.collect::<Vec<_>>(), "variants": variants.collect::<Vec<_>>(),
        })
    });
    let contenders = plan.entrants.iter().map(|entrant| {
        let entry = contenders::all().find(|entry| entry.name == entrant.name);
        let models: Option<Vec<_>> = entry.map(|entry| entry.models.iter().map(|model| model.name()).collect());
        json!({"name": entrant.name, "role": entrant.role.name(), "models": models, "summary": entrant.summary})
    });
    json!({"workloads": workloads.collect::<Vec<_>>(), "contenders": contenders.collect::<Vec<_>>()})
}

fn write_text(plan: &Plan, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "CONTENDERS")?;
    let width = plan.entrants.iter().map(|entrant| entrant.name.len()).max().unwrap_or(0);
    for entrant in &plan.entrants {
        let (name, role) = (&entrant.name, entrant.role.name());
        writeln!(out, "  {name:width$}  {role:7}  {}", entrant.summary)?;
    }
    writeln!(out, "\nWORKLOADS")?;
    for info in &plan.workloads {
        let figure = match info.metric {
            Metric::TimePerOp => format!("time of one {}", info.op),
            Metric::MeanOf(kind) => format!("mean {} time", kind.name()),
            Metric::BytesPerOp => format!("memory of one {}", info.op),
        };
        writeln!(out, "  {}  {}: {figure}", info.name, info.title)?;
        for spec in info.params {
            let range = format!("{} to {}", spec.min, spec.max);
            writeln!(out, "    -p {:13} {range:16} default {:8} {}", spec.name, spec.default, spec.about)?;
        }
    }
    writeln!(out, "\nWHO RUNS WHAT")?;
    matrix::write(plan, out)
}
