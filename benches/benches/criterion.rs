//! Criterion groups over the same cells as the suite, in this process, so that Criterion's habits (`--save-baseline`, critcmp,
//! `target/criterion/report`) just work. The suite's comparison is the better one: fresh processes, lockstep, rounds.
//!
//! A group is a workload, a benchmark in it `contender/workers=n`, all other parameters at their defaults. Without a filter it stays
//! around a minute: [`SHORT`] on every contender in its default configuration, the other short workloads on gmp, all with one
//! worker. A filter chooses among all that Criterion can measure: more contenders, two workers, workloads with long items.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group};
use plotters::style::FontStyle;
use schedulers::{
    contender::{Entry, Visit},
    gmp::primitives,
    model::{Async, Blocking, Config, ForkJoin, Role},
};
use workloads::{Cell, Info, Metric, Params};

/// One turn of a cell. Long beside what a slice costs to set up, short beside a sample.
const SLICE: Duration = Duration::from_millis(5);

criterion_group! {
    name = benches;
    config = short();
    targets = gmp_primitives, operations, cells
}

/// Workloads that are measured on every default contender: the short ones among those that the suite was made for.
const SHORT: [&str; 2] = ["ping_pong", "map_reduce"];

/// Settings under which three dozens of benchmarks stay around a minute. Here and not in the groups, so that the command line's
/// `--sample-size` and `--measurement-time` win.
fn short() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(150))
        .measurement_time(Duration::from_millis(500))
        // Criterion draws the density of every bootstrap, and at its default of 100,000 that takes longer than the measurement.
        .nresamples(5_000)
}

fn main() {
    // Cargo gives every bench target the same filters, and Criterion takes them for regular expressions, in which a brace repeats.
    if let Some(variant) = std::env::args().skip(1).find(|arg| arg.contains('{')) {
        eprintln!(
            "criterion: '{variant}' is a variant of the suite; here the names are such as ping_pong/tokio-mt/workers=1"
        );
        return;
    }
    register_font();
    benches();
    Criterion::default().configure_from_args().final_summary();
}

/// Gives Criterion's plots a font. Cargo builds plotters once for the workspace, with `ab_glyph` since the report wants PNG files
/// that look the same everywhere; with that, text has no font unless one is registered, not even in Criterion's SVG files.
fn register_font() {
    let registered = plotters::style::register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular());
    assert!(registered.is_ok(), "the embedded font is a font");
}

/// All but those that a process can start with one configuration only: here all share a process.
fn contenders() -> impl Iterator<Item = &'static Entry> {
    schedulers::contender::ALL.iter().filter(|entry| !entry.one_config)
}

/// The cells: of a telling few if nothing is asked for, else of all that Criterion can measure.
fn cells(criterion: &mut Criterion) {
    let asked = has_filter(std::env::args().skip(1));
    // Criterion compares times. Where the figure is a latency or an amount of memory it has nothing to show.
    for info in workloads::ALL.iter().filter(|info| info.metric == Metric::TimePerOp) {
        if asked || info.item_ms == 0 {
            workload(criterion, info, asked);
        }
    }
}

/// Whether there is a name among the arguments, and not only options and what belongs to them.
fn has_filter(args: impl IntoIterator<Item = String>) -> bool {
    const ALONE: [&str; 14] = [
        "--bench",
        "--test",
        "--list",
        "--exact",
        "--ignored",
        "--quick",
        "--quiet",
        "--verbose",
        "-v",
        "--noplot",
        "-n",
        "--discard-baseline",
        "--nocapture",
        "--show-output",
    ];
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        if !arg.starts_with('-') {
            return true;
        }
        if !ALONE.contains(&arg.as_str()) && !arg.contains('=') {
            args.next();
        }
    }
    false
}

fn workload(criterion: &mut Criterion, info: &Info, asked: bool) {
    let mut group = criterion.benchmark_group(info.name);
    // Flat, since a call runs whole slices whatever it is asked for: linear sampling would fit a line through that floor.
    group.sampling_mode(SamplingMode::Flat);
    for entry in contenders() {
        let of_the_few = entry.role == Role::Default && (SHORT.contains(&info.name) || entry.name == "gmp");
        for workers in [1, 2] {
            let params = Params::from([("workers".to_owned(), workers)]);
            if !(asked || (of_the_few && workers == 1)) || workloads::check_fit(info.name, entry.name, &params).is_err()
            {
                continue;
            }
            let id = BenchmarkId::new(entry.name, format!("workers={workers}"));
            // Started by the first call, so that `--list` and a filter start nothing.
            let mut started = None;
            group.bench_function(id, |bencher| {
                let cell = started.get_or_insert_with(|| {
                    workloads::open(info.name, entry.name, &params).expect("the cell fits, and starts")
                });
                bencher.iter_custom(|iterations| time_of(cell.as_mut(), iterations));
            });
        }
    }
    group.finish();
}

