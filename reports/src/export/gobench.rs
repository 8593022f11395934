//! Go's benchmark text, as golang.org/design/14313-benchmark-format has it: a line for each counted round of a cell, so that
//! `benchstat` sees rounds as what they are, independent runs of the same benchmark.
//!
//! **Names.** `BenchmarkPingPong/contender=gmp/capacity=0/pairs=1/workers=1-2`: the workload, then keys, of which `benchstat` makes what is
//! asked (`-col /contender`, `-filter /workers:2`), then the number of cores.
//!
//! Tried with `benchstat` of golang.org/x/perf at 712aea8: contenders side by side, and two runs side by side.
//!
//! **Configuration lines** are what must be equal for figures to compare, the machine: `benchstat` makes a table of its own of each other
//! set of them. What differs from run to run, such as its name, stands in lines that begin with `#`, which readers pass over.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use super::{
    cells::Cell,
    measure::{Measure, measures, word},
};
use crate::{analysis::PERCENTILES, read::Record, record::Machine};

pub(super) fn write(records: &[Record], cells: &[Cell], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "pkg: schedbench")?;
    for unit in units(cells) {
        writeln!(out, "Unit {unit} better=lower assume=nothing")?;
    }
    for (index, record) in records.iter().enumerate() {
        if cells.iter().all(|cell| cell.rounds.iter().all(|round| round.record != index)) {
            continue;
        }
        writeln!(out)?;
        head(record, out)?;
        let cores = record.machine.as_ref().map(|machine| machine.cores);
        for cell in cells {
            let name = name(cell, cores);
            for round in cell.rounds.iter().filter(|round| round.record == index) {
                write!(out, "{name}\t{}", round.row.ops)?;
                for (measure, value) in measures(cell, round) {
                    write!(out, "\t{value} {}", measure.go_unit())?;
                }
                writeln!(out)?;
            }
        }
    }
    Ok(())
}

fn head(record: &Record, out: &mut impl Write) -> io::Result<()> {
    let run = &record.run;
    let revision = run.git.as_ref().map(|git| format!(", revision {}{}", git.rev, if git.dirty { "+" } else { "" }));
    writeln!(
        out,
        "# run {}, mode {}, seed {}, started {}{}",
        line(&run.id),
        line(&run.mode),
        run.seed,
        line(&run.started),
        line(&revision.unwrap_or_default())
    )?;
    let Some(Machine { key, cpu, cores, os, kernel, virt, .. }) = &record.machine else { return Ok(()) };
    // An empty value would delete the key.
    let facts = [
        ("cpu", cpu.clone()),
        ("cores", cores.to_string()),
        ("os", os.clone()),
        ("kernel", kernel.clone()),
        ("virt", virt.clone().unwrap_or_else(|| "unknown".to_owned())),
        ("machine", key.clone()),
    ];
    for (name, value) in facts.iter().filter(|(_, value)| !value.trim().is_empty()) {
        writeln!(out, "{name}: {}", line(value))?;
    }
    Ok(())
}

/// `BenchmarkPingPong/contender=gmp/workers=1-2`.
fn name(cell: &Cell, cores: Option<u64>) -> String {
    let workload = word(&cell.variant.workload.workload);
    let mut name = "Benchmark".to_owned();
    for part in workload.split('_') {
        let mut letters = part.chars();
        name.extend(letters.next().into_iter().flat_map(char::to_uppercase).chain(letters));
    }
    name += &format!("/contender={}", word(cell.contender));
    for (param, value) in &cell.variant.params {
        name += &format!("/{}={value}", word(param));
    }
    if let Some(cores) = cores {
        name += &format!("-{cores}");
    }
    name
}

/// Text of the record on one line.
fn line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

/// The units that readers do not know by themselves. A percentile is among them even if no round has the samples for it.
fn units(cells: &[Cell]) -> BTreeSet<String> {
    let mut measures = vec![Measure::CpuPerOp, Measure::PeakRss, Measure::PeakThreads, Measure::SwitchesPerOp];
    for cell in cells {
        measures.push(Measure::of(&cell.variant.workload.metric));
        for kind in cell.rounds.iter().flat_map(super::cells::Counted::kinds) {
            measures.extend(PERCENTILES.map(|percent| Measure::PercentileOf(kind.to_owned(), percent)));
        }
    }
    let known = |measure: &Measure| matches!(measure, Measure::TimePerOp | Measure::BytesPerOp);
    measures.iter().filter(|measure| !known(measure)).map(Measure::go_unit).collect()
}
