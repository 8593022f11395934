//! The child's end: reads a request a line from stdin, answers a line on stdout, and writes nothing else there.
//!
//! Everything happens on the main thread; between requests it sits in `read` and the contender's own threads are idle.
//! The child ends when its stdin does, so it cannot outlive a parent that was killed, even with `kill -9`.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write},
    time::Duration,
};

use anyhow::{Context, bail};
use base64::Engine;
use hdrhistogram::{
    Histogram,
    serialization::{Serializer, V2DeflateSerializer},
};
use reports::record::HIST_ENCODING;
use serde::Serialize;
use workloads::{Cell, OpenError, Params};

use super::{
    kernel::{self, Usage},
    slowdown::{INJECTED_SPIN, Slowdown},
};
use crate::{
    contenders,
    protocol::{Finished, Fits, Hist, Refused, Request, Slice, Started},
};

/// Serves the built-in contender called `contender`, made slower by `slowdown`, until `finish` or the end of stdin.
///
/// # Errors
/// A request that is not the protocol, or a pipe that broke.
pub fn serve(contender: &str, slowdown: Slowdown) -> anyhow::Result<()> {
    kernel::die_with_parent();
    kernel::open_many_files();
    let mut requests = io::stdin().lock().lines();
    let mut cell: Option<Running> = None;
    while let Some(line) = requests.next().transpose().context("cannot read the next request")? {
        let request: Request = serde_json::from_str(&line).with_context(|| format!("not a request: {line}"))?;
        match request {
            Request::Check { workload, params } => match contenders::check_fit(&workload, contender, &params) {
                Ok(()) => answer(&Fits { ok: true })?,
                Err(error) => answer(&refusal(&error))?,
            },
            Request::Start { workload, params } => match Running::start(contender, &workload, &params, slowdown) {
                Ok((running, started)) => {
                    cell = Some(running);
                    answer(&started)?;
                }
                Err(error) => answer(&refusal(&error))?,
            },
            Request::Slice { time_ms, warmup } => {
                let Some(running) = &mut cell else { bail!("slice before start") };
                let slice = running.slice(Duration::from_millis(time_ms), warmup);
                answer(&slice)?;
            }
            Request::Finish => {
                if let Some(running) = cell.take() {
                    answer(&running.finish()?)?;
                }
                return Ok(());
            }
        }
    }
    Ok(())
}

fn answer(value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()
}

fn refusal(error: &OpenError) -> Refused {
    let kind = match error {
        OpenError::NotApplicable(_) => "n/a",
        _ => "start",
    };
    Refused { ok: false, kind: kind.to_owned(), reason: error.to_string() }
}

/// A cell with what has been measured on it so far.
struct Running {
    cell: Box<dyn Cell>,
    hists: BTreeMap<&'static str, Histogram<u64>>,
    slowdown: Slowdown,
    /// What it took of the slices that count.
    spun: Duration,
}

impl Running {
    fn start(
        contender: &str,
        workload: &str,
        params: &Params,
        slowdown: Slowdown,
    ) -> Result<(Self, Started), OpenError> {
        let cell = contenders::open(workload, contender, params)?;
        let started =
            Started { ok: true, contender: contender.to_owned(), version: cell.version(), config: cell.echo() };
        Ok((Running { cell, hists: BTreeMap::new(), slowdown, spun: Duration::ZERO }, started))
    }

    fn slice(&mut self, time: Duration, warmup: bool) -> Slice {
        let before = Usage::of_this_process();
        let outcome = self.cell.slice(time);
        let spun = self.slowdown.spin_after(outcome.wall);
        let used = Usage::of_this_process().since(&before);
        if !warmup {
            self.spun += spun;
            for (kind, samples) in &outcome.samples {
                let hist = self.hists.entry(kind.name()).or_insert_with(empty_histogram);
                for &sample in samples {
                    hist.saturating_record(sample.max(1));
                }
            }
        }
        Slice {
            ops: outcome.ops,
            wall_ns: nanoseconds(outcome.wall + spun),
            cpu_ns: used.cpu_ns,
            answer: outcome.answer,
            ctx_voluntary: used.ctx_voluntary,
            ctx_involuntary: used.ctx_involuntary,
            bytes: outcome.bytes,
        }
    }

    fn finish(self) -> anyhow::Result<Finished> {
        let mut serializer = V2DeflateSerializer::new();
        let mut hists = Vec::new();
        for (kind, hist) in &self.hists {
            let mut bytes = Vec::new();
            serializer.serialize(hist, &mut bytes).context("cannot encode a histogram")?;
            let data = base64::engine::general_purpose::STANDARD.encode(bytes);
            hists.push(Hist { kind: (*kind).to_owned(), enc: HIST_ENCODING.to_owned(), data });
        }
        let mut counters = self.cell.counters();
        if self.slowdown.is_some() {
            counters.insert(INJECTED_SPIN.to_owned(), nanoseconds(self.spun));
        }
        Ok(Finished { hists, peak_rss_bytes: kernel::peak_rss_bytes(), threads: kernel::threads(None), counters })
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// 1 ns to 60 s with 3 significant digits: the bounds that every record's histograms share.
fn empty_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are constant and right")
}
