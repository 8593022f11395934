//! One round of one variant: a fresh child for every contender, all alive at once, taking turns in slices of about 10 ms.
//!
//! 1. Probe the machine; begin to count steal.
//! 2. Start all children, in a random order.
//! 3. Warm up each: slices that are checked and not counted.
//! 4. Cycle: each that has not had its time runs one slice, in a new random order every cycle. Whoever is not on turn is blocked
//!    on its stdin. Neighbours in time see the same machine, which is what makes the ratio of a round sharp.
//! 5. Finish each, add up its slices, and judge the round as a whole.
//!
//! A child that hangs, dies or answers wrongly leaves at that moment; its cell gets an error row for this round, and the others
//! go on. All randomness comes from the run's seed, the variant's name and the round's number.

use std::{collections::BTreeMap, time::Duration};

use reports::record::{self, CellError, ErrorKind, Line};
use workloads::Oracle;

use crate::{
    child::{Child, Failure},
    conditions::{Probes, Steal, probe_objection},
    hash::hash,
    machine,
    plan::{Entrant, Schedule, Variant},
    progress::Progress,
    protocol::{Finished, Slice, Started},
};

/// The length of a turn. See design notes on measurement: four times less noise than one turn of 400 ms.
pub const SLICE: Duration = Duration::from_millis(10);
/// Warm-up slices of a child: caches, pools and frequency settle within a few.
const WARMUP_SLICES: u32 = 3;
/// A slice's set-up and check are not in its wall time. If they eat more than this many times the share, the share ends.
const OVERHEAD_MAX: u32 = 3;

/// How long a round of `variant` is planned to take, processes included.
pub fn planned(variant: &Variant, schedule: &Schedule, entrants: usize) -> Duration {
    // Start, finish and exit of a process; untuned.
    const PROCESS: Duration = Duration::from_millis(15);
    let slice = slice_length(variant, schedule);
    // Whole items: the last one begins within the share and ends after it.
    let slices = schedule.share(variant.info).as_nanos().div_ceil(slice.as_nanos().max(1));
    let counted = slice.saturating_mul(u32::try_from(slices).unwrap_or(u32::MAX));
    (counted + warmups(variant) * slice + PROCESS) * u32::try_from(entrants).unwrap_or(u32::MAX)
}

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

/// The user stopped the run in the middle of a round, which gives nothing.
#[derive(Debug)]
pub struct Interrupted;

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
    let slice = slice_length(variant, schedule);
    let patience = schedule.patience + slice * 20;

    let probe_ns = probes.before_round();
    let steal = Steal::begin();

    let mut order: Vec<&Entrant> = entrants.to_vec();
    rng.shuffle(&mut order);
    let mut seats: Vec<Seat> = Vec::new();
    for entrant in order {
        seats.push(Seat::start(entrant, variant, patience)?);
    }
    for seat in &mut seats {
        for _ in 0..warmups(variant) {
            seat.turn(|child| child.slice(slice, true, expected).map(drop))?;
            progress.advance(slice);
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
            let mut total = seat.total;
            seat.turn(|child| child.slice(slice, false, expected).map(|(slice, took)| total.add(&slice, took)))?;
            seat.total = total;
            progress.advance(slice);
        }
    }
    let mut finished = Vec::new();
    for seat in seats {
        finished.push(seat.finish()?);
    }

    let steal_ns = steal.so_far_ns();
    let objection = steal.objection(steal_ns, machine::cores()).or_else(|| probe_objection(probes.slowness(probe_ns)));
    let mut result = RoundResult { lines: Vec::new(), started: Vec::new(), objection };
    for (position, (seat, end)) in finished.into_iter().enumerate() {
        if let Some(started) = &seat.started {
            result.started.push(record::Contender {
                contender: seat.entrant.name.clone(),
                version: started.version.clone(),
                summary: seat.entrant.summary.clone(),
                config: started.config.clone(),
            });
        }
        let facts =
            Facts { variant, round, position: position as u64, steal_ns, probe_ns, objection: &result.objection };
        result.lines.extend(facts.lines(&seat, end));
    }
    Ok(result)
}

/// The length of a turn: one item where the workload has items, else a slice, or less if the whole share is less.
fn slice_length(variant: &Variant, schedule: &Schedule) -> Duration {
    match variant.info.item_ms {
        0 => SLICE.min(schedule.share(variant.info)),
        item_ms => Duration::from_millis(item_ms),
    }
}

fn warmups(variant: &Variant) -> u32 {
    // An item is long enough to be its own warm-up, and too long to be spent three times.
    if variant.info.item_ms > 0 { 1 } else { WARMUP_SLICES }
}

/// The slices of a child, added up.
#[derive(Clone, Copy, Debug)]
struct Total {
    ops: u64,
    wall_ns: u64,
    cpu_ns: u64,
    slices: u64,
    ctx_voluntary: Option<u64>,
    ctx_involuntary: Option<u64>,
    /// Time on turn by the parent's clock.
    turns: Duration,
}

impl Total {
    const NOTHING: Total = Total {
        ops: 0,
        wall_ns: 0,
        cpu_ns: 0,
        slices: 0,
        ctx_voluntary: Some(0),
        ctx_involuntary: Some(0),
        turns: Duration::ZERO,
    };