/// The time of so many operations, scaled from as many slices as it takes to do at least that many.
fn time_of(cell: &mut dyn Cell, iterations: u64) -> Duration {
    let (mut ops, mut wall) = (0, Duration::ZERO);
    while ops < iterations {
        let outcome = cell.slice(SLICE);
        assert_eq!(outcome.answer, cell.expected(outcome.ops), "a wrong answer has no time");
        ops += outcome.ops;
        wall += outcome.wall;
    }
    wall.mul_f64(iterations as f64 / ops as f64)
}

/// gmp's private parts, one call an iteration.
fn gmp_primitives(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("gmp_primitives");
    group.bench_function("stack_switch", |bencher| {
        bencher.iter_custom(|hops| primitives::stack_switches(hops).expect("a stack can be had"));
    });
    group.bench_function("lrq_push_pop", |bencher| bencher.iter_custom(primitives::lrq_push_pop));
    group.bench_function("lrq_steal_32_of_64", |bencher| bencher.iter_custom(primitives::lrq_steals));
    group.bench_function("join", |bencher| {
        bencher.iter_custom(|count| primitives::joins(count).expect("threads can be had"));
    });
    group.finish();
}

/// The verbs of the blocking model, and the fork of the fork-join model, with one worker, one call an iteration, measured by a task.
fn operations(criterion: &mut Criterion) {
    for entry in contenders().filter(|entry| entry.role == Role::Default) {
        for &model in entry.models {
            schedulers::contender::visit(entry.name, model, Operations(criterion));
        }
    }
}

struct Operations<'a>(&'a mut Criterion);

impl Visit for Operations<'_> {
    type Output = ();

    fn blocking<R: Blocking>(self) {
        let mut group = self.0.benchmark_group(format!("operations/{}", R::NAME));
        group.sampling_mode(SamplingMode::Flat);
        let mut bench = |name: &str, operation: fn(u64)| {
            let mut started = None;
            group.bench_function(name, |bencher| {
                let contender: &R = started.get_or_insert_with(|| R::start(Config { workers: 1 }).expect("it starts"));
                bencher.iter_custom(|count| {
                    contender.run(move || {
                        let begin = Instant::now();
                        operation(count);
                        begin.elapsed()
                    })
                });
            });
        };
        bench("yield_alone", |count| (0..count).for_each(|_| R::yield_now()));
        bench("yield_between_two", |count| {
            let other = R::spawn(move || (0..count.div_ceil(2)).for_each(|_| R::yield_now()));
            (0..count / 2).for_each(|_| R::yield_now());
            R::join(other);
        });
        bench("spawn_join", |count| (0..count).for_each(|n| assert_eq!(R::join(R::spawn(move || n)), n)));
        bench("channel_buffered", |count| {
            let (sender, receiver) = R::channel(1);
            for n in 0..count {
                assert_eq!((R::send(&sender, n), R::recv(&receiver)), (Ok(()), Ok(n)));
            }
        });
        group.finish();
    }

    // The verbs of the other models are not the same operations; the workloads compare across models.
    fn asynchronous<R: Async>(self) {}

    /// The same loop as in `primitives::joins`.
    fn fork_join<R: ForkJoin>(self) {
        let mut group = self.0.benchmark_group(format!("operations/{}", R::NAME));
        group.sampling_mode(SamplingMode::Flat);
        let mut started = None;
        group.bench_function("join", |bencher| {
            let contender: &R = started.get_or_insert_with(|| R::start(Config { workers: 1 }).expect("it starts"));
            bencher.iter_custom(|count| {
                let timed = || {
                    let begin = Instant::now();
                    for n in 0..count {
                        black_box(R::join(|| black_box(n), || black_box(n)));
                    }
                    begin.elapsed()
                };
                contender.run(|| R::join(timed, || ()).0)
            });
        });
        group.finish();
    }
}
