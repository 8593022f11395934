//! A record of the whole catalogue: every workload and every contender of the suite, with made-up times.

use std::collections::BTreeMap;

use reports::{
    histogram,
    record::{CellError, Contender, ErrorKind, HIST_ENCODING, Hist, Line, Metric, Params, Role, Workload},
};

use super::{Synthetic, params, round_row};

/// Rounds of every cell.
pub const ROUNDS: u64 = 8;

/// Every row of the suite: name, role, and how much slower than the fastest it is by its nature.
pub const CONTENDERS: [(&str, Role, f64); 14] = [
    ("gmp", Role::Default, 1.1),
    ("os-threads", Role::Default, 24.0),
    ("os-threads-pinned", Role::Tuned, 19.0),
    ("os-threads-crossbeam", Role::Tuned, 21.0),
    ("tokio-mt", Role::Default, 1.9),
    ("tokio-mt-tuned", Role::Tuned, 1.4),
    ("tokio-ct", Role::Default, 1.2),
    ("rayon", Role::Default, 1.05),
    ("smol", Role::Default, 2.2),
    ("may", Role::Default, 1.6),
    ("may-large-pool", Role::Tuned, 1.5),
    ("go", Role::Default, 1.3),
    ("go-nogc", Role::Tuned, 1.25),
    ("serial", Role::Floor, 1.5),
];

