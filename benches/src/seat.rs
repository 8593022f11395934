//! A contender's seat in a round: its child while it has one, what its slices add up to, and what it leaves in the record.
//!
//! Invariant: a seat without a child has left the round or has finished it; if it left, `failure` says why, and its only line is
//! an error row.

use std::{collections::BTreeMap, time::Duration};

use reports::record::{self, CellError, ErrorKind, Line};
use schedulers::model::Role;
use workloads::Oracle;

use crate::{
    child::{Child, Failure, Threads},
    conditions::{Conditions, Reading},
    pin::Pin,
    plan::{Entrant, Variant},
    protocol::{Finished, Slice, Started},
};

/// A slice's set-up and check are not in its wall time. If they eat more than this many times the share, the share ends.
pub const OVERHEAD_MAX: u32 = 3;

/// The user stopped the run in the middle of a round, which then gives nothing.
#[derive(Debug)]
pub struct Interrupted;

/// What all lines of a round have in common.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The variant.
    pub variant: &'a Variant,
    /// The round, from 0.
    pub round: u64,
    /// What the machine was like meanwhile.
    pub conditions: Conditions,
    /// The spin probe before it.
    pub probe_ns: u64,
    /// Why it does not count, if it does not.
    pub objection: Option<String>,
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
    bytes: Option<u64>,
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
        bytes: Some(0),
        turns: Duration::ZERO,
    };

    fn add(&mut self, slice: &Slice, took: Duration) {
        // Saturating: the child may be anybody's program.
        let sum = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
        self.ops = self.ops.saturating_add(slice.ops);
        self.wall_ns = self.wall_ns.saturating_add(slice.wall_ns);
        self.cpu_ns = self.cpu_ns.saturating_add(slice.cpu_ns);
        self.slices += 1;
        self.ctx_voluntary = sum(self.ctx_voluntary, slice.ctx_voluntary);
        self.ctx_involuntary = sum(self.ctx_involuntary, slice.ctx_involuntary);
        self.bytes = sum(self.bytes, slice.bytes);
        self.turns += took;
    }
}

/// A contender's seat in a round.
pub struct Seat<'a> {
    entrant: &'a Entrant,
    started: Option<Started>,
    child: Option<Child>,
    failure: Option<(ErrorKind, String)>,
    total: Total,
    /// Its threads before its first turn; `None` if it had none.
    threads: Option<Result<Threads, String>>,
    migrations: Reading,
    /// What the child said last.
    finished: Finished,
    /// The most threads that it was seen with.
    peak_threads: Option<u64>,
}

impl<'a> Seat<'a> {
    /// Starts the contender's child.
    ///
    /// # Errors
    /// [`Interrupted`]; what the child does wrong ends its round only.
    pub fn start(
        entrant: &'a Entrant,
        variant: &Variant,
        patience: Duration,
        pin: Option<Pin>,
    ) -> Result<Self, Interrupted> {
        let mut seat = Seat {
            entrant,
            started: None,
            child: None,
            failure: None,
            total: Total::NOTHING,
            threads: None,
            migrations: Err("the child had no turn".to_owned()),
            finished: Finished::default(),
            peak_threads: None,
        };
        match Child::start(&entrant.program, &entrant.name, variant.info.name, &variant.params, patience, pin) {
            Ok((child, started)) => (seat.child, seat.started) = (Some(child), Some(started)),
            Err(failure) => seat.leave(failure)?,
        }
        Ok(seat)
    }

