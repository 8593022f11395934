//! Exports are read back, and the bytes of small ones are kept in `snapshots/`.
//!
//! No test needs another tool; the modules of `reports::export` say which tools were tried by hand, and with what.

mod synthetic;

use std::{collections::BTreeMap, fs, path::Path};

use hdrhistogram::{
    Histogram,
    serialization::{
        Deserializer,
        interval_log::{IntervalLogIterator, LogEntry},
    },
};
use reports::{
    Analysis, Machines, Record,
    export::{self, FolderFormat, Format, TextFormat, Written},
    record::{ErrorKind, Line, Metric, Role, Round},
};
use serde_json::Value;
use synthetic::{Synthetic, params};

/// Two contenders by time, one by latency, a round that was discarded for one of them, an error.
fn small() -> Synthetic {
    let mut record = Synthetic::new();
    record.ping_pong(1, "gmp", 3, 100.0).ping_pong(1, "tokio-mt", 3, 250.0);
    record.discard(|round| round.round == 1 && round.contender == "tokio-mt");
    record.tight_loop("gmp", 2, 300, 1_000).error("rayon", None, ErrorKind::NotApplicable, "no channels").end();
    record
}

/// Eight rounds of each: enough for intervals.
fn full() -> Synthetic {
    let mut record = Synthetic::new();
    record.ping_pong(1, "gmp", 8, 100.0).ping_pong(1, "tokio-mt", 8, 250.0).ping_pong(2, "gmp", 8, 110.0);
    record.tight_loop("gmp", 8, 20_000, 90).end();
    record
}

fn try_text(format: TextFormat, records: &[Record]) -> Result<String, String> {
    let analysis = Analysis::new(records, Machines::MustMatch).unwrap();
    let mut out = Vec::new();
    export::to_stream(format, records, &analysis, &mut out).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

fn text(format: TextFormat, record: &Synthetic) -> String {
    try_text(format, &[record.record()]).unwrap()
}

fn try_folder(format: FolderFormat, records: &[Record], dir: &Path) -> Result<Written, String> {
    let analysis = Analysis::new(records, Machines::MustMatch).unwrap();
    export::to_folder(format, records, &analysis, dir).map_err(|error| error.to_string())
}

/// The files of an export by their names below the folder, and its notes.
fn files(format: FolderFormat, records: &[Record]) -> (BTreeMap<String, String>, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let written = try_folder(format, records, dir.path()).unwrap();
    let mut files = BTreeMap::new();
    let mut folders = vec![dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir.path()).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    assert_eq!(files.len(), written.files);
    (files, written.notes)
}

#[test]
fn formats_have_names() {
    assert_eq!("csv".parse(), Ok(Format::Text(TextFormat::Csv)));
    assert_eq!("criterion".parse(), Ok(Format::Folder(FolderFormat::Criterion)));
    assert_eq!("xml".parse::<Format>().unwrap_err(), "expected one of csv, gobench, bmf, hlog, criterion");
}

mod csv_text {
    use super::*;

    fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
        csv::Reader::from_reader(text.as_bytes()).deserialize().map(Result::unwrap).collect()
    }

    #[test]
    fn bytes_are_stable() {
        insta::assert_snapshot!(text(TextFormat::Csv, &small()));
    }

    #[test]
    fn every_round_is_a_line_valid_or_not() {
        let rows = rows(&text(TextFormat::Csv, &small()));
        assert_eq!(rows.len(), 8);
        let row = |contender: &str, round: &str| {
            let is = |row: &&BTreeMap<_, _>| {
                row["workload"] == "ping_pong" && row["contender"] == contender && row["round"] == round
            };
            rows.iter().find(is).unwrap()
        };
        let (gmp, tokio) = (row("gmp", "1"), row("tokio-mt", "1"));
        assert_eq!((&*tokio["valid"], &*tokio["counts"], &*tokio["value"]), ("false", "false", ""));
        assert_eq!(tokio["invalid_reason"], "steal over 5 %");
        assert_eq!(
            (&*gmp["valid"], &*gmp["counts"], &*gmp["value"]),
            ("true", "false", ""),
            "discarded with the other"
        );
        let first = row("gmp", "0");
        let value: f64 = first["value"].parse().unwrap();
        assert_eq!(value, first["wall_ns"].parse::<f64>().unwrap() / first["ops"].parse::<f64>().unwrap());
        assert_eq!((&*first["metric"], &*first["unit"]), ("time_per_op", "ns"));
        assert_eq!((&*first["param_workers"], &*first["counter_steals"]), ("1", "2"));
        assert_eq!((&*first["steal_ns"], &*first["missing"]), ("", "steal_ns: no hypervisor"));
    }

    #[test]
    fn every_field_of_a_round_has_its_column() {
        let mut record = small();
        for line in &mut record.lines {
            if let Line::Round(round) = line {
                round.bytes = Some(7);
                round.invalid_reason.get_or_insert_default();
            }
        }
        let text = text(TextFormat::Csv, &record);
        let head: Vec<&str> = text.lines().next().unwrap().split(',').collect();
        let Some(Line::Round(round)) = record.lines.iter().find(|line| matches!(line, Line::Round(_))) else {
            panic!()
        };
        let Value::Object(fields) = serde_json::to_value::<&Round>(round).unwrap() else { panic!() };
        for field in fields.keys().filter(|field| !["params", "counters"].contains(&field.as_str())) {
            assert!(
                head.contains(&field.as_str()),
                "no column for '{field}': see COLUMNS in reports/src/export/csv.rs"
            );
        }
    }

    #[test]
    fn what_needs_quotes_is_quoted() {
        let mut record = small();
        let nasty = "a \"quoted\", two-line\nreason";
        for line in &mut record.lines {
            if let Line::Round(round) = line
                && !round.valid
            {
                round.invalid_reason = Some(nasty.to_owned());
            }
        }
        let rows = rows(&text(TextFormat::Csv, &record));
        assert_eq!(rows.iter().filter(|row| row["invalid_reason"] == nasty).count(), 1);
    }

    #[test]
    fn the_head_begins_alike_whatever_was_run() {
        let head = |record: &Synthetic| text(TextFormat::Csv, record).lines().next().unwrap().to_owned();
        let mut other = Synthetic::new();
        other.ping_pong(1, "gmp", 1, 100.0);
        for line in &mut other.lines {
            if let Line::Round(round) = line {
                round.params = params(&[("pairs", 3)]);
                round.counters.clear();
            }
        }
        let (a, b) = (head(&small()), head(&other));
        let fixed = a.strip_suffix(",param_workers,counter_steals").unwrap();
        assert_eq!(b.strip_suffix(",param_pairs").unwrap(), fixed);
    }
}

