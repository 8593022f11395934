//! What it costs to ask the time, how fine it is, and how late a sleeper wakes. `clock_source`, `clock_cost`, `timer_slack`, `sleep`.

use std::{
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use super::finding::Finding;
use crate::{kernel_files::KernelFiles, machine};

/// Calls of the clock that are timed together.
const CALLS: u32 = 10_000;
/// Batches of them, of which the fastest counts: the others were disturbed.
const BATCHES: usize = 5;
/// A call through the vDSO takes 15 to 50 ns, one through the kernel several hundred: untuned, between the two.
const COST_MAX_NS: f64 = 150.0;
/// Above this, one slice of a fast workload cannot be told from another.
const RESOLUTION_MAX_NS: u64 = 1_000;
/// The sleep whose lateness is measured, and how often.
const SLEEP: Duration = Duration::from_micros(50);
const SLEEPS: usize = 200;
/// What Linux gives a thread unless it is asked for another.
const USUAL_SLACK_NS: u64 = 50_000;
/// The slack, a wake-up and room for a virtual machine's timer; later than this, a timer is rounded to the tick.
const LATE_MAX_NS: u64 = 1_000_000;

/// What the kernel says.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Where it takes the time from.
    pub source: Result<String, String>,
    /// What else it could take.
    pub available: Result<String, String>,
    /// How late a sleeper may be woken on purpose, so that several can be woken at once.
    pub timer_slack_ns: Result<u64, String>,
}

impl Facts {
    /// This machine's.
    pub fn read(files: &KernelFiles) -> Facts {
        Facts {
            source: machine::clock_source(files),
            available: files.read("/sys/devices/system/clocksource/clocksource0/available_clocksource"),
            timer_slack_ns: files.number("/proc/self/timerslack_ns"),
        }
    }
}

/// What they mean.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    vec![source(facts), timer_slack(&facts.timer_slack_ns)]
}

/// Sources that are read in user space; others cost a system call, and some of those a trip to a device or to the host.
/// (`arch_sys_counter` is ARM's; `timebase` PowerPC's; `riscv_clocksource` RISC-V's; `kvm-clock` and the two `hyperv` have a vDSO page of their own.)
const FAST: [&str; 7] =
    ["tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter", "timebase", "riscv_clocksource", "tod"];

fn source(facts: &Facts) -> Finding {
    let source = match &facts.source {
        Ok(source) => source,
        Err(reason) => return Finding::unknown("clock_source", reason),
    };
    let available = facts.available.as_deref().unwrap_or("");
    let finding = if FAST.contains(&source.as_str()) {
        Finding::ok("clock_source", source.clone())
    } else {
        let found = match available {
            "" => source.clone(),
            _ => format!("{source} (the kernel could take: {available})"),
        };
        let advice = if available.split_whitespace().any(|one| one == "tsc") {
            "each look at the clock is a system call: echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource"
        } else {
            "each look at the clock is a system call, since the kernel found the TSC unstable: dmesg | grep -i tsc says why"
        };
        Finding::warn("clock_source", found, advice)
    };
    finding.with("clock_source", source.clone())
}

fn timer_slack(slack_ns: &Result<u64, String>) -> Finding {
    let slack_ns = match slack_ns {
        Ok(slack_ns) => *slack_ns,
        Err(reason) => return Finding::unknown("timer_slack", reason),
    };
    let text = format!("{} us", slack_ns as f64 / 1e3);
    let finding = if slack_ns > USUAL_SLACK_NS {
        Finding::warn(
            "timer_slack",
            text,
            "more than the usual 50 us, inherited from whoever started this: timers wake late for all contenders",
        )
    } else {
        Finding::ok("timer_slack", text)
    };
    finding.with("timer_slack_ns", slack_ns)
}

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// One look at the clock.
    pub cost_ns: f64,
    /// The smallest step that it was seen to make.
    pub resolution_ns: u64,
    /// How late a sleeper woke, in the median.
    pub late_ns: u64,
}

impl Measured {
    /// About 30 ms.
    pub fn take() -> Measured {
        let mut costs: Vec<f64> = (0..BATCHES).map(|_| cost_ns()).collect();
        costs.sort_by(f64::total_cmp);
        let mut late: Vec<u64> = (0..SLEEPS).map(|_| late_ns()).collect();
        late.sort_unstable();
        Measured { cost_ns: costs[0], resolution_ns: resolution_ns(), late_ns: late[SLEEPS / 2] }
    }
}

