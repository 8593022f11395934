//! HdrHistogram's interval log, version 1.3: an interval for each counted round, its histogram in V2-deflate and base64, as the record has
//! it.
//!
//! **One file for each run, variant, contender and kind**, `<run>/ping_pong-capacity=0,pairs=1,workers=1-gmp-response.hlog`, without tags:
//! tools pool the intervals of a file, or plot them over time, and not all know tags. So what a file holds may be pooled: never two kinds
//! (service time and response time are apart), never two contenders.
//!
//! **Time.** The record does not say at what time of day a round was run. The intervals of a file stand end to end, from the begin of the
//! run, each as long as the slices of its round; the order is right and the lengths are, the distances are not.
//!
//! **Units.** Values are nanoseconds; `Interval_Max`, which no tool calculates with, is in milliseconds, as in the logs that HdrHistogram's own
//! writer makes.
//!
//! Tried with HdrHistogram 2.1.11 (Java, its `HistogramLogProcessor`), hdrhistogram 0.10.8 (Python) and hdr-histogram-js 3.0.1: all find the
//! intervals, and as many samples in them as the record has.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, UNIX_EPOCH},
};

use hdrhistogram::serialization::{V2DeflateSerializer, interval_log::IntervalLogWriterBuilder};

use super::{
    ExportError, Folder,
    cells::{Cell, Counted},
    epoch, file_name,
};
use crate::{read::Record, record::Run};

/// What `Interval_Max` is divided by: from nanoseconds to milliseconds.
const MAX_DIVISOR: f64 = 1e6;

pub(super) fn write(records: &[Record], cells: &[Cell], folder: &mut Folder) -> Result<Vec<String>, ExportError> {
    let mut without = 0;
    for cell in cells {
        let mut files: BTreeMap<(usize, &str), Vec<&Counted>> = BTreeMap::new();
        for round in &cell.rounds {
            for kind in round.kinds() {
                files.entry((round.record, kind)).or_default().push(round);
            }
        }
        without += usize::from(files.is_empty());
        for ((record, kind), rounds) in files {
            let run = &records[record].run;
            folder.write(&place(run, cell, kind), &log(run, cell, kind, &rounds))?;
        }
    }
    let note = format!("{without} cells have no latencies and are left out");
    Ok(if without > 0 { vec![note] } else { Vec::new() })
}

fn place(run: &Run, cell: &Cell, kind: &str) -> PathBuf {
    let variant = format!("{}-{}", cell.variant.workload.workload, file_name::params(&cell.variant.params));
    PathBuf::from(file_name::safe(&run.id)).join(file_name::safe(&format!("{variant}-{}-{kind}.hlog", cell.contender)))
}

fn log(run: &Run, cell: &Cell, kind: &str, rounds: &[&Counted]) -> Vec<u8> {
    let begin = Duration::from_secs(epoch::seconds(&run.started).unwrap_or(0));
    let mut log = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut head = IntervalLogWriterBuilder::new();
    head.add_comment(&format!(
        "[schedbench: run {}, {} {}, {kind} latencies in nanoseconds, an interval for each round; rounds stand end to end]",
        run.id,
        cell.variant.label(),
        cell.contender
    ))
    .add_comment("[Histogram log format version 1.3]")
    .with_start_time(UNIX_EPOCH + begin)
    .with_max_value_divisor(MAX_DIVISOR);
    let mut writer = head.begin_log_with(&mut log, &mut serializer).expect("a Vec takes all bytes");

    let mut start = begin;
    for round in rounds {
        let length = Duration::from_nanos(round.row.wall_ns);
        if let Some(histogram) = round.latency(kind) {
            let written = writer.write_histogram(&histogram, start, length, None);
            written.expect("a Vec takes all bytes, and what was decoded can be encoded");
        }
        start = start.saturating_add(length);
    }
    log
}
