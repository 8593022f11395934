//! `--dry-run`: what would be run and how long it would take.

use std::{
    io::{self, Write},
    time::Duration,
};

use crate::{
    budget,
    plan::{Plan, Variant},
    rounds::LEAST_ROUNDS,
    schedule::Schedule,
};

/// Prints the plan: a line a workload with its time, and below it its variants with their contenders.
///
/// # Errors
/// Stdout cannot be written.
pub fn print(plan: &Plan, schedule: &Schedule) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for info in &plan.workloads {
        let variants: Vec<&Variant> = plan.variants.iter().filter(|one| one.info.name == info.name).collect();
        if variants.is_empty() {
            continue;
        }
        let cells: usize = variants.iter().map(|variant| variant.entrants.len()).sum();
        let planned = |rounds| -> Duration {
            let schedule = Schedule { rounds, ..*schedule };
            variants.iter().map(|variant| budget::variant(variant, &schedule)).sum()
        };
        let (fewest, most) = (planned(schedule.fewest_rounds()), planned(schedule.rounds));
        let planned = if fewest < most { format!("{} to {}", spoken(fewest), spoken(most)) } else { spoken(most) };
        let (turns, turn) = (schedule.turns(info), schedule.turn(info).as_millis());
        let what = if info.item_ms > 0 { "items" } else { "slices" };
        writeln!(
            out,
            "{}: {cells} cells x {} rounds x ({turns} {what} of {turn} ms, {} to warm up) = {}",
            info.name,
            rounds(schedule),
            schedule.warmups(info),
            planned
        )?;
        for variant in variants {
            let names: Vec<&str> = variant.entrants.iter().map(|entrant| entrant.name.as_str()).collect();
            let names = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
            writeln!(out, "  {}: {names}", variant.label())?;
        }
    }
    writeln!(out, "{}", total(plan, schedule))
}

/// The plan in a line.
pub fn total(plan: &Plan, schedule: &Schedule) -> String {
    let (variants, cells, time) = (plan.variants.len(), plan.cells(), schedule.time.as_millis());
    let rounds = rounds(schedule);
    format!("{variants} variants, {cells} cells, {rounds} rounds of {time} ms for each: {}", how_long(plan, schedule))
}

/// `8`, or `12 to 64` where it depends.
fn rounds(schedule: &Schedule) -> String {
    let (fewest, most) = (schedule.fewest_rounds(), schedule.rounds);
    if fewest < most { format!("{fewest} to {most}") } else { most.to_string() }
}

fn how_long(plan: &Plan, schedule: &Schedule) -> String {
    let of = |rounds| budget::plan(plan, &Schedule { rounds, ..*schedule });
    let (fewest, most) = (of(schedule.fewest_rounds()), of(schedule.rounds));
    let least_rounds = LEAST_ROUNDS.min(schedule.rounds);
    match schedule.budget {
        Some(budget) if of(least_rounds) > budget => {
            let (least, budget) = (spoken(of(least_rounds)), spoken(budget));
            format!("about {least} for the least, {least_rounds} rounds, which is more than the budget of {budget}")
        }
        Some(budget) if fewest > budget => format!("the budget of {}, which may not hold all rounds", spoken(budget)),
        Some(budget) if most > budget => format!("about {} to {}, the budget", spoken(fewest), spoken(budget)),
        _ if fewest < most => format!("about {} to {}", spoken(fewest), spoken(most)),
        _ => format!("about {}", spoken(most)),
    }
}

/// A time as people say it, to about a hundredth.
pub fn spoken(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    match seconds {
        0..100 => format!("{seconds} s"),
        100..6000 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_unit_that_fits_them() {
        let say = |seconds| spoken(Duration::from_secs(seconds));
        assert_eq!([say(0), say(99), say(290), say(6000)], ["0 s", "99 s", "4 min 50 s", "1 h 40 min"]);
    }
}