    fn add(&mut self, slice: &Slice, took: Duration) {
        let sum = |a: Option<u64>, b: Option<u64>| Some(a? + b?);
        self.ops += slice.ops;
        self.wall_ns += slice.wall_ns;
        self.cpu_ns += slice.cpu_ns;
        self.slices += 1;
        self.ctx_voluntary = sum(self.ctx_voluntary, slice.ctx_voluntary);
        self.ctx_involuntary = sum(self.ctx_involuntary, slice.ctx_involuntary);
        self.turns += took;
    }
}

/// A contender's place in a round. Without a child it has left, and `failure` says why.
struct Seat<'a> {
    entrant: &'a Entrant,
    started: Option<Started>,
    child: Option<Child>,
    failure: Option<(ErrorKind, String)>,
    total: Total,
}

/// What a child said last, and the most threads that it was seen with.
type Ending = Option<(Finished, Option<u64>)>;

impl<'a> Seat<'a> {
    fn start(entrant: &'a Entrant, variant: &Variant, patience: Duration) -> Result<Self, Interrupted> {
        let mut seat = Seat { entrant, started: None, child: None, failure: None, total: Total::NOTHING };
        match Child::start(&entrant.program, &entrant.name, variant.info.name, &variant.params, patience) {
            Ok((child, started)) => (seat.child, seat.started) = (Some(child), Some(started)),
            Err(failure) => seat.leave(failure)?,
        }
        Ok(seat)
    }

    /// Lets the child do something, if there is one; it leaves if that fails.
    fn turn(&mut self, what: impl FnOnce(&mut Child) -> Result<(), Failure>) -> Result<(), Interrupted> {
        match self.child.as_mut().map(what) {
            Some(Err(failure)) => self.leave(failure),
            _ => Ok(()),
        }
    }

    fn wants_more(&self, share: Duration) -> bool {
        let had_its_time =
            Duration::from_nanos(self.total.wall_ns) >= share || self.total.turns >= share * OVERHEAD_MAX;
        self.child.is_some() && !had_its_time
    }

    fn leave(&mut self, failure: Failure) -> Result<(), Interrupted> {
        self.child = None;
        match failure {
            Failure::Interrupted => Err(Interrupted),
            Failure::Cell { kind, reason } => {
                self.failure = Some((kind, reason));
                Ok(())
            }
        }
    }

    fn finish(mut self) -> Result<(Self, Ending), Interrupted> {
        let ending = match self.child.take().map(Child::finish) {
            Some(Ok(ending)) => Some(ending),
            Some(Err(failure)) => {
                self.leave(failure)?;
                None
            }
            None => None,
        };
        if ending.is_some() && self.total.ops == 0 {
            let reason = format!("completed no operation in {:.0} ms", self.total.turns.as_secs_f64() * 1e3);
            self.failure = Some((ErrorKind::Hang, reason));
        }
        Ok((self, ending))
    }
}

/// What all lines of a contender's round have in common.
struct Facts<'a> {
    variant: &'a Variant,
    round: u64,
    position: u64,
    steal_ns: Option<u64>,
    probe_ns: u64,
    objection: &'a Option<String>,
}

impl Facts<'_> {
    fn lines(&self, seat: &Seat, ending: Ending) -> Vec<Line> {
        let workload = || self.variant.info.name.to_owned();
        let params = || self.variant.params.clone();
        let contender = || seat.entrant.name.clone();
        if let Some((kind, reason)) = &seat.failure {
            // What cannot run here or at all cannot run in another round either: the row is the cell's.
            let of_the_cell = matches!(kind, ErrorKind::NotApplicable | ErrorKind::Skipped);
            return vec![Line::Error(CellError {
                workload: workload(),
                params: params(),
                contender: contender(),
                round: (!of_the_cell).then_some(self.round),
                kind: *kind,
                reason: reason.clone(),
            })];
        }
        let (finished, peak_threads) = ending.unwrap_or_default();
        let mut missing = BTreeMap::new();
        for (name, is_missing, reason) in [
            ("peak_rss_bytes", finished.peak_rss_bytes.is_none(), "the child does not say"),
            ("peak_threads", peak_threads.is_none(), "neither the kernel nor the child says"),
            ("ctx_voluntary", seat.total.ctx_voluntary.is_none(), "the child does not say"),
            ("ctx_involuntary", seat.total.ctx_involuntary.is_none(), "the child does not say"),
            ("steal_ns", self.steal_ns.is_none(), "the kernel does not say"),
        ] {
            if is_missing {
                missing.insert(name.to_owned(), reason.to_owned());
            }
        }
        let round = record::Round {
            workload: workload(),
            params: params(),
            contender: contender(),
            round: self.round,
            position: self.position,
            ops: seat.total.ops,
            wall_ns: seat.total.wall_ns,
            cpu_ns: seat.total.cpu_ns,
            slices: seat.total.slices,
            check: "ok".to_owned(),
            peak_rss_bytes: finished.peak_rss_bytes,
            peak_threads,
            ctx_voluntary: seat.total.ctx_voluntary,
            ctx_involuntary: seat.total.ctx_involuntary,
            steal_ns: self.steal_ns,
            probe_ns: Some(self.probe_ns),
            valid: self.objection.is_none(),
            invalid_reason: self.objection.clone(),
            counters: finished.counters,
            missing,
        };
        let hist = |hist: crate::protocol::Hist| record::Hist {
            workload: workload(),
            params: params(),
            contender: contender(),
            round: self.round,
            kind: hist.kind,
            enc: hist.enc,
            data: hist.data,
        };
        let hists = finished.hists.into_iter().map(|h| Line::Hist(hist(h)));
        [Line::Round(round)].into_iter().chain(hists).collect()
    }
}
