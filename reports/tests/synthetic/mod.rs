//! Records made by hand: a run of a few contenders whose times are given, with a little noise that is always the same.

#![allow(dead_code, reason = "each test program uses its own part of this")]

mod catalogue;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use reports::{
    Record, Writer, histogram,
    record::{
        CellError, Contender, End, ErrorKind, Git, Hist, Line, Machine, Metric, Params, Role, Round, Run, SCHEMA,
        Workload,
    },
};

/// Relative deviations of rounds, of about 1 %; contenders begin at different places, so that they differ by round.
const NOISE: [f64; 12] = [0.004, -0.011, 0.007, 0.013, -0.006, -0.002, 0.009, -0.014, 0.001, 0.012, -0.008, -0.005];

/// Operations of every round.
pub const OPS: u64 = 1_000_000;

/// The lines of a record.
#[derive(Clone)]
pub struct Synthetic {
    pub lines: Vec<Line>,
}

impl Synthetic {
    /// A default run on the machine `a`, with the workloads `ping_pong` (by time) and `tight_loop` (by mean wake latency).
    pub fn new() -> Synthetic {
        let run = Run {
            schema: SCHEMA.to_owned(),
            id: "2026-11-23T17-04-05Z-7".to_owned(),
            started: "2026-11-23T17:04:05Z".to_owned(),
            git: Some(Git { rev: "0123abc".to_owned(), dirty: false }),
            seed: 7,
            command: vec!["schedbench".to_owned(), "run".to_owned()],
            mode: "default".to_owned(),
            version: "0.1.0".to_owned(),
            slice_ns: None,
            plan: None,
            rounds: None,
            time_ns: None,
            precision: None,
            budget_ns: None,
            pin: None,
        };
        let machine = Machine {
            key: "a".to_owned(),
            cpu: "Testium 9000".to_owned(),
            cores: 2,
            os: "Debian 13".to_owned(),
            kernel: "6.12".to_owned(),
            virt: None,
            memory_bytes: 4 << 30,
            governor: None,
            load_1m: Some(0.1),
            rustc: None,
            missing: BTreeMap::from([("virt".to_owned(), "unknown here".to_owned())]),
            ..Machine::default()
        };
        let workload = |name: &str, title: &str, op: &str, metric| {
            Line::Workload(Workload {
                workload: name.to_owned(),
                title: title.to_owned(),
                op: op.to_owned(),
                metric,
                shows: "What a switch costs.".to_owned(),
                expect: "Stackful schedulers lead.".to_owned(),
                origin: "the seed".to_owned(),
            })
        };
        let contender = |name: &str| {
            Line::Contender(Contender {
                contender: name.to_owned(),
                version: "1.0.0".to_owned(),
                summary: format!("{name}, for tests"),
                config: params(&[("workers", 1)]),
                role: Role::Default,
            })
        };
        Synthetic {
            lines: vec![
                Line::Run(run),
                Line::Machine(machine),
                workload("ping_pong", "Ping-pong", "round trip", Metric::TimePerOp),
                workload("tight_loop", "Tight loop", "tick", Metric::MeanOf("wake".to_owned())),
                contender("gmp"),
                contender("tokio-mt"),
            ],
        }
    }

    /// Rounds `0..rounds` of a contender on `ping_pong`, at about this time by operation.
    pub fn ping_pong(&mut self, workers: u64, contender: &str, rounds: u64, ns_per_op: f64) -> &mut Synthetic {
        let phase = contender.len() as u64 + workers;
        for round in 0..rounds {
            let noise = NOISE[((round * 5 + phase) % 12) as usize];
            let wall_ns = (ns_per_op * (1.0 + noise) * OPS as f64) as u64;
            self.lines.push(Line::Round(round_row("ping_pong", workers, contender, round, wall_ns)));
        }
        self
    }

    /// Rounds of a contender on `tight_loop` with the samples 1, 2, .. `samples` times `scale_ns`.
    pub fn tight_loop(&mut self, contender: &str, rounds: u64, samples: u64, scale_ns: u64) -> &mut Synthetic {
        for round in 0..rounds {
            let mut histogram = histogram::empty();
            for sample in 1..=samples {
                histogram.record(sample * scale_ns + round).expect("in range");
            }
            self.lines.push(Line::Round(round_row("tight_loop", 1, contender, round, 1_000)));
            self.lines.push(Line::Hist(Hist {
                workload: "tight_loop".to_owned(),
                params: params(&[("workers", 1)]),
                contender: contender.to_owned(),
                round,
                kind: "wake".to_owned(),
                enc: reports::record::HIST_ENCODING.to_owned(),
                data: histogram::encode(&histogram),
            }));
        }
        self
    }