mod go_text {
    use super::*;

    #[test]
    fn bytes_are_stable() {
        insta::assert_snapshot!(text(TextFormat::GoBench, &small()));
    }

    /// Benchmark lines as readers take them apart: name, iterations, values by unit.
    fn lines(text: &str) -> Vec<(String, u64, BTreeMap<String, f64>)> {
        let parse = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let values = words[2..].chunks(2).map(|pair| (pair[1].to_owned(), pair[0].parse().unwrap())).collect();
            (words[0].to_owned(), words[1].parse().unwrap(), values)
        };
        text.lines().filter(|line| line.starts_with("Benchmark")).map(parse).collect()
    }

    #[test]
    fn every_counted_round_is_a_line() {
        let lines = lines(&text(TextFormat::GoBench, &full()));
        assert_eq!(lines.len(), 32);
        let (name, ops, values) = &lines[0];
        assert_eq!((name.as_str(), *ops), ("BenchmarkPingPong/contender=gmp/workers=1-2", 1_000_000));
        assert!((98.0..102.0).contains(&values["ns/op"]) && (49.0..51.0).contains(&values["cpu-ns/op"]), "{values:?}");
        assert_eq!((values["peak-RSS-bytes"], values["ctx-switches/op"]), (1048576.0, 1.5));
        let (name, _, values) = lines.last().unwrap();
        assert_eq!(name, "BenchmarkTightLoop/contender=gmp/workers=1-2");
        assert!(!values.contains_key("ns/op"), "a workload by latency has no time by operation");
        let (mean, p99) = (values["mean-wake-ns"], values["p99-wake-ns"]);
        assert!((895e3..905e3).contains(&mean) && (1.77e6..1.79e6).contains(&p99), "{values:?}");
        assert!(!values.contains_key("p99.9-wake-ns"), "20 samples lie beyond it, not 100");
    }

    #[test]
    fn every_unit_that_readers_do_not_know_is_described() {
        let text = text(TextFormat::GoBench, &full());
        for (_, _, values) in lines(&text) {
            for unit in values.keys().filter(|unit| *unit != "ns/op") {
                assert!(text.contains(&format!("Unit {unit} better=lower assume=nothing\n")), "{unit}");
            }
        }
    }

    #[test]
    fn names_are_one_word_whatever_the_record_says() {
        let mut record = Synthetic::new();
        record.ping_pong(1, "my own/pool\n", 1, 100.0);
        record.machine(|machine| machine.cpu = "two\nlines".to_owned());
        let text = text(TextFormat::GoBench, &record);
        assert!(text.contains("\ncpu: two lines\n"), "{text}");
        assert_eq!(lines(&text)[0].0, "BenchmarkPingPong/contender=my_own_pool_/workers=1-2");
    }

    #[test]
    fn memory_has_bytes_and_time() {
        let mut record = Synthetic::new();
        record.ping_pong(1, "gmp", 1, 100.0);
        for line in &mut record.lines {
            match line {
                Line::Workload(workload) => workload.metric = Metric::BytesPerOp,
                Line::Round(round) => round.bytes = Some(256_000_000),
                _ => {}
            }
        }
        let values = &lines(&text(TextFormat::GoBench, &record))[0].2;
        assert_eq!(values["B/op"], 256.0);
        assert!(values.contains_key("ns/op"));
    }

    #[test]
    fn a_sensor_that_told_nothing_is_absent() {
        let mut record = Synthetic::new();
        record.ping_pong(1, "gmp", 1, 100.0);
        for line in &mut record.lines {
            if let Line::Round(round) = line {
                (round.cpu_ns, round.peak_rss_bytes, round.ctx_voluntary) = (0, None, None);
            }
        }
        let values = &lines(&text(TextFormat::GoBench, &record))[0].2;
        assert_eq!(values.keys().collect::<Vec<_>>(), ["ns/op", "peak-threads"]);
    }

    #[test]
    fn runs_of_one_machine_stand_behind_each_other() {
        let (a, mut b) = (full(), full());
        b.run(|run| run.id = "second".to_owned());
        let text = try_text(TextFormat::GoBench, &[a.record_named("a"), b.record_named("b")]).unwrap();
        assert_eq!(lines(&text).len(), 64);
        assert_eq!(text.matches("\nmachine: a\n").count(), 2);
        assert!(text.contains("\n# run second, mode default, seed 7"));
    }
}

