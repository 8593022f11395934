//! `list`: what there is to run.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::{exit::Exit, select::Select};
use crate::{
    contenders,
    plan::{Absent, Plan, Variant},
    run::kind_name,
    selection::Selection,
};

/// Lists workloads, parameters and contenders, and who can run what
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
        let plan = Plan::new(&Selection::from(self.select))?;
        let mut out = io::stdout().lock();
        match self.format {
            Format::Json => writeln!(out, "{:#}", as_json(&plan))?,
            Format::Text => write_text(&plan, &mut out)?,
        }
        Ok(Exit::Pass)
    }
}

/// The workloads of the plan, each with its variants.
fn by_workload(plan: &Plan) -> Vec<(&'static workloads::Info, Vec<&Variant>)> {
    let variants = |name: &str| plan.variants.iter().filter(|variant| variant.info.name == name).collect::<Vec<_>>();
    workloads::ALL.iter().map(|info| (info, variants(info.name))).filter(|(_, variants)| !variants.is_empty()).collect()
}

fn as_json(plan: &Plan) -> serde_json::Value {
    let workloads = by_workload(plan).into_iter().map(|(info, variants)| {
        let params = info.params.iter().map(|spec| {
            json!({
                "name": spec.name, "about": spec.about, "min": spec.min, "max": spec.max,
                "default": spec.default,
            })
        });
        let variants = variants.into_iter().map(|variant| {
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
            "name": info.name, "title": info.title, "op": info.op, "shows": info.shows, "origin": info.origin,
            "params": params.collect::<Vec<_>>(), "variants": variants.collect::<Vec<_>>(),
        })
    });
    let contenders = plan.entrants.iter().map(|entrant| {
        let entry = contenders::all().find(|entry| entry.name == entrant.name);
        let models: Option<Vec<_>> = entry.map(|entry| entry.models.iter().map(|model| model.name()).collect());
        json!({"name": entrant.name, "models": models, "summary": entrant.summary})
    });
    json!({"workloads": workloads.collect::<Vec<_>>(), "contenders": contenders.collect::<Vec<_>>()})
}

fn write_text(plan: &Plan, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "CONTENDERS")?;
    let width = plan.entrants.iter().map(|entrant| entrant.name.len()).max().unwrap_or(0);
    for entrant in &plan.entrants {
        writeln!(out, "  {:width$}  {}", entrant.name, entrant.summary)?;
    }
    for (info, variants) in by_workload(plan) {
        writeln!(out, "\n{}  {}: time of one {}", info.name.to_uppercase(), info.title, info.op)?;
        for spec in info.params {
            let range = format!("{} to {}", spec.min, spec.max);
            writeln!(out, "  -p {:12} {range:14} default {:9} {}", spec.name, spec.default, spec.about)?;
        }
        for variant in &variants {
            let names: Vec<&str> = variant.entrants.iter().map(|entrant| entrant.name.as_str()).collect();
            writeln!(out, "  {}: {}", variant.label(), names.join(", "))?;
        }
        let mut reasons: Vec<(&Absent, Vec<String>)> = Vec::new();
        for variant in &variants {
            for absent in &variant.absent {
                match reasons.iter_mut().find(|(one, _)| *one == absent) {
                    Some((_, labels)) => labels.push(variant.label()),
                    None => reasons.push((absent, vec![variant.label()])),
                }
            }
        }
        for (Absent { contender, kind, reason }, labels) in reasons {
            let which =
                if labels.len() == variants.len() { String::new() } else { format!(" for {}", labels.join(", ")) };
            writeln!(out, "  {contender}: {}{which}: {reason}", kind_name(*kind))?;
        }
    }
    Ok(())
}