    /// The row of a contender that plays this part.
    pub fn contender_row(name: &str, role: Role) -> Line {
        Line::Contender(Contender {
            contender: name.to_owned(),
            version: "1.0.0".to_owned(),
            summary: format!("{name}, for tests"),
            config: params(&[("workers", 1)]),
            role,
        })
    }

    /// An error row on `ping_pong`.
    pub fn error(&mut self, contender: &str, round: Option<u64>, kind: ErrorKind, reason: &str) -> &mut Synthetic {
        self.lines.push(Line::Error(CellError {
            workload: "ping_pong".to_owned(),
            params: params(&[("workers", 1)]),
            contender: contender.to_owned(),
            round,
            kind,
            reason: reason.to_owned(),
        }));
        self
    }

    /// The row that says that the run is complete.
    pub fn end(&mut self) -> &mut Synthetic {
        self.lines.push(Line::End(End { status: "complete".to_owned(), wall_ns: 1, stopped: None }));
        self
    }

    /// Every `ping_pong` round for which `which` holds is discarded.
    pub fn discard(&mut self, which: impl Fn(&Round) -> bool) -> &mut Synthetic {
        for line in &mut self.lines {
            if let Line::Round(round) = line
                && which(round)
            {
                round.valid = false;
                round.invalid_reason = Some("steal over 5 %".to_owned());
            }
        }
        self
    }

    /// Changes the run row.
    pub fn run(&mut self, change: impl FnOnce(&mut Run)) -> &mut Synthetic {
        match &mut self.lines[0] {
            Line::Run(run) => change(run),
            other => panic!("{other:?}"),
        }
        self
    }

    /// Changes the machine row.
    pub fn machine(&mut self, change: impl FnOnce(&mut Machine)) -> &mut Synthetic {
        match &mut self.lines[1] {
            Line::Machine(machine) => change(machine),
            other => panic!("{other:?}"),
        }
        self
    }

    /// Writes the record to a file in `folder`.
    pub fn save(&self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        let mut writer = Writer::create(&path).expect("a new file");
        // The end is last, whenever a test said it; but for a run that went on after an end.
        let goes_on = self.lines.iter().any(|line| matches!(line, Line::Resume(_)));
        let ends = |line: &&Line| !goes_on && matches!(line, Line::End(_));
        let (ends, others): (Vec<&Line>, Vec<&Line>) = self.lines.iter().partition(ends);
        others.into_iter().chain(ends).for_each(|line| writer.append(line).expect("room on the disk"));
        writer.sync().expect("a disk");
        path
    }

    /// The record as read back from a file of this name.
    pub fn record_named(&self, name: &str) -> Record {
        let folder = tempfile::tempdir().expect("a folder");
        let loaded = reports::read(&self.save(folder.path(), name)).expect("a record");
        assert_eq!(loaded.faults, []);
        Record { path: PathBuf::from(name), ..loaded.record }
    }

    /// The record as read back from a file.
    pub fn record(&self) -> Record {
        self.record_named("results.jsonl")
    }
}

/// One valid round.
pub fn round_row(workload: &str, workers: u64, contender: &str, round: u64, wall_ns: u64) -> Round {
    Round {
        workload: workload.to_owned(),
        params: params(&[("workers", workers)]),
        contender: contender.to_owned(),
        round,
        position: 0,
        ops: OPS,
        wall_ns,
        cpu_ns: wall_ns / 2,
        slices: 40,
        turns_ns: None,
        check: "ok".to_owned(),
        peak_rss_bytes: Some(1 << 20),
        peak_threads: Some(3 + round),
        ctx_voluntary: Some(OPS),
        ctx_involuntary: Some(OPS / 2),
        steal_ns: None,
        probe_ns: Some(1_000_000),
        bytes: None,
        valid: true,
        invalid_reason: None,
        counters: BTreeMap::from([("steals".to_owned(), 2)]),
        missing: BTreeMap::from([("steal_ns".to_owned(), "no hypervisor".to_owned())]),
        ..Round::default()
    }
}

/// Parameters.
pub fn params(of: &[(&str, u64)]) -> Params {
    of.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}
