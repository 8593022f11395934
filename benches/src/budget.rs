//! How long a plan takes, and how much time each contender may have so that it keeps a budget.
//!
//! The estimate knows what is the same for all: processes, warm-ups, whole turns, what a round needs around them; and what a workload
//! says of itself: how long a turn of a variant is, and what it takes besides the part that is timed (`Takes`). It does not know how much
//! slower one contender is than another. Rounds that have to be run again come on top. A run that goes on corrects it by what its rounds
//! took (`rounds`).

use std::time::Duration;

use crate::{
    plan::{Plan, Variant},
    schedule::Schedule,
    seat::OVERHEAD_MAX,
};

/// Start, finish and exit of a process: 3 to 7 ms were seen of four contenders, optimised, on 2 cores.
const PROCESS: Duration = Duration::from_millis(8);
/// Probe and record of a round: nine spins of 0.3 ms, and a sync to the disk, which is a guess.
const ROUND: Duration = Duration::from_millis(10);
/// The least time that a contender gets in a round, before [`Info::round_factor`]: two turns, so that there is an order to draw.
const LEAST_MS: u64 = 20;

/// The share of a budget that is planned: the rest is for what the estimate misses, and for the report.
const PLANNED: f64 = 0.9;

/// One contender's part of a round.
fn cell(variant: &Variant, schedule: &Schedule) -> Duration {
    let (info, share) = (variant.info, schedule.share(variant.info));
    let (timed, untimed) = info.takes(&variant.params).unwrap_or_default();
    let turn = |asked: Duration| (asked.max(timed), asked.max(timed) + untimed);

    // Those that make up the share, or as many as fit into the time that the share may take in all.
    let (counts, takes) = turn(schedule.turn(info));
    let turns = times(share, counts).min(times(share * OVERHEAD_MAX, takes));
    let (asked, most) = (schedule.warmup_turn(info), schedule.warmups(info));
    let (_, warmup) = turn(asked);
    let warmups = times(asked.saturating_mul(most), warmup);
    takes.saturating_mul(turns).saturating_add(warmup.saturating_mul(warmups)) + PROCESS
}

/// How many turns it takes until so much time is over: the last one begins before.
fn times(until: Duration, turn: Duration) -> u32 {
    u32::try_from(until.as_nanos().div_ceil(turn.as_nanos().max(1))).unwrap_or(u32::MAX)
}

/// One round of a variant with so many contenders.
pub fn round(variant: &Variant, schedule: &Schedule, entrants: usize) -> Duration {
    cell(variant, schedule).saturating_mul(u32::try_from(entrants).unwrap_or(u32::MAX)) + ROUND
}

/// All rounds of a variant.
pub fn variant(variant: &Variant, schedule: &Schedule) -> Duration {
    if variant.entrants.is_empty() {
        return Duration::ZERO;
    }
    let rounds = u32::try_from(schedule.rounds).unwrap_or(u32::MAX);
    round(variant, schedule, variant.entrants.len()).saturating_mul(rounds)
}

/// All rounds of all variants.
pub fn plan(plan: &Plan, schedule: &Schedule) -> Duration {
    plan.variants.iter().map(|one| variant(one, schedule)).fold(Duration::ZERO, Duration::saturating_add)
}

/// The schedule with the most time for each contender, up to what its mode allows, with which the plan keeps its budget: the user's, or
/// the mode's. Where not even the least does, it is the least: every cell of a plan is run.
pub fn fit(wanted: &Plan, schedule: Schedule) -> Schedule {
    let most_ms = u64::try_from(schedule.mode.most().as_millis()).unwrap_or(u64::MAX);
    let budget = schedule.budget.unwrap_or(schedule.mode.budget()).mul_f64(PLANNED);
    let schedules: Vec<Schedule> = (LEAST_MS..=most_ms.max(LEAST_MS))
        .map(|time_ms| Schedule { time: Duration::from_millis(time_ms), ..schedule })
        .collect();
    // The estimate grows with the time.
    let fits = |one: &Schedule| plan(wanted, &Schedule { rounds: one.usual_rounds(), ..*one }) <= budget;
    schedules[schedules.partition_point(fits).saturating_sub(1)]
}

#[cfg(test)]
mod tests {
    use schedulers::model::Role;
    use workloads::{Info, Params, Takes};