mod bencher {
    use super::*;

    #[test]
    fn bytes_are_stable() {
        insta::assert_snapshot!(text(TextFormat::Bmf, &full()));
    }

    #[test]
    fn a_measure_is_a_median_between_the_bounds_of_its_interval() {
        let json: Value = serde_json::from_str(&text(TextFormat::Bmf, &full())).unwrap();
        let benchmarks = json.as_object().unwrap();
        assert_eq!(benchmarks.len(), 4);
        for (name, measures) in benchmarks {
            for (measure, metric) in measures.as_object().unwrap() {
                let number = |field: &str| metric[field].as_f64().unwrap_or_else(|| panic!("{name} {measure} {field}"));
                assert!(number("lower_value") <= number("value") && number("value") <= number("upper_value"));
            }
        }
        let analysis = Analysis::new(&[full().record()], Machines::MustMatch).unwrap();
        let median = analysis.variants[0].measured("gmp").unwrap().median;
        assert_eq!(json["ping_pong{workers=1} gmp"]["latency"]["value"], median);
        assert!(json["tight_loop{workers=1} gmp"]["mean-wake-ns"].is_object());
        assert!(json["tight_loop{workers=1} gmp"]["p99-wake-ns"].is_object());
    }

    #[test]
    fn below_six_rounds_there_is_no_interval() {
        let json: Value = serde_json::from_str(&text(TextFormat::Bmf, &small())).unwrap();
        let latency = json["ping_pong{workers=1} gmp"]["latency"].as_object().unwrap();
        assert_eq!(latency.keys().collect::<Vec<_>>(), ["value"]);
    }
}

mod interval_logs {
    use super::*;

    #[test]
    fn bytes_are_stable() {
        let (files, notes) = files(FolderFormat::Hlog, &[small().record()]);
        let [(name, log)] = &files.iter().collect::<Vec<_>>()[..] else { panic!("{files:?}") };
        insta::assert_snapshot!(format!("{name}\n{log}"));
        assert_eq!(notes, ["2 cells have no latencies and are left out"]);
    }

