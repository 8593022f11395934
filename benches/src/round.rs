//! One round of one variant: a fresh child for every contender, all alive at once, taking turns in slices of about 10 ms.
//!
//! 1. Probe the machine; begin to watch it.
//! 2. Start all children, in a random order.
//! 3. Warm up each: turns that are checked and not counted.
//! 4. Cycle: each that has not had its time runs one slice, in a new random order every cycle. Whoever is not on turn is blocked
//!    on its stdin. Neighbours in time see the same machine, which is what makes the ratio of a round sharp.
//! 5. Finish each, add up its slices, and judge the round as a whole.
//!
//! A child that hangs, dies or answers wrongly leaves at that moment; its cell gets an error row for this round, and the others
//! go on. All randomness comes from the run's seed, the variant's name and the round's number.

use std::time::Instant;

use reports::record::{self, Line};
use workloads::Oracle;

use crate::{
    conditions::{Probes, Watch, probe_objection},
    hash::hash,
    plan::{Entrant, Variant},
    progress::Progress,
    schedule::Schedule,
    seat::{Facts, Interrupted, Seat},
};

/// What a round gave.
#[derive(Debug)]
pub struct RoundResult {
    /// What goes into the record.
    pub lines: Vec<Line>,
    /// The contenders as they started.
    pub started: Vec<record::Contender>,
    /// Why the round does not count, if it does not.
    pub objection: Option<String>,
}

/// Runs one round of `variant` with the `entrants` that are still in.
///
/// # Errors
/// [`Interrupted`]; everything else is a line of the result.
pub fn run(
    variant: &Variant,
    expected: &Oracle,
    entrants: &[&Entrant],
    round: u64,
    schedule: &Schedule,
    probes: &mut Probes,
    progress: &mut Progress,
) -> Result<RoundResult, Interrupted> {
    let mut rng = fastrand::Rng::with_seed(hash(&[&schedule.seed.to_string(), &variant.label(), &round.to_string()]));
    let (slice, warmup) = (schedule.turn(variant.info), schedule.warmup_turn(variant.info));
    let patience = schedule.patience + slice * 20;

    let probe_ns = probes.before_round();
    let watch = Watch::begin();

    let mut order: Vec<&Entrant> = entrants.to_vec();
    rng.shuffle(&mut order);
    let mut seats: Vec<Seat> = Vec::new();
    for entrant in order {
        seats.push(Seat::start(entrant, variant, patience, schedule.pin)?);
    }
    for seat in &mut seats {
        let begin = Instant::now();
        for _ in 0..schedule.warmups(variant.info) {
            seat.warm_up(warmup, expected)?;
            progress.advance(warmup);
            // A turn may be much longer than was asked for: then one is enough.
            if begin.elapsed() >= warmup * schedule.warmups(variant.info) {
                break;
            }
        }
    }
    let share = schedule.share(variant.info);
    loop {
        let mut cycle: Vec<&mut Seat> = seats.iter_mut().filter(|seat| seat.wants_more(share)).collect();
        if cycle.is_empty() {
            break;
        }
        rng.shuffle(&mut cycle);
        for seat in cycle {
            seat.turn(slice, expected)?;
            progress.advance(slice);
        }
    }
    for seat in &mut seats {
        seat.finish()?;
    }

    let conditions = watch.end();
    let objection = conditions.objection().or_else(|| probe_objection(probes.slowness(probe_ns)));
    let started = seats.iter().filter_map(Seat::started).collect();
    let facts = Facts { variant, round, conditions, probe_ns, objection: objection.clone() };
    let lines =
        seats.into_iter().enumerate().flat_map(|(position, seat)| seat.lines(position as u64, &facts)).collect();
    Ok(RoundResult { lines, started, objection })
}
