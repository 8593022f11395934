//! What stands behind the figures: machine, contenders, method, bias, how to do it again, and what went wrong.

use maud::{Markup, html};

use super::claims::OURS;
use super::figures::missing_word;
use super::matrix::dot;
use crate::analysis::{Analysis, Cell, Conditions, State};
use crate::plot::palette::Palette;
use crate::plot::units;
use crate::record::{ErrorKind, Machine, Role, Run};

/// Every section after the workloads.
pub(super) fn markup(analysis: &Analysis, palette: &Palette) -> Markup {
    html! {
        (machine(analysis))
        (contenders(analysis, palette))
        (method())
        (rounds(analysis))
        (bias(analysis))
        (reproduce(analysis))
        (failures(analysis))
    }
}

fn machine(analysis: &Analysis) -> Markup {
    html! {
        section aria-labelledby="machine" {
            h2 id="machine" { "Machine" }
            @match &analysis.machine {
                None => p { "The record ends before the machine was described." },
                Some(machine) => dl { @for (name, fact) in facts(machine) { dt { (name) } dd { (fact) } } },
            }
            (conditions(&analysis.conditions))
        }
    }
}

/// What the machine did during the rounds. The record has the reason for what no round tells.
fn conditions(conditions: &Conditions) -> Markup {
    let rows = [
        ("stolen by the hypervisor, of CPU time", conditions.steal),
        ("other processes, of CPU time", conditions.foreign_cpu),
        ("somebody waited for a CPU, of time (contenders too)", conditions.pressure_cpu),
        ("somebody waited for memory, of time", conditions.pressure_memory),
        ("somebody waited for a disk, of time", conditions.pressure_io),
    ];
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    html! {
        h3 { "During the rounds" }
        div.scroll role="region" aria-label="During the rounds" tabindex="0" { table {
            thead { tr {
                th scope="col" { "what" }
                @for name in ["median round", "worst round", "rounds"] { th.number scope="col" { (name) } }
            } }
            tbody { @for (name, share) in rows { tr {
                th scope="row" { (name) }
                @match share {
                    Some(share) => {
                        td.number { (percent(share.median)) }
                        td.number { (percent(share.most)) }
                        td.number { (share.rounds) }
                    },
                    None => td.missing colspan="3" { "unknown: no sensor" },
                }
            } } }
        } }
    }
}

/// Every fact; one that is missing says why.
fn facts(machine: &Machine) -> Vec<(String, String)> {
    let known = |name: &str, fact: Option<String>| {
        let reason = machine.missing.get(name).map_or("not recorded", String::as_str);
        fact.unwrap_or_else(|| format!("unknown: {reason}"))
    };
    let on = |fact: Option<bool>| fact.map(|on| if on { "on" } else { "off" }.to_owned());
    let mut facts: Vec<(String, String)> = [
        ("CPU", machine.cpu.clone()),
        ("cores used", machine.cores.to_string()),
        ("CPUs allowed", known("cpus", machine.cpus.map(|cpus| cpus.to_string()))),
        ("CPU quota in cores", known("quota_cores", machine.quota_cores.map(|cores| format!("{cores:.2}")))),
        ("memory", units::bytes(machine.memory_bytes as f64)),
        ("page", known("page_bytes", machine.page_bytes.map(|bytes| units::bytes(bytes as f64)))),
        ("huge pages", known("transparent_hugepages", machine.transparent_hugepages.clone())),
        ("system", machine.os.clone()),
        ("kernel", machine.kernel.clone()),
        ("virtualisation", known("virt", machine.virt.clone())),
        ("clock source", known("clock_source", machine.clock_source.clone())),
        ("frequency governor", known("governor", machine.governor.clone())),
        ("boost", known("boost", on(machine.boost))),
        ("SMT", known("smt", on(machine.smt))),
        ("load before the run", known("load_1m", machine.load_1m.map(|load| format!("{load:.2}")))),
        ("compiler", known("rustc", machine.rustc.clone())),
        ("machine key", machine.key.clone()),
    ]
    .map(|(name, fact)| (name.to_owned(), fact))
    .into();
    let shown = [
        "cpus",
        "quota_cores",
        "page_bytes",
        "transparent_hugepages",
        "virt",
        "clock_source",
        "governor",
        "boost",
        "smt",
        "load_1m",
        "rustc",
    ];
    let others = machine.missing.iter().filter(|(name, _)| !shown.contains(&name.as_str()));
    facts.extend(others.map(|(name, reason)| (name.clone(), format!("unknown: {reason}"))));
    facts
}