    #[test]
    fn every_sample_is_there_again() {
        let record = full().record();
        let analysis = Analysis::new(std::slice::from_ref(&record), Machines::MustMatch).unwrap();
        let pooled = &analysis.variants.last().unwrap().measured("gmp").unwrap().latency["wake"];
        let (files, _) = files(FolderFormat::Hlog, &[record]);
        let log = &files["2026-11-23T17-04-05Z-7/tight_loop-workers=1-gmp-wake.hlog"];
        assert!(log.contains("\n#[Histogram log format version 1.3]\n"), "{log}");

        let (mut sum, mut intervals, mut end) = (Histogram::<u64>::new(3).unwrap(), 0, 1_795_453_445.0);
        for entry in IntervalLogIterator::new(log.as_bytes()) {
            match entry.unwrap() {
                LogEntry::Interval(interval) => {
                    let start = interval.start_timestamp().as_secs_f64();
                    assert!((start - end).abs() < 0.002, "{start} {end}");
                    end = start + interval.duration().as_secs_f64();
                    let bytes = base64_of(interval.encoded_histogram());
                    let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
                    assert!((interval.max() - histogram.max() as f64 / 1e6).abs() < 0.001, "milliseconds");
                    sum.add(histogram).unwrap();
                    intervals += 1;
                }
                LogEntry::StartTime(time) => assert_eq!(time.as_secs(), 1_795_453_445),
                LogEntry::BaseTime(time) => panic!("{time:?}"),
            }
        }
        assert_eq!(intervals, 8);
        assert_eq!(&sum, pooled);
    }

    fn base64_of(text: &str) -> Vec<u8> {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.decode(text).unwrap()
    }

    #[test]
    fn service_and_response_time_are_apart() {
        let mut record = full();
        let mut response = Vec::new();
        for line in &mut record.lines {
            if let Line::Hist(hist) = line {
                let mut again = hist.clone();
                "service".clone_into(&mut again.kind);
                response.push(Line::Hist(again));
            }
        }
        record.lines.extend(response);
        let (files, _) = files(FolderFormat::Hlog, &[record.record()]);
        let names: Vec<&str> = files.keys().map(|name| name.rsplit('-').next().unwrap()).collect();
        assert_eq!(names, ["service.hlog", "wake.hlog"]);
    }

    #[test]
    fn a_record_without_latencies_is_an_error() {
        let mut record = Synthetic::new();
        record.ping_pong(1, "gmp", 2, 100.0);
        let dir = tempfile::tempdir().unwrap();
        let error = try_folder(FolderFormat::Hlog, &[record.record()], dir.path()).unwrap_err();
        assert_eq!(error, "nothing to export: no histogram of a valid round in results.jsonl");
    }
}

mod criterion_files {
    use super::*;

    const DIR: &str = "criterion/ping_pong/gmp/workers=1/2026-11-23T17-04-05Z-7";

    fn json(files: &BTreeMap<String, String>, name: &str) -> Value {
        serde_json::from_str(&files[&format!("{DIR}/{name}.json")]).unwrap()
    }

    #[test]
    fn bytes_are_stable() {
        let (files, _) = files(FolderFormat::Criterion, &[small().record()]);
        let text: Vec<String> = files.iter().map(|(name, content)| format!("{name}\n{content}\n")).collect();
        insta::assert_snapshot!(text.concat());
    }

    #[test]
    fn a_round_is_a_sample() {
        let (files, notes) = files(FolderFormat::Criterion, &[full().record()]);
        assert_eq!((files.len(), notes.len()), (16, 0));
        assert_eq!(json(&files, "benchmark")["full_id"], "ping_pong/gmp/workers=1");
        let sample = json(&files, "sample");
        let numbers = |name: &str| sample[name].as_array().unwrap().iter().map(|it| it.as_f64().unwrap()).collect();
        let (iters, times): (Vec<f64>, Vec<f64>) = (numbers("iters"), numbers("times"));
        assert_eq!((iters.len(), times.len(), &sample["sampling_mode"]), (8, 8, &Value::from("Flat")));

        let values: Vec<f64> = times.iter().zip(&iters).map(|(time, count)| time / count).collect();
        let mean = values.iter().sum::<f64>() / 8.0;
        let estimates = json(&files, "estimates");
        let of = |statistic: &str, field: &str| estimates[statistic][field].as_f64().unwrap();
        assert!((of("mean", "point_estimate") - mean).abs() < 1e-9);
        for statistic in ["mean", "median", "median_abs_dev", "std_dev"] {
            let interval = &estimates[statistic]["confidence_interval"];
            let bound = |name: &str| interval[name].as_f64().unwrap();
            assert_eq!(interval["confidence_level"], 0.95);
            assert!(bound("lower_bound") <= of(statistic, "point_estimate"), "{statistic}");
            assert!(of(statistic, "point_estimate") <= bound("upper_bound"), "{statistic}");
        }
        // The bootstrap's standard error of a mean is s sqrt((n - 1) / n) / sqrt(n).
        let expected = of("std_dev", "point_estimate") * (7.0_f64 / 8.0).sqrt() / 8.0_f64.sqrt();
        assert!((of("mean", "standard_error") / expected - 1.0).abs() < 0.05, "{estimates}");
        assert_eq!(estimates["slope"], Value::Null);
        let fences = json(&files, "tukey");
        let fences: Vec<f64> = fences.as_array().unwrap().iter().map(|it| it.as_f64().unwrap()).collect();
        assert!(fences.len() == 4 && fences.is_sorted(), "{fences:?}");
    }

