//! `verify`: every cell once, tiny; what counts is the answer.

use std::{
    io::{self, Write},
    time::Duration,
};

use clap::Args;
use reports::record::ErrorKind;
use workloads::Oracle;

use super::{exit::Exit, select::Select};
use crate::{
    child::{Child, Failure},
    plan::{Absent, Entrant, Plan, Variant},
    run::{is_failure, kind_name},
    schedule::SLICE,
    selection::Selection,
};

/// Runs every cell for a moment and checks its answer, tuned contenders too; measures nothing
///
/// Examples:
///   schedbench verify
///   schedbench verify ping_pong -c tokio-mt
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Verify {
    #[command(flatten)]
    select: Select,
    /// How long a child may take for one answer
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = super::select::duration)]
    timeout: Duration,
}

impl Verify {
    pub fn execute(self) -> anyhow::Result<Exit> {
        verify(&Plan::new(&Selection::from(self.select.of_all_contenders()))?, self.timeout)
    }
}

/// Verifies every cell of a plan, a line each on stdout.
///
/// # Errors
/// Stdout cannot be written.
pub fn verify(plan: &Plan, patience: Duration) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    let mut failures = 0;
    let mut passes = 0;
    for variant in &plan.variants {
        let oracle = workloads::oracle(variant.info.name, &variant.params)?;
        for entrant in &variant.entrants {
            let (label, name) = (variant.label(), &entrant.name);
            match check(variant, entrant, &oracle, patience) {
                Ok(ops) => {
                    passes += 1;
                    writeln!(out, "ok    {label} {name}: {ops} x {}", variant.info.op)?;
                }
                Err(Failure::Interrupted) => return Ok(Exit::Interrupted),
                Err(Failure::Cell { kind, reason }) => {
                    failures += u64::from(is_failure(kind));
                    let word = if is_failure(kind) { "FAIL" } else { "-" };
                    writeln!(out, "{word:5} {label} {name}: {}: {reason}", kind_name(kind))?;
                }
            }
            out.flush()?;
        }
        for Absent { contender, kind, reason } in &variant.absent {
            writeln!(out, "-     {} {contender}: {}: {reason}", variant.label(), kind_name(*kind))?;
        }
    }
    eprintln!("{passes} cells right, {failures} wrong");
    Ok(if failures == 0 { Exit::Pass } else { Exit::Wrong })
}

/// Two slices, since a second one finds what the first left behind; gives the operations of both.
fn check(variant: &Variant, entrant: &Entrant, oracle: &Oracle, patience: Duration) -> Result<u64, Failure> {
    let (mut child, _) =
        Child::start(&entrant.program, &entrant.name, variant.info.name, &variant.params, patience, None)?;
    let (warm, _) = child.slice(SLICE, true, oracle)?;
    let (slice, _) = child.slice(SLICE, false, oracle)?;
    child.finish()?;
    let ops = warm.ops + slice.ops;
    if ops == 0 {
        let reason = "completed no operation".to_owned();
        return Err(Failure::Cell { kind: ErrorKind::Hang, reason });
    }
    Ok(ops)
}
