//! The matrix: which contender runs which variant, and a note where one does not.

use std::io::{self, Write};

use reports::record::ErrorKind;
use schedulers::model::Role;

use crate::{
    filter::label,
    plan::{Plan, Variant},
    run::kind_name,
};

/// In a cell that runs.
const RUNS: &str = "✓";
/// Under a floor that the workload has not.
const NO_FLOOR: &str = "-";

/// Writes the matrix: a row a variant, a column a contender, and the notes below. Columns have their names on a staircase above them,
/// since a dozen names do not fit side by side.
///
/// # Errors
/// `out` cannot be written.
pub fn write(plan: &Plan, out: &mut impl Write) -> io::Result<()> {
    let mut notes = Notes::default();
    let rows: Vec<(String, Vec<String>)> =
        plan.variants.iter().map(|variant| (short_label(variant), cells(plan, variant, &mut notes))).collect();
    let stub = rows.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    let column = notes.0.len().to_string().len().max(2) + 1;

    for (place, entrant) in plan.entrants.iter().enumerate() {
        let role = if entrant.role == Role::Default { String::new() } else { format!(" ({})", entrant.role.name()) };
        writeln!(out, "{:stub$}  {}{}{role}", "", format!("{:column$}", "|").repeat(place), entrant.name)?;
    }
    for (label, cells) in rows {
        let cells: String = cells.iter().map(|cell| format!("{cell:column$}")).collect();
        writeln!(out, "{label:stub$}  {}", cells.trim_end())?;
    }
    writeln!(out, "\n{RUNS} runs; {NO_FLOOR} plain sequential code is no floor here; a number does not run:")?;
    for (number, (kind, reason)) in notes.0.iter().enumerate() {
        writeln!(out, "{:3}  {}: {reason}", number + 1, kind_name(*kind))?;
    }
    Ok(())
}

/// Why cells do not run, each reason once; a note's number is its place.
#[derive(Default)]
struct Notes(Vec<(ErrorKind, String)>);

impl Notes {
    fn number(&mut self, kind: ErrorKind, reason: &str) -> usize {
        let known = self.0.iter().position(|(k, r)| (*k, r.as_str()) == (kind, reason));
        known.unwrap_or_else(|| {
            self.0.push((kind, reason.to_owned()));
            self.0.len() - 1
        }) + 1
    }
}

fn cells(plan: &Plan, variant: &Variant, notes: &mut Notes) -> Vec<String> {
    let cell = |name: &str| {
        if variant.entrants.iter().any(|entrant| entrant.name == name) {
            return RUNS.to_owned();
        }
        match variant.absent.iter().find(|absent| absent.contender == name) {
            Some(absent) => notes.number(absent.kind, &absent.reason).to_string(),
            None => NO_FLOOR.to_owned(),
        }
    };
    plan.entrants.iter().map(|entrant| entrant.name.as_str()).map(cell).collect()
}

/// The variant's name without the parameters that have their default; as a filter it means the same variants.
fn short_label(variant: &Variant) -> String {
    let mut params = variant.params.clone();
    params.retain(|name, value| {
        name == "workers" || variant.info.params.iter().all(|spec| spec.name != name || spec.default != *value)
    });
    label(variant.info.name, &params)
}

#[cfg(test)]
mod tests {
    use workloads::{Info, Params};

    use super::*;
    use crate::{
        child::Program,
        plan::{Absent, Entrant},
    };

    const INFO: &Info = &workloads::ALL[0];

    fn entrant(name: &str, role: Role) -> Entrant {
        Entrant { name: name.to_owned(), summary: String::new(), role, program: Program::BuiltIn }
    }

    #[test]
    fn every_cell_is_a_mark_or_the_number_of_a_note() {
        let entrants = vec![
            entrant("gmp", Role::Default),
            entrant("gmp-tuned", Role::Tuned),
            entrant("rayon", Role::Default),
            entrant("serial", Role::Floor),
        ];
        let absent = |contender: &str, kind, reason: &str| Absent {
            contender: contender.to_owned(),
            kind,
            reason: reason.to_owned(),
        };
        let variant = |workers, absent| Variant {
            info: INFO,
            params: workloads::resolve(INFO, &Params::from([("workers".to_owned(), workers)])).unwrap(),
            entrants: entrants[..1].to_vec(),
            absent,
        };
        let no_channels = absent("rayon", ErrorKind::NotApplicable, "it has no channels");
        let variants = vec![
            variant(1, vec![absent("gmp-tuned", ErrorKind::Skipped, "not here"), no_channels.clone()]),
            variant(2, vec![no_channels.clone(), absent("gmp-tuned", ErrorKind::NotApplicable, "it has no channels")]),
        ];
        let plan = Plan { variants, entrants, workloads: vec![INFO] };
        let mut text = Vec::new();
        write(&plan, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let expected = "                      gmp
                      |  gmp-tuned (tuned)
                      |  |  rayon
                      |  |  |  serial (floor)
ping_pong{workers=1}  ✓  1  2  -
ping_pong{workers=2}  ✓  2  2  -

✓ runs; - plain sequential code is no floor here; a number does not run:
  1  skipped: not here
  2  n/a: it has no channels
";
        assert_eq!(text, expected);
    }
}