    #[test]
    fn a_mean_of_latencies_is_their_sum_by_their_number() {
        let (files, _) = files(FolderFormat::Criterion, &[full().record()]);
        let path = "criterion/tight_loop/gmp/workers=1/2026-11-23T17-04-05Z-7/sample.json";
        let sample: Value = serde_json::from_str(&files[path]).unwrap();
        assert_eq!(sample["iters"][0], 20_000.0);
        let mean = sample["times"][0].as_f64().unwrap() / 20_000.0;
        assert!((895e3..905e3).contains(&mean), "{mean}");
    }

    #[test]
    fn what_is_no_time_and_what_has_one_round_is_left_out_and_said() {
        let mut record = full();
        for line in &mut record.lines {
            match line {
                Line::Workload(workload) if workload.workload == "tight_loop" => workload.metric = Metric::BytesPerOp,
                Line::Round(round) => round.bytes = Some(256_000_000),
                _ => {}
            }
        }
        record.ping_pong(4, "gmp", 1, 100.0);
        let (files, notes) = files(FolderFormat::Criterion, &[record.record()]);
        assert_eq!(files.len(), 12);
        assert_eq!(
            notes,
            [
                "1 cells are left out, whose metric is bytes: Criterion's files hold times",
                "1 cells are left out, which have one valid round: expected at least 2"
            ]
        );
    }

    #[test]
    fn two_runs_are_two_baselines() {
        let (a, mut b) = (full(), full());
        b.run(|run| run.id = "second".to_owned());
        let (files, _) = files(FolderFormat::Criterion, &[a.record_named("a"), b.record_named("b")]);
        assert!(files.contains_key("criterion/ping_pong/gmp/workers=1/second/estimates.json"));
        assert_eq!(files.len(), 32);
    }

    #[test]
    fn no_name_of_a_record_leads_out_of_the_folder() {
        let mut record = Synthetic::new();
        record.run(|run| run.id = "../../run".to_owned());
        record.ping_pong(1, "../../../contender", 2, 100.0);
        let (files, _) = files(FolderFormat::Criterion, &[record.record()]);
        assert!(
            files.contains_key("criterion/ping_pong/%2e.%2f..%2f..%2fcontender/workers=1/%2e.%2f..%2frun/sample.json"),
            "{:?}",
            files.keys()
        );
    }
}

#[test]
fn records_without_a_valid_round_are_refused_by_name() {
    let mut none = Synthetic::new();
    none.error("gmp", Some(0), ErrorKind::Crash, "signal 11").end();
    let mut discarded = Synthetic::new();
    discarded.ping_pong(1, "gmp", 2, 100.0).discard(|_| true);
    let dir = tempfile::tempdir().unwrap();
    for record in [&none, &discarded] {
        for format in [TextFormat::GoBench, TextFormat::Bmf] {
            let error = try_text(format, &[record.record()]).unwrap_err();
            assert_eq!(error, "nothing to export: no valid round in results.jsonl");
        }
        for format in [FolderFormat::Hlog, FolderFormat::Criterion] {
            let error = try_folder(format, &[record.record()], dir.path()).unwrap_err();
            assert_eq!(error, "nothing to export: no valid round in results.jsonl");
        }
    }
    let error = try_text(TextFormat::Csv, &[none.record()]).unwrap_err();
    assert_eq!(error, "nothing to export: no round in results.jsonl");
    assert_eq!(text(TextFormat::Csv, &discarded).lines().count(), 3, "why they do not count is worth a table");
}

#[test]
fn floors_are_exported_too() {
    let mut record = full();
    record.lines.insert(6, Synthetic::contender_row("serial", Role::Floor));
    record.ping_pong(1, "serial", 8, 50.0);
    assert!(text(TextFormat::GoBench, &record).contains("BenchmarkPingPong/contender=serial/workers=1-2"));
    assert!(text(TextFormat::Bmf, &record).contains("\"ping_pong{workers=1} serial\""));
}

#[test]
fn a_folder_that_is_a_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, "mine").unwrap();
    for format in [FolderFormat::Hlog, FolderFormat::Criterion] {
        let error = try_folder(format, &[full().record()], &path).unwrap_err();
        assert!(error.starts_with(&path.display().to_string()) && error.ends_with("cannot be written"), "{error}");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}