    /// Runs a slice that is checked and not counted, if there still is a child.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub fn warm_up(&mut self, time: Duration, expected: &Oracle) -> Result<(), Interrupted> {
        match self.child.as_mut().map(|child| child.slice(time, true, expected)) {
            Some(Err(failure)) => self.leave(failure),
            _ => Ok(()),
        }
    }

    /// Runs a slice that counts, if there still is a child.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub fn turn(&mut self, time: Duration, expected: &Oracle) -> Result<(), Interrupted> {
        if let (None, Some(child)) = (&self.threads, &self.child) {
            self.threads = Some(child.threads());
        }
        match self.child.as_mut().map(|child| child.slice(time, false, expected)) {
            Some(Ok((slice, took))) => self.total.add(&slice, took),
            Some(Err(failure)) => self.leave(failure)?,
            None => {}
        }
        Ok(())
    }

    /// Whether the child is there and has not had its share of the time.
    pub fn wants_more(&self, share: Duration) -> bool {
        let measured = Duration::from_nanos(self.total.wall_ns);
        self.child.is_some() && measured < share && self.total.turns < share * OVERHEAD_MAX
    }

    /// Asks the child, if there still is one, for the rest and ends it.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub fn finish(&mut self) -> Result<(), Interrupted> {
        if let (Some(before), Some(child)) = (self.threads.take(), &self.child) {
            let switches = self.total.ctx_voluntary.zip(self.total.ctx_involuntary).map(|(a, b)| a.saturating_add(b));
            self.migrations = before.and_then(|before| child.threads()?.since(&before, switches));
        }
        match self.child.take().map(Child::finish) {
            Some(Ok(_)) if self.total.ops == 0 => {
                let reason = format!("completed no operation in {:.0} ms", self.total.turns.as_secs_f64() * 1e3);
                self.failure = Some((ErrorKind::Hang, reason));
            }
            Some(Ok((finished, peak_threads))) => (self.finished, self.peak_threads) = (finished, peak_threads),
            Some(Err(failure)) => self.leave(failure)?,
            None => {}
        }
        Ok(())
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

    /// The contender as it started, if it did.
    pub fn started(&self) -> Option<record::Contender> {
        self.started.as_ref().map(|started| record::Contender {
            contender: self.entrant.name.clone(),
            version: started.version.clone(),
            summary: self.entrant.summary.clone(),
            config: started.config.clone(),
            role: match self.entrant.role {
                Role::Default => record::Role::Default,
                Role::Tuned => record::Role::Tuned,
                Role::Floor => record::Role::Floor,
            },
        })
    }

    /// What the seat leaves in the record: a round with its histograms, or an error.
    pub fn lines(self, position: u64, facts: &Facts) -> Vec<Line> {
        let workload = || facts.variant.info.name.to_owned();
        let params = || facts.variant.params.clone();
        let contender = || self.entrant.name.clone();
        if let Some((kind, reason)) = self.failure.clone() {
            // What cannot run here or at all cannot run in another round either: the row is the cell's.
            let of_the_cell = matches!(kind, ErrorKind::NotApplicable | ErrorKind::Skipped);
            let round = (!of_the_cell).then_some(facts.round);
            let (workload, params, contender) = (workload(), params(), contender());
            return vec![Line::Error(CellError { workload, params, contender, round, kind, reason })];
        }
        let Finished { hists, peak_rss_bytes, ref counters, .. } = self.finished;
        let round = record::Round {
            workload: workload(),
            params: params(),
            contender: contender(),
            round: facts.round,
            position,
            ops: self.total.ops,
            wall_ns: self.total.wall_ns,
            cpu_ns: self.total.cpu_ns,
            slices: self.total.slices,
            turns_ns: Some(u64::try_from(self.total.turns.as_nanos()).unwrap_or(u64::MAX)),
            check: "ok".to_owned(),
            peak_rss_bytes,
            peak_threads: self.peak_threads,
            ctx_voluntary: self.total.ctx_voluntary,
            ctx_involuntary: self.total.ctx_involuntary,
            migrations: self.migrations.clone().ok(),
            round_ns: Some(facts.conditions.round_ns),
            steal_ns: facts.conditions.steal_ns.clone().ok(),
            foreign_cpu_ns: facts.conditions.foreign_cpu_ns.clone().ok(),
            pressure_cpu_ns: facts.conditions.pressure_cpu_ns.clone().ok(),
            pressure_memory_ns: facts.conditions.pressure_memory_ns.clone().ok(),
            pressure_io_ns: facts.conditions.pressure_io_ns.clone().ok(),
            probe_ns: Some(facts.probe_ns),
            valid: facts.objection.is_none(),
            invalid_reason: facts.objection.clone(),
            counters: counters.clone(),
            bytes: self.total.bytes,
            missing: BTreeMap::new(),
        };
        let hists = hists.into_iter().map(|hist| {
            Line::Hist(record::Hist {
                workload: workload(),
                params: params(),
                contender: contender(),
                round: facts.round,
                kind: hist.kind,
                enc: hist.enc,
                data: hist.data,
            })
        });
        let round = record::Round { missing: missing(&round, &self.migrations, &facts.conditions), ..round };
        [Line::Round(round)].into_iter().chain(hists).collect()
    }
}

/// Why what is `null` is missing.
fn missing(round: &record::Round, migrations: &Reading, conditions: &Conditions) -> BTreeMap<String, String> {
    let said = |value: Option<u64>, reason: &str| value.ok_or(reason.to_owned());
    let readings = [
        ("peak_rss_bytes", &said(round.peak_rss_bytes, "the child does not say")),
        ("peak_threads", &said(round.peak_threads, "neither the kernel nor the child says")),
        ("ctx_voluntary", &said(round.ctx_voluntary, "the child does not say")),
        ("ctx_involuntary", &said(round.ctx_involuntary, "the child does not say")),
        ("migrations", migrations),
        ("steal_ns", &conditions.steal_ns),
        ("foreign_cpu_ns", &conditions.foreign_cpu_ns),
        ("pressure_cpu_ns", &conditions.pressure_cpu_ns),
        ("pressure_memory_ns", &conditions.pressure_memory_ns),
        ("pressure_io_ns", &conditions.pressure_io_ns),
    ];
    let reasons = readings.into_iter().filter_map(|(name, reading)| Some((name, reading.as_ref().err()?)));
    reasons.map(|(name, reason)| (name.to_owned(), reason.clone())).collect()
}
