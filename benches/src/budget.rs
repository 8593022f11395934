//! How long a plan takes, and how much time each contender may have so that it keeps a budget.
//!
//! The estimate knows what is the same for all: processes, warm-ups, whole items, what a round needs around them. It does not know
//! how slow a contender is at an item, for which a workload says only what is usual, nor what a workload does outside its timed
//! part. Rounds that have to be run again come on top.

use std::time::Duration;

use workloads::Info;

use crate::{
    plan::{Plan, Variant},
    schedule::Schedule,
};

/// Start, finish and exit of a process: 3 to 7 ms were seen of four contenders, optimised, on 2 cores.
const PROCESS: Duration = Duration::from_millis(8);
/// Probe and record of a round: nine spins of 0.3 ms, and a sync to the disk, which is a guess.
const ROUND: Duration = Duration::from_millis(10);
/// The least time that a contender gets in a round, before [`Info::round_factor`]: two turns, so that there is an order to draw.
const LEAST_MS: u64 = 20;

/// One contender's part of a round.
pub fn cell(info: &Info, schedule: &Schedule) -> Duration {
    schedule.turn(info).saturating_mul(schedule.turns(info).saturating_add(schedule.warmups(info))) + PROCESS
}

/// One round of a variant with so many contenders.
pub fn round(info: &Info, schedule: &Schedule, entrants: usize) -> Duration {
    cell(info, schedule).saturating_mul(u32::try_from(entrants).unwrap_or(u32::MAX)) + ROUND
}

/// All rounds of a variant.
pub fn variant(variant: &Variant, schedule: &Schedule) -> Duration {
    if variant.entrants.is_empty() {
        return Duration::ZERO;
    }
    let rounds = u32::try_from(schedule.rounds).unwrap_or(u32::MAX);
    round(variant.info, schedule, variant.entrants.len()).saturating_mul(rounds)
}

/// All rounds of all variants.
pub fn plan(plan: &Plan, schedule: &Schedule) -> Duration {
    plan.variants.iter().map(|one| variant(one, schedule)).fold(Duration::ZERO, Duration::saturating_add)
}

/// The schedule with the most time for each contender, up to what its mode allows, with which the plan keeps the mode's budget. Where
/// not even the least does, it is the least: every cell of a plan is run.
pub fn fit(wanted: &Plan, schedule: Schedule) -> Schedule {
    let most_ms = u64::try_from(schedule.mode.most().as_millis()).unwrap_or(u64::MAX);
    let schedules: Vec<Schedule> = (LEAST_MS..=most_ms.max(LEAST_MS))
        .map(|time_ms| Schedule { time: Duration::from_millis(time_ms), ..schedule })
        .collect();
    // The estimate grows with the time.
    let fitting = schedules.partition_point(|one| plan(wanted, one) <= schedule.mode.budget());
    schedules[fitting.saturating_sub(1)]
}

#[cfg(test)]
mod tests {
    use schedulers::model::Role;
    use workloads::Params;

    use super::*;
    use crate::{child::Program, plan::Entrant, schedule::Mode};

    const INFO: Info = Info { item_ms: 0, round_factor: 1, ..workloads::ALL[0] };
    const ITEMS: Info = Info { item_ms: 300, round_factor: 3, ..INFO };

    fn schedule(mode: Mode) -> Schedule {
        Schedule::of(mode, 7)
    }

    fn plan_of(infos: &[&'static Info], entrants: usize) -> Plan {
        let entrant = |number| Entrant {
            name: format!("contender-{number}"),
            summary: String::new(),
            role: Role::Default,
            program: Program::BuiltIn,
        };
        let entrants: Vec<Entrant> = (0..entrants).map(entrant).collect();
        let variants = infos.iter().map(|&info| {
            let (params, absent) = (Params::new(), Vec::new());
            Variant { info, params, entrants: entrants.clone(), absent }
        });
        let variants = variants.collect();
        Plan { variants, entrants, workloads: infos.to_vec() }
    }

    #[test]
    fn items_are_whole_and_warm_up_counts() {
        let ms = Duration::from_millis;
        let schedule = Schedule { time: ms(100), ..schedule(Mode::Default) };
        assert_eq!(cell(&INFO, &schedule), ms(10) * (10 + 3) + PROCESS);
        // 3 x 100 ms are one item, and 3 x 110 ms are two.
        assert_eq!(cell(&ITEMS, &schedule), ms(300) * (1 + 1) + PROCESS);
        assert_eq!(cell(&ITEMS, &Schedule { time: ms(110), ..schedule }), ms(300) * (2 + 1) + PROCESS);
    }

    #[test]
    fn a_small_plan_gets_the_most_and_a_large_one_keeps_its_budget() {
        for mode in [Mode::Quick, Mode::Default, Mode::Full] {
            let small = plan_of(&[&INFO], 2);
            assert_eq!(fit(&small, schedule(mode)).time, mode.most());
        }
        for mode in [Mode::Quick, Mode::Default] {
            let large = plan_of(&[&INFO; 60], 9);
            let fitted = fit(&large, schedule(mode));
            assert!(fitted.time < mode.most() && fitted.time >= Duration::from_millis(LEAST_MS));
            let planned = plan(&large, &fitted);
            assert!(planned <= mode.budget() && planned > mode.budget().mul_f64(0.8), "{mode:?}: {planned:?}");
        }
    }

    #[test]
    fn a_plan_that_no_budget_holds_is_run_all_the_same() {
        let huge = plan_of(&[&ITEMS; 100], 10);
        assert_eq!(fit(&huge, schedule(Mode::Default)).time, Duration::from_millis(LEAST_MS));
        assert!(plan(&huge, &schedule(Mode::Default)) > Mode::Default.budget());
    }

    #[test]
    fn a_variant_that_nobody_runs_takes_no_time() {
        assert_eq!(plan(&plan_of(&[&INFO], 0), &schedule(Mode::Default)), Duration::ZERO);
    }
}