fn contenders(analysis: &Analysis, palette: &Palette) -> Markup {
    html! {
        section aria-labelledby="contenders" {
            h2 id="contenders" { "Contenders" }
            p { "As they ran: each contender echoes the configuration that it really has, and a mismatch is an error." }
            div.scroll role="region" aria-label="Contenders" tabindex="0" { table.names {
                thead { tr { @for name in ["contender", "version", "what it is", "configuration"] { th scope="col" { (name) } } } }
                tbody { @for name in analysis.contender_names().chain(analysis.floor_names()) {
                    @let entries: Vec<_> = analysis.contenders.iter().filter(|entry| entry.contender == name).collect();
                    tr {
                        th scope="row" {
                            (dot(palette, name)) (name)
                            @match analysis.role(name) {
                                Role::Default => {},
                                Role::Tuned => span.under { "tuned" },
                                Role::Floor => span.under { "floor, no rank" },
                            }
                        }
                        @match entries.first() {
                            None => td.missing colspan="3" { "did not start" },
                            Some(first) => {
                                td { (first.version) }
                                td { (first.summary) }
                                td { @for entry in &entries { div { code { (config(&entry.config)) } } } }
                            },
                        }
                    }
                } }
            } }
        }
    }
}

fn config(config: &std::collections::BTreeMap<String, u64>) -> String {
    config.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

fn method() -> Markup {
    html! {
        section aria-labelledby="method" {
            h2 id="method" { "Method" }
            p {
                "In each round every contender of a workload gets a fresh process, warms up, and then takes turns with the others "
                "in slices of about 10 ms, in a new random order each cycle. "
                "The value of a round is the sum over its slices, so that a disturbance of the machine falls on all contenders alike; "
                "the unit of every statistic is the round, never a slice or a sample. "
                "Ratios are Hodges-Lehmann estimates of the logarithm of the ratio of paired rounds, with exact 95 % Wilcoxon signed-rank "
                "intervals; below 6 rounds there is no such interval, and none is shown. "
                "A round is discarded whole, for all contenders, if more than 5 % of the machine's time was stolen or if a spin probe before it was "
                "more than 5 % slower than the run's median; more than a quarter of them discarded makes the run unsound. "
                "It is noisy if any was, if the machine was busy when the run began, if other processes had more than 5 % of its CPU time in the "
                "median round, or if somebody waited for memory in more than 5 % of that round. "
                "Migrations are counted by the kernel for each thread, and are unknown where threads ended. "
                "Every answer is computed again and checked outside the timed part; a wrong one, a crash or a hang costs its cell and nothing else. "
                "A floor is plain sequential code: it is shown beside the contenders and never ranked. "
                "A latency percentile is printed where 100 samples lie beyond it; each process has its own, percentiles are never averaged, "
                "and histograms are pooled only to be drawn."
            }
        }
    }
}

/// How many rounds each variant got, and how far its ratios are known.
fn rounds(analysis: &Analysis) -> Markup {
    let asked = analysis.run.precision;
    let share = |width: f64| format!("±{:.1} %", width.exp_m1() * 100.0);
    html! {
        section aria-labelledby="rounds" {
            h2 id="rounds" { "Rounds and precision" }
            p {
                "The precision of a row is the half-width of the widest 95 % interval of its ratios to the best. "
                @match asked {
                    Some(asked) => {
                        "The run was asked for " (share(asked.ln_1p())) ": it looked at a row after 8, 12, 16, 24, 32, 48 and 64 valid "
                        "rounds and ended its rounds when it was under that at two looks in a row. It never looked at whether "
                        "there is a difference."
                    },
                    None => "The number of rounds was fixed beforehand.",
                }
            }
            div.scroll role="region" aria-label="Rounds and precision" tabindex="0" { table {
                thead { tr {
                    @for name in ["row", "valid rounds", "precision"] { th scope="col" { (name) } }
                    @if asked.is_some() { th scope="col" { "as asked" } }
                } }
                tbody { @for variant in &analysis.variants {
                    @let width = variant.half_width();
                    tr {
                        th scope="row" { code { (variant.label()) } }
                        td { (variant.rounds()) }
                        td { (width.map_or("no interval".to_owned(), share)) }
                        @if let Some(asked) = asked {
                            td { @if width.is_some_and(|width| width <= asked.ln_1p()) { "yes" } @else { "no" } }
                        }
                    }
                } }
            } }
        }
    }
}

fn bias(analysis: &Analysis) -> Markup {
    let ours = analysis.contender_names().any(|contender| contender == OURS);
    html! {
        section aria-labelledby="bias" {
            h2 id="bias" { "How this report is biased" }
            p {
                "schedbench comes with a contender of its own, " b { (OURS) } ", and its authors chose the workloads, wrote every contender's "
                "version of them and tuned " (OURS) " while looking at these very figures. "
                @if !ours { "(It did not run here.) " }
                "The other contenders run as their documentation suggests, with the same number of workers, allocator and "
                "compiler settings, but nobody who wrote them has looked at our use of them. "
                "What holds against this: the rows in which " (OURS) " loses are named at the top, cells that do not fit are n/a rather than "
                "emulated, and every figure here can be computed again from the record."
            }
        }
    }
}

fn reproduce(analysis: &Analysis) -> Markup {
    let run = &analysis.run;
    let command = |run: &Run| run.command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    let mut commands: Vec<String> = std::iter::once(run).chain(&analysis.other_runs).map(command).collect();
    commands.dedup();
    html! {
        section aria-labelledby="reproduce" {
            h2 id="reproduce" { "Reproduce" }
            pre tabindex="0" { code { (commands.join("\n")) } }
            dl {
                dt { "seed of the orders" } dd { (run.seed) }
                dt { "source" }
                dd { @match &run.git {
                    Some(git) => { code { (git.rev) } @if git.dirty { ", with uncommitted changes" } },
                    None => "unknown revision",
                } }
                dt { "schedbench" } dd { (run.version) ", record schema " (run.schema) }
                dt { "mode" } dd { (run.mode) }
                @if let Some(cpus) = &run.pin {
                    dt { "pinned to CPUs" } dd { (cpus.iter().map(u64::to_string).collect::<Vec<_>>().join(",")) }
                }
            }
        }
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// One line of the list of what went wrong.
struct Failure {
    place: String,
    /// Other rows that the line stands for.
    more_places: usize,
    contender: String,
    rounds: String,
    what: String,
    reason: String,
}

fn failures(analysis: &Analysis) -> Markup {
    let cells = analysis
        .variants
        .iter()
        .flat_map(|variant| variant.cells.iter().chain(&variant.floors).map(move |cell| (variant.label(), cell)));
    let failures = together(cells.flat_map(|(place, cell)| of_cell(&place, cell)));
    html! {
        section aria-labelledby="errors" {
            h2 id="errors" { "Errors and discarded rounds" }
            @if failures.is_empty() {
                p { "None: every cell that fits gave a checked answer in every round, and no round was discarded." }
            } @else {
                div.scroll role="region" aria-label="Errors and discarded rounds" tabindex="0" { table {
                    thead { tr { @for name in ["row", "contender", "round", "what", "why"] { th scope="col" { (name) } } } }
                    tbody { @for failure in &failures { tr {
                        th scope="row" {
                            code { (failure.place) }
                            @if failure.more_places > 0 { " and " (failure.more_places) " more" }
                        }
                        td { (failure.contender) }
                        td { (failure.rounds) }
                        td { (failure.what) }
                        td { (failure.reason) }
                    } } }
                } }
            }
        }
    }
}

/// A contender that was skipped everywhere for one reason is one line.
fn together(failures: impl Iterator<Item = Failure>) -> Vec<Failure> {
    let mut lines: Vec<Failure> = Vec::new();
    for failure in failures {
        let same = |line: &&mut Failure| {
            failure.what == missing_word(Some(ErrorKind::Skipped))
                && (&line.contender, &line.what, &line.reason) == (&failure.contender, &failure.what, &failure.reason)
        };
        match lines.iter_mut().find(same) {
            Some(line) => line.more_places += 1,
            None => lines.push(failure),
        }
    }
    lines
}

fn of_cell(place: &str, cell: &Cell) -> Vec<Failure> {
    let failure = |rounds: String, what: &str, reason: &str| Failure {
        place: place.to_owned(),
        more_places: 0,
        contender: cell.contender.clone(),
        rounds,
        what: what.to_owned(),
        reason: reason.to_owned(),
    };
    match &cell.state {
        State::Missing { kind: Some(ErrorKind::NotApplicable), .. } => Vec::new(),
        State::Missing { kind, reason } => vec![failure("all".to_owned(), missing_word(*kind), reason)],
        State::Measured(measured) => {
            let errors = measured.errors.iter().map(|error| {
                let round = error.round.map_or("all".to_owned(), |round| round.to_string());
                failure(round, missing_word(Some(error.kind)), &error.reason)
            });
            let discarded = (measured.discarded > 0).then(|| {
                let count = measured.discarded.to_string();
                failure(
                    count + " in all",
                    "discarded",
                    "by the rules stated beforehand, or because another contender's half of the pair was",
                )
            });
            errors.chain(discarded).collect()
        }
    }
}
