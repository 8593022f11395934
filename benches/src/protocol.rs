//! The child protocol: one JSON object a line, a request on the child's stdin, its answer on the child's stdout.
//!
//! ```text
//! > {"cmd":"start","workload":"ping_pong","params":{"capacity":0,"pairs":1,"workers":1}}
//! < {"ok":true,"contender":"tokio-mt","version":"1.54.1","config":{"workers":1}}
//! > {"cmd":"slice","time_ms":10}
//! < {"ops":41250,"wall_ns":10012345,"cpu_ns":10010000,"answer":"41250"}
//! > {"cmd":"finish"}
//! < {"hists":[],"peak_rss_bytes":1,"threads":4,"counters":{}}        and the child exits with 0
//! ```
//!
//! Any program may be the child: `docs/PROTOCOL.md` says all that it must know. Whatever is not in the example is optional, and both
//! sides ignore what they do not know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use workloads::Params;

/// What the parent asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "cmd", rename_all = "lowercase")]
pub enum Request {
    /// Say whether the workload can be run, and start nothing; answered by [`Fits`] or [`Refused`]. Comes before `start` or not at all, any number of
    /// times. A program that does not know it is taken to run everything.
    Check {
        /// The workload.
        workload: String,
        /// All of its parameters.
        params: Params,
    },
    /// Start the contender and build the workload on it; answered by [`Started`] or [`Refused`].
    Start {
        /// The workload.
        workload: String,
        /// All of its parameters.
        params: Params,
    },
    /// Run for about this long, or one item of fixed size; answered by [`Slice`].
    Slice {
        /// The time to run for, in milliseconds.
        time_ms: u64,
        /// A slice that is checked but not counted: its latency samples must not enter the histograms.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        warmup: bool,
    },
    /// Say the rest, stop the contender and exit; answered by [`Finished`].
    Finish,
}

/// The contender runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// Always `true`.
    pub ok: bool,
    /// Its name.
    pub contender: String,
    /// The version of its library.
    pub version: String,
    /// The configuration that it really runs with; `workers` must be what was asked for.
    pub config: BTreeMap<String, u64>,
}

/// The contender can run the workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fits {
    /// Always `true`.
    pub ok: bool,
}

/// The contender does not run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// Always `false`.
    pub ok: bool,
    /// `n/a`, `skipped`, or anything else, which counts as a crash.
    pub kind: String,
    /// Why, in a sentence.
    pub reason: String,
}

/// What one slice did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// Operations completed.
    pub ops: u64,
    /// The time they took.
    pub wall_ns: u64,
    /// CPU time of the whole process over the slice, all threads, user and system.
    pub cpu_ns: u64,
    /// What was computed.
    pub answer: String,
    /// Voluntary context switches of all threads over the slice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ctx_voluntary: Option<u64>,
    /// Involuntary context switches of all threads over the slice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ctx_involuntary: Option<u64>,
    /// The memory that the operations held, in workloads that measure it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// The last answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// The latency histograms over all slices that were not warm-up.
    #[serde(default)]
    pub hists: Vec<Hist>,
    /// Highest resident set.
    #[serde(default)]
    pub peak_rss_bytes: Option<u64>,
    /// Threads of the process now.
    #[serde(default)]
    pub threads: Option<u64>,
    /// The contender's own counters.
    #[serde(default)]
    pub counters: BTreeMap<String, u64>,
}

/// A histogram in nanoseconds, 1 ns to 60 s, 3 significant digits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hist {
    /// `wake`, `response` or `service`.
    pub kind: String,
    /// [`reports::record::HIST_ENCODING`].
    pub enc: String,
    /// The histogram.
    pub data: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_written_as_promised() {
        let params = Params::from([("workers".to_owned(), 2)]);
        let line = |request: &Request| serde_json::to_string(request).unwrap();
        assert_eq!(
            line(&Request::Start { workload: "ping_pong".to_owned(), params }),
            r#"{"cmd":"start","workload":"ping_pong","params":{"workers":2}}"#
        );
        assert_eq!(line(&Request::Slice { time_ms: 10, warmup: false }), r#"{"cmd":"slice","time_ms":10}"#);
        assert_eq!(line(&Request::Finish), r#"{"cmd":"finish"}"#);
    }

    #[test]
    fn a_child_may_answer_with_less_and_with_more() {
        let slice: Slice =
            serde_json::from_str(r#"{"ops":1,"wall_ns":2,"cpu_ns":3,"answer":"1","colour":"blue"}"#).unwrap();
        assert_eq!((slice.ops, slice.ctx_voluntary), (1, None));
        assert_eq!(serde_json::from_str::<Finished>("{}").unwrap(), Finished::default());
    }
}