fn cost_ns() -> f64 {
    let began = Instant::now();
    for _ in 0..CALLS {
        black_box(Instant::now());
    }
    began.elapsed().as_nanos() as f64 / f64::from(CALLS)
}

fn resolution_ns() -> u64 {
    let step = || {
        let began = Instant::now();
        // A clock that stands still is found after a while, and not never.
        let seen = (0..1_000_000).map(|_| began.elapsed()).find(|passed| !passed.is_zero());
        seen.map_or(u64::MAX, |passed| u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX))
    };
    (0..CALLS / 100).map(|_| step()).min().unwrap_or(u64::MAX)
}

fn late_ns() -> u64 {
    let began = Instant::now();
    thread::sleep(SLEEP);
    u64::try_from(began.elapsed().saturating_sub(SLEEP).as_nanos()).unwrap_or(u64::MAX)
}

/// What the measured figures mean.
pub fn judge(measured: Measured) -> Vec<Finding> {
    let Measured { cost_ns, resolution_ns, late_ns } = measured;
    let text = format!("a look takes {cost_ns:.0} ns, the smallest step was {resolution_ns} ns");
    let cost = if resolution_ns > RESOLUTION_MAX_NS {
        Finding::bad(
            "clock_cost",
            text,
            "the clock is too coarse for latencies: see clock_source, or measure on another machine",
        )
    } else if cost_ns > COST_MAX_NS {
        Finding::warn(
            "clock_cost",
            text,
            "latencies of tens of nanoseconds are mostly the clock's own cost here: see clock_source",
        )
    } else {
        Finding::ok("clock_cost", text)
    };
    let text = format!("a sleep of {} us ends {:.0} us late", SLEEP.as_micros(), late_ns as f64 / 1e3);
    let sleep = if late_ns > LATE_MAX_NS {
        let advice = "timers are rounded to the tick or the machine is busy: the workloads with timers show that more than the schedulers";
        Finding::warn("sleep", text, advice)
    } else {
        Finding::ok("sleep", text)
    };
    vec![
        cost.with("clock_cost_ns", cost_ns).with("clock_resolution_ns", resolution_ns),
        sleep.with("sleep_late_ns", late_ns),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{doctor::finding::Severity, kernel_files::made_of};

    const CURRENT: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    const AVAILABLE: &str = "/sys/devices/system/clocksource/clocksource0/available_clocksource";

    fn of(files: &[(&str, &str)]) -> Finding {
        let (_root, files) = made_of(files);
        source(&Facts::read(&files))
    }

    #[test]
    fn an_unstable_tsc_is_a_warning_that_says_whether_anything_can_be_done() {
        assert_eq!(of(&[(CURRENT, "tsc\n")]).severity, Severity::Ok);
        let unstable = of(&[(CURRENT, "hpet\n"), (AVAILABLE, "hpet acpi_pm\n")]);
        assert_eq!(unstable.severity, Severity::Warn);
        assert!(unstable.advice.unwrap().contains("dmesg"));
        let chosen = of(&[(CURRENT, "hpet\n"), (AVAILABLE, "tsc hpet acpi_pm\n")]);
        assert!(chosen.advice.unwrap().contains("echo tsc"));
        assert_eq!(of(&[]).severity, Severity::Note);
    }

    #[test]
    fn slack_above_the_usual_is_a_warning() {
        let severity = |slack| timer_slack(&slack).severity;
        assert_eq!(severity(Ok(50_000)), Severity::Ok);
        assert_eq!(severity(Ok(4_000_000)), Severity::Warn);
        assert_eq!(severity(Err("there is no /proc/self/timerslack_ns here".to_owned())), Severity::Note);
    }

    #[test]
    fn a_clock_that_costs_a_call_warns_and_a_coarse_one_is_bad() {
        let severity = |cost_ns, resolution_ns, late_ns| {
            judge(Measured { cost_ns, resolution_ns, late_ns }).into_iter().map(|one| one.severity).collect::<Vec<_>>()
        };
        assert_eq!(severity(25.0, 30, 60_000), [Severity::Ok, Severity::Ok]);
        assert_eq!(severity(600.0, 600, 60_000), [Severity::Warn, Severity::Ok]);
        assert_eq!(severity(30.0, 1_000_000, 4_000_000), [Severity::Bad, Severity::Warn]);
    }

    #[test]
    fn the_clock_of_this_machine_moves() {
        let measured = Measured::take();
        assert!(measured.cost_ns > 0.0 && measured.resolution_ns < 1_000_000_000);
    }
}