/// A workload: name, title, operation, value of the fastest contender, and the values of its parameters.
struct Shape {
    name: &'static str,
    title: &'static str,
    op: &'static str,
    metric: Metric,
    value: f64,
    /// Kinds of its histograms.
    kinds: &'static [&'static str],
    /// What all variants have, unless they say otherwise.
    defaults: &'static [(&'static str, u64)],
    variants: &'static [&'static [(&'static str, u64)]],
    /// Whether rayon can do it.
    forks: bool,
    floor: bool,
}

const fn time(name: &'static str, title: &'static str, op: &'static str, ns: f64) -> Shape {
    let (metric, kinds, defaults): (_, &[&str], &[_]) = (Metric::TimePerOp, &[], &[]);
    Shape { name, title, op, metric, value: ns, kinds, defaults, variants: &[&[]], forks: false, floor: false }
}

fn shapes() -> Vec<Shape> {
    let mean = |kind: &str| Metric::MeanOf(kind.to_owned());
    vec![
        Shape {
            kinds: &["wake"],
            defaults: &[("capacity", 0), ("hog", 0), ("pairs", 1)],
            variants: &[&[], &[("pairs", 100)], &[("hog", 1)]],
            ..time("ping_pong", "Ping-pong", "round trip", 184.0)
        },
        Shape {
            kinds: &["wake"],
            metric: mean("wake"),
            defaults: &[("hog_ms", 300), ("hogs", 2), ("tick_us", 1000)],
            ..time("tight_loop", "Tight loop", "tick", 60_000.0)
        },
        Shape { defaults: &[("share", 50), ("tasks", 64)], ..time("blocking_io", "Blocking I/O", "batch", 4.1e6) },
        Shape {
            forks: true,
            floor: true,
            defaults: &[("grain", 4096)],
            ..time("map_reduce", "Map-reduce", "word", 11.0)
        },
        Shape {
            defaults: &[("tasks", 2)],
            variants: &[&[], &[("tasks", 1000)], &[("tasks", 10_000)]],
            ..time("yield_storm", "Yield storm", "yield", 22.0)
        },
        Shape {
            forks: true,
            defaults: &[("batch", 1000), ("mode", 0)],
            variants: &[&[], &[("mode", 1)], &[("mode", 2)], &[("mode", 3)]],
            ..time("spawn_join", "Spawn and join", "task", 240.0)
        },
        Shape {
            metric: Metric::BytesPerOp,
            defaults: &[("tasks", 10_000)],
            ..time("parked_tasks", "Parked tasks", "task", 420.0)
        },
        Shape {
            forks: true,
            defaults: &[("channels", 1), ("leaves", 1_000_000)],
            variants: &[&[], &[("channels", 0)]],
            ..time("skynet", "Skynet", "task", 310.0)
        },
        Shape {
            forks: true,
            floor: true,
            defaults: &[("kernel", 0), ("n", 27)],
            variants: &[&[], &[("kernel", 1), ("n", 10)], &[("kernel", 2)]],
            ..time("fork_join", "Fork and join", "fork", 9.0)
        },
        Shape {
            forks: true,
            floor: true,
            defaults: &[("n", 256)],
            ..time("matmul", "Matrix product", "row block", 8e5)
        },
        Shape {
            forks: true,
            floor: true,
            defaults: &[("n", 1_000_000)],
            ..time("quicksort", "Quicksort", "element", 31.0)
        },
        Shape {
            defaults: &[("capacity", 128), ("consumers", 1), ("producers", 1), ("select", 0)],
            variants: &[
                &[],
                &[("producers", 4)],
                &[("consumers", 4), ("producers", 4)],
                &[("capacity", 0)],
                &[("capacity", 1)],
            ],
            ..time("channel", "Channel", "message", 41.0)
        },
        Shape {
            kinds: &["response"],
            defaults: &[("hold_ns", 0), ("tasks", 8)],
            ..time("mutex", "Mutex", "lock", 33.0)
        },
        Shape {
            kinds: &["wake"],
            metric: mean("wake"),
            defaults: &[("busy", 0), ("gap_us", 0)],
            variants: &[&[], &[("busy", 1)]],
            ..time("wake_latency", "Wake-up latency", "wake-up", 700.0)
        },
        Shape {
            kinds: &["wake"],
            metric: mean("wake"),
            defaults: &[("sleepers", 1000)],
            ..time("timers", "Timers", "wake-up", 58_000.0)
        },
        time("timer_churn", "Timer churn", "timer", 120.0),
        Shape {
            kinds: &["response", "service"],
            defaults: &[("bytes", 64), ("connections", 64), ("load_percent", 0)],
            ..time("tcp_echo", "TCP echo", "request", 9_000.0)
        },
        Shape {
            kinds: &["response", "service"],
            metric: mean("response"),
            defaults: &[("load_percent", 50), ("long_us", 500), ("short_us", 1)],
            variants: &[
                &[("load_percent", 10)],
                &[("load_percent", 30)],
                &[],
                &[("load_percent", 70)],
                &[("load_percent", 90)],
            ],
            ..time("bimodal_service", "Bimodal service", "request", 12_000.0)
        },
        Shape { defaults: &[("width", 64)], ..time("fan_out_in", "Fan-out and fan-in", "wave", 8_300.0) },
        Shape { defaults: &[("tasks", 503), ("tokens", 1)], ..time("ring", "Ring", "hop", 95.0) },
        Shape { defaults: &[("tasks", 64)], ..time("big", "Big", "message", 160.0) },
        Shape { defaults: &[("tasks", 5)], ..time("philosophers", "Philosophers", "meal", 150.0) },
        Shape {
            kinds: &["wake"],
            metric: mean("wake"),
            defaults: &[("blocked", 100), ("in_calls", 2), ("spinning", 2)],
            ..time("stop_the_world", "Stop the world", "pause", 21_000.0)
        },
    ]
}

/// Why a contender cannot do a workload, or is not there.
fn absence(shape: &Shape, params: &Params, contender: &str, with_go: bool) -> Option<(ErrorKind, &'static str)> {
    let na = |reason| Some((ErrorKind::NotApplicable, reason));
    match contender {
        "go" | "go-nogc" if !with_go => {
            Some((ErrorKind::Skipped, "no go toolchain: none on the PATH, and none named by --go"))
        }
        "tokio-ct" if params["workers"] != 1 => na("a current-thread runtime has one worker"),
        "rayon" if !shape.forks => na("a fork-join pool has no channel, timer or socket that a task could wait on"),
        "serial" if !shape.floor => na("what it does cannot be done without a scheduler"),
        "may" | "may-large-pool" if shape.name == "channel" && params["capacity"] != 128 => {
            na("its channels have no bound, so that a sender never waits")
        }
        name if shape.name == "stop_the_world" && !name.starts_with("gmp") && !name.starts_with("go") => {
            na("it cannot stop its tasks")
        }
        _ => None,
    }
}

impl Synthetic {
    /// Every workload with every contender, or with the default ones; with Go, or on a machine without it.
    pub fn catalogue(tuned: bool, with_go: bool) -> Synthetic {
        let mut record = Synthetic::new();
        record.lines.truncate(2);
        record.lines.extend(shapes().iter().map(|shape| {
            Line::Workload(Workload {
                workload: shape.name.to_owned(),
                title: shape.title.to_owned(),
                op: shape.op.to_owned(),
                metric: shape.metric.clone(),
                shows: format!("What one {} costs, and what decides it; a sentence or two of the length that real ones have.", shape.op),
                expect: "On one worker a user-space switch should win by an order of magnitude. On two what decides is whether \
                         tasks that talk to each other stay together or each message wakes an idle core."
                    .to_owned(),
                origin: "Savina; Go's own benchmarks.".to_owned(),
            })
        }));
        let contenders = CONTENDERS.iter().filter(|(_, role, _)| tuned || *role != Role::Tuned);
        for (name, role, _) in contenders.clone().filter(|(name, ..)| with_go || !name.starts_with("go")) {
            for workers in [1, 2] {
                record.lines.push(Line::Contender(Contender {
                    contender: (*name).to_owned(),
                    version: "1.54.1".to_owned(),
                    summary: format!("{name}, as its documentation has it"),
                    config: params(&[("workers", workers)]),
                    role: *role,
                }));
            }
        }
        for shape in shapes() {
            for special in shape.variants {
                for workers in [1, 2] {
                    let mut params: Params = params(shape.defaults);
                    params.extend(super::params(special));
                    params.insert("workers".to_owned(), workers);
                    for (name, _, slowness) in contenders.clone() {
                        match absence(&shape, &params, name, with_go) {
                            Some((kind, reason)) => record.lines.push(Line::Error(CellError {
                                workload: shape.name.to_owned(),
                                params: params.clone(),
                                contender: (*name).to_owned(),
                                round: None,
                                kind,
                                reason: reason.to_owned(),
                            })),
                            None => record.cell(&shape, &params, name, *slowness),
                        }
                    }
                }
            }
        }
        record.end();
        record
    }

    fn cell(&mut self, shape: &Shape, params: &Params, contender: &str, slowness: f64) {
        // Every cell has its own whim, which is always the same.
        let seed = shape.name.bytes().chain(contender.bytes()).map(u64::from).chain(params.values().copied());
        let whim = seed.fold(7_u64, |hash, next| hash.wrapping_mul(31).wrapping_add(next)) % 100;
        let slowness = if shape.forks { slowness.powf(0.3) } else { slowness };
        let load = params.get("load_percent").map_or(1.0, |load| 1.0 / (1.02 - *load as f64 / 100.0));
        let sweep = params.get("tasks").map_or(1.0, |tasks| (*tasks as f64).powf(0.1));
        let workers = if shape.forks && contender != "serial" { params["workers"] as f64 * 0.9 } else { 1.0 };
        let value = shape.value * slowness * (0.8 + whim as f64 / 100.0) * load * sweep / workers;
        for round in 0..ROUNDS {
            let noise = 1.0 + 0.02 * ((round * 37 + whim) as f64).sin();
            let (ops, value) = (1_000_000, value * noise);
            let mut row = round_row(shape.name, params["workers"], contender, round, (value * ops as f64) as u64);
            row.params.clone_from(params);
            row.counters = BTreeMap::new();
            if shape.metric == Metric::BytesPerOp {
                row.bytes = Some((value * ops as f64) as u64);
                row.wall_ns = 400_000_000;
            }
            self.lines.push(Line::Round(row));
            for kind in shape.kinds {
                self.lines.push(Line::Hist(Hist {
                    workload: shape.name.to_owned(),
                    params: params.clone(),
                    contender: contender.to_owned(),
                    round,
                    kind: (*kind).to_owned(),
                    enc: HIST_ENCODING.to_owned(),
                    data: tailed(value * if *kind == "service" { 0.6 } else { 1.0 }, whim),
                }));
            }
        }
    }
}

/// A histogram of 100,000 samples around `ns` with a tail.
fn tailed(ns: f64, whim: u64) -> String {
    let mut histogram = histogram::empty();
    let mut left = 100_000_u64;
    let mut value = ns * 0.7;
    while left > 0 {
        let here = (left / 6).max(1);
        histogram.record_n((value as u64).clamp(1, 50_000_000_000), here).expect("in range");
        left -= here;
        value *= 1.06 + whim as f64 / 1500.0;
    }
    histogram::encode(&histogram)
}