    use super::*;
    use crate::{child::Program, plan::Entrant, schedule::Mode};

    const INFO: Info = Info { item_ms: 0, round_factor: 1, takes: &[], ..workloads::ALL[0] };
    const ITEMS: Info = Info { item_ms: 300, round_factor: 3, ..INFO };
    const LARGE: Info = Info {
        takes: &[
            Takes { of: &[("n", 9)], timed_ms: 2_000, untimed_ms: 0 },
            Takes { of: &[("n", 5)], timed_ms: 15, untimed_ms: 100 },
            Takes { of: &[], timed_ms: 0, untimed_ms: 15 },
        ],
        ..INFO
    };

    fn schedule(mode: Mode) -> Schedule {
        Schedule::of(mode, 7)
    }

    fn variant_of(info: &'static Info, params: Params) -> Variant {
        Variant { info, params, entrants: Vec::new(), absent: Vec::new() }
    }

    fn plan_of(infos: &[&'static Info], entrants: usize) -> Plan {
        let entrant = |number| Entrant {
            name: format!("contender-{number}"),
            summary: String::new(),
            role: Role::Default,
            program: Program::BuiltIn,
        };
        let entrants: Vec<Entrant> = (0..entrants).map(entrant).collect();
        let variants = infos
            .iter()
            .map(|&info| Variant { entrants: entrants.clone(), ..variant_of(info, Params::new()) })
            .collect();
        Plan { variants, entrants, workloads: infos.to_vec() }
    }

    #[test]
    fn items_are_whole_and_warm_up_counts() {
        let ms = Duration::from_millis;
        let schedule = Schedule { time: ms(100), ..schedule(Mode::Default) };
        let cell = |info, schedule: &Schedule| cell(&variant_of(info, Params::new()), schedule);
        assert_eq!(cell(&INFO, &schedule), ms(10) * (10 + 3) + PROCESS);
        // 3 x 100 ms are one item, and 3 x 110 ms are two.
        assert_eq!(cell(&ITEMS, &schedule), ms(300) * (1 + 1) + PROCESS);
        // Turns of another length are warmed up alike.
        assert_eq!(cell(&INFO, &Schedule { slice: ms(50), ..schedule }), ms(50) * 2 + ms(10) * 3 + PROCESS);
        assert_eq!(cell(&ITEMS, &Schedule { time: ms(110), ..schedule }), ms(300) * (2 + 1) + PROCESS);
    }

    #[test]
    fn a_turn_takes_what_the_workload_says_of_it() {
        let ms = Duration::from_millis;
        let schedule = Schedule { time: ms(100), ..schedule(Mode::Default) };
        let of = |n| cell(&variant_of(&LARGE, Params::from([("n".to_owned(), n)])), &schedule) - PROCESS;
        // The last entry fits all others: set-up around each turn of 10 ms, and two turns of 25 ms take the time of three that warm up.
        assert_eq!(of(1), ms(25) * (10 + 2));
        // One that is longer than the share, and one that warms up.
        assert_eq!(of(9), ms(2_000) * (1 + 1));
        // Seven would make up the share. But three times the share is all the time that there is.
        assert_eq!(of(5), ms(115) * (3 + 1));
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
    fn the_users_budget_takes_the_place_of_the_modes() {
        let large = plan_of(&[&INFO; 40], 9);
        let of = |minutes: u64| Schedule { budget: Some(Duration::from_secs(60 * minutes)), ..schedule(Mode::Default) };
        let [short, usual, long] = [4, 5, 20].map(|minutes| fit(&large, of(minutes)).time);
        assert!(short < usual && usual < long);
        assert_eq!(usual, fit(&large, schedule(Mode::Default)).time);
    }

    #[test]
    fn a_precision_leaves_room_for_more_rounds_than_the_fewest() {
        let large = plan_of(&[&INFO; 20], 9);
        let fitted = fit(&large, Schedule { rounds: 64, precision: Some(0.02), ..schedule(Mode::Default) });
        let of = |rounds| plan(&large, &Schedule { rounds, ..fitted });
        assert!(of(16) <= Mode::Default.budget() && of(64) > Mode::Default.budget());
        assert!(fitted.time > Duration::from_millis(LEAST_MS));
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
